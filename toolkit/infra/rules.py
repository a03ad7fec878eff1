"""Check settings that can't be combined; each rule names the keys that it reads.

The rules only need the settings, so all of them run before anything is created, and all problems are listed at once.
Checks that need AWS are in :mod:`toolkit.infra.existing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from pydantic.alias_generators import to_camel

from toolkit.contract import check_distinct_zones, check_mode
from toolkit.errors import Problem
from toolkit.infra import fields
from toolkit.pki import algorithms, arn, duration, pem, spiffe
from toolkit.pki.authority import AWS, IN_A_MESH, Needs
from toolkit.pki.judging import MAX_CERTIFICATE, MAX_CHAIN, check_import

if TYPE_CHECKING:
    from pydantic import BaseModel

    from toolkit.infra.settings import AccountSettings, Settings, ZoneSettings

_OWN_ROOT = ("root", "intermediate")
_SOURCES = {
    "adopt": ("adopt_arn",),
    "under-aws-ca": ("parent",),
    "under-external-ca": ("issued_certificate", "issued_certificate_chain"),
}
_ONE_AUTHORITY = "a Mesh names one ARN for all its zones, so a stack has one issuing CA"
# An IAM role name has at most 64 characters. Pulumi's automatic names add 8 characters to the logical name, and the
# longest logical name here is "verifier-<zone>". With a prefix, the names are the toolkit's own.
_ROLE_NAME = 64
_AUTOMATIC_SUFFIX = 8
ALARM_ROLE = "issuing-ca-alarms-not-after"
_FIELDS_OF_IDENTITIES = {
    "irsa": ("oidc_provider_arn", "oidc_issuer", "create_oidc_provider"),
    "pod-identity": ("cluster_name",),
    "ambient": ("compute",),
}


class Rule(NamedTuple):
    """One rule.

    Attributes:
        reads: the settings that it reads, by field name; the rule is skipped if one of them is unreadable.
        check: yields the problems.
    """

    reads: frozenset[str]
    check: Callable[[Settings], Iterable[Problem]]


RULES: list[Rule] = []


def rule(*reads: str) -> Callable[[Callable[[Settings], Iterable[Problem]]], Callable[[Settings], Iterable[Problem]]]:
    """Register a function in :data:`RULES`."""

    def register(check: Callable[[Settings], Iterable[Problem]]) -> Callable[[Settings], Iterable[Problem]]:
        RULES.append(Rule(frozenset(reads), check))
        return check

    return register


def list_problems(settings: Settings, unreadable: Iterable[str] = ()) -> list[Problem]:
    """Return all problems between settings.

    Args:
        settings: settings that are valid individually.
        unreadable: fields that have placeholder values.
    """
    known = set(unreadable)
    return [problem for each in RULES if not each.reads & known for problem in each.check(settings)]


def _find_set(model: BaseModel, *names: str) -> Iterator[str]:
    """Yield the keys of the fields that are not set to their defaults."""
    for name in names:
        if getattr(model, name) != type(model).model_fields[name].default:
            yield to_camel(name)


@rule("topology", "adopt_arn", "parent", "issued_certificate", "issued_certificate_chain")
def _one_source(settings: Settings) -> Iterator[Problem]:
    """Each topology has its own key; the key of another topology would add a second CA."""
    for topology, names in _SOURCES.items():
        given = list(_find_set(settings, *names))
        if settings.topology != topology:
            for key in given:
                yield Problem(
                    key, f"belongs to topology {topology}, but the stack has {settings.topology}: {_ONE_AUTHORITY}"
                )
        elif not given and topology != "under-external-ca":
            yield Problem(to_camel(names[0]), f"is missing: topology {topology} needs it")


@rule("topology", "issued_certificate", "issued_certificate_chain")
def _issued_as_a_pair(settings: Settings) -> Iterator[Problem]:
    """A subordinate CA is imported with its chain (user guide, PCACertInstall.md)."""
    certificate, above = settings.issued_certificate, settings.issued_certificate_chain
    if certificate is not None and above is None:
        yield Problem("issuedCertificateChain", "is missing: the certificates above issuedCertificate, root last")
    if above is not None and certificate is None:
        yield Problem("issuedCertificate", "is missing: the certificate that was issued for the stack's CSR")


@rule("topology", "issued_certificate", "issued_certificate_chain", "meshes", "data_plane_lifetime", "revocation")
def _issued_for_a_mesh(settings: Settings) -> Iterator[Problem]:
    """Check before the import, because AWS accepts CAs that proxies reject, and a CA has only one key."""
    if settings.issued_certificate is None or settings.issued_certificate_chain is None:
        return
    own, *more = pem.load_certificates(settings.issued_certificate)
    if more:
        yield Problem(
            "issuedCertificate", f"contains {len(more) + 1} certificates; the others belong to issuedCertificateChain"
        )
        return
    above = pem.load_certificates(settings.issued_certificate_chain)
    limits = {"issuedCertificate": ([own], MAX_CERTIFICATE), "issuedCertificateChain": (above, MAX_CHAIN)}
    for key, (certificates, limit) in limits.items():
        if len(pem.write(certificates)) > limit:
            yield Problem(key, f"is longer than the {limit:,} bytes that AWS imports")
    for problem in check_import(own, above, "SUBORDINATE", build_needs(settings), {AWS, *IN_A_MESH}):
        if problem.is_of_chain:
            yield Problem("issuedCertificateChain", f"counting issuedCertificate as certificate 1, {problem.message}")
        else:
            yield Problem("issuedCertificate", problem.message)


def build_needs(settings: Settings) -> Needs:
    """Return the requirements of the stack's meshes for every CA in the chain."""
    return Needs(
        uris=tuple(uri for mesh in settings.meshes for uri in spiffe.build_typical_uris(mesh)),
        lifetime=duration.parse(settings.data_plane_lifetime),
        has_crl=settings.revocation.crl is not None,
        at=datetime.now(UTC),
    )


