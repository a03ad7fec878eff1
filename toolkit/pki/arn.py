"""Amazon Resource Names of private CAs and of what stands around them: roles, keys, topics, organizations.

Source of the forms: the service authorization reference of AWS Private CA and IAM, and botocore's
``acm-pca`` model (``Arn``: at most 200 characters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

_ARN = re.compile(
    r"arn:(?P<partition>aws|aws-[a-z0-9-]+):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*)"
    r":(?P<account>[0-9]{12}|):(?P<resource>\S+)"
)
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CA_RESOURCE = re.compile(rf"certificate-authority/{_UUID}")
# IAM names: letters, digits and +=,.@_- (IAM user guide, "IAM and AWS STS quotas"); a path may precede them.
_ROLE_RESOURCE = re.compile(r"role/(?:[\x21-\x7e]+/)?[\w+=,.@-]{1,64}", re.ASCII)
_OIDC_RESOURCE = re.compile(r"oidc-provider/\S+")
_POLICY_RESOURCE = re.compile(r"policy/(?:[\x21-\x7e]+/)?[\w+=,.@-]{1,128}", re.ASCII)
_TOPIC_RESOURCE = re.compile(r"[\w-]{1,256}", re.ASCII)
_KEY_RESOURCE = re.compile(r"key/[\w-]+", re.ASCII)
# Organizations API reference: the identifiers of organizations, roots and organizational units.
_ORGANIZATION_RESOURCE = re.compile(r"organization/o-[a-z0-9]{10,32}")
_UNIT_RESOURCE = re.compile(r"ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}")
_DISTRIBUTION_RESOURCE = re.compile(r"distribution/[A-Z0-9]+")
_PERMISSION_RESOURCE = re.compile(r"permission/[\w.-]{1,128}", re.ASCII)
REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")


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


def policy(text: str) -> Arn:
    """Parse the ARN of a managed IAM policy; AWS's own ones are of account ``aws``.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    # An account of twelve digits is what every other ARN here has; only AWS's own policies have this word.
    own = re.sub(r"^(arn:[a-z-]+:iam::)aws(:)", r"\g<1>000000000000\2", text)
    found = _expect(own, "iam", _POLICY_RESOURCE, "a managed IAM policy", "iam::<account>:policy/<name>")
    return replace(found, account="") if own != text else found


def topic(text: str) -> Arn:
    """Parse the ARN of an SNS topic.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    return _expect(text, "sns", _TOPIC_RESOURCE, "an SNS topic", "sns:<region>:<account>:<name>")


def key(text: str) -> Arn:
    """Parse the ARN of a KMS key.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    return _expect(text, "kms", _KEY_RESOURCE, "a KMS key", "kms:<region>:<account>:key/<id>")


def organization(text: str) -> Arn:
    """Parse the ARN of an organization.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    form = "organizations::<management account>:organization/o-<id>"
    return _expect(text, "organizations", _ORGANIZATION_RESOURCE, "an organization", form)


def organizational_unit(text: str) -> Arn:
    """Parse the ARN of an organizational unit.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    form = "organizations::<management account>:ou/o-<id>/ou-<id>"
    return _expect(text, "organizations", _UNIT_RESOURCE, "an organizational unit", form)


def permission(text: str) -> Arn:
    """Parse the ARN of a RAM permission that a customer manages.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    form = "ram:<region>:<account>:permission/<name>"
    return _expect(text, "ram", _PERMISSION_RESOURCE, "a customer managed RAM permission", form)


def distribution(text: str) -> Arn:
    """Parse the ARN of a CloudFront distribution.

    Raises:
        ValueError: it is not an ARN, or that of something else.
    """
    form = "cloudfront::<account>:distribution/<id>"
    return _expect(text, "cloudfront", _DISTRIBUTION_RESOURCE, "a CloudFront distribution", form)


def partition_of(region: str) -> str:
    """The partition that a region belongs to; IAM, private CAs and their ARNs never cross it.

    Source: AWS General Reference, "AWS service endpoints": the Chinese and GovCloud regions begin with their own
    prefixes, the sovereign ones too.
    """
    prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b"}
    prefixes |= {"eu-isoe-": "aws-iso-e", "us-isof-": "aws-iso-f", "eusc-": "aws-eusc"}
    return next((partition for prefix, partition in prefixes.items() if region.startswith(prefix)), "aws")


_GLOBAL = {"cloudfront", "iam", "organizations"}


def _expect(text: str, service: str, resource: re.Pattern[str], what: str, form: str) -> Arn:
    arn = Arn.parse(text)
    regional = service not in _GLOBAL
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
