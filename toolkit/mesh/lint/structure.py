"""Whether a Mesh has the fields that a Mesh has, and each what may stand in it.

A control plane reads a Mesh into protobuf and passes over what it does not know
(kumahq/kuma:pkg/util/proto/proto.go, AllowUnknownFields), so a misspelt field is as if it were not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import join_words, show, show_key, show_path, suggest
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.value_types import UNKNOWN_VALUE, check_limits, check_type, report_type, show_end
from toolkit.mesh.schema.backends import BACKEND_TYPES, ProvidedBackend, ProvidedConf
from toolkit.mesh.schema.field_types import Spec, list_fields, read_annotation
from toolkit.mesh.schema.mesh import API_VERSION
from toolkit.mesh.schema.model import DataSource
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolkit.mesh.documents.typed import MeshDocument
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

# What a control plane adds to a document of Universal (kumahq/kuma:pkg/core/resources/model/rest/v1alpha1/meta.go), and
# what the Kubernetes resources of Kuma have beside their spec.
UNIVERSAL_META = ("type", "name", "mesh", "labels", "creationTime", "modificationTime", "kri")
_KUBERNETES_META = ("apiVersion", "kind", "metadata", "spec", "mesh", "status")


def check(mesh: MeshDocument) -> Iterator[Finding]:
    """The findings of this module."""
    yield from _universal_head(mesh) if mesh.is_universal else _kubernetes_head(mesh)
    for spot in mesh.spots:
        yield from check_type(mesh, spot)
        if spot.field_type.variants:
            yield from _variant(mesh, spot)
        elif isinstance(spot.value, dict) and (model := spot.field_type.model):
            yield from _missing(mesh, spot, model)
            yield from _unknown(mesh, spot, model)
        elif type(spot.value) in (str, int, float):
            yield from check_limits(mesh, spot)


def _kubernetes_head(mesh: MeshDocument) -> Iterator[Finding]:
    version = mesh.value.get("apiVersion")
    if version != API_VERSION:
        message = "apiVersion is missing" if version is None else f"{show(version)} is no apiVersion of Kong Mesh"
        yield report(mesh, API_VERSION_UNKNOWN, ("apiVersion",), message)
    for part in ("metadata", "spec"):
        if not isinstance(mesh.value.get(part), dict | None):
            yield report_type(mesh, (part,), "a mapping", mesh.value[part])
    yield from _name(mesh)
    for key in _keys(mesh.value):
        if key in _KUBERNETES_META:
            continue
        if key in list_fields(Spec) or key in UNIVERSAL_META:
            is_metadata = key in ("name", "labels")
            path = ("metadata" if is_metadata else "spec", key)
            fix = f"Move it to {show_path(path)}." if is_metadata or key in list_fields(Spec) else ""
            yield report(mesh, TWO_FORMS, (key,), f"{key} belongs to the form of Universal; this has a kind", fix)
        else:
            yield from _unknown_key(mesh, (key,), key, _KUBERNETES_META)


def _universal_head(mesh: MeshDocument) -> Iterator[Finding]:
    yield from _name(mesh)
    for key in ("apiVersion", "metadata", "spec"):
        if key in mesh.value:
            message = f"{key} belongs to the form of Kubernetes; this has a type and no kind"
            yield report(mesh, TWO_FORMS, (key,), message)


def _name(mesh: MeshDocument) -> Iterator[Finding]:
    name = at(mesh.value, mesh.name_path)
    if name is None:
        yield report(mesh, MISSING_FIELD, mesh.name_path, "the Mesh has no name", "Add the name of the mesh.")
    elif not isinstance(name, str):
        yield report_type(mesh, mesh.name_path, "a text", name)


def _variant(mesh: MeshDocument, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about a backend, whose type decides what else it has."""
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
        # Of an unknown type, it is still parsed.
        yield report_type(mesh, (*path[:-1], "conf"), "a mapping", conf)
    if shared := model or spot.field_type.common:
        yield from _missing(mesh, spot, shared, ("type",))


def _missing(mesh: MeshDocument, spot: Spot, model: type[Model], without: tuple[str, ...] = ()) -> Iterator[Finding]:
    for name, field in list_fields(model).items():
        if not field.is_required() or spot.value.get(name) is not None or name in without:
            continue
        path = _at(mesh, (*spot.path, name))
        message = f"{name} is missing in {show_end(spot.path)}"
        if mesh.mtls.get("skipValidation") is True and _is_of_a_provided_ca(model, name):
            yield report(mesh, NOT_VALIDATED, path, f"{message}, and skipValidation is true")
        else:
            yield report(mesh, MISSING_FIELD, path, message, f"Add {name}.")


def _is_of_a_provided_ca(model: type[Model], name: str) -> bool:
    return model is ProvidedConf or (model is ProvidedBackend and name == "conf")


def _unknown(mesh: MeshDocument, spot: Spot, model: type[Model]) -> Iterator[Finding]:
    known = [*list_fields(model)]
    head = (*UNIVERSAL_META, "apiVersion", "metadata", "spec") if mesh.is_universal and not spot.path else ()
    for key in _keys(spot.value):
        if key in known or key in head:
            continue
        if spot.is_credential:
            # It may be the value itself, which lost the colon behind its kind.
            message = f"a key is no kind of data source; {join_words([*known])} are"
            yield report(mesh, UNKNOWN_FIELD, _at(mesh, spot.path), message)
            continue
        fix = _elsewhere(key, spot, model)
        yield from _unknown_key(mesh, _at(mesh, (*spot.path, key)), key, (*known, *head), fix)


def _unknown_key(
    mesh: MeshDocument, path: Path, key: str, known: Iterable[str], fix: str | None = None
) -> Iterator[Finding]:
    above = show_path(path[:-1]) or "a Mesh"
    message = f"{show_key(key)} is no field of {above}; Kong Mesh drops it without a word"
    yield report(mesh, UNKNOWN_FIELD, path, message, fix or suggest(key, known))


def _elsewhere(key: str, spot: Spot, model: type[Model]) -> str | None:
    """Where a field of that name belongs, if it is a field of what stands above or below."""
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


def _keys(value: AnyMapping) -> list[str]:
    """The keys as they are written; YAML has others than texts."""
    words = {None: "null", True: "true", False: "false"}
    return [key if isinstance(key, str) else words.get(key, str(key)) for key in value]


def _at(mesh: MeshDocument, path: Path) -> Path:
    return (*mesh.spec_path, *path)
