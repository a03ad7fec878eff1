"""Check whether a document has the fields of its kind, each with a valid value.

A control plane reads a Mesh into protobuf and ignores unknown fields (kumahq/kuma:pkg/util/proto/proto.go,
AllowUnknownFields), so a misspelled field has no effect. It uses the jsonpb package: numbers may be in quotes, and enum
values may be given as numbers. The kinds with a spec on Universal, such as MeshIdentity, have neither numbers nor such
enums.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from toolkit.mesh.documents.typed import MeshDocument, ScopedDocument
from toolkit.mesh.documents.wording import has_half_characters, join_words, name_kind, show, show_key, show_path
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.schema.backends import BACKEND_TYPES, ProvidedBackend, ProvidedConf, VaultFromCp
from toolkit.mesh.schema.field_types import FieldType, Spec, Spot, list_fields, read_annotation
from toolkit.mesh.schema.mesh import API_VERSION
from toolkit.mesh.schema.model import DataSource, Model
from toolkit.text import suggest
from toolkit.yamltext.plain import AnyMapping, at

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Path

WithFields: TypeAlias = MeshDocument | ScopedDocument

TWO_FORMS = "MESH002"
UNKNOWN_FIELD = "MESH010"
MISSING_FIELD = "MESH011"
WRONG_TYPE = "MESH012"
UNKNOWN_VALUE = "MESH014"
EMPTY_FIELD = "MESH015"

# The fields that a control plane adds to a Universal document (kumahq/kuma:pkg/core/resources/model/rest/v1alpha1/
# meta.go), and the fields of Kuma's Kubernetes resources besides the spec.
UNIVERSAL_META = ("type", "name", "mesh", "labels", "creationTime", "modificationTime", "kri")
_KUBERNETES_META = ("apiVersion", "kind", "metadata", "spec", "mesh", "status")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE_NUMBER = re.compile(r"-?\d+", re.ASCII)
_MAX_ENUM = 2**31
_WORDS: dict[type, str] = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
# The models don't require them, but Vault can't be called without them (Kong/developer.konghq.com:app/mesh/vault.md).
_NEEDED: dict[type[Model], tuple[str, ...]] = {VaultFromCp: ("address", "pki", "role")}


def check(mesh: MeshDocument, _: Context) -> Iterator[Finding]:
    """Yield the findings about the fields of a Mesh."""
    if mesh.is_universal:
        yield from check_name_is_there(mesh)
        yield from check_mixed_forms(mesh, ("apiVersion", "metadata", "spec"))
    else:
        yield from check_kubernetes_head(mesh, list_fields(Spec))
    for spot in mesh.spots:
        if spot.field_type.variants:
            yield from _check_type(mesh, spot)
            yield from _variant(mesh, spot)
        else:
            yield from check_spot(mesh, spot)


def check_spot(document: WithFields, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about one value: its type, its range, and the fields of a mapping."""
    yield from _check_type(document, spot)
    if isinstance(spot.value, dict) and (model := spot.field_type.model):
        yield from _missing(document, spot, model)
        yield from _unknown(document, spot, model)
    elif type(spot.value) in (str, int, float) or spot.value == []:
        yield from _limits(document, spot)


def check_kubernetes_head(document: WithFields, fields: Iterable[str]) -> Iterator[Finding]:
    """Yield the findings about the fields of a Kubernetes resource besides its spec.

    Args:
        document: the resource.
        fields: the fields of its spec.
    """
    version = document.value.get("apiVersion")
    if version != API_VERSION:
        message = "apiVersion is missing" if version is None else f"{show(version)} is not an apiVersion of Kong Mesh"
        yield report(document, "MESH004", ("apiVersion",), message)
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
            yield report(
                document, TWO_FORMS, (key,), f"{key} belongs to the Universal form; this document has a kind", fix
            )
        else:
            yield report_key(document, (key,), key, _KUBERNETES_META)


def check_mixed_forms(document: WithFields, keys: Iterable[str]) -> Iterator[Finding]:
    """Yield the findings about Kubernetes keys in a Universal document."""
    for key in keys:
        if key in document.value:
            message = f"{key} belongs to the Kubernetes form; this document has a type and no kind"
            yield report(document, TWO_FORMS, (key,), message)


