"""Build the configuration of one Envoy that is the proxy of every zone, with Kuma's settings for mutual TLS.

These settings are Kuma's, from kumahq/kuma:

- an inbound demands a client certificate and matches URI SANs by the prefix ``spiffe://<mesh>/``; an outbound matches
  ``spiffe://<mesh>/<service>`` exactly (``pkg/xds/envoy/tls/v3/tls.go``: CreateDownstreamTlsContext,
  CreateUpstreamTlsContext);
- an outbound offers the ALPN protocol ``kuma`` (``pkg/xds/envoy/tls/tls.go``: KumaALPNProtocols);
- its SNI is ``<service>{mesh=<mesh>}`` (``pkg/xds/envoy/clusters/v3/client_side_mtls_configurer.go`` and
  ``pkg/xds/envoy/tls/sni.go``: SNIFromTags);
- TLS versions and ciphers are left to Envoy;
- with MeshTrusts, Envoy's SPIFFE validator verifies chains (``pkg/core/resources/apis/meshtrust/generator/v1alpha1/
  secrets.go``); an inbound matches the prefix ``spiffe://<trust domain>`` of each of them, an outbound the SPIFFE IDs
  of the service (``pkg/plugins/policies/meshtls/plugin/v1alpha1/plugin.go``: downstreamTLSContext).

These settings are not Kuma's:

- keys and certificates are in the configuration; Kuma sends them over SDS;
- TLS sessions are never resumed, so that every handshake is a full one;
- with MeshTrusts, an outbound sends no SNI: nothing here chooses by it;
- addresses are Unix sockets in a private directory, so nothing listens on a port.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from toolkit.pki import pem
from toolkit.values import Object
from toolkit.verify.handshakes.openssl import PeerTrust, presented
from toolkit.verify.handshakes.trust_domains import SpiffeTrust

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.verify.zone import Proxy

ADMIN, OUTBOUND = "admin", "outbound"
_TYPE = "type.googleapis.com/envoy.extensions."
_OWNER_ONLY = 0o600
# The first line is BoringSSL's reason, with _ for spaces. It is empty unless the connection itself failed.
_FAILURE_FORMAT = "%UPSTREAM_TRANSPORT_FAILURE_REASON%\n%LOCAL_REPLY_BODY%"
# The metadata key by which a route chooses the server, so that a client needs only one cluster.
_SERVER_KEY = "server"


def name_client(number: int) -> str:
    """Return the host of requests that the proxy with this number sends."""
    return f"client-{number}"


def name_server(number: int) -> str:
    """Return the path of requests to the proxy with this number, which is also the body of its response."""
    return f"server-{number}"


def bootstrap(proxies: Sequence[Proxy], trust: PeerTrust, directory: Path) -> Object:
    """Return the configuration. It contains private keys, so it must not be written to a file.

    Args:
        proxies: each is a client and a server, with its index as its number.
        trust: what a proxy requires of its peers.
        directory: for the sockets; only this user may access it.

    Returns:
        Envoy's ``envoy.config.bootstrap.v3.Bootstrap`` as JSON values.
    """
    numbers = range(len(proxies))
    return {
        "admin": {"address": _address(directory, ADMIN)},
        "static_resources": {
            "listeners": [
                *(_inbound(number, proxy, trust, directory) for number, proxy in enumerate(proxies)),
                _outbound(numbers, directory),
            ],
            "clusters": [_cluster(number, proxy, trust, numbers, directory) for number, proxy in enumerate(proxies)],
        },
    }


def _address(directory: Path, name: str) -> Object:
    return {"pipe": {"path": str(directory / name), "mode": _OWNER_ONLY}}


def _inbound(number: int, proxy: Proxy, trust: PeerTrust, directory: Path) -> Object:
    """Return a zone's inbound listener, which answers trusted clients with its name."""
    name = name_server(number)
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": name}}}
    tls = {
        "@type": f"{_TYPE}transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": _common(proxy, trust, [{"prefix": prefix} for prefix in trust.client_prefixes]),
        "require_client_certificate": True,
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
    }
    http = _http(name, [{"name": name, "domains": ["*"], "routes": [answer]}])
    # One request per connection: thousands of open connections would exceed the limit of open files.
    http["typed_config"]["common_http_protocol_options"] = {"max_requests_per_connection": 1}
    return {
        "name": name,
        "address": _address(directory, name),
        "filter_chains": [{"transport_socket": {"name": "tls", "typed_config": tls}, "filters": [http]}],
    }


