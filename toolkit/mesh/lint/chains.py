"""Read the CA chains that proxies verify their peers with, from a Mesh or a Secret that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import read_value
from toolkit.mesh.schema.backends import CHAIN_FIELDS
from toolkit.pki import pem
from toolkit.pki.hierarchy import Hierarchy
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.mesh.documents.data_sources import Resolved
    from toolkit.mesh.documents.typed import Backend, MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.pki.pem_faults import Fault
    from toolkit.yamltext.nodes import Path

_FIELDS: dict[str, Path] = {kind: (field,) for kind, field in CHAIN_FIELDS.items()}
# The CAs with which a control plane verifies the servers that it calls.
_SERVER_FIELDS: dict[str, Path] = {"vault": ("fromCp", "tls", "caCert")}
_KEY = re.compile(r"BEGIN [A-Z0-9 ]*PRIVATE KEY")


@dataclass(frozen=True)
class Bundle:
    """The value of a field for a chain.

    Attributes:
        where: its position.
        certificates: in their order; empty if the text can't be read.
        faults: why it can't be read.
        has_key: whether it contains a private key.
        has_text: whether it contains text around the certificates.
        hierarchy: the path from the issuing CA to a root.
    """

    where: Resolved
    certificates: tuple[x509.Certificate, ...]
    faults: tuple[Fault, ...]
    has_key: bool
    has_text: bool
    hierarchy: Hierarchy


def read_bundle(mesh: MeshDocument, backend: Backend, context: Context) -> Bundle | None:
    """Return the chain of a backend; None if it has none, if the data source has a finding, or if it can't be read."""
    return _bundle_at(mesh, backend, _FIELDS.get(backend.type), context)


def read_server_bundle(mesh: MeshDocument, backend: Backend, context: Context) -> Bundle | None:
    """Return the CAs with which a backend verifies the server that it calls; None as for :func:`bundle_of`."""
    return _bundle_at(mesh, backend, _SERVER_FIELDS.get(backend.type), context)


def _bundle_at(mesh: MeshDocument, backend: Backend, field: Path | None, context: Context) -> Bundle | None:
    if field is None:
        return None
    resolved = read_value(mesh, (*backend.path, "conf", *field), at(backend.conf, field), context.documents)
    return None if resolved is None else read_chain(resolved)


def read_chain(where: Resolved) -> Bundle:
    """Return the certificates in a text, and whether it contains anything else."""
    return Bundle(where, *_contents(where.value))


# Meshes of one stack have the same chain, and several rules read it.
@lru_cache(maxsize=64)
def _contents(text: str) -> tuple[tuple[x509.Certificate, ...], tuple[Fault, ...], bool, bool, Hierarchy]:
    content = pem.read(text)
    faults = tuple(fault for fault in content.faults if fault.kind != "private-key")
    # After a fault, Go, OpenSSL and Envoy each skip different certificates, so the rest is not checked.
    certificates = () if content.faults else tuple(content.certificates)
    has_text = bool(content.text_lines and certificates)
    return certificates, faults, _KEY.search(text) is not None, has_text, Hierarchy(certificates)
