"""Create a stack in an empty sandbox, with the resources outside the stack that its file refers to.

A stack file names an adopted CA, a parent CA or an existing bucket. Each is created under exactly that name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moto.organizations.models import organizations_backends
from moto.s3.models import s3_backends

from toolkit.files import find_project_root
from toolkit.infra import policies
from toolkit.pki import algorithms, arn, templates
from toolkit.sandbox.private_ca.authority_operations import Authorities
from toolkit.sandbox.private_ca.certificate_operations import Certificates
from toolkit.sandbox.pulumi import program
from toolkit.sandbox.pulumi.prerequisites import create_role
from toolkit.sandbox.pulumi.provider.kind import Aws
from toolkit.sandbox.pulumi.stack_file import find_account
from toolkit.sandbox.services import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolkit.contract import KeyAlgorithm
    from toolkit.sandbox.pulumi.stack_file import StackConfig
    from toolkit.sandbox.server import Sandbox
    from toolkit.values import Object

_YEARS = {"Type": "YEARS", "Value": 20}
_REHEARSAL = "rehearsal"


def fill(config: StackConfig, sandbox: Sandbox, directory: Path) -> Object:
    """Run the Pulumi program in a sandbox as the first ``pulumi up`` of a stack would.

    Args:
        config: the stack's configuration.
        sandbox: an empty sandbox.
        directory: the directory that ``zonesFile`` is relative to.

    Returns:
        The stack outputs as plain JSON values.

    Raises:
        ToolkitError: the program rejected its configuration, or AWS returned an error for a resource.
    """
    if file := config.text("zonesFile"):
        # The program runs in another directory.
        path = str((directory / file).resolve())
        config = replace(config, values={**config.values, f"{config.project}:zonesFile": path})
    referenced = _ReferencedResources(config, sandbox)
    referenced.make()
    outputs = program.run(find_project_root(), config, sandbox)
    referenced.accept_invitations()
    return outputs


def make_caller_environment(config: StackConfig, sandbox: Sandbox) -> dict[str, str]:
    """Return credentials of a role that may assume the verifier roles; empty if the stack names no such role.

    Create the role that the stack's ``verifierPrincipals`` name, if there is one.

    Args:
        config: the stack's configuration.
        sandbox: the sandbox of the stack.
    """
    roles = (text for text in _texts(json.loads(config.text("verifierPrincipals") or "[]")) if ":role/" in text)
    named = next(roles, None)
    if named is None:
        return {}
    aws = Aws(sandbox.session(config.region), config.region, sandbox.endpoint_url)
    principal = f"arn:aws:iam::{find_account(config)}:root"
    create_role(aws, named, {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"})
    taken = aws.client("sts").assume_role(RoleArn=named, RoleSessionName=_REHEARSAL)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
        "AWS_SESSION_TOKEN": taken["SessionToken"],
    }


@dataclass(frozen=True)
class _ReferencedResources:
    """The resources outside of a stack that its file refers to: an organization, a bucket, CAs."""

    config: StackConfig
    sandbox: Sandbox

    def make(self) -> None:
        """Create the resources as far as the file is valid; the program itself reports invalid settings."""
        self._organization()
        self._bucket()
        adopted = self.config.text("adoptArn")
        if adopted:
            self._authority(adopted, templates.END_ENTITY, self._accounts())
        for parent in self.config.objects("parent"):
            # A stack that signs with the credentials of the parent's account needs no share.
            by_itself = parent.get("profile") or parent.get("assumeRoleArn")
            shared = [] if by_itself else [find_account(self.config)]
            self._authority(str(parent.get("arn")), templates.name_subordinate_ca(0), shared)

    def accept_invitations(self) -> None:
        """Accept the pending invitations of the zones' accounts, as their administrators would."""
        for invitation in self.sandbox.ram.directory.invitations.values():
            if invitation.receiver in self._accounts() and invitation.status == "PENDING":
                caller = Caller(invitation.receiver, invitation.share.region)
                self.sandbox.ram.accept_resource_share_invitation(
                    caller, {"resourceShareInvitationArn": invitation.arn}
                )

    def _accounts(self) -> list[str]:
        """Return the stack's own account and those of its zones."""
        zones = (_account_of(zone) for zone in self.config.objects("zones"))
        return list(dict.fromkeys([find_account(self.config), *(account for account in zones if account)]))

    def _authority(self, authority_arn: str, template: str, shared_with: Sequence[str]) -> None:
        """Create an active root CA with that ARN, and let accounts use one of its templates."""
        try:
            wanted = arn.PRIVATE_CA.parse(authority_arn)
        except ValueError:
            return
        registry = self.sandbox.private_ca.registry
        caller = Caller(wanted.account, wanted.region, wanted.partition)
        authorities, certificates = Authorities(registry), Certificates(registry)
        key, signing = self._algorithms()
        made: str = authorities.create_certificate_authority(
            caller,
            {
                "CertificateAuthorityType": "ROOT",
                "CertificateAuthorityConfiguration": {
                    "KeyAlgorithm": key,
                    "SigningAlgorithm": signing,
                    "Subject": {"CommonName": f"Rehearsal CA {wanted.resource.rpartition('/')[2][:8]}"},
                },
            },
        )["CertificateAuthorityArn"]
        authority = registry.authorities.pop(made)
        authority.arn = authority_arn
        registry.authorities[authority_arn] = authority
        issued = certificates.issue_certificate(
            caller,
            {
                "CertificateAuthorityArn": authority_arn,
                "Csr": authority.csr().encode(),
                "SigningAlgorithm": signing,
                "TemplateArn": templates.build_arn(templates.ROOT_CA, wanted.partition),
                "Validity": _YEARS,
            },
        )["CertificateArn"]
        own = authority.issued[issued].pem.encode()
        authorities.import_certificate_authority_certificate(
            caller, {"CertificateAuthorityArn": authority_arn, "Certificate": own}
        )
        others = [account for account in shared_with if account != wanted.account]
        if others:
            authority.policy = _share(authority_arn, template, others)

    def _algorithms(self) -> tuple[KeyAlgorithm, str]:
        signing = self.config.text("signingAlgorithm")
        key: KeyAlgorithm = "RSA_2048" if signing.endswith("RSA") else "EC_prime256v1"
        return key, signing or algorithms.choose_signing_algorithm(key)

    def _bucket(self) -> None:
        """Create the existing bucket, with the policy that AWS Private CA needs."""
        for revocation in self.config.objects("revocation"):
            crl = revocation.get("crl")
            name = crl.get("bucket") if isinstance(crl, dict) else None
            if isinstance(name, str):
                account, partition = find_account(self.config), arn.find_partition(self.config.region)
                backend = s3_backends[account][partition]
                backend.create_bucket(name, self.config.region)
                document = policies.allow_crl_writing(f"arn:{partition}:s3:::{name}", account)
                backend.put_bucket_policy(name, json.dumps(document).encode())

    def _organization(self) -> None:
        """Create the organization, the units and the member accounts that the CA is shared with."""
        for sharing in self.config.objects("sharing"):
            units = [arn.ORGANIZATIONAL_UNIT.parse(text) for text in _texts(sharing.get("organizationalUnits"))]
            named = [*units, *(arn.ORGANIZATION.parse(text) for text in _texts(sharing.get("organization")))]
            if named:
                _make_organization(named[0], units, self._accounts())
                management = Caller(named[0].account, self.config.region, named[0].partition)
                self.sandbox.ram.enable_sharing_with_aws_organization(management, {})


