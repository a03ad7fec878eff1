"""Check how zones get their roles, from the settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.errors import Problem
from toolkit.infra import fields
from toolkit.pki import arn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.infra.settings import ZoneSettings


def list_problems(zones: Sequence[ZoneSettings]) -> Iterator[Problem]:
    """Yield identities that can't work.

    Args:
        zones: the stack's zones.
    """
    for index, zone in enumerate(zones):
        path = f"zones[{index}]"
        yield from _fields_of_another_identity(path, zone)
        if zone.identity == "pod-identity" and zone.cluster_name is None:
            yield Problem(f"{path}.clusterName", "is missing: identity pod-identity needs it")
        if zone.identity == "irsa":
            yield from _irsa_problems(path, zone)
    yield from _shared_service_accounts(zones)


def list_warnings(zones: Sequence[ZoneSettings]) -> Iterator[Problem]:
    """Yield identities that can work but are most likely a mistake.

    Args:
        zones: the stack's zones.
    """
    for index, zone in enumerate(zones):
        issuer = _issuer(zone)
        region = fields.find_eks_region(issuer) if issuer else None
        if region is not None and region != zone.region:
            key = "oidcProviderArn" if zone.oidc_provider_arn else "oidcIssuer"
            yield Problem(
                f"zones[{index}].{key}",
                f"is the issuer of an EKS cluster in {region}, but zone {zone.name} is in {zone.region}",
            )


def _fields_of_another_identity(path: str, zone: ZoneSettings) -> Iterator[Problem]:
    given = {
        "oidcProviderArn": ("irsa", zone.oidc_provider_arn is not None),
        "oidcIssuer": ("irsa", zone.oidc_issuer is not None),
        "createOidcProvider": ("irsa", zone.create_oidc_provider),
        "clusterName": ("pod-identity", zone.cluster_name is not None),
        "compute": ("ambient", zone.compute is not None),
    }
    for key, (identity, is_given) in given.items():
        if is_given and identity != zone.identity:
            yield Problem(f"{path}.{key}", f"is for identity {identity}, but the zone's identity is {zone.identity}")


def _irsa_problems(path: str, zone: ZoneSettings) -> Iterator[Problem]:
    if zone.oidc_provider_arn is None and zone.oidc_issuer is None:
        yield Problem(f"{path}.oidcProviderArn", "is missing: identity irsa needs it, or oidcIssuer")
    if zone.oidc_provider_arn is not None and zone.oidc_issuer is not None:
        yield Problem(f"{path}.oidcIssuer", "can't be set together with oidcProviderArn, which contains the issuer")
    if zone.create_oidc_provider and zone.oidc_issuer is None:
        yield Problem(f"{path}.oidcIssuer", "is missing: createOidcProvider needs it")


def _shared_service_accounts(zones: Sequence[ZoneSettings]) -> Iterator[Problem]:
    # A service account has one annotation (EKS user guide, "Assign IAM roles to service accounts") or one association
    # (EKS API reference, CreatePodIdentityAssociation: ResourceInUseException).
    seen: dict[tuple[str | None, ...], str] = {}
    for index, zone in enumerate(zones):
        cluster = _cluster(zone)
        if cluster is None:
            continue
        other = seen.setdefault((*cluster, zone.namespace, zone.service_account), zone.name)
        if other != zone.name:
            yield Problem(
                f"zones[{index}].serviceAccount",
                f"is {zone.namespace}/{zone.service_account}, which zone {other} in the same cluster uses too. "
                "A service account has one role; give each zone's control plane its own cluster, namespace or service "
                "account",
            )


def _cluster(zone: ZoneSettings) -> tuple[str | None, ...] | None:
    """Return a key that identifies a zone's cluster, as far as the settings name it."""
    if zone.identity == "pod-identity":
        return (zone.resolve_account(""), zone.region, zone.cluster_name)
    issuer = _issuer(zone)
    # The account does not matter: an issuer belongs to one cluster.
    return (issuer,) if issuer else None


def _issuer(zone: ZoneSettings) -> str | None:
    """Return the zone's OIDC issuer in lower case, without ``https://``."""
    issuer = arn.read_issuer(zone.oidc_provider_arn) if zone.oidc_provider_arn else zone.oidc_issuer
    if issuer is None:
        return None
    host, slash, path = issuer.partition("/")
    return f"{host.lower()}{slash}{path}"
