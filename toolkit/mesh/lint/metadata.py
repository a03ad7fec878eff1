"""The metadata of a document in the form of Kubernetes: fields that no object has there.

Kubernetes refuses an unknown field where it validates strictly, as kubectl asks it to, and drops it otherwise.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from toolkit.mesh.documents.typed import MeshDocument
from toolkit.mesh.documents.wording import key_text, kind, listed
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.mesh.lint.value_types import WRONG_TYPE
from toolkit.mesh.schema.field_types import Spec, fields_of
from toolkit.mesh.schema.secret import MESH_LABEL
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import SecretDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

_VALIDATION = "kubernetes.io/docs/reference/using-api/api-concepts (Field validation)"
_OBJECT_META = "kubernetes.io/docs/reference/kubernetes-api/definitions/object-meta-v1-meta"

LOST_SPEC = Rule(
    "MESH017",
    Severity.ERROR,
    "A field of the spec is below metadata",
    "The line spec: is missing above it. Kubernetes refuses the Mesh or drops the field: then mTLS is off.",
    "Add spec: above it, at the indentation of metadata:.",
    f"{_VALIDATION}; Kong/developer.konghq.com:app/mesh/mesh.md",
)
UNKNOWN_METADATA = Rule(
    "MESH018",
    Severity.ERROR,
    "Metadata has a field that Kubernetes does not have",
    "Kubernetes refuses the document, or drops the field where it does not validate strictly.",
    "Correct the name of the field, or remove it.",
    f"{_OBJECT_META}; {_VALIDATION}",
)
RULES = (LOST_SPEC, UNKNOWN_METADATA)

# clusterName is gone since Kubernetes 1.25; older exports still have it.
_KNOWN = frozenset(
    {"name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers"}
    | {"managedFields", "clusterName"}
)
_TOP_OF_SECRET = ("data", "stringData", "type", "immutable")


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield the findings of this module."""
    yield from _unknown(mesh)
    yield from _not_text(mesh)


def check_secret(secret: SecretDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield what is wrong with the metadata of a Secret."""
    yield from _unknown(secret)
    yield from _not_text(secret)


def _unknown(document: MeshDocument | SecretDocument) -> Iterator[Finding]:
    metadata = {} if document.is_universal else mapping(document.value.get("metadata"))
    found = [key for key in metadata if isinstance(key, str) and key not in _KNOWN]
    lost = [key for key in found if isinstance(document, MeshDocument) and key in fields_of(Spec)]
    if lost and "spec" not in document.value:
        verb = "is a field" if len(lost) == 1 else "are fields"
        yield finding_at(
            document, LOST_SPEC, ("metadata", lost[0]), f"{listed(lost)} {verb} of spec, and below metadata"
        )
    elif lost:
        for key in lost:
            message = f"{key} is a field of spec, and below metadata"
            yield finding_at(document, LOST_SPEC, ("metadata", key), message, f"Move it to spec.{key}.")
    for key in found:
        if key not in lost:
            message = f"{key_text(key)} is no field of metadata"
            yield finding_at(document, UNKNOWN_METADATA, ("metadata", key), message, _fix(key, document))


def _not_text(document: MeshDocument | SecretDocument) -> Iterator[Finding]:
    """Yield labels and annotations that Kubernetes refuses; kumactl makes texts of them."""
    metadata = {} if document.is_universal else mapping(document.value.get("metadata"))
    for part in ("labels", "annotations"):
        if not isinstance(metadata.get(part), dict | None):
            message = f"{part} must be a mapping; it is {kind(metadata[part])}"
            yield finding_at(document, WRONG_TYPE, ("metadata", part), message)
        for key, value in mapping(metadata.get(part)).items():
            if not isinstance(key, str):
                message = f"a key of {part} must be a text; it is {kind(key)}"
                yield finding_at(document, WRONG_TYPE, ("metadata", part), message, "Put the key in quotes.")
            elif not isinstance(value, str | None) and not (part == "labels" and key == MESH_LABEL):
                # The label of a Secret's mesh has a finding of its own.
                message = f"{key_text(key)} must be a text; it is {kind(value)}"
                yield finding_at(document, WRONG_TYPE, ("metadata", part, key), message, "Put the value in quotes.")


def _fix(key: str, document: MeshDocument | SecretDocument) -> str:
    if key == "spec" or (key in _TOP_OF_SECRET and not isinstance(document, MeshDocument)):
        return f"Indent {key} less: it belongs beside metadata."
    if "/" in key:
        return "It looks like a label or an annotation: move it below metadata.labels or metadata.annotations."
    lower = {known.lower(): known for known in _KNOWN}
    close = difflib.get_close_matches(key.lower()[:100], lower, n=1, cutoff=0.75)
    return f"Did you mean {lower[close[0]]}?" if close else ""
