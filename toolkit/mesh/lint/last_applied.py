"""What ``kubectl apply`` remembers: a copy of the document as it was applied, in an annotation, in plain text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolkit.mesh.lint.credentials import CREDENTIALS, IN_THE_MESH, INLINE
from toolkit.mesh.lint.documents import MeshDocument, at, mapping, text
from toolkit.mesh.lint.findings import Rule, Severity
from toolkit.mesh.lint.sources import decode
from toolkit.mesh.lint.text import listed
from toolkit.pki import go_pem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.documents import SecretDocument
    from toolkit.mesh.lint.findings import Finding

_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
_SOURCE = "kubernetes.io/docs/reference/labels-annotations-taints (kubectl.kubernetes.io/last-applied-configuration)"
_FIX = (
    f"Remove it (kubectl annotate KIND NAME {_ANNOTATION}-), apply with --server-side from then on, and replace the "
    "credential if others could read it."
)
IN_AN_ANNOTATION = Rule(
    "MESH046",
    Severity.WARNING,
    "kubectl's annotation has a copy of a Secret's value",
    "kubectl describe shows annotations, and tools log them. The copy stays when the value is changed in other ways.",
    _FIX,
    _SOURCE,
)
RULES = (IN_AN_ANNOTATION,)

_PATH = ("metadata", "annotations", _ANNOTATION)
# What everybody may know.
_PUBLIC = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY", "X509 CRL")


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield the findings of this module."""
    applied = MeshDocument(mesh.source, "kubernetes", _applied(mesh), mesh.root)
    names = {
        str(path[-1])
        for backend in applied.backends
        for path in CREDENTIALS.get(backend.type, ()) or [each for paths in CREDENTIALS.values() for each in paths]
        for kind in INLINE
        if text(mapping(at(backend.value, path)).get(kind)).strip()
    }
    if names:
        message = f"kubectl's annotation last-applied-configuration still contains {listed(sorted(names))}"
        yield mesh.finding(IN_THE_MESH, _PATH, message, _FIX)


def check_secret(secret: SecretDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield what is wrong with the annotations of a Secret."""
    applied = _applied(secret)
    plain = [text(value) for value in mapping(applied.get("stringData")).values()]
    encoded = [decode(text(value), from_protobuf=False) for value in mapping(applied.get("data")).values()]
    for values, form in ((plain, "in plain text"), (encoded, "in base64")):
        if any(value and value.strip() and not _is_public(value) for value in values):
            message = f"kubectl's annotation last-applied-configuration contains the value of the Secret {form}"
            yield secret.finding(IN_AN_ANNOTATION, _PATH, message)
            return


def _is_public(value: str) -> bool:
    labels = {block.label for block in go_pem.blocks(value)}
    return bool(labels) and labels <= set(_PUBLIC) and "PRIVATE KEY" not in value


def _applied(document: MeshDocument | SecretDocument) -> dict[str, Any]:
    """Return the document as it was applied; empty where there is no copy that can be read."""
    if document.is_universal:
        return {}
    try:
        return mapping(json.loads(text(at(document.value, _PATH)) or "{}"))
    except (ValueError, RecursionError):
        return {}
