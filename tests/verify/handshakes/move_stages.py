"""Make the handshakes of one stage of a move from ``Mesh.mtls`` to MeshIdentity, with OpenSSL and with Envoy.

In the middle of a move, some proxies have the old certificate and some the new one. All of them verify peers by the
same documents. Before the first MeshTrust, this is the Mesh's ``caCert``
(:class:`~toolkit.verify.handshakes.openssl.Trust`). Then it is the MeshTrusts
(:class:`~toolkit.verify.handshakes.trust_domains.SpiffeTrust`), in which the old CA has the mesh's name as its trust
domain (kumahq/kuma:docs/madr/decisions, MADR-085).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from toolkit.verify.handshakes import envoy, openssl

if TYPE_CHECKING:
    from toolkit.verify.handshakes.openssl import PeerTrust
    from toolkit.verify.zone import Proxy

Side = Literal["old", "new"]
_SIDES: tuple[Side, ...] = ("old", "new")


class Verdict(NamedTuple):
    """Whether two proxies connect.

    Attributes:
        client: the client's certificate, old or new.
        server: the server's certificate, old or new.
        openssl: why OpenSSL rejects the handshake; empty if it accepts it.
        envoy: why Envoy rejects the handshake; empty if it accepts it.
    """

    client: Side
    server: Side
    openssl: str
    envoy: str


def meet_in_stage(trust: PeerTrust, old: Proxy, new: Proxy) -> tuple[Verdict, ...]:
    """Connect proxies with the old and the new certificate to proxies with either one.

    Args:
        trust: the CAs and names that all proxies require in this stage.
        old: a proxy with a certificate of ``Mesh.mtls``, of any zone.
        new: a proxy with a certificate of a MeshIdentity.

    Returns:
        The verdicts of old to old, old to new, new to old and new to new.

    Raises:
        ExternalError: Envoy is not installed or does not start, or this machine has no ``/dev/fd``.
    """
    given = {"old": old, "new": new}
    proxies = [replace(given[side], zone=f"{side} {role}") for side in _SIDES for role in ("client", "server")]
    found = [
        {(met.client, met.server): met.problem for met in make(proxies, trust)}
        for make in (openssl.make_handshakes, envoy.make_handshakes)
    ]
    pairs = [(client, server) for client in _SIDES for server in _SIDES]
    return tuple(
        Verdict(client, server, *(problems[f"{client} client", f"{server} server"] for problems in found))
        for client, server in pairs
    )
