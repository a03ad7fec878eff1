"""Parse Amazon Resource Names of private CAs and related resources: roles, keys, topics, organizations.

Source of the forms: the service authorization reference of AWS Private CA and IAM, and botocore's
``acm-pca`` model (``Arn``: at most 200 characters).
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_ARN = re.compile(
    r"arn:(?P<partition>aws|aws-[a-z0-9-]+):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*)"
    r":(?P<account>[0-9]{12}|):(?P<resource>\S+)"
)
REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")


class Arn(NamedTuple):
    """The parts of an ARN.

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
            ValueError: the text is not an ARN; the message describes the expected form.
        """
        match = _ARN.fullmatch(text)
        if match is None:
            raise ValueError(f"{quote(text)} is not an ARN (arn:<partition>:<service>:<region>:<account>:<resource>)")
        return cls(**match.groupdict())

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


class Form(NamedTuple):
    """The form of the ARNs of one kind of resource.

    Attributes:
        service: the service's namespace.
        resource: a regular expression for everything after the fifth colon.
        kind: the kind of resource with its article, such as ``an IAM role``.
        pattern: the ARN after its partition, for error messages.
    """

    service: str
    resource: str
    kind: str
    pattern: str

    def parse(self, text: str) -> Arn:
        """Parse the ARN of a resource of this kind.

        Raises:
            ValueError: the text is not an ARN, or the ARN of another kind of resource.
        """
        parsed = Arn.parse(text)
        is_resource = re.fullmatch(self.resource, parsed.resource, re.ASCII)
        fits = parsed.service == self.service and parsed.account and is_resource
        if not fits or bool(parsed.region) == (self.service in _GLOBAL):
            raise ValueError(f"{quote(text)} is not the ARN of {self.kind} (arn:<partition>:{self.pattern})")
        return parsed


_GLOBAL = {"cloudfront", "iam", "organizations"}
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CA_PATTERN = "acm-pca:<region>:<account>:certificate-authority/<uuid>"
PRIVATE_CA = Form("acm-pca", rf"certificate-authority/{_UUID}", "a private CA", _CA_PATTERN)
# IAM names: letters, digits and +=,.@_- (IAM user guide, "IAM and AWS STS quotas"); a path may precede them.
_PATH, _NAME = r"(?:[\x21-\x7e]+/)?", r"[\w+=,.@-]"
ROLE = Form("iam", rf"role/{_PATH}{_NAME}{{1,64}}", "an IAM role", "iam::<account>:role/<name>")
_POLICY = Form("iam", rf"policy/{_PATH}{_NAME}{{1,128}}", "a managed IAM policy", "iam::<account>:policy/<name>")
OIDC_PROVIDER = Form("iam", r"oidc-provider/\S+", "an IAM OIDC provider", "iam::<account>:oidc-provider/<issuer>")
TOPIC = Form("sns", r"[\w-]{1,256}", "an SNS topic", "sns:<region>:<account>:<name>")
KEY = Form("kms", r"key/[\w-]+", "a KMS key", "kms:<region>:<account>:key/<id>")
# Organizations API reference: the identifiers of organizations, roots and organizational units.
_OF_ORGANIZATION = "organizations::<management account>"
_ORGANIZATION_ID, _UNIT_ID = "o-[a-z0-9]{10,32}", "ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}"
ORGANIZATION = Form(
    "organizations", f"organization/{_ORGANIZATION_ID}", "an organization", f"{_OF_ORGANIZATION}:organization/o-<id>"
)
ORGANIZATIONAL_UNIT = Form(
    "organizations",
    f"ou/{_ORGANIZATION_ID}/{_UNIT_ID}",
    "an organizational unit",
    f"{_OF_ORGANIZATION}:ou/o-<id>/ou-<id>",
)
PERMISSION = Form(
    "ram", r"permission/[\w.-]{1,128}", "a customer managed RAM permission", "ram:<region>:<account>:permission/<name>"
)
DISTRIBUTION = Form(
    "cloudfront", "distribution/[A-Z0-9]+", "a CloudFront distribution", "cloudfront::<account>:distribution/<id>"
)


def parse_policy(text: str) -> Arn:
    """Parse the ARN of a managed IAM policy. For an AWS managed policy, the account is empty.

    Raises:
        ValueError: the text is not an ARN, or the ARN of another kind of resource.
    """
    # AWS managed policies have the account "aws". All other ARNs here have twelve digits.
    own = re.sub(r"^(arn:[a-z-]+:iam::)aws(:)", r"\g<1>000000000000\2", text)
    parsed = _POLICY.parse(own)
    return parsed._replace(account="") if own != text else parsed


def read_issuer(provider_arn: str) -> str:
    """Return the issuer in the ARN of an IAM OIDC provider, without ``https://``.

    Raises:
        ValueError: the text is not the ARN of an IAM OIDC provider.
    """
    return OIDC_PROVIDER.parse(provider_arn).resource.removeprefix("oidc-provider/")


def find_partition(region: str) -> str:
    """Return the partition of a region. Roles and private CAs can't be used across partitions.

    Source: AWS General Reference, "AWS service endpoints": the regions of each partition other than ``aws`` have their
    own prefix.
    """
    prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b"}
    prefixes |= {"eu-isoe-": "aws-iso-e", "us-isof-": "aws-iso-f", "eusc-": "aws-eusc"}
    return next((partition for prefix, partition in prefixes.items() if region.startswith(prefix)), "aws")


def quote(text: str, limit: int = 120) -> str:
    """Return a value for an error message: quoted, on one line, at most ``limit`` characters long."""
    quoted = repr(text)
    return quoted if len(quoted) <= limit else f"{quoted[: limit - 1]}…"
