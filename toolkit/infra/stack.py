"""Compose the stack from its CAs and zones, and build its outputs."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from toolkit.contract import (
    SCHEMA_VERSION,
    CertificateAuthority,
    StackOutputs,
    Zone,
)
from toolkit.contract.pending import PendingCertificateAuthority, PendingStack
from toolkit.errors import Problem
from toolkit.infra import accounts, existing, lookups, rules, topologies
from toolkit.infra.alarms import AuthorityAlarms
from toolkit.infra.claims import CREATE, Claims
from toolkit.infra.components import Guard, StackContext
from toolkit.infra.deployment_account import Deployment, list_problems, list_warnings
from toolkit.infra.fields import MANAGED_BY, STACK
from toolkit.infra.reading import build_error
from toolkit.infra.shared_authority import SharedAuthority
from toolkit.infra.zones import ZoneAccess, Zones
from toolkit.pki import arn, pem
from toolkit.values import Value

if TYPE_CHECKING:
    from pydantic import BaseModel

    from toolkit.infra.existing import ExistingAuthority
    from toolkit.infra.settings import Settings

_MANAGER = "kong-mesh-pca-toolkit"
_NOTHING_DONE = "Correct the settings, or deploy with other credentials; nothing was changed."
_TO_BE_SIGNED = (
    "The CA waits for its certificate: toolkit contract csr prints the request. Have it signed, then set "
    "issuedCertificate and issuedCertificateChain (pulumi config set issuedCertificate < issuing-ca.pem) and run "
    "pulumi up again. Zones get their roles then."
)


class MeshCertificates(pulumi.ComponentResource):
    """The CA or CAs of a mesh, and the roles with which each zone may use the issuing CA."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create all resources for the settings.

        Args:
            name: logical name of the component.
            settings: the stack's settings.
            opts: resource options of the component.

        Raises:
            SettingsError: the settings don't match what AWS has; raised before anything is created.
        """
        super().__init__("kong-mesh-pca:index:MeshCertificates", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        tags = {**settings.tags, MANAGED_BY: _MANAGER, STACK: pulumi.get_stack()}
        claims = Claims(tags, settings)
        self._settings = settings
        self._context = StackContext(settings, _locate(), tags, claims, inside)
        self._alarm_role = CREATE
        self._refuse(list_problems(settings, self._context.deployment))
        for warning in list_warnings(settings, self._context.deployment):
            pulumi.log.warn(str(warning))
        self._zones = Zones(self._context)
        parent, provider = settings.parent, None
        if parent is not None:
            region = arn.PRIVATE_CA.parse(parent.arn).region
            provider = accounts.create_provider("parent-ca", parent, region, inside)
        authority = self._look_up(provider)
        issuing = topologies.create(self._context, authority, provider)
        self._issuing = replace(issuing, arn=existing.require_same(issuing.arn, settings.former_authority_arns))
        crl_bucket = self._issuing.crl_bucket
        self._more: dict[str, pulumi.Output[Value]] = {"crlBucket": crl_bucket} if crl_bucket is not None else {}
        # Nothing else is created before the CA can issue, because a role for it would be of no use.
        self._access = [] if self._issuing.csr else self._create_dependents()
        self.register_outputs({})
        # Outside the component, because the guard depends on everything in it.
        Guard(f"{name}-guard", [self], protect=settings.protect)

    def build_exports(self) -> dict[str, pulumi.Output[Value]]:
        """Return the contract, one stack output per key, validated as a whole by the model that its readers use.

        Additional outputs are ``crlBucket`` and ``alarmTopicArn``, if the stack created them.
        """
        issuing = self._issuing
        model: type[BaseModel] = StackOutputs
        if issuing.csr is not None:
            model = PendingStack
            pulumi.log.warn(_TO_BE_SIGNED)
            contract = pulumi.Output.all(issuing.arn, issuing.csr).apply(lambda both: _pending(*both).to_exports())
        else:
            roles = [pulumi.Output.all(access.role_arn, access.verifier_role_arn) for access in self._access]
            contract = pulumi.Output.all(issuing.arn, issuing.chain, issuing.root, pulumi.Output.all(*roles)).apply(
                lambda values: self._contract(*values).to_exports()
            )
        names = [field.alias or name for name, field in model.model_fields.items()]
        return {**{name: contract.apply(itemgetter(name)) for name in names}, **self._more}

    def _refuse(self, problems: list[Problem]) -> None:
        if problems:
            what = "the stack's configuration conflicts with existing resources"
            raise build_error(what, problems, _NOTHING_DONE, zones_file=self._settings.zones_file)

    def _look_up(self, provider: aws.Provider | None) -> ExistingAuthority | None:
        """Look up the existing resources that the stack needs; return the CA among them."""
        settings, account = self._settings, self._context.deployment.account
        claims, problems = self._context.claims, self._zones.look_up()
        crl, alarms = settings.revocation.crl, settings.alarms
        if crl is not None and crl.bucket is not None:
            key = "revocation.crl.bucket"
            problems += lookups.list_missing(key, crl.bucket, aws.s3.get_bucket, None, bucket=crl.bucket)
        if alarms is not None:
            self._alarm_role = claims.claim_role(rules.ALARM_ROLE, account, None)
        if alarms is not None and alarms.topic_arn is not None:
            topic = arn.TOPIC.parse(alarms.topic_arn)
            if topic.account == account:
                named = {"name": topic.resource, "region": topic.region}
                problems += lookups.list_missing("alarms.topicArn", alarms.topic_arn, aws.sns.get_topic, None, **named)
        if settings.sharing is not None and settings.sharing.method == "ram":
            problems += lookups.check_sharing(settings.sharing)
        authority = None
        key, wanted = ("parent.arn", settings.parent.arn) if settings.parent else ("adoptArn", settings.adopt_arn)
        if wanted is not None:
            try:
                authority = existing.look_up_authority(wanted, provider)
            except lookups.LookUpError as error:
                problems.append(Problem(key, f"the CA can't be used: {error}"))
        if authority is not None:
            adopted = settings.topology == "adopt"
            problems += existing.check_adopted(authority, settings) if adopted else existing.check_key(key, authority)
        existing.warn_of_strict(settings)
        existing.warn_of_former(settings)
        self._refuse([*problems, *claims.problems])
        return authority

    def _create_dependents(self) -> list[ZoneAccess]:
        settings, context, issuing = self._settings, self._context, self._issuing
        if settings.sharing is not None:
            SharedAuthority("issuing-ca-share", settings.sharing, context, issuing.arn)
        if settings.alarms is not None:
            alarms = AuthorityAlarms(
                "issuing-ca-alarms", settings.alarms, context, issuing.arn, issuing.chain, self._alarm_role
            )
            self._more["alarmTopicArn"] = alarms.topic_arn
        return [self._zones.create(zone, issuing.arn) for zone in settings.zones]

    def _contract(self, authority_arn: str, bundle: str, root: str, roles: list[tuple[str, str]]) -> StackOutputs:
        settings, issuing = self._settings, self._issuing
        authority = CertificateAuthority(
            arn=authority_arn,
            type=issuing.type,
            region=arn.PRIVATE_CA.parse(authority_arn).region,
            usage_mode=issuing.usage_mode,
            key_algorithm=issuing.key_algorithm,
            signing_algorithm=issuing.signing_algorithm,
            not_after=pem.load_certificates(bundle)[0].not_valid_after_utc,
        )
        zones = tuple(
            Zone(
                name=zone.name,
                region=zone.region,
                account_id=zone.resolve_account(self._context.deployment.account),
                namespace=zone.namespace,
                service_account=zone.service_account,
                identity=zone.identity,
                role_arn=role,
                verifier_role_arn=verifier,
            )
            for zone, (role, verifier) in zip(settings.zones, roles, strict=True)
        )
        return StackOutputs(
            schema_version=SCHEMA_VERSION,
            certificate_authority=authority,
            certificate_chain=bundle,
            root_certificate=root,
            data_plane_lifetime=settings.data_plane_lifetime,
            meshes=settings.meshes,
            zones=zones,
        )


def _locate() -> Deployment:
    caller = aws.get_caller_identity()
    return Deployment(caller.account_id, arn.Arn.parse(caller.arn).partition, aws.get_region().region)


def _pending(authority_arn: str, request: str) -> PendingStack:
    region = arn.PRIVATE_CA.parse(authority_arn).region
    waiting = PendingCertificateAuthority(arn=authority_arn, region=region, certificate_signing_request=request)
    return PendingStack(schema_version=SCHEMA_VERSION, pending_certificate_authority=waiting)
