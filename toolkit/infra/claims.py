"""Find resources that the stack would create but AWS already has, to import, adopt or report them.

A destroyed stack leaves OIDC providers behind, because other workloads may depend on them. A stack with a lost state
leaves everything. Without this check, creating an existing resource fails halfway through an update.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import boto3
import pulumi
import pulumi_aws as aws
from botocore.config import Config

from toolkit.errors import Problem
from toolkit.infra import lookups
from toolkit.infra.fields import MANAGED_BY, STACK, ZONE
from toolkit.infra.lookups import LookUpError, look_up
from toolkit.values import Client, Object

if TYPE_CHECKING:
    from toolkit.infra.settings import AccountSettings, Settings, ZoneSettings

_ADOPT = "with adoptExisting: true, the stack uses it and never changes or deletes it"
_SESSION = "kong-mesh-pca"
_TIMEOUT_SECONDS = 10
_KEYS = {"aws_access_key_id": "accessKey", "aws_secret_access_key": "secretKey", "aws_session_token": "token"}


class Claim(NamedTuple):
    """How the stack gets a resource that it needs; by default it is created.

    Attributes:
        import_id: the ID with which Pulumi imports it; without effect on a resource in the stack's state.
        adopted_arn: the ARN of a resource that is used unchanged.
    """

    import_id: str | None = None
    adopted_arn: str | None = None


CREATE = Claim()


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


@dataclass(frozen=True)
class ZoneClaims:
    """How a zone gets its resources.

    Attributes:
        role: the control plane's role.
        verifier_role: the verifier's role.
        profile: the instance profile.
        association: the existing Pod Identity association of the service account.
    """

    role: Claim = CREATE
    verifier_role: Claim = CREATE
    profile: Claim = CREATE
    association: Association | None = None


class Claims:
    """Finds existing resources, in each account with the stack's provider for it.

    Args:
        tags: the stack's own tags, which mark its resources.
        settings: the stack's settings.

    Attributes:
        problems: existing resources of others.
    """

    def __init__(self, tags: Mapping[str, str], settings: Settings) -> None:
        self._own = {key: tags[key] for key in (MANAGED_BY, STACK)}
        self._adopt, self._prefix = settings.adopt_existing, settings.name_prefix
        self._roles: dict[str, frozenset[str]] = {}
        self.problems: list[Problem] = []

    def is_own(self, tags: Mapping[str, str] | None) -> bool:
        """Return whether this stack created a resource with these tags."""
        return self._own.items() <= dict(tags or {}).items()

    def claim_oidc_provider(self, path: str, provider_arn: str, provider: aws.Provider | None) -> Claim:
        """Look up the OIDC provider of an issuer.

        Args:
            path: the setting that needs it.
            provider_arn: the ARN that it has or would have.
            provider: the Pulumi provider to call AWS with; None for the stack's own.
        """
        existing = lookups.find(provider_arn, aws.iam.get_open_id_connect_provider, provider, arn=provider_arn)
        if existing is None:
            return CREATE
        if not self.is_own(existing.tags) and self._adopt:
            self.problems += lookups.check_audiences(path, provider_arn, existing.client_id_lists)
        return self._claim(path, f"the OIDC provider {provider_arn}", provider_arn, provider_arn, existing.tags)

    def claim_role(self, logical: str, account: str, provider: aws.Provider | None) -> Claim:
        """Look up a role, which has a fixed name only with ``namePrefix``.

        Args:
            logical: the role's name after the prefix.
            account: the role's account.
            provider: the Pulumi provider to call AWS with; None for the stack's own.
        """
        name = f"{self._prefix}{logical}"
        if self._prefix is None or name not in self._names(self._prefix, account, provider):
            return CREATE
        existing = lookups.find(name, aws.iam.get_role, provider, name=name)
        if existing is None:
            return CREATE
        other = self._other_stack(existing.tags)
        if other is not None:
            # The role's permissions are for the other stack's CA. After a rename, adopting the stack's own role would
            # delete it.
            fix = f"aws iam tag-role --role-name {name} --tags Key={STACK},Value={self._own[STACK]}"
            message = f"the role {existing.arn} belongs to stack {other}; choose another namePrefix"
            self.problems.append(Problem("namePrefix", f"{message}, or, if that stack was renamed to this one: {fix}"))
            return CREATE
        return self._claim("namePrefix", f"the role {existing.arn}", name, existing.arn, existing.tags)

    def claim_profile(self, logical: str, role: Claim, provider: aws.Provider | None) -> Claim:
        """Look up an instance profile, which has the name of its role.

        Args:
            logical: the name of role and profile after the prefix.
            role: the claim on the role.
            provider: the Pulumi provider to call AWS with; None for the stack's own.
        """
        if self._prefix is None:
            return CREATE
        name = f"{self._prefix}{logical}"
        existing = lookups.find(name, aws.iam.get_instance_profile, provider, name=name)
        if existing is None:
            return CREATE
        # The profile's tags can't be read here; it is the stack's own if its role is.
        own = self._own if role.import_id and existing.role_name == name else {}
        return self._claim("namePrefix", f"the instance profile {existing.arn}", name, existing.arn, own)

    def find_association(
        self, path: str, zone: ZoneSettings, role: Claim, provider: aws.Provider | None
    ) -> Association | None:
        """Look up the Pod Identity association of a zone's service account.

        Args:
            path: the zone's path in the settings.
            zone: the zone.
            role: the claim on the zone's role.
            provider: the Pulumi provider to look up the association's role with.

        Returns:
            An association that the stack has created or adopts; None if there is none.
        """
        existing = look_up_association(zone)
        if existing is None:
            return None
        if role.adopted_arn is not None and existing.role_arn == role.adopted_arn:
            return existing._replace(is_adopted=True)
        role_name = existing.role_arn.rpartition("/")[2]
        owner = lookups.find(existing.role_arn, aws.iam.get_role, provider, name=role_name)
        tags = (owner.tags if owner else None) or {}
        # After the stack is renamed, the role has the old name as tag. Whether it is the same role is checked later.
        if self.is_own(tags) or self._other_stack(tags) is not None:
            return existing._replace(zone=tags.get(ZONE, "") if self.is_own(tags) else zone.name)
        self.problems.append(
            Problem(
                f"{path}.serviceAccount",
                f"{zone.namespace}/{zone.service_account} in cluster {zone.cluster_name} is associated with "
                f"{existing.role_arn} already ({existing.identifier}), and a service account has one role; delete that "
                "association, or give the zone's control plane another service account",
            )
        )
        return None

    def _other_stack(self, tags: Mapping[str, str] | None) -> str | None:
        """Return the program's other stack that created a resource; None for this stack or another program."""
        given = dict(tags or {})
        if given.get(MANAGED_BY) != self._own[MANAGED_BY] or self.is_own(given):
            return None
        return given.get(STACK, "")

    def _claim(self, path: str, what: str, import_id: str, arn: str, tags: Mapping[str, str] | None) -> Claim:
        if self.is_own(tags):
            return Claim(import_id=import_id)
        if self._adopt:
            return Claim(adopted_arn=arn)
        self.problems.append(Problem(path, f"{what} already exists and does not belong to this stack; {_ADOPT}"))
        return CREATE

    def _names(self, prefix: str, account: str, provider: aws.Provider | None) -> frozenset[str]:
        """Return the names of an account's roles with the stack's prefix; one call per account."""
        if account not in self._roles:
            what = f"a role of account {account} that begins with {prefix}"
            existing = lookups.find(what, aws.iam.get_roles, provider, name_regex=f"^{re.escape(prefix)}")
            self._roles[account] = frozenset(existing.names if existing else ())
        return self._roles[account]


def look_up_association(zone: ZoneSettings) -> Association | None:
    """Return the association of a zone's service account; None if it does not exist, or if the call fails.

    Args:
        zone: a zone with identity pod-identity.
    """
    try:
        # Credentials can come from many sources. If there are none, the update itself reports it.
        return look_up(_ask, zone=zone)
    except LookUpError as error:
        # The cluster does not exist; a separate look-up by its name reports that.
        if "ResourceNotFoundException" not in str(error):
            name = f"{zone.namespace}/{zone.service_account} in cluster {zone.cluster_name}"
            pulumi.log.warn(f"Can't check whether {name} has a Pod Identity association: {error}")
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
        keys_of_role = (taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
        session = boto3.Session(*keys_of_role, region_name=region)
    untyped: Client = session
    return untyped.client(service, endpoint_url=_endpoint(config, service), config=settings)


def _endpoint(config: pulumi.Config, service: str) -> str | None:
    return next((entry[service] for entry in _json(config, "endpoints") if entry.get(service)), None)


def _json(config: pulumi.Config, key: str) -> list[Object]:
    value = json.loads(config.get(key) or "[]")
    return value if isinstance(value, list) else [value]