def check_name_is_there(document: WithFields) -> Iterator[Finding]:
    """Yield the finding about a name that is missing or is not a string."""
    name = at(document.value, document.name_path)
    if name is None:
        fix = "Add the name of the mesh." if document.kind == "Mesh" else "Add a name."
        yield report(document, MISSING_FIELD, document.name_path, f"the {document.kind} has no name", fix)
    elif not isinstance(name, str):
        yield report_type(document, document.name_path, "a text", name)


def report_type(document: WithFields, path: Path, expected: str, value: object) -> Finding:
    """Return the finding about a value of the wrong type."""
    fix = ""
    if expected == "a text" and not isinstance(value, dict | list | str):
        fix = "Put the value in quotes."
    elif expected == "true or false" and isinstance(value, str):
        fix = "Write true or false, without quotes."
    return report(document, WRONG_TYPE, path, f"{show_end(path)} must be {expected}; it is {name_kind(value)}", fix)


def report_key(document: WithFields, path: Path, key: str, known: Iterable[str], fix: str | None = None) -> Finding:
    """Return the finding about an unknown key.

    Args:
        document: the document with the key.
        path: the path of the key.
        key: the key in the document.
        known: the fields that are valid there.
        fix: what to do; None to suggest the most similar field.
    """
    above = show_path(path[:-1]) or f"a {document.kind}"
    message = f"{show_key(key)} is not a field of {above}; Kong Mesh drops it without an error"
    return report(document, UNKNOWN_FIELD, path, message, fix or suggest(key, known))


def list_keys(value: AnyMapping) -> list[str]:
    """Return the keys as they are written; YAML keys are not always strings."""
    # Compared as strings, because 1 is equal to True.
    words = {"None": "null", "True": "true", "False": "false"}
    return [key if isinstance(key, str) else words.get(str(key), str(key)) for key in value]


# The fields of a mapping.


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
        yield report(mesh, "MESH013", path, f"no backend is of type {show(chosen)}", fix)
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


def _missing(document: WithFields, spot: Spot, model: type[Model], without: tuple[str, ...] = ()) -> Iterator[Finding]:
    for name, field in list_fields(model).items():
        if not field.is_required() or spot.value.get(name) is not None or name in without:
            continue
        path = _at(document, (*spot.path, name))
        message = f"{name} is missing in {show_end(spot.path or document.spec_path)}"
        is_of_a_provided_ca = model is ProvidedConf or (model is ProvidedBackend and name == "conf")
        if is_of_a_provided_ca and at(document.spec, ("mtls", "skipValidation")) is True:
            yield report(document, "MESH019", path, f"{message}, and skipValidation is true")
        else:
            yield report(document, MISSING_FIELD, path, message, f"Add {name}.")


def _unknown(document: WithFields, spot: Spot, model: type[Model]) -> Iterator[Finding]:
    known = [*list_fields(model)]
    if isinstance(document, MeshDocument) and document.is_universal and not spot.path:
        known += [*UNIVERSAL_META, "apiVersion", "metadata", "spec"]
    for key in list_keys(spot.value):
        if key in known:
            continue
        if spot.is_credential or spot.path[-1:] in (("insecureInline",), ("privateKey",)):
            # It may be the value itself, if the colon after its key is missing.
            message = f"a key is not a kind of data source; the kinds are {join_words(known)}"
            yield report(document, UNKNOWN_FIELD, _at(document, spot.path), message)
        else:
            yield report_key(document, _at(document, (*spot.path, key)), key, known, _elsewhere(key, spot, model))


def _elsewhere(key: str, spot: Spot, model: type[Model]) -> str | None:
    """Return where a field of this name belongs, if it is a field of a mapping above or below."""
    for path, owner in reversed(spot.owners):
        if key in list_fields(owner) and path:
            return f"It is a field of {show_path(path)}: indent it less."
    below: list[tuple[Path, type[Model]]] = [((), model)]
    for path, inner in below:
        for name, field in list_fields(inner).items():
            found = read_annotation(field.annotation).model
            if found is None or found is DataSource:
                continue
            if key in list_fields(found):
                return f"It is a field of {show_path((*path, name))}: indent it below that."
            below.append(((*path, name), found))
    return None


