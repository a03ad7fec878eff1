"""Amazon Resource Names of private CAs, their certificates, and roles.

Source of the forms: the service authorization reference of AWS Private CA and IAM, and botocore's
``acm-pca`` model (``Arn``: at most 200 characters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_ARN = re.compile(
    r"arn:(?P<partition>aws|aws-[a-z0-9-]+):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*)"
    r":(?P<account>\d{12}|):(?P<resource>\S+)"
)
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CA_RESOURCE = re.compile(rf"certificate-authority/{_UUID}")
# IAM names: letters, digits and +=,.@_- (IAM user guide, "IAM and AWS STS quotas"); a path may precede them.
_ROLE_RESOURCE = re.compile(r"role/(?:[\x21-\x7e]+/)?[\w+=,.@-]{1,64}", re.ASCII)
_OIDC_RESOURCE = re.compile(r"oidc-provider/\S+")
REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d{1,2}")


@dataclass(frozen=True)
class Arn:
    """An ARN in its parts.

    Attributes:
        partition: ``aws``, ``aws-us-gov``, ``aws-cn``, ...
        service: the service's namespace, for example ``acm-pca``.
        region: the region, empty for global services.
        account: twelve digits, or empty.
        resource: everything after the fifth colon.
    """

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split an ARN.

        Raises:
            ValueError: the text is no ARN; the message says what is expected.
        """
        match = _ARN.fullmatch(text)
        if match is None:
            raise ValueError(f"{shown(text)} is not an ARN (arn:<partition>:<service>:<region>:<account>:<resource>)")
        return cls(**match.groupdict())

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def certificate_authority(text: str) -> Arn:
    """Parse the ARN of a private CA.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    return _expect(
        text,
        "acm-pca",
        _CA_RESOURCE,
        "a private CA",
        "acm-pca:<region>:<account>:certificate-authority/<uuid>",
    )


def role(text: str) -> Arn:
    """Parse the ARN of an IAM role.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    return _expect(text, "iam", _ROLE_RESOURCE, "an IAM role", "iam::<account>:role/<name>")


def oidc_provider(text: str) -> Arn:
    """Parse the ARN of an IAM OIDC provider; the issuer without ``https://`` follows ``oidc-provider/``.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    return _expect(text, "iam", _OIDC_RESOURCE, "an IAM OIDC provider", "iam::<account>:oidc-provider/<issuer>")


def _expect(text: str, service: str, resource: re.Pattern[str], what: str, form: str) -> Arn:
    arn = Arn.parse(text)
    regional = service != "iam"
    if (
        arn.service != service
        or not arn.account
        or bool(arn.region) != regional
        or not resource.fullmatch(arn.resource)
    ):
        raise ValueError(f"{shown(text)} is not the ARN of {what} (arn:<partition>:{form})")
    return arn


def shown(text: str, limit: int = 120) -> str:
    """A value for an error message: quoted, on one line, cut when it is long."""
    quoted = repr(text)
    return quoted if len(quoted) <= limit else f"{quoted[: limit - 1]}…"