def _make_organization(first: arn.Arn, units: Sequence[arn.Arn], accounts: Sequence[str]) -> None:
    management, identifier = first.account, first.resource.split("/")[1]
    backend = organizations_backends[management][first.partition]
    backend.create_organization("us-east-1", FeatureSet="ALL")
    backend.org.id = identifier
    parent = backend.org.root_id
    for unit in units:
        backend.create_organizational_unit(ParentId=parent, Name=unit.resource)
        made = backend.ou[-1]
        made.id, made.organization_id = unit.resource.rpartition("/")[2], identifier
        # An account is in one unit only; nest the units, so that all of them contain it.
        parent = made.id
    for account in accounts:
        if account != management:
            backend.create_account(AccountName=account, Email=f"{_REHEARSAL}@{account}.example")
            member = backend.accounts[-1]
            organizations_backends.master_accounts.pop(member.id)
            organizations_backends.master_accounts[account] = (management, first.partition)
            member.id, member.organization_id, member.parent_id = account, identifier, parent


def _share(authority_arn: str, template: str, accounts: Sequence[str]) -> Object:
    document = policies.allow_sharing(authority_arn, accounts, None)
    partition = arn.PRIVATE_CA.parse(authority_arn).partition
    for statement in document["Statement"]:
        if "Condition" in statement:
            statement["Condition"]["StringEquals"]["acm-pca:TemplateArn"] = templates.build_arn(template, partition)
    return document


def _account_of(zone: Object) -> str | None:
    role = zone.get("assumeRoleArn")
    try:
        return arn.ROLE.parse(role).account if role else zone.get("accountId")
    except (ValueError, TypeError):
        return None


def _texts(value: object) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else value if isinstance(value, list) else []