@rule("topology", "root_validity_years", "intermediate_validity_years")
def _root_outlives_the_intermediate(settings: Settings) -> Iterator[Problem]:
    # AWS rejects a certificate that expires after its issuer (user guide, PCATsExceptions.md). Equal years are rejected
    # too, because the intermediate CA is issued a moment after the root.
    root, below = settings.root_validity_years, settings.intermediate_validity_years
    if settings.topology == "intermediate" and below >= root:
        yield Problem(
            "intermediateValidityYears",
            f"must be less than rootValidityYears ({root}): a CA can't outlive its issuer",
        )


@rule("topology", "usage_mode", "intermediate_path_length")
def _short_lived_is_last(settings: Settings) -> Iterator[Problem]:
    # privateca/latest/userguide/short-lived-certificates.html: such a CA must be the last CA of its chain.
    if settings.intermediate_path_length and settings.usage_mode == "SHORT_LIVED_CERTIFICATE":
        yield Problem("intermediatePathLength", "must be 0: a CA in short-lived mode can't have another CA below it")


@rule("topology", "key_algorithm", "signing_algorithm")
def _signature_fits_the_key(settings: Settings) -> Iterator[Problem]:
    """The settings don't determine the key of an adopted CA."""
    signing, key = settings.signing_algorithm, settings.key_algorithm
    if settings.topology != "adopt" and signing is not None and not algorithms.fits(signing, key):
        yield Problem("signingAlgorithm", f"{signing} can't be made with a key of {key}")


@rule("topology", "usage_mode", "data_plane_lifetime", "root_validity_years", "intermediate_validity_years")
def _proxies_can_get_certificates(settings: Settings) -> Iterator[Problem]:
    """Check the Mesh's dpCert.rotation.expiration; the expiration of an existing CA is checked later."""
    lifetime = duration.parse(settings.data_plane_lifetime)
    problem = check_mode(settings.usage_mode, lifetime)
    if problem is not None and settings.topology != "adopt":
        yield Problem("dataPlaneLifetime", f"{settings.data_plane_lifetime} {problem}")
    years = _find_years(settings)
    if years is not None and lifetime >= timedelta(days=365 * years):
        yield Problem("dataPlaneLifetime", f"{settings.data_plane_lifetime} is not within the {years} years of its CA")


def _find_years(settings: Settings) -> int | None:
    """Return the lifetime of the issuing CA's certificate, if the stack determines it."""
    if settings.topology == "root":
        return settings.root_validity_years
    return settings.intermediate_validity_years if settings.topology in ("intermediate", "under-aws-ca") else None


