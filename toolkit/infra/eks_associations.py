"""Look up EKS Pod Identity associations with the EKS API, because pulumi-aws has no function for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import boto3
import pulumi
from botocore.config import Config

from toolkit.infra.lookups import LookUpError, look_up

if TYPE_CHECKING:
    from toolkit.infra.settings import AccountSettings, ZoneSettings
    from toolkit.values import Client, Object

_SESSION = "kong-mesh-pca"
_TIMEOUT_SECONDS = 10


class Association(NamedTuple):
    """The association of a service account with a role.

    Attributes:
        identifier: for example ``a-1b2c3d4e5f``.
        role_arn: the role's ARN.
        zone: the zone of the role, if this stack created the role.
        is_adopted: whether it is used unchanged.
    """

    identifier: str
    role_arn: str
    zone: str = ""
    is_adopted: bool = False


def find(zone: ZoneSettings) -> Association | None:
    """Return the association of a zone's service account; None if it does not exist, or if the call fails.

    Args:
        zone: a zone with identity pod-identity.
    """
    try:
        # Credentials can come from many sources. If there are none, the update itself reports it.
        return look_up(lambda: _ask(zone))
    except LookUpError as error:
        # The cluster does not exist; a separate look-up by its name reports that.
        if "ResourceNotFoundException" not in str(error):
            name = f"{zone.namespace}/{zone.service_account} in cluster {zone.cluster_name}"
            pulumi.log.warn(f"Whether {name} has a Pod Identity association is not known: {error}")
        return None


def _ask(zone: ZoneSettings) -> Association | None:
    eks, cluster = _client("eks", zone, zone.region), zone.cluster_name
    existing = eks.list_pod_identity_associations(
        clusterName=cluster, namespace=zone.namespace, serviceAccount=zone.service_account
    )["associations"]
    if not existing:
        return None
    identifier = existing[0]["associationId"]
    shown = eks.describe_pod_identity_association(clusterName=cluster, associationId=identifier)["association"]
    return Association(identifier, shown["roleArn"])


def _client(service: str, access: AccountSettings, region: str) -> Client:
    """Return a client with the credentials, roles and endpoints of the stack's provider for an account."""
    config = pulumi.Config("aws")
    keys: Object = {} if access.profile else {name: config.get(key) for name, key in _KEYS.items()}
    profile = access.profile or config.get("profile")
    session = boto3.Session(profile_name=None if keys.get("aws_access_key_id") else profile, region_name=region, **keys)
    settings = Config(
        connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS, retries={"total_max_attempts": 2}
    )
    own = [] if access.profile else _json(config, "assumeRoles")
    added = [{"roleArn": access.assume_role_arn, "externalId": access.external_id}] if access.assume_role_arn else []
    for role in (*own, *added):
        sts = session.client("sts", endpoint_url=_endpoint(config, "sts"), config=settings)
        external = {"ExternalId": role["externalId"]} if role.get("externalId") else {}
        taken = sts.assume_role(RoleArn=role["roleArn"], RoleSessionName=_SESSION, **external)["Credentials"]
        session = boto3.Session(
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
            region_name=region,
        )
    untyped: Client = session
    return untyped.client(service, endpoint_url=_endpoint(config, service), config=settings)


_KEYS = {"aws_access_key_id": "accessKey", "aws_secret_access_key": "secretKey", "aws_session_token": "token"}


def _endpoint(config: pulumi.Config, service: str) -> str | None:
    return next((entry[service] for entry in _json(config, "endpoints") if entry.get(service)), None)


def _json(config: pulumi.Config, key: str) -> list[Object]:
    value = json.loads(config.get(key) or "[]")
    return value if isinstance(value, list) else [value]
