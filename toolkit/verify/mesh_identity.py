"""Find the certificates that each zone's proxies get from a MeshIdentity, and whether all zones trust them.

Experimental, like :mod:`toolkit.mesh.documents.applied_identity`. Each zone has its own trust domain by default, and
its MeshTrust is synced to the global control plane only. The other zones need their own MeshTrust (kumahq/kuma: docs of
the policy MeshTrust).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import Problem
from toolkit.mesh.schema import spiffe_id
from toolkit.mesh.schema.secret import MESH_LABEL
from toolkit.pki import arn, chain, pem, spiffe
from toolkit.text import take_line
from toolkit.verify.results import Check, Outcome, judge

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.contract import Zone
    from toolkit.mesh.documents.applied_identity import AppliedIdentity
    from toolkit.mesh.schema.mesh import Form

AUTHORITY_CERTIFICATE, TRUST_DOMAIN, TRUST_ROOT = "authority-certificate", "trust-domain", "trust-root"
# Zones with these credentials run on Kubernetes; for ambient credentials, it depends on the document's form.
_OF_KUBERNETES = ("irsa", "pod-identity")
_MAX_SHOWN = 120


class Names(NamedTuple):
    """The parts of a SPIFFE ID."""

    trust_domain: str
    path: str


@dataclass(frozen=True)
class MeshIdentityPlan:
    """What to request and check for a MeshIdentity.

    Attributes:
        name: the MeshIdentity's name.
        names: the trust domain and path of each zone's proxy, by zone name, for every zone of the contract.
        bundles: the CAs of the MeshTrusts, as PEM, by trust domain.
        creates_trust: whether each zone's control plane creates the MeshTrust of its trust domain.
        authority_chain: the CA's chain as PEM, from which a control plane creates that MeshTrust.
    """

    name: str
    names: Mapping[str, Names]
    bundles: Mapping[str, str]
    creates_trust: bool
    authority_chain: str

    @property
    def spiffe_ids(self) -> tuple[str, ...]:
        """Return the SPIFFE IDs of all zones, without duplicates."""
        return tuple(dict.fromkeys(self.build_spiffe_id(zone) for zone in self.names))

    @property
    def known_bundles(self) -> dict[str, str]:
        """Return the CAs that the proxies of every zone trust, by trust domain.

        If the documents have no MeshTrust and all zones have the same trust domain, each zone creates the MeshTrust.
        """
        own = {names.trust_domain for names in self.names.values()}
        made = dict.fromkeys(own, self.authority_chain) if self.creates_trust and len(own) == 1 else {}
        return {**made, **self.bundles}

    def build_spiffe_id(self, zone: str) -> str:
        """Return the SPIFFE ID of a zone's proxy."""
        return spiffe.build_id(*self.names[zone])

    def load_bundle(self, zone: str) -> tuple[x509.Certificate, ...]:
        """Return the CAs that a zone's proxies trust for their own trust domain; empty if there is no MeshTrust."""
        created = self.authority_chain if self.creates_trust else ""
        bundle = self.bundles.get(self.names[zone].trust_domain, created)
        return pem.load_certificates(bundle) if bundle else ()

    @property
    def check_names(self) -> tuple[str, ...]:
        """Return the names of the additional checks of a zone, in the order of reports."""
        return (*((AUTHORITY_CERTIFICATE,) if self.creates_trust else ()), TRUST_DOMAIN, TRUST_ROOT)

    def check_trust(self, zone: str) -> Iterator[Check]:
        """Yield the checks of a zone's MeshTrust, which don't call AWS."""
        domain = self.names[zone].trust_domain
        known = _check_trust_domain(self, domain)
        yield known
        yield Check(TRUST_ROOT, Outcome.SKIPPED) if known.failed else _check_roots(self, domain)


def plan_zones(
    identity: AppliedIdentity, zones: Sequence[Zone], service: str, authority_chain: str, problems: list[Problem]
) -> MeshIdentityPlan:
    """Return the SPIFFE IDs and CAs of each zone's proxy, and add the problems with the templates of a MeshIdentity.

    The sample proxy has the service's name as its namespace, service account and workload.

    Args:
        identity: the applied MeshIdentity.
        zones: every zone of the contract.
        service: the service of the proxy.
        authority_chain: the chain of the contract's CA as PEM.
        problems: the list to add to.
    """
    names = {zone.name: _expand(identity, zone, service, problems) for zone in zones}
    return MeshIdentityPlan(identity.name, names, identity.bundles, identity.creates_trust, authority_chain)


