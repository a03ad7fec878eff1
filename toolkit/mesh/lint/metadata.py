"""Check the metadata of Kubernetes documents.

Kubernetes rejects an unknown field if it validates strictly, as kubectl requests. Otherwise it drops the field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.typed import MeshDocument, ScopedDocument, SecretDocument
from toolkit.mesh.documents.wording import join_words, name_kind, show_key
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.value_types import WRONG_TYPE
from toolkit.mesh.schema.field_types import list_fields
from toolkit.mesh.schema.secret import MESH_LABEL
from toolkit.text import suggest
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from toolkit.mesh.documents.typed import Document
    from toolkit.mesh.lint.findings import Finding
    from toolkit.values import Object


LOST_SPEC = RULES["MESH017"]
UNKNOWN_METADATA = RULES["MESH018"]

# Kubernetes 1.25 removed clusterName; older exports contain it.
_KNOWN = frozenset(
    {"name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers"}
    | {"managedFields", "clusterName"}
)
_TOP_OF_SECRET = ("data", "stringData", "type", "immutable")


def check(document: Document) -> Iterator[Finding]:
    """Yield the findings of this module."""
    if not document.is_universal:
        metadata = mapping(document.value.get("metadata"))
        yield from _unknown(document, metadata)
        yield from _not_text(document, metadata)


def _unknown(document: Document, metadata: Object) -> Iterator[Finding]:
    unknown = [key for key in metadata if isinstance(key, str) and key not in _KNOWN]
    fields = _list_spec_fields(document)
    lost = [key for key in unknown if key in fields]
    if lost and "spec" not in document.value:
        verb = "is a field" if len(lost) == 1 else "are fields"
        yield report(
            document, LOST_SPEC, ("metadata", lost[0]), f"{join_words(lost)} {verb} of spec, and below metadata"
        )
    elif lost:
        for key in lost:
            message = f"{key} is a field of spec, and below metadata"
            yield report(document, LOST_SPEC, ("metadata", key), message, f"Move it to spec.{key}.")
    for key in unknown:
        if key not in lost:
            message = f"{show_key(key)} is no field of metadata"
            yield report(document, UNKNOWN_METADATA, ("metadata", key), message, _fix(key, document))


def _list_spec_fields(document: Document) -> Container[str]:
    """Return the fields of the spec; empty for a Secret."""
    if not isinstance(document, MeshDocument | ScopedDocument):
        return ()
    model = document.spots[0].field_type.model
    return list_fields(model) if model else ()


def _not_text(document: Document, metadata: Object) -> Iterator[Finding]:
    """Yield the findings about labels and annotations that Kubernetes rejects; kumactl converts them to strings."""
    for part in ("labels", "annotations"):
        if not isinstance(metadata.get(part), dict | None):
            message = f"{part} must be a mapping; it is {name_kind(metadata[part])}"
            yield report(document, WRONG_TYPE, ("metadata", part), message)
        for key, value in mapping(metadata.get(part)).items():
            if not isinstance(key, str):
                message = f"a key of {part} must be a text; it is {name_kind(key)}"
                yield report(document, WRONG_TYPE, ("metadata", part), message, "Put the key in quotes.")
            elif not isinstance(value, str | None) and not (part == "labels" and key == MESH_LABEL):
                # The label of a Secret's mesh has another finding.
                message = f"{show_key(key)} must be a text; it is {name_kind(value)}"
                yield report(document, WRONG_TYPE, ("metadata", part, key), message, "Put the value in quotes.")


def _fix(key: str, document: Document) -> str:
    if key == "spec" or (key in _TOP_OF_SECRET and isinstance(document, SecretDocument)):
        return f"Indent {key} less: it belongs beside metadata."
    if "/" in key:
        return "It looks like a label or an annotation: move it below metadata.labels or metadata.annotations."
    return suggest(key, _KNOWN, 0.75)
