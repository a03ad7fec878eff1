"""Check labels by the rules of Kubernetes and Kuma's API for keys and values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.mesh.documents.typed import SecretDocument
from toolkit.mesh.documents.wording import name_kind, show, show_key
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.value_types import WRONG_TYPE
from toolkit.mesh.schema.secret import MESH_LABEL
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import Document
    from toolkit.mesh.lint.findings import Finding

LABEL = RULES["MESH006"]

# kubernetes/apimachinery:pkg/util/validation/validation.go: IsQualifiedName, IsValidLabelValue
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_MAX_PREFIX = 253
_ORIGIN = "kuma.io/origin"
_ORIGINS = ("global", "zone")


def check(document: Document) -> Iterator[Finding]:
    """Yield the findings of this module."""
    path = ("labels",) if document.is_universal else ("metadata", "labels")
    labels = at(document.value, path)
    if labels is None:
        return
    if not isinstance(labels, dict):
        yield report(document, WRONG_TYPE, path, f"labels must be a mapping; it is {name_kind(labels)}")
        return
    for key, value in labels.items():
        place = (*path, str(key))
        if isinstance(key, str) and not _is_key(key):
            yield report(document, LABEL, place, f"{show_key(key)} can't be the key of a label")
        if isinstance(value, str):
            if value and not _NAME.fullmatch(value):
                yield report(document, LABEL, place, f"{show(value)} can't be the value of a label")
            elif key == _ORIGIN and document.is_universal and value not in _ORIGINS:
                yield report(document, LABEL, place, f"{_ORIGIN} must be global or zone; it is {show(value)}")
        elif value is not None and not (key == MESH_LABEL and isinstance(document, SecretDocument)):
            # The label of a Secret's mesh has another finding.
            message = f"the value of a label must be a text; it is {name_kind(value)}"
            yield report(document, WRONG_TYPE, place, message, "Put the value in quotes.")


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    has_prefix = len(prefix) <= _MAX_PREFIX and _PREFIX.fullmatch(prefix) is not None
    return _NAME.fullmatch(name) is not None and (has_prefix or not slash)
