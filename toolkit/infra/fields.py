"""Define the types of the settings' fields, with the sources of their limits.

Error messages describe the valid values in words and never show a regular expression.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from toolkit.contract.models import AccountId, require_arn, require_form
from toolkit.pki import arn, pem, templates
from toolkit.values import Value

# A role and a CA can have at most 50 tags (botocore acm-pca: TagList; IAM and STS quotas).
_MAX_TAGS = 50
_TWELVE_DIGITS = 10**11
MANAGED_BY, STACK, ZONE = "managed-by", "kong-mesh-stack", "kong-mesh-zone"
_OWN_TAGS = (MANAGED_BY, STACK, ZONE)
_PRINCIPAL = re.compile(r"root|(?:role|user|assumed-role)/[^*?]+")
# The host of an EKS cluster's issuer, and of its API server (EKS user guide, "Create an IAM OIDC provider for your
# cluster" and "Cluster API server endpoint"); China has the suffix .cn.
_EKS_ISSUER = re.compile(r"oidc\.eks\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_EKS_ENDPOINT = re.compile(
    r".+\.eks\.amazonaws\.com(?:\.cn)?|.+\.eks-cluster\.[a-z0-9-]+\.(?:api\.aws|api\.amazonwebservices\.com\.cn)"
)
_FIND_ISSUER = "aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer prints it"


def _in_words(form: str, words: str) -> AfterValidator:
    return require_form(re.compile(form), words)


def _principal(value: str) -> str:
    # IAM user guide, "AWS JSON policy elements: Principal": no groups, and no wildcards in an ARN.
    parsed = arn.Arn.parse(value)
    if (parsed.service, bool(_PRINCIPAL.fullmatch(parsed.resource))) not in {("iam", True), ("sts", True)}:
        raise ValueError(f"{arn.quote(value)} is not the ARN of an IAM principal: an account's root, a role or a user")
    return value


def _bundle(value: str) -> str:
    pem.load_certificates(value)
    return value


def _template(value: str) -> str:
    if value not in templates.DATA_PLANE:
        raise ValueError(
            f"{arn.quote(value)} is not a template for data plane certificates, which are for servers and clients; "
            f"use one of {', '.join(templates.DATA_PLANE)}"
        )
    return value


def find_eks_region(issuer: str) -> str | None:
    """Return the region of an EKS issuer; None for another issuer."""
    match = _EKS_ISSUER.fullmatch(issuer.partition("/")[0].lower())
    return match[1] if match else None


def _check_eks_issuer(issuer: str) -> None:
    """Reject EKS URLs that are not the issuer of a cluster.

    Raises:
        ValueError: as pydantic expects it of a validator.
    """
    host, _, path = issuer.partition("/")
    if _EKS_ENDPOINT.fullmatch(host.lower()):
        raise ValueError(f"{arn.quote(issuer)} is a cluster's API server endpoint, not its OIDC issuer; {_FIND_ISSUER}")
    if find_eks_region(issuer) and not re.fullmatch(r"id/[0-9A-Za-z]+", path):
        raise ValueError(
            f"{arn.quote(issuer)} must end with /id/..., as the issuer of an EKS cluster does; {_FIND_ISSUER}"
        )


def _issuer(value: str) -> str:
    if value.startswith("arn:"):
        raise ValueError(f"{arn.quote(value)} is an ARN; an existing provider is named by oidcProviderArn")
    # Trust policies and provider ARNs contain the issuer without its scheme. IAM rejects a principal in any other form
    # as MalformedPolicyDocument (pulumi/pulumi-eks#871).
    bare = value.removeprefix("https://").rstrip("/")
    if "://" in bare:
        raise ValueError(f"{arn.quote(value)} does not begin with https://, as the URL of an OIDC issuer does")
    # The characters that a provider's ARN may contain (IAM API reference, CreateOpenIDConnectProvider: Url).
    arn.OIDC_PROVIDER.parse(f"arn:aws:iam::000000000000:oidc-provider/{bare}")
    _check_eks_issuer(bare)
    return bare


def _oidc_provider(value: str) -> str:
    _check_eks_issuer(arn.read_issuer(value))
    return value


def _tags(value: dict[str, str]) -> dict[str, str]:
    room = _MAX_TAGS - len(_OWN_TAGS)
    if len(value) > room:
        raise ValueError(f"has {len(value)} tags; AWS allows {_MAX_TAGS}, and {len(_OWN_TAGS)} are the toolkit's own")
    taken = set(_OWN_TAGS)
    for key, text in value.items():
        if key.lower().startswith("aws:"):
            raise ValueError(f"{arn.quote(key)}: keys that begin with aws: are reserved")
        # IAM's tag keys are not case-sensitive (IAM user guide, "Rules for tagging in IAM and AWS STS").
        if key.lower() in taken:
            raise ValueError(f"{arn.quote(key)} is used already: it is the toolkit's own, or the same in another case")
        taken.add(key.lower())
        # botocore acm-pca: TagKey and TagValue.
        strange = [c for c in key + text if not (c.isalnum() or c.isspace() or c in "_.:/=+-@")]
        if strange:
            raise ValueError(f"{arn.quote(key)} has {arn.quote(strange[0])} in it, which tags can't contain")
    return value


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("must be text without line ends and control characters")
    return value


def _bucket(value: str) -> str:
    # S3 user guide, "General purpose bucket naming rules".
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) or ".." in value:
        raise ValueError("must be 3 to 63 lower-case letters, digits, hyphens and single dots, as S3 names buckets")
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+){3}", value):
        raise ValueError("must not look like an IP address, as S3 names buckets")
    return value


def _text(value: Value) -> Value:
    """Return a number as text: ``pulumi config set --path tags.cost 4711`` stores a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _empty_is_none(value: Value) -> Value:
    """Return None for an empty text: Pulumi needs a default for every key in the project file."""
    return None if value == "" else value


