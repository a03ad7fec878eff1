"""Verify certificates by the rules of Envoy's SPIFFE validator: each trust domain has its own CAs.

From the first MeshTrust on, Kuma's proxies verify peers with this validator (kumahq/kuma:pkg/core/resources/apis/
meshtrust/generator/v1alpha1/secrets.go). A peer's first URI SAN determines its trust domain, and with it the CAs that
may have issued its certificate (envoyproxy/envoy:source/common/tls/cert_validator/spiffe/spiffe_validator.cc). The path
must end with a root: unlike in the ``caCert`` of a Mesh, an intermediate CA is not a trust anchor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509

from toolkit.pki import chain, spiffe

_MOST_IDS = 2


@dataclass(frozen=True)
class SpiffeTrust:
    """The CAs and SPIFFE IDs that each proxy of a mesh with MeshTrusts requires of its peers.

    Attributes:
        bundles: CAs as PEM by trust domain: those of the MeshTrusts, byte for byte.
        server_ids: the SPIFFE IDs of the service that a client calls.
    """

    bundles: Mapping[str, str]
    server_ids: tuple[str, ...]

    accepts_partial_chains = False
    sni = ""

    @property
    def client_prefixes(self) -> tuple[str, ...]:
        """Return the prefixes of client SPIFFE IDs that a server allows, one for each trust domain.

        Source: kumahq/kuma:pkg/plugins/policies/meshtls/plugin/v1alpha1/plugin.go, downstreamTLSContext.
        """
        return tuple(spiffe.build_id(domain) for domain in sorted(self.bundles))

    @property
    def expected_server(self) -> str:
        """Return the allowed SPIFFE IDs of a server, for messages."""
        more = len(self.server_ids) - _MOST_IDS
        return " or ".join(self.server_ids[:_MOST_IDS]) + (f" or {more} more" if more > 0 else "")

    @property
    def stranger_id(self) -> str:
        """Return a SPIFFE ID that every proxy must reject."""
        domain = next(name for name in ("other-mesh", "another-mesh", "no-mesh") if name not in self.bundles)
        return spiffe.build_id(domain, "/workload/stranger")

    def choose_bundle(self, leaf: x509.Certificate) -> str | None:
        """Return the CAs of a certificate's trust domain; None if the trust domain is unknown."""
        return self.bundles.get(_find_trust_domain(leaf))

    def refuse(self, leaf: x509.Certificate) -> str:
        """Return why a certificate is rejected before its path is verified; empty if it is not."""
        domain = _find_trust_domain(leaf)
        if not domain:
            first = next(iter(chain.list_uris(leaf)), "")
            return f"its first URI SAN is {first}, which has no trust domain" if first else "it has no URI SAN"
        if domain not in self.bundles:
            return f"trust domain {domain} has no MeshTrust"
        return "its key usage allows it to sign certificates" if _may_sign(leaf) else ""


def _find_trust_domain(leaf: x509.Certificate) -> str:
    uris = chain.list_uris(leaf)
    return spiffe.find_trust_domain(uris[0]) if uris else ""


def _may_sign(leaf: x509.Certificate) -> bool:
    """Return whether the key usage is that of a CA (spiffe/spiffe:standards/X509-SVID.md, leaf validation)."""
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return usage.key_cert_sign or usage.crl_sign
