"""Make the handshakes of one stage of a move from ``Mesh.mtls`` to MeshIdentity, with OpenSSL and with Envoy.

In the middle of a move some proxies have the old certificate and some the new one, and all verify peers by the same
documents. Until the first MeshTrust that is the Mesh's ``caCert`` (:class:`~toolkit.verify.handshakes.openssl.Trust`),
then the MeshTrusts (:class:`~toolkit.verify.handshakes.trust_domains.SpiffeTrust`), with that of the old CA under the
name of the mesh (kumahq/kuma:docs/madr/decisions, MADR-085).
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
        client: which certificate the client has.
        server: which certificate the server has.
        openssl: why OpenSSL rejects it; empty if it does not.
        envoy: why Envoy rejects it; empty if it does not.
    """

    client: Side
    server: Side
    openssl: str
    envoy: str


def meet_in_stage(trust: PeerTrust, old: Proxy, new: Proxy) -> tuple[Verdict, ...]:
    """Let a proxy with the old and one with the new certificate connect to proxies of both kinds.

    Args:
        trust: what all proxies require in this stage.
        old: has a certificate of ``Mesh.mtls``; its zone does not matter.
        new: has a certificate of a MeshIdentity.

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
