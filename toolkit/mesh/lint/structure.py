"""Check whether a document has the fields of its kind, each with a valid value.

A control plane reads a Mesh into protobuf and ignores unknown fields (kumahq/kuma:pkg/util/proto/proto.go,
AllowUnknownFields), so a misspelled field has no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.typed import MeshDocument
from toolkit.mesh.documents.wording import join_words, show, show_key, show_path
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.value_types import UNKNOWN_VALUE, check_limits, check_type, report_type, show_end
from toolkit.mesh.schema.backends import BACKEND_TYPES, ProvidedBackend, ProvidedConf
from toolkit.mesh.schema.field_types import Spec, list_fields, read_annotation
from toolkit.mesh.schema.identity_spec import SourceValue
from toolkit.mesh.schema.mesh import API_VERSION
from toolkit.mesh.schema.model import DataSource
from toolkit.text import suggest
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.lint.findings import Finding
    from toolkit.mesh.schema.field_types import Spot
    from toolkit.mesh.schema.model import Model
    from toolkit.yamltext.nodes import Path
    from toolkit.yamltext.plain import AnyMapping

TWO_FORMS = RULES["MESH002"]
API_VERSION_UNKNOWN = RULES["MESH004"]
UNKNOWN_FIELD = RULES["MESH010"]
MISSING_FIELD = RULES["MESH011"]
UNKNOWN_BACKEND_TYPE = RULES["MESH013"]
NOT_VALIDATED = RULES["MESH019"]

# The fields that a control plane adds to a Universal document (kumahq/kuma:pkg/core/resources/model/rest/v1alpha1/
# meta.go), and the fields of Kuma's Kubernetes resources besides the spec.
UNIVERSAL_META = ("type", "name", "mesh", "labels", "creationTime", "modificationTime", "kri")
_KUBERNETES_META = ("apiVersion", "kind", "metadata", "spec", "mesh", "status")


def check(mesh: MeshDocument) -> Iterator[Finding]:
    """Yield the findings of this module."""
    yield from _universal_head(mesh) if mesh.is_universal else check_kubernetes_head(mesh, list_fields(Spec))
    for spot in mesh.spots:
        if spot.field_type.variants:
            yield from check_type(mesh, spot)
            yield from _variant(mesh, spot)
        else:
            yield from check_spot(mesh, spot)


def check_spot(document: MeshDocument | ScopedDocument, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about one value: its type, its range, and the fields of a mapping."""
    yield from check_type(document, spot)
    if isinstance(spot.value, dict) and (model := spot.field_type.model):
        yield from _missing(document, spot, model)
        yield from _unknown(document, spot, model)
    elif type(spot.value) in (str, int, float) or spot.value == []:
        yield from check_limits(document, spot)


def check_kubernetes_head(document: MeshDocument | ScopedDocument, fields: Iterable[str]) -> Iterator[Finding]:
    """Yield the findings about the fields of a Kubernetes resource besides its spec.

    Args:
        document: the resource.
        fields: the fields of its spec.
    """
    version = document.value.get("apiVersion")
    if version != API_VERSION:
        message = "apiVersion is missing" if version is None else f"{show(version)} is no apiVersion of Kong Mesh"
        yield report(document, API_VERSION_UNKNOWN, ("apiVersion",), message)
    for part in ("metadata", "spec"):
        if not isinstance(document.value.get(part), dict | None):
            yield report_type(document, (part,), "a mapping", document.value[part])
    yield from check_name_is_there(document)
    for key in list_keys(document.value):
        if key in _KUBERNETES_META:
            continue
        if key in fields or key in UNIVERSAL_META:
            is_metadata = key in ("name", "labels")
            path = ("metadata" if is_metadata else "spec", key)
            fix = f"Move it to {show_path(path)}." if is_metadata or key in fields else ""
            yield report(document, TWO_FORMS, (key,), f"{key} belongs to the form of Universal; this has a kind", fix)
        else:
            yield from check_key(document, (key,), key, _KUBERNETES_META)


def _universal_head(mesh: MeshDocument) -> Iterator[Finding]:
    yield from check_name_is_there(mesh)
    yield from check_mixed_forms(mesh, ("apiVersion", "metadata", "spec"))


def check_mixed_forms(document: MeshDocument | ScopedDocument, keys: Iterable[str]) -> Iterator[Finding]:
    """Yield the findings about Kubernetes keys in a Universal document."""
    for key in keys:
        if key in document.value:
            message = f"{key} belongs to the form of Kubernetes; this has a type and no kind"
            yield report(document, TWO_FORMS, (key,), message)


def check_name_is_there(document: MeshDocument | ScopedDocument) -> Iterator[Finding]:
    """Yield the finding about a name that is missing or is not a string."""
    name = at(document.value, document.name_path)
    if name is None:
        fix = "Add the name of the mesh." if document.kind == "Mesh" else "Add a name."
        yield report(document, MISSING_FIELD, document.name_path, f"the {document.kind} has no name", fix)
    elif not isinstance(name, str):
        yield report_type(document, document.name_path, "a text", name)


