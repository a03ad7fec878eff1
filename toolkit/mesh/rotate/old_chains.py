"""Read the CA chains of a Mesh's mTLS backends, for the MeshTrust of the old CAs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.documents.data_sources import Resolved, read_secret_value, resolve
from toolkit.mesh.schema.backends import CHAIN_FIELDS
from toolkit.pki import chain, pem

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import Backend, MeshDocument


class OldChain(NamedTuple):
    """The CA chain of a backend.

    Attributes:
        backend: its name.
        bundle: canonical PEM with the root; empty if it isn't known.
        lacks_root: whether the Mesh itself has a chain without its root.
        problem: why the chain isn't known; empty if it is.
    """

    backend: str
    bundle: str
    lacks_root: bool = False
    problem: str = ""


def name_builtin_secret(mesh: str, backend: str) -> str:
    """Return the name of the Secret with a builtin CA (kumahq/kuma:pkg/plugins/ca/builtin/manager.go)."""
    return f"{mesh}.ca-builtin-cert-{backend}"


def read_old_chains(
    mesh: MeshDocument, documents: Documents, outputs: StackOutputs, given: str | None
) -> list[OldChain]:
    """Return the chain of each mTLS backend, completed with its root from the contract or from a given PEM text.

    Args:
        mesh: the Mesh.
        documents: the documents with the Secrets that its backends name.
        outputs: the contract.
        given: CA certificates as PEM; None for none.

    Raises:
        InvalidInputError: the given text is not PEM with certificates.
    """
    try:
        given_cas = () if given is None else pem.load_certificates(given)
    except ValueError as error:
        raise InvalidInputError("the old CA's chain can't be read", [Problem("--old-chain", str(error))]) from error
    return [_read(mesh, backend, documents, given_cas, outputs) for backend in mesh.backends]


def _read(
    mesh: MeshDocument,
    backend: Backend,
    documents: Documents,
    given: Sequence[x509.Certificate],
    outputs: StackOutputs,
) -> OldChain:
    text, problem = _find_text(mesh, backend, documents)
    if backend.type == "acmpca" and backend.conf.get("arn") == outputs.certificate_authority.arn:
        return OldChain(backend.name, outputs.certificate_chain, bool(text) and not _has_root(text))
    if problem and given:
        return _complete(backend.name, given, given)
    if problem:
        return OldChain(backend.name, "", problem=problem)
    try:
        certificates = pem.load_certificates(text)
    except ValueError as error:
        return OldChain(backend.name, "", problem=f"its chain can't be read: {error}")
    return _complete(backend.name, certificates, [*given, *pem.load_certificates(outputs.certificate_chain)])


def _find_text(mesh: MeshDocument, backend: Backend, documents: Documents) -> tuple[str, str]:
    """Return the PEM text of a backend's chain, or why it isn't known."""
    if field := CHAIN_FIELDS.get(backend.type):
        resolved = resolve(mesh, (*backend.path, "conf", field), backend.conf.get(field), documents)
        return (resolved.value, "") if isinstance(resolved, Resolved) else ("", f"conf.{field} {resolved.message}")
    if backend.type == "builtin":
        name = name_builtin_secret(mesh.name, backend.name)
        secret = documents.find_secret(name, mesh.name)
        value = read_secret_value(secret) if secret else None
        if isinstance(value, Resolved):
            return value.value, ""
        return "", f"the control plane keeps its CA certificate in the Secret {name}; give it with -f"
    return "", "Vault has its CA chain"


def _has_root(text: str) -> bool:
    try:
        return any(map(chain.is_self_signed, pem.load_certificates(text)))
    except ValueError:
        return True


def _complete(backend: str, certificates: Sequence[x509.Certificate], known: Sequence[x509.Certificate]) -> OldChain:
    """Return a chain with the known issuers of all its certificates."""
    links = list(dict.fromkeys(certificates))
    # The loop also visits the issuers that it appends.
    for each in links:
        name = chain.get_display_name(each)
        if not chain.is_ca(each):
            return OldChain(backend, "", problem=f"{name} is not a CA certificate")
        if any(chain.is_issued_by(each, issuer) for issuer in links):
            continue
        issuer = next((other for other in known if chain.is_issued_by(each, other)), None)
        if issuer is None:
            problem = f"no root: the issuer of {name} is not among its certificates"
            return OldChain(backend, "", lacks_root=True, problem=problem)
        links.append(issuer)
    lacks_root = not any(map(chain.is_self_signed, certificates))
    return OldChain(backend, pem.write(links), lacks_root)
