"""Ask every judge about CA chains.

The judges, each asked about a server's and about a client's certificate unless it is Envoy:

- `go`, `openssl`, `strict` (OpenSSL's `-x509_strict`) and `level2` (OpenSSL's security level 2, the default of TLS in
  Debian and since 3.2): the last certificate is the only root, and the peer sends its leaf and the others.
- `go-bundle` and `openssl-bundle`: every certificate of the chain is in the trust file, and the peer sends its leaf
  alone.
- `envoy`: every certificate is in `trusted_ca`, and a client sends its leaf alone, as in a mesh.
- `envoy-root`: the last certificate is `trusted_ca`, and a client sends its leaf and the others. A chain that OpenSSL
  can't send counts as refused.

Envoy checks neither basicConstraints nor path length, extended key usage and unknown critical extensions of what is in
`trusted_ca`, so `envoy` accepts most of what `envoy-root` refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

from tests.judges import envoy, golang, openssl
from tests.judges.authorities import Peer
from tests.judges.pem_parts import pem

EVERYONE = "go go-bundle openssl openssl-bundle strict level2 envoy envoy-root"
_USAGES: tuple[Literal["server", "client"], ...] = ("server", "client")


class ChainCase(NamedTuple):
    """A CA chain, and who refuses the certificates that its first CA issues.

    Attributes:
        name: of the defect.
        certificates: DER, issuing CA first, root last, unless their order is the defect.
        peer: has a leaf that the issuing CA issued, and presents it alone.
        refused_by: names of judges; with `:server` or `:client` if a judge refuses one of both only.
    """

    name: str
    certificates: tuple[bytes, ...]
    peer: Peer
    refused_by: frozenset[str]

    @property
    def text(self) -> str:
        return pem(*self.certificates)

    @property
    def sender(self) -> Peer:
        """The peer, sending the chain without its last certificate too."""
        return Peer((self.peer.leaf, *self.certificates[:-1]), self.peer.key)


def reasons(cases: Sequence[ChainCase]) -> list[dict[str, str]]:
    """Return for each chain the error of each judge, empty if it accepts."""
    bundles = envoy.judge([(case.text, [case.peer]) for case in cases])
    roots = envoy.judge([(pem(case.certificates[-1]), [case.sender]) for case in cases])
    with ThreadPoolExecutor() as pool:
        others = list(pool.map(_go_and_openssl, cases))
    return [
        other | {"envoy": bundle.refusals[0], "envoy-root": root.refusals[0]}
        for other, bundle, root in zip(others, bundles, roots, strict=True)
    ]


def refused_by(reasons: dict[str, str]) -> frozenset[str]:
    """Return the names of the judges that have a reason to refuse, as in `ChainCase`."""
    usages: dict[str, set[str]] = {}
    for name, reason in reasons.items():
        judge, _, usage = name.partition(":")
        if reason:
            usages.setdefault(judge, set()).add(usage)
    return frozenset(
        f"{judge}:{usage}" if {usage} == refused and usage else judge
        for judge, refused in usages.items()
        for usage in refused
    )


def _go_and_openssl(case: ChainCase) -> dict[str, str]:
    leaf, (*others, root) = case.peer.leaf, case.certificates
    found: dict[str, str] = {}
    for usage in _USAGES:
        found |= {
            f"go:{usage}": golang.verify(leaf, others, [root], usage),
            f"go-bundle:{usage}": golang.verify_bundle(leaf, case.text, usage),
            f"openssl:{usage}": openssl.verify(leaf, others, [root], usage),
            f"openssl-bundle:{usage}": openssl.verify_bundle(leaf, case.text, usage),
            f"strict:{usage}": openssl.verify(leaf, others, [root], usage, strict=True),
            f"level2:{usage}": openssl.verify(leaf, others, [root], usage, level=2),
        }
    return found