def _variant(mesh: MeshDocument, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about a backend, whose type determines its other fields."""
    if not isinstance(spot.value, dict):
        return
    path, chosen, variants = (*_at(mesh, spot.path), "type"), spot.value.get("type"), spot.field_type.variants
    model = variants.get(chosen) if isinstance(chosen, str) else None
    if chosen is None:
        yield report(mesh, MISSING_FIELD, path, "the backend has no type", f"Add a type: {join_words([*variants])}.")
    elif not isinstance(chosen, str):
        yield report_type(mesh, path, "a text", chosen)
    elif model is None and spot.path[0] == "mtls":
        fix = suggest(chosen, BACKEND_TYPES)
        yield report(mesh, UNKNOWN_BACKEND_TYPE, path, f"no backend is of type {show(chosen)}", fix)
    elif model is None:
        message = f"type is {show(chosen)}, and must be {' or '.join(variants)}"
        yield report(mesh, UNKNOWN_VALUE, path, message, suggest(chosen, variants))
    else:
        yield from _unknown(mesh, spot, model)
    if model is None and not isinstance(conf := spot.value.get("conf"), dict | None):
        # It is parsed even if the type is unknown.
        yield report_type(mesh, (*path[:-1], "conf"), "a mapping", conf)
    if shared := model or spot.field_type.common:
        yield from _missing(mesh, spot, shared, ("type",))


def _missing(
    document: MeshDocument | ScopedDocument, spot: Spot, model: type[Model], without: tuple[str, ...] = ()
) -> Iterator[Finding]:
    for name, field in list_fields(model).items():
        if not field.is_required() or spot.value.get(name) is not None or name in without:
            continue
        path = _at(document, (*spot.path, name))
        message = f"{name} is missing in {show_end(spot.path or document.spec_path)}"
        if _is_of_a_provided_ca(model, name) and _skips_validation(document):
            yield report(document, NOT_VALIDATED, path, f"{message}, and skipValidation is true")
        else:
            yield report(document, MISSING_FIELD, path, message, f"Add {name}.")


def _is_of_a_provided_ca(model: type[Model], name: str) -> bool:
    return model is ProvidedConf or (model is ProvidedBackend and name == "conf")


def _skips_validation(document: MeshDocument | ScopedDocument) -> bool:
    return isinstance(document, MeshDocument) and document.mtls.get("skipValidation") is True


def _unknown(document: MeshDocument | ScopedDocument, spot: Spot, model: type[Model]) -> Iterator[Finding]:
    known = [*list_fields(model)]
    is_head = isinstance(document, MeshDocument) and document.is_universal and not spot.path
    head = (*UNIVERSAL_META, "apiVersion", "metadata", "spec") if is_head else ()
    for key in list_keys(spot.value):
        if key in known or key in head:
            continue
        if spot.is_credential or model is SourceValue or spot.path[-1:] == ("privateKey",):
            # It may be the value itself, if the colon after its key is missing.
            message = f"a key is no kind of data source; {join_words([*known])} are"
            yield report(document, UNKNOWN_FIELD, _at(document, spot.path), message)
            continue
        fix = _elsewhere(key, spot, model)
        yield from check_key(document, _at(document, (*spot.path, key)), key, (*known, *head), fix)


def check_key(
    document: MeshDocument | ScopedDocument, path: Path, key: str, known: Iterable[str], fix: str | None = None
) -> Iterator[Finding]:
    """Yield the finding about an unknown key.

    Args:
        document: the document with the key.
        path: the path of the key.
        key: the key in the document.
        known: the fields that are valid there.
        fix: what to do; None to suggest the most similar field.
    """
    above = show_path(path[:-1]) or f"a {document.kind}"
    message = f"{show_key(key)} is no field of {above}; Kong Mesh drops it without a word"
    yield report(document, UNKNOWN_FIELD, path, message, fix or suggest(key, known))


def _elsewhere(key: str, spot: Spot, model: type[Model]) -> str | None:
    """Return where a field of this name belongs, if it is a field of a mapping above or below."""
    for path, owner in reversed(spot.owners):
        if key in list_fields(owner) and path:
            return f"It is a field of {show_path(path)}: indent it less."
    below: list[tuple[Path, type[Model]]] = [((), model)]
    for path, inner in below:
        for name, field in list_fields(inner).items():
            field_type = read_annotation(field.annotation)
            if field_type.model is None or field_type.model is DataSource:
                continue
            if key in list_fields(field_type.model):
                return f"It is a field of {show_path((*path, name))}: indent it below that."
            below.append(((*path, name), field_type.model))
    return None


def list_keys(value: AnyMapping) -> list[str]:
    """Return the keys as they are written; YAML keys are not always strings."""
    # Compared as strings, because 1 is equal to True.
    words = {"None": "null", "True": "true", "False": "false"}
    return [key if isinstance(key, str) else words.get(str(key), str(key)) for key in value]


def _at(document: MeshDocument | ScopedDocument, path: Path) -> Path:
    return (*document.spec_path, *path)
