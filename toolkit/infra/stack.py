"""The composition: which CAs, which zones, and what the stack tells the world."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from toolkit.contract import SCHEMA_VERSION, CertificateAuthority, StackOutputs, Zone
from toolkit.errors import Problem
from toolkit.infra import policies
from toolkit.infra.access import ZoneAccess
from toolkit.infra.authority import AuthorityArgs, PrivateAuthority
from toolkit.infra.settings import SettingsError, account_problems
from toolkit.pki import arn, chain

if TYPE_CHECKING:
    from toolkit.contract import UsageMode
    from toolkit.infra.settings import Settings

_TAGS = {"managed-by": "kong-mesh-pca-toolkit"}


class MeshCertificates(pulumi.ComponentResource):
    """The CA or CAs of a mesh, and for every zone the right to use the one that issues."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        """Build everything the settings ask for.

        Args:
            name: logical name of the component.
            settings: what the stack asks for.
            opts: resource options of the component.

        Raises:
            SettingsError: the settings don't fit the account; raised before anything is created.
        """
        super().__init__("kong-mesh-pca:index:MeshCertificates", name, None, opts)
        self._settings = settings
        caller = aws.get_caller_identity()
        self._account, self._partition = caller.account_id, arn.Arn.parse(caller.arn).partition
        self._refuse_foreign_zones()
        self._root, self._issuing = self._authorities()
        self._zones = [self._zone_access(index) for index in range(len(settings.zones))]
        self.register_outputs({})

    def exports(self) -> dict[str, pulumi.Output[Any]]:
        """The contract, one stack output a key; checked as a whole by the model that its readers use."""
        roles = [pulumi.Output.all(zone.role_arn, zone.verifier_role_arn) for zone in self._zones]
        contract = pulumi.Output.all(
            self._issuing.arn, self._issuing.chain, self._root.certificate, pulumi.Output.all(*roles)
        ).apply(lambda values: self._contract(*values).to_exports())
        names = [field.alias or name for name, field in StackOutputs.model_fields.items()]
        return {name: contract.apply(itemgetter(name)) for name in names}

    def _refuse_foreign_zones(self) -> None:
        project = pulumi.get_project()
        problems = [
            Problem(f"{project}:{path}", message) for path, message in account_problems(self._settings, self._account)
        ]
        if problems:
            raise SettingsError(
                "the stack's zones are not in the account it deploys to",
                problems,
                "Deploy with credentials of that account, or correct the zones; nothing was created.",
            )

    def _authorities(self) -> tuple[PrivateAuthority, PrivateAuthority]:
        """The root and the CA that issues; the same one twice where the root does both."""
        settings, inside = self._settings, pulumi.ResourceOptions(parent=self)
        alone = settings.topology == "root"
        root = PrivateAuthority(
            "root-ca",
            # Above an intermediate the root stays general-purpose: a short-lived CA can't have one below it.
            self._authority_args("Root", settings.usage_mode if alone else "GENERAL_PURPOSE"),
            opts=inside,
        )
        if alone:
            return root, root
        issuing = PrivateAuthority(
            "issuing-ca",
            self._authority_args("Issuing", settings.usage_mode),
            issuer=root,
            path_length=settings.intermediate_path_length,
            opts=inside,
        )
        return root, issuing

    def _authority_args(self, kind: str, usage_mode: UsageMode) -> AuthorityArgs:
        settings = self._settings
        return AuthorityArgs(
            common_name=f"{settings.ca_name} {kind} CA",
            organization=settings.organization,
            key_algorithm=settings.key_algorithm,
            usage_mode=usage_mode,
            validity_years=(settings.root_validity_years if kind == "Root" else settings.intermediate_validity_years),
            deletion_window_days=settings.deletion_window_days,
            protect=settings.protect,
            tags=_TAGS,
        )

    def _zone_access(self, index: int) -> ZoneAccess:
        return ZoneAccess(
            self._settings.zones[index],
            authority_arn=self._issuing.arn,
            verifier_trust=policies.verifier_trust(self._settings.verifier_principals, self._account, self._partition),
            tags=_TAGS,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _contract(self, authority_arn: str, bundle: str, root: str, roles: list[tuple[str, str]]) -> StackOutputs:
        settings = self._settings
        authority = CertificateAuthority(
            arn=authority_arn,
            type="ROOT" if settings.topology == "root" else "SUBORDINATE",
            region=arn.certificate_authority(authority_arn).region,
            usage_mode=settings.usage_mode,
            key_algorithm=settings.key_algorithm,
            signing_algorithm=self._issuing.signing_algorithm,
            not_after=chain.load_bundle(bundle)[0].not_valid_after_utc,
        )
        zones = tuple(
            Zone(
                name=zone.name,
                region=zone.region,
                account_id=self._account,
                namespace=zone.namespace,
                service_account=zone.service_account,
                identity="irsa",
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
            meshes=settings.meshes,
            zones=zones,
        )
