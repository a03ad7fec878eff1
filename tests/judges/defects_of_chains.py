"""Sound CA certificates that don't make a chain, or not the usual one."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from tests.judges.authorities import Ca, Peer, extension
from tests.judges.verdicts import EVERYONE, ChainCase


def chains() -> Iterator[ChainCase]:
    yield from _cross_signed()
    yield from _incomplete()
    yield from _leaves()


def _case(name: str, certificates: tuple[bytes, ...], peer: Peer, refused: str) -> ChainCase:
    return ChainCase(name, certificates, peer, frozenset(refused.split()))


def _cross_signed() -> Iterator[ChainCase]:
    """Return chains in which an old root has also signed the key of a new one."""
    old, new = Ca("Old root"), Ca("New root")
    cross = Ca("New root", old, key=new.key)
    issuing = Ca("Issuing", new)
    peer = issuing.issue_leaf()
    yield _case("cross-signed-complete", (issuing.der, cross.der, old.der), peer, "")
    yield _case("cross-signed-and-both-roots", (issuing.der, cross.der, new.der, old.der), peer, "")
    yield _case("cross-signed-old-root-missing", (issuing.der, cross.der, new.der), peer, "openssl-bundle")
    yield _case("cross-signed-last-old-root-missing", (issuing.der, new.der, cross.der), peer, "openssl strict level2")
    yield _case("cross-signed-alone", (issuing.der, cross.der), peer, "openssl openssl-bundle strict level2")


def _incomplete() -> Iterator[ChainCase]:
    root, other = Ca("Root"), Ca("Other root")
    middle = Ca("Middle", root)
    issuing, deep = Ca("Issuing", root), Ca("Issuing", middle)
    same_name = Ca("Root")
    peer, deep_peer = issuing.issue_leaf(), deep.issue_leaf()
    yield _case("root-missing", (issuing.der,), peer, "openssl openssl-bundle strict level2")
    yield _case("root-missing-above-middle", (deep.der, middle.der), deep_peer, "openssl openssl-bundle strict level2")
    yield _case("middle-missing", (deep.der, root.der), deep_peer, "go openssl openssl-bundle strict level2 envoy-root")
    yield _case("issuing-missing", (root.der,), peer, EVERYONE)
    yield _case("reversed", (root.der, issuing.der), peer, "openssl strict level2")
    yield _case("middle-last", (deep.der, root.der, middle.der), deep_peer, "openssl strict level2")
    yield _case("duplicate-root", (issuing.der, root.der, root.der), peer, "")
    yield _case("unrelated-last", (issuing.der, root.der, other.der), peer, "go openssl strict level2 envoy-root")
    yield _case("unrelated-in-the-middle", (issuing.der, other.der, root.der), peer, "")
    yield _case(
        "root-of-the-same-name",
        (issuing.der, same_name.der),
        peer,
        "go openssl openssl-bundle strict level2 envoy-root",
    )
    yield _case("leaf-first", (peer.leaf, issuing.der, root.der), peer, "")
    yield _case("leaf-alone", (peer.leaf,), peer, "openssl openssl-bundle strict level2")
    yield _case("trailing-byte", (issuing.der + b"\0", root.der), peer, "go go-bundle")
    yield _case("trailing-byte-root", (issuing.der, root.der + b"\0"), peer, "go")


def _leaves() -> Iterator[ChainCase]:
    """Return leaves with odd URIs below sound CAs, some of which constrain URIs."""
    root = Ca("Root")
    issuing = Ca("Issuing", root)
    excluded = extension(x509.NameConstraints(None, [x509.UniformResourceIdentifier("ferries.example")]), critical=True)
    permitted = extension(x509.NameConstraints([x509.UniformResourceIdentifier("default")], None), critical=True)
    excluding, permitting = Ca("Issuing", root, extensions=[excluded]), Ca("Issuing", root, extensions=[permitted])

    def case(name: str, ca: Ca, *uris: str, refused: str) -> ChainCase:
        return _case(name, ca.chain(), ca.issue_leaf(uris), refused)

    yield case("leaf-bad-port", issuing, "spiffe://default:web/web", refused="go go-bundle")
    yield case("leaf-port", issuing, "spiffe://default:80/web", refused="")
    yield case("leaf-no-host", issuing, "spiffe:///web", refused="")
    yield case("leaf-underscore-host", issuing, "spiffe://my_mesh/web", refused="")
    yield case("leaf-blank", issuing, "spiffe://default/my web", refused="")
    yield case("leaf-bad-escape", issuing, "spiffe://default/100%", refused="go go-bundle")
    yield case("nc-permitted-host", permitting, "spiffe://default/web", refused="")
    yield case("nc-permitted-host-other-case", permitting, "spiffe://Default/web", refused="")
    yield case("nc-permitted-host-with-port", permitting, "spiffe://default:80/web", refused="")
    yield case("nc-excluded-other-no-host", excluding, "spiffe:///web", refused=EVERYONE)
    yield case("nc-excluded-other-underscore-host", excluding, "spiffe://my_mesh/web", refused="envoy envoy-root")
    yield case("nc-excluded-other-address", excluding, "spiffe://10.0.0.1/web", refused="go go-bundle envoy envoy-root")
