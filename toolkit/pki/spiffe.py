"""Build and read the URI subject alternative names of data plane certificates.

Source for certificates of a Mesh: kumahq/kuma:pkg/core/ca/issuer/issuer.go (``spiffe://<mesh>/<service>`` for every
service and ``kuma://<tag>/<value>`` for every tag). Those of a MeshIdentity have one SPIFFE ID alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SERVICE_TAG = "kuma.io/service"
ZONE_TAG = "kuma.io/zone"
_SCHEME = "spiffe://"


def build_service_uri(mesh: str, service: str) -> str:
    """Return a service's SPIFFE ID, by which Envoy verifies a peer."""
    return build_id(mesh, f"/{service}")


def build_id(trust_domain: str, path: str = "") -> str:
    """Return a SPIFFE ID (SPIFFE-ID, 2): the path begins with a slash; without one, it is the trust domain's own ID."""
    return f"{_SCHEME}{trust_domain}{path}"


def find_trust_domain(uri: str) -> str:
    """Return the trust domain of a URI as Envoy's SPIFFE validator reads it; empty if it has none.

    Source: envoyproxy/envoy:source/common/tls/cert_validator/spiffe/spiffe_validator.cc, extractTrustDomain: a SPIFFE
    ID without a path has none.
    """
    domain, slash, _ = uri.removeprefix(_SCHEME).partition("/")
    return domain if uri.startswith(_SCHEME) and slash else ""


def build_tag_uri(tag: str, value: str) -> str:
    """Return the URI for one tag of a data plane proxy."""
    return f"kuma://{tag}/{value}"


def build_typical_uris(mesh: str) -> tuple[str, ...]:
    """Return example URIs of a data plane proxy of a mesh, to check their hosts against name constraints."""
    return (build_service_uri(mesh, "service"), build_tag_uri(SERVICE_TAG, "service"))


def build_data_plane_uris(mesh: str, services: Sequence[str], tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return all URI SANs of a data plane proxy, services first.

    Raises:
        ValueError: a name is not valid in a URI SAN, which is an IA5String (RFC 5280, 4.2.1.6).
    """
    uris = [build_service_uri(mesh, service) for service in services]
    uris += [build_tag_uri(tag, value) for tag, value in tags.items()]
    for uri in uris:
        if not uri.isascii() or not uri.isprintable() or " " in uri:
            raise ValueError(f"{uri!r} can't be a URI in a certificate: only printable ASCII without spaces can")
    return tuple(uris)