def _expand(identity: AppliedIdentity, zone: Zone, service: str, problems: list[Problem]) -> Names:
    """Return a zone's trust domain and path, and add the problems with them.

    The default path depends on where the zone runs (kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/
    helpers.go).
    """
    form: Form = "kubernetes" if zone.identity in _OF_KUBERNETES else identity.form
    labels = {MESH_LABEL: identity.mesh, **identity.labels}
    domain = spiffe_id.expand(
        identity.trust_domain or spiffe_id.DEFAULT_TRUST_DOMAIN, {"Mesh": identity.mesh, "Zone": zone.name}, labels
    )
    samples = dict.fromkeys(("Namespace", "ServiceAccount", "Workload"), service)
    template = identity.path or spiffe_id.DEFAULT_PATHS[form]
    path = spiffe_id.expand(template, {"TrustDomain": domain.text, **samples})
    checked = (
        ("trustDomain", domain, spiffe_id.check_trust_domain(domain.text)),
        ("path", path, spiffe_id.check_path(path.text)),
    )
    for field, expanded, message in checked:
        if unknown := ", ".join(expanded.unknown):
            shown = take_line(unknown, _MAX_SHOWN)
            problems.append(Problem(f"{identity.place} spec.spiffeID.{field}", f"has unknown parts: {shown}"))
        elif message:
            where = "--service" if field == "path" and spiffe_id.check_path(f"/{service}") else identity.place
            problems.append(Problem(f"{where} spec.spiffeID.{field}", f"{arn.quote(expanded.text)} {message}"))
    return Names(domain.text, path.text)


def _check_trust_domain(plan: MeshIdentityPlan, domain: str) -> Check:
    """Check that the proxies of all zones trust the CAs of a zone's trust domain."""
    expected = f"every zone gets a MeshTrust of the trust domain {domain}"
    if domain in plan.bundles:
        return judge(TRUST_DOMAIN, expected, "a MeshTrust in the documents", "", good=True)
    if domain in plan.known_bundles:
        return judge(TRUST_DOMAIN, expected, "each zone's control plane creates it", "", good=True)
    found = "no MeshTrust in the documents"
    advice = (
        f"Apply a MeshTrust with the trust domain {domain} and the CA's whole chain to the global control plane, and "
        "give its document too, with -f."
    )
    if plan.creates_trust:
        found += "; only the zone's own proxies get the one that its control plane creates"
        advice += " Or set spiffeID.trustDomain to one trust domain for all zones in a new MeshIdentity."
    else:
        advice = f"meshTrustCreation is Disabled. {advice}"
    return judge(TRUST_DOMAIN, expected, found, advice, good=False)


def _check_roots(plan: MeshIdentityPlan, domain: str) -> Check:
    """Check that the MeshTrusts have a root, because Envoy's SPIFFE validator accepts no other trust anchor.

    A MeshTrust whose trust domain is not that of a zone, such as that of an old CA, belongs to every zone.
    """
    own = {names.trust_domain for names in plan.names.values()}
    bundles = {name: bundle for name, bundle in plan.bundles.items() if name == domain or name not in own}
    rootless = [name for name, bundle in bundles.items() if not _has_root(bundle)]
    found = ", ".join(bundles) or f"{domain}: the control plane puts the CA's chain into it"
    return judge(
        TRUST_ROOT,
        "a root in the MeshTrust of each trust domain",
        f"no root in the MeshTrust of {', '.join(rootless)}" if rootless else found,
        "Put the CA's whole chain into the MeshTrust: Envoy rejects every certificate below an intermediate CA alone.",
        _note_sending(plan, domain),
        good=not rootless,
    )


def _note_sending(plan: MeshIdentityPlan, domain: str) -> str:
    """Return a remark if peers must send more than the leaf; it isn't known what Kong Mesh's proxies send."""
    bundle = plan.bundles.get(domain)
    issuing = pem.load_certificates(plan.authority_chain)[0]
    if bundle is None or issuing in pem.load_certificates(bundle):
        return ""
    return "the MeshTrust does not contain the issuing CA, so proxies that send only their certificate are rejected"


def _has_root(bundle: str) -> bool:
    return any(chain.is_self_signed(certificate) for certificate in pem.load_certificates(bundle))
