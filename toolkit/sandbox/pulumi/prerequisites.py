"""Create in the sandbox what a stack depends on but does not create itself.

For every stack, these are clusters with their OIDC providers, roles in other accounts, permissions boundaries and SNS
topics. A rehearsal of a stack file also needs the CAs, the bucket and the organization that it names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from moto.organizations.models import organizations_backends
from moto.s3.models import s3_backends

from toolkit.infra import policies
from toolkit.infra.reading import read_zones_file
from toolkit.pki import algorithms, arn, templates
from toolkit.sandbox import principals
from toolkit.sandbox.private_ca.authority_operations import Authorities
from toolkit.sandbox.private_ca.certificate_operations import Certificates
from toolkit.sandbox.pulumi.provider.clients import Aws, name_profile_role
from toolkit.sandbox.pulumi.stack_file import StackConfig, find_account
from toolkit.sandbox.services import Caller
from toolkit.values import Client, Object, Value

if TYPE_CHECKING:
    from pathlib import Path

    from botocore.awsrequest import AWSPreparedRequest

    from toolkit.contract import KeyAlgorithm
    from toolkit.sandbox.server import Sandbox

_YEARS = {"Type": "YEARS", "Value": 20}
_REHEARSAL = "rehearsal"
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_VERSION = "2012-10-17"
_AUDIENCE = "sts.amazonaws.com"


def provide(config: StackConfig, sandbox: Sandbox, project_dir: Path) -> None:
    """Create the resources that the stack's settings name; the program itself reports invalid settings.

    Args:
        config: the stack's configuration.
        sandbox: the AWS.
        project_dir: the directory that `zonesFile` is relative to.
    """
    own = Aws(sandbox.session(config.region), config.region, sandbox.endpoint_url)
    zones, parent = _zones(config, project_dir), list(config.objects("parent"))
    for settings in (*zones, *parent):
        _quietly(_account_role, own, settings)
    for zone in zones:
        _quietly(_cluster, own, zone)
        for boundary in (zone.get("permissionsBoundaryArn"), config.text("permissionsBoundaryArn")):
            _quietly(_boundary, own, zone, boundary)
    for alarms in config.objects("alarms"):
        _quietly(_topic, own, alarms)


def _zones(config: StackConfig, project_dir: Path) -> list[Object]:
    values: Object = {"zonesFile": config.text("zonesFile")}
    if not values["zonesFile"]:
        return list(config.objects("zones"))
    read_zones_file(values, project_dir)
    return [zone for zone in values.get("zones", ()) if isinstance(zone, dict)]


def _quietly(make: Callable[..., None], *what: object) -> None:
    """Create a resource unless it exists or its settings are invalid; the program reports invalid settings."""
    try:
        make(*what)
    except (ClientError, ValueError, KeyError, TypeError, AttributeError):
        return


def _account(settings: Mapping[str, Value]) -> str:
    role = settings.get("assumeRoleArn")
    return arn.ROLE.parse(role).account if role else str(settings.get("accountId") or principals.read_own_account())


def _account_role(own: Aws, settings: Mapping[str, Value]) -> None:
    """Create the role with which the stack works in another account."""
    account, role = _account(settings), settings.get("assumeRoleArn")
    if role is None and settings.get("profile"):
        role = name_profile_role(account, settings["profile"])
    if role is None:
        return
    trust: Object = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{principals.read_own_account()}:root"},
        "Action": "sts:AssumeRole",
    }
    if settings.get("externalId"):
        trust["Condition"] = {"StringEquals": {"sts:ExternalId": settings["externalId"]}}
    _create_role(_AnyAccount(own.session, own.region, own.endpoint_url, account), role, trust)


@dataclass(frozen=True)
class _AnyAccount(Aws):
    """An administrator's clients whose requests moto assigns to another account, with moto's header for that."""

    account: str

    def client(self, service: str) -> Client:
        client = super().client(service)
        client.meta.events.register("before-send", self._add_header)
        return client

    def _add_header(self, request: AWSPreparedRequest, **_: object) -> None:
        request.headers["x-moto-account-id"] = self.account


def _inside(own: Aws, zone: Mapping[str, Value]) -> Aws:
    return _AnyAccount(own.session, str(zone["region"]), own.endpoint_url, _account(zone))


def _cluster(own: Aws, zone: Mapping[str, Value]) -> None:
    """Create an EKS cluster, or only its OIDC provider if another stack creates the provider."""
    aws = _inside(own, zone)
    identity = zone.get("identity", "irsa")
    if identity == "irsa" and not zone.get("createOidcProvider"):
        provider = zone.get("oidcProviderArn")
        issuer = arn.read_issuer(provider) if provider else zone["oidcIssuer"]
        url = f"https://{issuer.removeprefix('https://')}"
        aws.client("iam").create_open_id_connect_provider(Url=url, ClientIDList=[_AUDIENCE])
    elif identity == "pod-identity" and aws.region in own.session.get_available_regions("eks"):
        # moto fails for a region that AWS does not have.
        aws.client("eks").create_cluster(
            name=zone["clusterName"],
            roleArn=f"arn:aws:iam::{_account(zone)}:role/cluster",
            resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]},
        )


def _boundary(own: Aws, zone: Mapping[str, Value], policy_arn: str | None) -> None:
    """Create a permissions boundary that allows private CAs and nothing else."""
    if not policy_arn or not arn.parse_policy(policy_arn).account:
        return
    allowed = {"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}
    path, name = _split_path(policy_arn)
    _inside(own, zone).client("iam").create_policy(PolicyName=name, Path=path, PolicyDocument=_document(allowed))


def _topic(own: Aws, alarms: Mapping[str, Value]) -> None:
    if alarms.get("topicArn"):
        topic = arn.TOPIC.parse(alarms["topicArn"])
        Aws(own.session, topic.region, own.endpoint_url).client("sns").create_topic(Name=topic.resource)


def _create_role(aws: Aws, role_arn: str, trust: Object) -> None:
    """Create a role that may do everything.

    Args:
        aws: clients of the role's account.
        role_arn: the role's ARN.
        trust: the statement of the role's trust policy.
    """
    iam, (path, name) = aws.client("iam"), _split_path(role_arn)
    iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=_document(_EVERYTHING))


def _split_path(arn_text: str) -> tuple[str, str]:
    """Return path and name of an IAM ARN; the path is for example ``/teams/mesh/``."""
    path, _, name = arn_text.partition("/")[2].rpartition("/")
    return (f"/{path}/" if path else "/"), name


def _document(*statements: Mapping[str, Value]) -> str:
    """Return a policy document as JSON."""
    return json.dumps({"Version": _VERSION, "Statement": list(statements)})


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
    _create_role(aws, named, {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"})
    taken = aws.client("sts").assume_role(RoleArn=named, RoleSessionName=_REHEARSAL)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
        "AWS_SESSION_TOKEN": taken["SessionToken"],
    }


@dataclass(frozen=True)
class ReferencedResources:
    """The resources outside of a stack that its file refers to, each under exactly that name.

    They are an organization, a bucket and CAs. Only a rehearsal creates them: a stack that adopts a CA or uses a
    parent CA depends on that very CA.
    """

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
        accounts = [find_account(self.config)]
        for zone in self.config.objects("zones"):
            with suppress(ValueError, TypeError):
                accounts.append(_account(zone))
        return list(dict.fromkeys(accounts))

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


def _texts(value: object) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else value if isinstance(value, list) else []