def _outbound(numbers: Sequence[int], directory: Path) -> Object:
    """Return the listener for our requests, without TLS: the host chooses the client, the path the server."""
    hosts = [
        {
            "name": name_client(client),
            "domains": [name_client(client)],
            "routes": [
                {
                    "match": {"path": f"/{name_server(server)}"},
                    "route": {
                        "cluster": name_client(client),
                        "metadata_match": {"filter_metadata": {"envoy.lb": {_SERVER_KEY: str(server)}}},
                    },
                }
                for server in numbers
                if server != client
            ],
        }
        for client in numbers
    ]
    http = _http(OUTBOUND, hosts)
    http["typed_config"]["local_reply_config"] = {
        "body_format": {"text_format_source": {"inline_string": _FAILURE_FORMAT}}
    }
    return {"name": OUTBOUND, "address": _address(directory, OUTBOUND), "filter_chains": [{"filters": [http]}]}


def _cluster(number: int, proxy: Proxy, trust: PeerTrust, numbers: Sequence[int], directory: Path) -> Object:
    """Return the cluster by which a zone's proxy connects to all others."""
    name = name_client(number)
    common = _common(proxy, trust, [{"exact": name} for name in trust.server_ids])
    tls = {
        "@type": f"{_TYPE}transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"alpn_protocols": ["kuma"], **common},
        "sni": trust.sni,
        "max_session_keys": 0,
    }
    endpoints = [
        {
            "endpoint": {"address": _address(directory, name_server(server))},
            "metadata": {"filter_metadata": {"envoy.lb": {_SERVER_KEY: str(server)}}},
        }
        for server in numbers
        if server != number
    ]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "10s",
        "lb_subset_config": {"fallback_policy": "NO_FALLBACK", "subset_selectors": [{"keys": [_SERVER_KEY]}]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "transport_socket": {"name": "tls", "typed_config": tls},
    }


def _common(proxy: Proxy, trust: PeerTrust, matchers: list[dict[str, str]]) -> Object:
    key = proxy.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "tls_certificates": [
            {
                "certificate_chain": {"inline_string": pem.write(presented(proxy))},
                "private_key": {"inline_string": key.decode()},
            }
        ],
        "validation_context": {
            **_verify_chains(trust),
            "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": matcher} for matcher in matchers],
        },
    }


def _verify_chains(trust: PeerTrust) -> Object:
    """Return the part of a validation context that says which CAs are trusted."""
    if not isinstance(trust, SpiffeTrust):
        return {"trusted_ca": {"inline_string": trust.bundle}}
    domains = [
        {"name": domain, "trust_bundle": {"inline_string": bundle}} for domain, bundle in sorted(trust.bundles.items())
    ]
    validator = {"@type": f"{_TYPE}transport_sockets.tls.v3.SPIFFECertValidatorConfig", "trust_domains": domains}
    return {"custom_validator_config": {"name": "envoy.tls.cert_validator.spiffe", "typed_config": validator}}


def _http(name: str, hosts: list[Object]) -> Object:
    return {
        "name": "http",
        "typed_config": {
            "@type": f"{_TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": name,
            "route_config": {"name": name, "virtual_hosts": hosts},
            "http_filters": [{"name": "router", "typed_config": {"@type": f"{_TYPE}filters.http.router.v3.Router"}}],
        },
    }
