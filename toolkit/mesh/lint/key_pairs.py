"""Check private keys and their certificates: of a ``provided`` CA, and of a control plane that logs in to Vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import read_value
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import Finding, report
from toolkit.mesh.lint.placeholders import find_unfilled
from toolkit.pki import go_pem, private_key
from toolkit.pki.private_key import EncryptedKeyError, NotAKeyError, PublicKey, UnusableKeyError
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

    from toolkit.mesh.documents.data_sources import Resolved
    from toolkit.mesh.documents.typed import Backend, MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.yamltext.nodes import Path


OF_ANOTHER = RULES["MESH160"]
ENCRYPTED = RULES["MESH161"]
NO_KEY = RULES["MESH162"]
UNREADABLE_KEY = RULES["MESH163"]
NO_CERTIFICATE = RULES["MESH164"]

# The paths of a certificate and its key in each type of backend.
_PAIRS: dict[str, tuple[Path, Path]] = {
    "provided": (("conf", "cert"), ("conf", "key")),
    "vault": (("conf", "fromCp", "auth", "tls", "clientCert"), ("conf", "fromCp", "auth", "tls", "clientKey")),
}


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    for backend in mesh.backends:
        if backend.type in _PAIRS:
            yield from _pair(mesh, backend, context)


def _pair(mesh: MeshDocument, backend: Backend, context: Context) -> Iterator[Finding]:
    of_certificate, of_key = _PAIRS[backend.type]
    certificates, key = (_value(mesh, backend, path, context) for path in (of_certificate, of_key))
    half = _read_key(key, str(of_key[-1]), certificates) if key else None
    # For a provided CA the rules for chains report everything else.
    keys_alone = backend.type == "provided"
    certified = (
        _read_certificate(certificates, str(of_certificate[-1]), keys_alone=keys_alone) if certificates else None
    )
    yield from (finding for finding in (half, certified) if isinstance(finding, Finding))
    if key and isinstance(half, PublicKey) and certified and not isinstance(certified, Finding):
        difference = private_key.find_difference(certified, half)
        if difference:
            yield report(key.document, OF_ANOTHER, key.path, f"{of_key[-1]} {difference}")


def _value(mesh: MeshDocument, backend: Backend, path: Path, context: Context) -> Resolved | None:
    return read_value(mesh, (*backend.path, *path), at(backend.value, path), context.documents)


def _read_key(key: Resolved, name: str, certificates: Resolved | None) -> PublicKey | Finding:
    if finding := find_unfilled(key, name):
        return finding
    try:
        return private_key.load(key.value)
    except EncryptedKeyError as error:
        return report(key.document, ENCRYPTED, key.path, f"{name} {error}")
    except UnusableKeyError as error:
        return report(key.document, UNREADABLE_KEY, key.path, f"{name} {error}")
    except NotAKeyError as error:
        is_swapped = certificates and _has_certificate(key.value) and _has_key_alone(certificates.value)
        fix = "The certificate and the key are swapped: exchange the two." if is_swapped else ""
        return report(key.document, NO_KEY, key.path, f"{name} {error}", fix)


def _read_certificate(certificates: Resolved, name: str, *, keys_alone: bool) -> x509.Certificate | Finding | None:
    try:
        return private_key.load_certificate(certificates.value)
    except NotAKeyError as error:
        if keys_alone and not _has_key_alone(certificates.value):
            return None
        return report(certificates.document, NO_CERTIFICATE, certificates.path, f"{name} {error}")


def _has_certificate(text: str) -> bool:
    return any(block.label == "CERTIFICATE" for block in go_pem.read_blocks(text))


def _has_key_alone(text: str) -> bool:
    labels = [block.label for block in go_pem.read_blocks(text)]
    return any(map(private_key.is_private, labels)) and "CERTIFICATE" not in labels
