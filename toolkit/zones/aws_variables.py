"""Find AWS variables of a control plane that override the zone's role or AWS's endpoints.

The AWS SDK looks for keys first, then for a web identity, a profile, and the endpoint of a container or an instance
(aws/aws-sdk-go-v2:config/resolve_credentials.go). EKS adds the two variables of a web identity only to a pod that has
neither (aws/amazon-eks-pod-identity-webhook:pkg/handler/handler.go, addEnvToContainer).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.contract import Zone

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")
_WEB_IDENTITY = ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")
_PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
# AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
_ENDPOINT, _SERVICE_ENDPOINTS = "AWS_ENDPOINT_URL", ("AWS_ENDPOINT_URL_ACM_PCA", "AWS_ENDPOINT_URL_STS")
# AWS's own endpoints, such as a VPC endpoint without private DNS.
_OF_AWS = re.compile(r"https://[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws)(?::443)?/?", re.IGNORECASE)


def find_problem(zone: Zone, name: str, value: str | None) -> str | None:
    """Return how a variable overrides the zone's settings, without its value; None if it does not.

    Args:
        zone: a zone of the contract.
        name: the variable's name.
        value: the variable's value; None if it is in a Secret or ConfigMap.
    """
    if name in _WEB_IDENTITY and zone.identity == "irsa":
        return f"EKS adds {' and '.join(_WEB_IDENTITY)} only to a pod that has neither of them, so remove it"
    return None if value == "" else _override_problem(zone, name, value)


def _override_problem(zone: Zone, name: str, value: str | None) -> str | None:
    if name in _KEYS:
        return "static credentials override the zone's role, so remove it"
    if name == _ENDPOINT:
        return "overrides the endpoints of all AWS services, so remove it"
    if name in _SERVICE_ENDPOINTS and not _OF_AWS.fullmatch(value or ""):
        return "overrides the endpoint of AWS, so remove it"
    if zone.identity != "irsa" and name in (*_PROFILES, _WEB_IDENTITY[1]):
        return f"its credentials override those of identity {zone.identity}, so remove it"
    return None
