"""One Envoy that is the proxies of all zones, each configured as Kuma configures it for mutual TLS.

What of it is Kuma's, from kumahq/kuma:

- an inbound demands a client certificate and matches URI SANs by the prefix ``spiffe://<mesh>/``; an outbound matches
  ``spiffe://<mesh>/<service>`` exactly (``pkg/xds/envoy/tls/v3/tls.go``: CreateDownstreamTlsContext,
  CreateUpstreamTlsContext);
- an outbound offers the ALPN protocol ``kuma`` (``pkg/xds/envoy/tls/tls.go``: KumaALPNProtocols);
- its SNI is ``<service>{mesh=<mesh>}`` (``pkg/xds/envoy/clusters/v3/client_side_mtls_configurer.go`` and
  ``pkg/xds/envoy/tls/sni.go``: SNIFromTags);
- TLS versions and ciphers are left to Envoy.

What is not: Kuma sends keys and certificates over SDS, here they stand in the configuration; sessions are never
resumed, so that every handshake is a whole one; and addresses are sockets in a private directory: nothing listens on a
port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from toolkit.pki import pem
from toolkit.verify.handshakes.openssl import presented

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.values import Object
    from toolkit.verify.handshakes.openssl import Trust
    from toolkit.verify.zone import Proxy

ADMIN, OUTBOUND = "admin", "outbound"
_TYPE = "type.googleapis.com/envoy.extensions."
_OWNER_ONLY = 0o600
# Empty unless the connection itself failed, then BoringSSL's reason, in which Envoy puts _ for blanks.
_FAILURE_FORMAT = "%UPSTREAM_TRANSPORT_FAILURE_REASON%\n%LOCAL_REPLY_BODY%"
# By it an outbound chooses the server, so that it needs one cluster and not one for each server.
_SERVER_KEY = "server"


def name_client(number: int) -> str:
    """The host of a request that the proxy of that number is to send."""
    return f"client-{number}"


def name_server(number: int) -> str:
    """What the proxy of that number answers; the path of a request that is for it."""
    return f"server-{number}"


def bootstrap(proxies: Sequence[Proxy], trust: Trust, directory: Path) -> Object:
    """The configuration; it holds private keys, so it must reach no file.

    Args:
        proxies: what they hold; each is a client and a server, known by its number.
        trust: what they ask of each other.
        directory: where the sockets are; nobody else may look into it.

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


def _inbound(number: int, proxy: Proxy, trust: Trust, directory: Path) -> Object:
    """Where the proxy of a zone is connected to: it tells its name to whoever it trusts."""
    name = name_server(number)
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": name}}}
    tls = {
        "@type": f"{_TYPE}transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": _common(proxy, trust, {"prefix": trust.client_prefix}),
        "require_client_certificate": True,
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
    }
    http = _http(name, [{"name": name, "domains": ["*"], "routes": [answer]}])
    # A connection for each request: thousands are asked, and each would keep two files open.
    http["typed_config"]["common_http_protocol_options"] = {"max_requests_per_connection": 1}
    return {
        "name": name,
        "address": _address(directory, name),
        "filter_chains": [{"transport_socket": {"name": "tls", "typed_config": tls}, "filters": [http]}],
    }


def _outbound(numbers: Sequence[int], directory: Path) -> Object:
    """The plain listener where requests come in: the host says who is to send one, the path to whom."""
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


def _cluster(number: int, proxy: Proxy, trust: Trust, numbers: Sequence[int], directory: Path) -> Object:
    """What the proxy of a zone connects with, to any of the others."""
    name = name_client(number)
    tls = {
        "@type": f"{_TYPE}transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"alpn_protocols": ["kuma"], **_common(proxy, trust, {"exact": trust.server_id})},
        "sni": f"{trust.service}{{mesh={trust.mesh}}}",
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


def _common(proxy: Proxy, trust: Trust, matcher: dict[str, str]) -> Object:
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
            "trusted_ca": {"inline_string": trust.bundle},
            "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": matcher}],
        },
    }


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