@rule("topology", "revocation", "sharing", "root_generation", "issuing_generation")
def _adopting_changes_nothing(settings: Settings) -> Iterator[Problem]:
    if settings.topology == "adopt":
        for key in _find_set(settings, "revocation", "sharing", "issuing_generation"):
            yield Problem(
                key, "would change the CA, but an adopted CA is never changed; configure it where the CA is managed"
            )


@rule("topology", "root_generation", "issuing_generation")
def _generations_of_own_certificates(settings: Settings) -> Iterator[Problem]:
    if settings.root_generation != 1 and settings.topology not in _OWN_ROOT:
        yield Problem("rootGeneration", f"has no effect with topology {settings.topology}: its root is not the stack's")
    if settings.topology == "root" and settings.issuing_generation != 1:
        yield Problem("issuingGeneration", "has no effect with topology root; raise rootGeneration")
    if settings.topology == "under-external-ca" and settings.issuing_generation != 1:
        yield Problem("issuingGeneration", "has no effect here: a new issuedCertificate is imported by itself")


@rule("revocation")
def _own_or_existing_bucket(settings: Settings) -> Iterator[Problem]:
    crl = settings.revocation.crl
    if crl is not None and crl.bucket is not None:
        for key in _find_set(crl, "kms_key_arn", "distribution_arn"):
            yield Problem(
                f"revocation.crl.{key}",
                f"is for the bucket that the stack creates, but {crl.bucket} is an existing one",
            )


@rule("topology", "alarms", "root_validity_years", "intermediate_validity_years")
def _alarms_begin_quietly(settings: Settings) -> Iterator[Problem]:
    years = _find_years(settings)
    if years is not None and settings.alarms is not None and settings.alarms.expiry_days >= 365 * years:
        yield Problem("alarms.expiryDays", f"{settings.alarms.expiry_days} days are all of the CA's {years} years")


@rule("sharing")
def _sharing_has_a_form(settings: Settings) -> Iterator[Problem]:
    sharing = settings.sharing
    if sharing is None:
        return
    if not (sharing.accounts or sharing.organizational_units or sharing.organization):
        yield Problem("sharing", "is empty: set accounts, organizationalUnits or organization")
    repeated = {account for account in sharing.accounts if sharing.accounts.count(account) > 1}
    if repeated:
        yield Problem("sharing.accounts", f"names {', '.join(sorted(repeated))} more than once")
    if sharing.method == "policy":
        # pca-rbp.md: the form of the policy is fixed and only contains accounts or an organization.
        for key in _find_set(sharing, "organizational_units", "allow_external_accounts", "permission_arn"):
            yield Problem(
                f"sharing.{key}", "is for method ram; the CA's policy supports only accounts and an organization"
            )


@rule("parent")
def _parent_is_reachable(settings: Settings) -> Iterator[Problem]:
    if settings.parent is not None:
        yield from _access_problems("parent", settings.parent)


@rule("zones")
def _zones_are_reachable(settings: Settings) -> Iterator[Problem]:
    for index, zone in enumerate(settings.zones):
        yield from _access_problems(f"zones[{index}]", zone)


def _access_problems(path: str, access: AccountSettings) -> Iterator[Problem]:
    if access.profile is not None and access.assume_role_arn is None and access.account_id is None:
        yield Problem(f"{path}.accountId", f"is missing: profile {access.profile} does not determine the account")
    if access.assume_role_arn is not None and access.account_id is not None:
        account = arn.ROLE.parse(access.assume_role_arn).account
        if account != access.account_id:
            yield Problem(f"{path}.assumeRoleArn", f"is in account {account}, but accountId is {access.account_id}")
    if access.external_id is not None and access.assume_role_arn is None:
        yield Problem(f"{path}.externalId", "is for assumeRoleArn, which is missing")


@rule("zones")
def _zones_are_distinct(settings: Settings) -> Iterator[Problem]:
    try:
        check_distinct_zones(settings.zones)
    except ValueError as error:
        yield Problem("zones", str(error))


@rule("zones")
def _identities_can_work(settings: Settings) -> Iterator[Problem]:
    for index, zone in enumerate(settings.zones):
        path = f"zones[{index}]"
        for identity, names in _FIELDS_OF_IDENTITIES.items():
            for key in _find_set(zone, *names) if identity != zone.identity else ():
                yield Problem(
                    f"{path}.{key}", f"is for identity {identity}, but the zone's identity is {zone.identity}"
                )
        if zone.identity == "pod-identity" and zone.cluster_name is None:
            yield Problem(f"{path}.clusterName", "is missing: identity pod-identity needs it")
        if zone.identity == "irsa":
            yield from _irsa_problems(path, zone)