def _switch(value: Value) -> Value:
    """Return an empty object for ``true``, so that all defaults apply, and None for ``false``."""
    return {} if value is True else None if value is False else value


def _account(value: Value) -> Value:
    """Return an account ID that YAML has parsed as a number; without quotes, leading zeros are lost."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if _TWELVE_DIGITS <= value < 10 * _TWELVE_DIGITS:
        return str(int(value))
    raise ValueError("is read as a number, without its leading zeros; quote it: '012345678901'")


# X.520's upper bounds (RFC 5280, appendix A.1), which are AWS's too (botocore acm-pca: ASN1Subject, String64 and
# String128, which have no pattern).
Name = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_printable)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_printable)]
# botocore acm-pca: CountryCodeString.
Country = Annotated[str, _in_words(r"[A-Za-z]{2}", "a code of two letters, such as DE")]
Authority = Annotated[str, require_arn(arn.PRIVATE_CA.parse)]
Role = Annotated[str, require_arn(arn.ROLE.parse)]
Policy = Annotated[str, require_arn(arn.parse_policy)]
OidcProvider = Annotated[str, require_arn(arn.OIDC_PROVIDER.parse), AfterValidator(_oidc_provider)]
Issuer = Annotated[str, AfterValidator(_issuer)]
Key = Annotated[str, require_arn(arn.KEY.parse)]
Distribution = Annotated[str, require_arn(arn.DISTRIBUTION.parse)]
Unit = Annotated[str, require_arn(arn.ORGANIZATIONAL_UNIT.parse)]
Organization = Annotated[str, require_arn(arn.ORGANIZATION.parse)]
Permission = Annotated[str, require_arn(arn.PERMISSION.parse)]
Topic = Annotated[str, require_arn(arn.TOPIC.parse)]
Principal = Annotated[str, AfterValidator(_principal)]
Bundle = Annotated[str, AfterValidator(_bundle)]
Template = Annotated[str, AfterValidator(_template)]
# botocore acm-pca: CnameString, without a scheme (CrlConfiguration.CustomCname); only a host name is accepted here.
Host = Annotated[
    str,
    StringConstraints(max_length=253),
    _in_words(r"[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?", "a host name alone, without scheme, port and path"),
]
Bucket = Annotated[str, AfterValidator(_bucket)]
CrlPath = Annotated[
    str,
    StringConstraints(max_length=253),
    _in_words(
        r"[-a-zA-Z0-9_.~]+(?:/[-a-zA-Z0-9_.~]+)*",
        "a path of letters, digits, hyphens, underscores, dots and tildes, without a slash at its ends",
    ),
]
# EKS API reference, CreateCluster: name.
Cluster = Annotated[
    str,
    _in_words(
        r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}", "1 to 100 letters, digits, hyphens and underscores, as EKS names clusters"
    ),
]
Profile = Annotated[
    str, StringConstraints(min_length=1, max_length=256), _in_words(r"[\x21-\x7e]+", "a profile's name, without spaces")
]
# STS API reference, AssumeRole: ExternalId.
ExternalId = Annotated[
    str,
    StringConstraints(min_length=2, max_length=1224),
    _in_words(r"[\w+=,.@:/-]*", "letters, digits and any of + = , . @ : / - _, as STS accepts it"),
]
# IAM names (IAM user guide, "IAM and AWS STS quotas"); the rest of the name is "verifier-<zone>".
NamePrefix = Annotated[
    str, _in_words(r"[A-Za-z0-9_+=,.@-]{1,40}", "1 to 40 letters, digits and any of _ + = , . @ -, as IAM names roles")
]
Account = Annotated[AccountId, BeforeValidator(_account)]
_TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_TagValue = Annotated[Annotated[str, StringConstraints(max_length=256)], BeforeValidator(_text)]
Tags = Annotated[dict[_TagKey, _TagValue], AfterValidator(_tags)]
EMPTY_IS_NONE = BeforeValidator(_empty_is_none)
SWITCH = BeforeValidator(_switch)
