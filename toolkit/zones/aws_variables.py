"""AWS variables that override a zone's role, its region or the endpoints of AWS.

The order of the credential chain is that of aws/aws-sdk-go-v2:config/resolve_credentials.go, the names are those of
config/env_config.go there: keys, a web identity, a profile, a container endpoint, the metadata of an instance. What EKS
adds to a pod, and when it adds nothing, is in aws/amazon-eks-pod-identity-webhook:pkg/handler/handler.go
(addEnvToContainer). Endpoints: AWS SDKs and Tools Reference Guide, "Service-specific endpoints" and
"Container credential provider".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolkit.contract import Zone

_KEYS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"})
_SESSION = "AWS_SESSION_TOKEN"
_ROLE, _TOKEN = "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"
_PROFILES = frozenset({"AWS_PROFILE", "AWS_DEFAULT_PROFILE"})
_FILES = frozenset({"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"})
_FULL, _RELATIVE = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
_CONTAINER_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105 - a variable's name
_NO_METADATA = "AWS_EC2_METADATA_DISABLED"
_REGION, _DEFAULT_REGION = "AWS_REGION", "AWS_DEFAULT_REGION"
_ENDPOINT, _PCA_ENDPOINT, _STS_ENDPOINT = "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ACM_PCA", "AWS_ENDPOINT_URL_STS"
_NO_ENDPOINTS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"

# EKS adds its own two variables only to a pod that has neither of them, also where the one that is there is empty.
_ADDED_BY_EKS = {"irsa": (_ROLE, _TOKEN), "pod-identity": (_FULL, _CONTAINER_TOKEN)}
# The EKS Pod Identity Agent, on IPv4 and IPv6 (EKS User Guide, "Understand how EKS Pod Identity works").
_AGENT = re.compile(r"http://(?:169\.254\.170\.23|\[fd00:ec2::23\])/v1/credentials")
# An endpoint of AWS itself, such as a VPC endpoint without private DNS.
_OF_AWS = re.compile(r"https://[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws)(?::443)?/?", re.IGNORECASE)


class Variable(NamedTuple):
    """A variable of a control plane.

    Attributes:
        name: of the variable.
        value: None if it is in a Secret or ConfigMap.
    """

    name: str
    value: str | None


def overriding(zone: Zone, variables: Sequence[Variable], *, in_chart: bool) -> Iterator[tuple[int, str]]:
    """Yield the number of each variable that overrides what the zone needs, and a warning that does not show its value.

    Args:
        zone: of the contract.
        variables: of its control plane, without the zone's own.
        in_chart: whether the release chart sets them, and EKS adds its own to the pod.
    """
    values = {variable.name: variable.value for variable in variables if variable.value != ""}
    for number, (name, value) in enumerate(variables):
        if in_chart and name in _ADDED_BY_EKS.get(zone.identity, ()):
            pair = " and ".join(_ADDED_BY_EKS[zone.identity])
            yield number, f"EKS adds {pair} only to a pod that has neither of them, so remove it"
        elif value != "" and (reason := _reason(zone, name, values)):
            yield number, reason


def _reason(zone: Zone, name: str, values: Mapping[str, str | None]) -> str | None:
    """Return what is wrong with a variable that is not empty; None if nothing is."""
    if name in _KEYS or (name == _SESSION and values.keys() & _KEYS):
        return "static credentials override the zone's role, so remove it"
    if name.startswith(_ENDPOINT):
        return _endpoint(zone, name, values)
    if name in (_REGION, _DEFAULT_REGION):
        return _region(zone, name, values[name])
    if zone.identity == "irsa":
        # Its web identity comes before all that is left but another role.
        return _other_role(zone, values[name]) if name == _ROLE else None
    return _before(zone, name, values)


def _other_role(zone: Zone, value: str | None) -> str | None:
    return None if value in (None, zone.role_arn) else f"is not the zone's role, {zone.role_arn}"


def _before(zone: Zone, name: str, values: Mapping[str, str | None]) -> str | None:
    """Return what the SDK finds before the endpoint of a container or the metadata of an instance."""
    is_pod = zone.identity == "pod-identity"
    own = "the Pod Identity association" if is_pod else "the role of the instance or task"
    if name == _TOKEN or (name == _ROLE and _TOKEN in values):
        return f"a web identity overrides {own}, so remove it"
    if name in _PROFILES:
        return f"the credentials of a profile override {own}"
    if name in _FILES:
        return f"credentials in that file override {own}"
    if name == _RELATIVE or (name == _FULL and not (is_pod and _AGENT.fullmatch(values[name] or ""))):
        return f"another credential endpoint overrides {own}, so remove it"
    if name == _NO_METADATA and not is_pod and _is_true(values[name]):
        return "the AWS SDK can't get the role of an EC2 instance; only an ECS task can do without its metadata"
    return None


def _region(zone: Zone, name: str, value: str | None) -> str | None:
    if value == zone.region or (value is None and name == _DEFAULT_REGION):
        return None
    if value is None:
        return f"overrides the zone's region, {zone.region}, in envVars, so remove it"
    return f"differs from the zone's {_REGION}, {zone.region}, which the AWS SDK uses, so remove it"


def _endpoint(zone: Zone, name: str, values: Mapping[str, str | None]) -> str | None:
    """Return what is wrong with an endpoint; a service may have one of AWS, such as a VPC endpoint."""
    if _is_true(values.get(_NO_ENDPOINTS)):
        return None
    if name == _ENDPOINT:
        return "overrides the endpoints of all AWS services, so remove it"
    # Only a web identity needs AWS STS.
    service = {_PCA_ENDPOINT: "AWS Private CA", _STS_ENDPOINT: "AWS STS" if zone.identity == "irsa" else None}.get(name)
    if service is None or _OF_AWS.fullmatch(values[name] or ""):
        return None
    return f"overrides the endpoint of {service}"


def _is_true(value: str | None) -> bool:
    return value is not None and value.lower() == "true"