def _irsa_problems(path: str, zone: ZoneSettings) -> Iterator[Problem]:
    if zone.oidc_provider_arn is None and zone.oidc_issuer is None:
        yield Problem(f"{path}.oidcProviderArn", "is missing: identity irsa needs it, or oidcIssuer")
    if zone.oidc_provider_arn is not None and zone.oidc_issuer is not None:
        yield Problem(f"{path}.oidcIssuer", "can't be set together with oidcProviderArn, which contains the issuer")
    if zone.create_oidc_provider and zone.oidc_issuer is None:
        yield Problem(f"{path}.oidcIssuer", "is missing: createOidcProvider needs it")


@rule("zones")
def _service_accounts_have_one_role(settings: Settings) -> Iterator[Problem]:
    # A service account has one annotation (EKS user guide, "Assign IAM roles to service accounts") or one association
    # (EKS API reference, CreatePodIdentityAssociation: ResourceInUseException).
    seen: dict[tuple[str | None, ...], str] = {}
    for index, zone in enumerate(settings.zones):
        cluster: tuple[str | None, ...] = (_read_issuer(zone),)
        if zone.identity == "pod-identity":
            cluster = (zone.resolve_account(""), zone.region, zone.cluster_name)
        if not any(cluster):
            continue
        other = seen.setdefault((*cluster, zone.namespace, zone.service_account), zone.name)
        if other != zone.name:
            yield Problem(
                f"zones[{index}].serviceAccount",
                f"is {zone.namespace}/{zone.service_account}, which zone {other} in the same cluster uses too. "
                "A service account has one role; give each zone's control plane its own cluster, namespace or service "
                "account",
            )


@rule("zones", "topology", "adopt_arn")
def _one_authority_for_all_zones(settings: Settings) -> Iterator[Problem]:
    for index, zone in enumerate(settings.zones):
        if zone.authority_arn is not None and zone.authority_arn != settings.adopt_arn:
            yield Problem(
                f"zones[{index}].authorityArn",
                f"is not the stack's CA: {_ONE_AUTHORITY}. A zone in another region calls the CA's region; "
                "for another CA use another stack and another mesh",
            )


@rule("zones", "name_prefix", "alarms")
def _role_names_fit(settings: Settings) -> Iterator[Problem]:
    prefix = settings.name_prefix
    added = len(prefix) if prefix else _AUTOMATIC_SUFFIX
    longest = _ROLE_NAME - len("verifier-") - added
    for index, zone in enumerate(settings.zones):
        if len(zone.name) > longest:
            after = f" with namePrefix {prefix}" if prefix else ""
            yield Problem(
                f"zones[{index}].name",
                f"has {len(zone.name)} characters; the zone's IAM roles have room for {longest}{after}",
            )
    if settings.alarms is not None and added + len(ALARM_ROLE) > _ROLE_NAME:
        room = _ROLE_NAME - len(ALARM_ROLE)
        yield Problem("namePrefix", f"has {added} characters; the alarms' role has room for {room}")


def list_issuer_warnings(zones: Sequence[ZoneSettings]) -> Iterator[Problem]:
    """Yield issuers that can work but are most likely a mistake.

    Args:
        zones: the stack's zones.
    """
    for index, zone in enumerate(zones):
        region = fields.find_eks_region(_read_issuer(zone) or "")
        if region is not None and region != zone.region:
            key = "oidcProviderArn" if zone.oidc_provider_arn else "oidcIssuer"
            yield Problem(
                f"zones[{index}].{key}",
                f"is the issuer of an EKS cluster in {region}, but zone {zone.name} is in {zone.region}",
            )


def _read_issuer(zone: ZoneSettings) -> str | None:
    """Return the zone's OIDC issuer in lower case, without ``https://``."""
    issuer = arn.read_issuer(zone.oidc_provider_arn) if zone.oidc_provider_arn else zone.oidc_issuer
    if issuer is None:
        return None
    host, slash, path = issuer.partition("/")
    return f"{host.lower()}{slash}{path}"
