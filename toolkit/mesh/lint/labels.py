"""Labels of Meshes and Secrets: what Kubernetes and Kuma's API accept as a key and as a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.mesh.documents.typed import MeshDocument, SecretDocument
from toolkit.mesh.documents.wording import key_text, kind, shown
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.mesh.lint.value_types import WRONG_TYPE
from toolkit.mesh.schema.secret import MESH_LABEL
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

LABEL = Rule(
    "MESH006",
    Severity.ERROR,
    "A label has a key or a value that no label can have",
    "Kubernetes and the control plane refuse the document.",
    "Use at most 63 letters, digits, hyphens, underscores and dots that begin and end with a letter or a digit. A key "
    "can have a prefix: example.com/key.",
    "kubernetes.io/docs/concepts/overview/working-with-objects/labels (Syntax and character set); "
    "kumahq/kuma:pkg/api-server/resource_endpoints.go (validateLabels); measured with Kuma 2.14.3",
)
RULES = (LABEL,)

# kubernetes/apimachinery:pkg/util/validation/validation.go: IsQualifiedName, IsValidLabelValue
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_MAX_PREFIX = 253
_ORIGIN = "kuma.io/origin"
_ORIGINS = ("global", "zone")


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield the findings of this module."""
    yield from _labels(mesh)


def check_secret(secret: SecretDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield what is wrong with the labels of a Secret."""
    yield from _labels(secret)


def _labels(document: MeshDocument | SecretDocument) -> Iterator[Finding]:
    path = ("labels",) if document.is_universal else ("metadata", "labels")
    labels = at(document.value, path)
    if labels is None:
        return
    if not isinstance(labels, dict):
        yield finding_at(document, WRONG_TYPE, path, f"labels must be a mapping; it is {kind(labels)}")
        return
    for key, value in labels.items():
        place = (*path, str(key))
        if isinstance(key, str) and not _is_key(key):
            yield finding_at(document, LABEL, place, f"{key_text(key)} can't be the key of a label")
        if isinstance(value, str):
            if value and not _NAME.fullmatch(value):
                yield finding_at(document, LABEL, place, f"{shown(value)} can't be the value of a label")
            elif key == _ORIGIN and document.is_universal and value not in _ORIGINS:
                yield finding_at(document, LABEL, place, f"{_ORIGIN} must be global or zone; it is {shown(value)}")
        elif value is not None and not (key == MESH_LABEL and isinstance(document, SecretDocument)):
            # The mesh of a Secret has a finding of its own.
            message = f"the value of a label must be a text; it is {kind(value)}"
            yield finding_at(document, WRONG_TYPE, place, message, "Put the value in quotes.")


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    has_prefix = len(prefix) <= _MAX_PREFIX and _PREFIX.fullmatch(prefix) is not None
    return _NAME.fullmatch(name) is not None and (has_prefix or not slash)