# The values of fields.


def _check_type(document: WithFields, spot: Spot) -> Iterator[Finding]:
    field_type, value, path = spot.field_type, spot.value, _at(document, spot.path)
    if field_type.model or field_type.variants or field_type.kind is dict:
        fits, expected = isinstance(value, dict), "a mapping"
    elif field_type.kind is tuple:
        fits, expected = isinstance(value, list), "a list"
        for index, item in enumerate(value) if fits else ():
            if item is None:
                yield report_type(document, (*path, index), _expected(read_annotation(field_type.inner)), item)
    else:
        fits, expected = _fits(field_type, value), _expected(field_type)
    if value is not None and not fits:
        yield report_type(document, path, expected, value)


def _fits(field_type: FieldType, value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if field_type.is_enum:
            return isinstance(value, int) and -_MAX_ENUM <= value < _MAX_ENUM
        return field_type.kind is float or (field_type.kind is int and value == value // 1)
    if field_type.kind in (int, float):
        form = _WHOLE_NUMBER if field_type.kind is int else _NUMBER
        return isinstance(value, str) and form.fullmatch(value) is not None
    if field_type.choices or field_type.kind is str:
        return isinstance(value, str) and not has_half_characters(value)
    return isinstance(value, field_type.kind)


def _expected(field_type: FieldType) -> str:
    return "a text" if field_type.choices else _WORDS.get(field_type.kind, "a mapping")


def _limits(document: WithFields, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about invalid values of the right type."""
    field_type, value, path = spot.field_type, spot.value, _at(document, spot.path)
    name = str(spot.path[-1])
    if field_type.choices:
        yield from _choice(document, path, field_type, value)
    elif value == ([] if field_type.kind is tuple else ""):
        needed = spot.owners and name in _NEEDED.get(spot.owners[-1][1], ())
        if needed or any(getattr(each, "min_length", None) for each in field_type.metadata):
            yield report(document, EMPTY_FIELD, path, f"{name} is empty")
    elif field_type.kind in (int, float) and _fits(field_type, value):
        number = float(value) if isinstance(value, str) else value
        bounds = _bounds(field_type.metadata)
        if not all(test(number, bound) for _, test, bound in bounds):
            words = join_words([f"{word} {bound:.15g}" for word, _, bound in bounds])
            yield report(document, "MESH016", path, f"{name} must be {words}")


def _choice(document: WithFields, path: Path, field_type: FieldType, value: object) -> Iterator[Finding]:
    name, choices = path[-1], [choice for choice in field_type.choices if choice]
    if isinstance(value, str) and value not in field_type.choices:
        message = f"{name} is {show(value)}, and must be {' or '.join(choices)}"
        yield report(document, UNKNOWN_VALUE, path, message, suggest(value, choices))
    elif field_type.is_enum and _fits(field_type, value) and isinstance(value, int):
        is_known = 0 <= value < len(choices)
        meaning = f", which stands for {choices[value]}" if is_known else f"; no value of {name} has that number"
        fix = f"Write {choices[value]}." if is_known else f"Write {' or '.join(choices)}."
        yield report(document, "MESH029", path, f"{name} is {value}{meaning}", fix)


def _bounds(metadata: tuple[object, ...]) -> list[tuple[str, Callable[[float, float], bool], float]]:
    """Return the range of a number in a pydantic model."""
    tests = (("gt", "more than", operator.gt), ("ge", "at least", operator.ge), ("le", "at most", operator.le))
    bounds = [(word, test, getattr(each, name, None)) for each in metadata for name, word, test in tests]
    return [(word, test, bound) for word, test, bound in bounds if bound is not None]


def show_end(path: Path) -> str:
    """Return the last part of a path: a key, or an item with the key of its list."""
    return show_path(path[-1:] if isinstance(path[-1], str) else path[-2:])


def _at(document: WithFields, path: Path) -> Path:
    return (*document.spec_path, *path)
