"""Whether a Mesh has the fields that a Mesh has, and each what may stand in it.

A control plane reads a Mesh into protobuf and passes over what it does not know
(kumahq/kuma:pkg/util/proto/proto.go, AllowUnknownFields), so a misspelt field is as if it were not there.
"""

from __future__ import annotations

import difflib
import operator
import re
from typing import TYPE_CHECKING, Any

from toolkit.mesh.documents.wording import has_half_characters, key_text, kind, listed, path_text, shown
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.mesh.schema.backends import BACKEND_TYPES, VaultFromCp
from toolkit.mesh.schema.mesh import API_VERSION
from toolkit.mesh.schema.model import DataSource, Model
from toolkit.mesh.schema.shapes import Shape, Spec, fields_of, shape_of
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.mesh.schema.shapes import Spot
    from toolkit.yamltext.nodes import Path

_FIELDS = "kumahq/kuma:docs/generated/resources/other_mesh.md"
_PROTOJSON = "protobuf.dev/programming-guides/json"

TWO_FORMS = Rule(
    "MESH002",
    Severity.ERROR,
    "A document mixes the forms of Kubernetes and of Universal",
    "Only the fields of one form are read; the others are dropped without a word.",
    "Keep apiVersion, kind, metadata and spec for kubectl, or type, name and the fields beside them for kumactl.",
    "Kong/developer.konghq.com:app/mesh/mesh.md",
)
API_VERSION_UNKNOWN = Rule(
    "MESH004",
    Severity.ERROR,
    "A Mesh has no apiVersion that Kong Mesh has",
    "Kubernetes refuses it: no kind matches.",
    f"Write apiVersion: {API_VERSION}.",
    "Kong/developer.konghq.com:app/mesh/mesh.md",
)
UNKNOWN_FIELD = Rule(
    "MESH010",
    Severity.ERROR,
    "A field is unknown",
    "Kong Mesh drops a field that it does not know without a word, and works as if it had not been written.",
    "Correct the name of the field, or remove it.",
    f"{_FIELDS}; kumahq/kuma:pkg/util/proto/proto.go",
)
MISSING_FIELD = Rule(
    "MESH011",
    Severity.ERROR,
    "A field is missing that must be there",
    "The control plane refuses the document, or the backend can't work.",
    "Add the field.",
    _FIELDS,
)
WRONG_TYPE = Rule(
    "MESH012",
    Severity.ERROR,
    "A value is of another type",
    "The control plane refuses the document.",
    "Write a value of the type that the field has.",
    _PROTOJSON,
)
UNKNOWN_BACKEND_TYPE = Rule(
    "MESH013",
    Severity.ERROR,
    "An mTLS backend is of a type that does not exist",
    "The control plane refuses the Mesh: could not find installed plugin for this type.",
    f"Choose one of {', '.join(BACKEND_TYPES)}.",
    "kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go",
)
UNKNOWN_VALUE = Rule(
    "MESH014",
    Severity.ERROR,
    "A value is none of those that the field knows",
    "The control plane refuses the document.",
    "Choose one of the values that the message lists; capitals count.",
    f"{_FIELDS}; {_PROTOJSON}",
)
EMPTY_FIELD = Rule(
    "MESH015",
    Severity.ERROR,
    "A text is empty that must say something",
    "To protobuf an empty text is one that is missing.",
    "Write the value.",
    "kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go",
)
OUT_OF_RANGE = Rule(
    "MESH016",
    Severity.ERROR,
    "A number is out of range",
    "The control plane refuses it.",
    "Write a number within the range.",
    "kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go",
)
RULES = (
    TWO_FORMS,
    API_VERSION_UNKNOWN,
    UNKNOWN_FIELD,
    MISSING_FIELD,
    WRONG_TYPE,
    UNKNOWN_BACKEND_TYPE,
    UNKNOWN_VALUE,
    EMPTY_FIELD,
    OUT_OF_RANGE,
)

# What a control plane adds to a document of Universal (kumahq/kuma:pkg/core/resources/model/rest/v1alpha1/meta.go), and
# what the Kubernetes resources of Kuma have beside their spec.
UNIVERSAL_META = ("type", "name", "mesh", "labels", "creationTime", "modificationTime", "kri")
_KUBERNETES_META = ("apiVersion", "kind", "metadata", "spec", "mesh", "status")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_WORDS: dict[Any, str] = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
# No model says so, but Vault can't be asked without them (Kong/developer.konghq.com:app/mesh/vault.md).
_NEEDED: dict[type[Model], tuple[str, ...]] = {VaultFromCp: ("address", "pki", "role")}


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """The findings of this module."""
    yield from _universal_head(mesh) if mesh.is_universal else _kubernetes_head(mesh)
    for spot in mesh.spots:
        yield from _type(mesh, spot)
        if spot.shape.variants:
            yield from _variant(mesh, spot)
        elif isinstance(spot.value, dict) and (model := spot.shape.model):
            yield from _missing(mesh, spot, model)
            yield from _unknown(mesh, spot, model)
        elif type(spot.value) in (str, int, float):
            yield from _limits(mesh, spot)


def _kubernetes_head(mesh: MeshDocument) -> Iterator[Finding]:
    version = mesh.value.get("apiVersion")
    if version != API_VERSION:
        message = "apiVersion is missing" if version is None else f"{shown(version)} is no apiVersion of Kong Mesh"
        yield finding_at(mesh, API_VERSION_UNKNOWN, ("apiVersion",), message)
    for part in ("metadata", "spec"):
        if not isinstance(mesh.value.get(part), dict | None):
            yield _wrong(mesh, (part,), "a mapping", mesh.value[part])
    yield from _name(mesh)
    labels = at(mesh.value, ("metadata", "labels"))
    if not isinstance(labels, dict | None):
        yield _wrong(mesh, ("metadata", "labels"), "a mapping", labels)
    for key in _keys(mesh.value):
        if key in _KUBERNETES_META:
            continue
        if key in fields_of(Spec) or key in UNIVERSAL_META:
            fix = f"Move it to {path_text(_home(key))}." if key in ("name", "labels") or key in fields_of(Spec) else ""
            yield finding_at(mesh, TWO_FORMS, (key,), f"{key} belongs to the form of Universal; this has a kind", fix)
        else:
            yield from _unknown_key(mesh, (key,), key, _KUBERNETES_META)


def _home(key: str) -> Path:
    """Where the form of Kubernetes has what stands at the top in that of Universal."""
    return ("metadata" if key in ("name", "labels") else "spec", key)


def _universal_head(mesh: MeshDocument) -> Iterator[Finding]:
    yield from _name(mesh)
    for key in ("apiVersion", "metadata", "spec"):
        if key in mesh.value:
            message = f"{key} belongs to the form of Kubernetes; this has a type and no kind"
            yield finding_at(mesh, TWO_FORMS, (key,), message)


def _name(mesh: MeshDocument) -> Iterator[Finding]:
    name = at(mesh.value, mesh.name_path)
    if name is None:
        yield finding_at(mesh, MISSING_FIELD, mesh.name_path, "the Mesh has no name", "Add the name of the mesh.")
    elif not isinstance(name, str):
        yield _wrong(mesh, mesh.name_path, "a text", name)


def _type(mesh: MeshDocument, spot: Spot) -> Iterator[Finding]:
    """What is of another type than its field."""
    shape, value = spot.shape, spot.value
    if shape.model or shape.variants or shape.kind is dict:
        fits, expected = isinstance(value, dict), "a mapping"
    elif shape.kind is tuple:
        fits, expected = isinstance(value, list), "a list"
        for index, item in enumerate(value) if fits else ():
            if item is None:
                yield _wrong(mesh, _at(mesh, (*spot.path, index)), _expected(shape_of(shape.inner)), item)
    else:
        fits, expected = _fits(shape, value), _expected(shape)
    if value is not None and not fits:
        yield _wrong(mesh, _at(mesh, spot.path), expected, value)


def _fits(shape: Shape, value: object) -> bool:
    if shape.choices or shape.kind is str:
        return isinstance(value, str) and not has_half_characters(value)
    if shape.kind in (int, float):
        # Protobuf takes numbers in quotes, too.
        text = isinstance(value, str) and _NUMBER.fullmatch(value) is not None
        return text or (isinstance(value, int | shape.kind) and not isinstance(value, bool))
    return isinstance(value, shape.kind)


def _expected(shape: Shape) -> str:
    return "a text" if shape.choices else _WORDS.get(shape.kind, "a mapping")


def _wrong(mesh: MeshDocument, path: Path, expected: str, value: object) -> Finding:
    fix = ""
    if expected == "a text" and not isinstance(value, dict | list | str):
        fix = "Put the value in quotes."
    elif expected == "true or false" and isinstance(value, str):
        fix = "Write true or false, without quotes."
    return finding_at(mesh, WRONG_TYPE, path, f"{_last(path)} must be {expected}; it is {kind(value)}", fix)


def _last(path: Path) -> str:
    """The end of a path: a key, or an item with the key of its list."""
    return path_text(path[-1:] if isinstance(path[-1], str) else path[-2:])


def _variant(mesh: MeshDocument, spot: Spot) -> Iterator[Finding]:
    """An mTLS backend: its type decides what else it has."""
    if not isinstance(spot.value, dict):
        return
    path, chosen = _at(mesh, spot.path), spot.value.get("type")
    if chosen is None:
        yield finding_at(
            mesh, MISSING_FIELD, path, "the backend has no type", f"Add a type: {listed([*BACKEND_TYPES])}."
        )
    elif not isinstance(chosen, str):
        yield _wrong(mesh, (*path, "type"), "a text", chosen)
    elif (model := spot.shape.variants.get(chosen)) is None:
        fix = _did_you_mean(chosen, BACKEND_TYPES)
        yield finding_at(mesh, UNKNOWN_BACKEND_TYPE, (*path, "type"), f"no backend is of type {shown(chosen)}", fix)
    else:
        yield from _missing(mesh, spot, model)
        yield from _unknown(mesh, spot, model)


def _missing(mesh: MeshDocument, spot: Spot, model: type[Model]) -> Iterator[Finding]:
    for name, field in fields_of(model).items():
        if field.is_required() and spot.value.get(name) is None:
            # Where the key is there, so is its place.
            place = (*spot.path, name) if name in spot.value else spot.path
            message = f"{name} is missing in {_last(spot.path)}"
            yield finding_at(mesh, MISSING_FIELD, _at(mesh, place), message, f"Add {name}.")


def _unknown(mesh: MeshDocument, spot: Spot, model: type[Model]) -> Iterator[Finding]:
    known = [*fields_of(model)]
    head = (*UNIVERSAL_META, "apiVersion", "metadata", "spec") if mesh.is_universal and not spot.path else ()
    for key in _keys(spot.value):
        if key in known or key in head:
            continue
        fix = _elsewhere(key, spot, model)
        yield from _unknown_key(mesh, _at(mesh, (*spot.path, key)), key, (*known, *head), fix)


def _unknown_key(
    mesh: MeshDocument, path: Path, key: str, known: Iterable[str], fix: str | None = None
) -> Iterator[Finding]:
    above = path_text(path[:-1]) or "a Mesh"
    message = f"{key_text(key)} is no field of {above}; Kong Mesh drops it without a word"
    yield finding_at(mesh, UNKNOWN_FIELD, path, message, fix or _did_you_mean(key, known))


def _elsewhere(key: str, spot: Spot, model: type[Model]) -> str | None:
    """Where a field of that name belongs, if it is a field of what stands above or below."""
    for path, owner in reversed(spot.owners):
        if key in fields_of(owner) and path:
            return f"It is a field of {path_text(path)}: indent it less."
    below: list[tuple[Path, type[Model]]] = [((), model)]
    for path, inner in below:
        for name, field in fields_of(inner).items():
            shape = shape_of(field.annotation)
            if shape.model is None or shape.model is DataSource:
                continue
            if key in fields_of(shape.model):
                return f"It is a field of {path_text((*path, name))}: indent it below that."
            below.append(((*path, name), shape.model))
    return None


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower()[:100], lower, n=1, cutoff=0.6)
    return f"Did you mean {lower[close[0]]}?" if close else ""


def _limits(mesh: MeshDocument, spot: Spot) -> Iterator[Finding]:
    """What is of the right type and can't be used all the same."""
    shape, value, path = spot.shape, spot.value, _at(mesh, spot.path)
    name = str(spot.path[-1])
    if shape.choices and isinstance(value, str) and value not in shape.choices:
        many = f"{name} is {shown(value)}, and must be {' or '.join(shape.choices)}"
        yield finding_at(mesh, UNKNOWN_VALUE, path, many, _did_you_mean(value, shape.choices))
    elif value == "":
        needed = spot.owners and name in _NEEDED.get(spot.owners[-1][1], ())
        if needed or any(getattr(each, "min_length", None) for each in shape.metadata):
            yield finding_at(mesh, EMPTY_FIELD, path, f"{name} is empty")
    elif shape.kind in (int, float) and _fits(shape, value):
        number = float(value) if isinstance(value, str) else value
        bounds = _bounds(shape.metadata)
        if not all(test(number, bound) for _, test, bound in bounds):
            words = listed([f"{word} {bound:g}" for word, _, bound in bounds])
            yield finding_at(mesh, OUT_OF_RANGE, path, f"{name} must be {words}")


def _bounds(metadata: tuple[Any, ...]) -> list[tuple[str, Callable[[Any, Any], bool], float]]:
    """What pydantic was told of a number's range."""
    tests = (("gt", "more than", operator.gt), ("ge", "at least", operator.ge), ("le", "at most", operator.le))
    found = [(word, test, getattr(each, name, None)) for each in metadata for name, word, test in tests]
    return [(word, test, bound) for word, test, bound in found if bound is not None]


def _keys(value: dict[Any, Any]) -> list[str]:
    """The keys as they are written; YAML has others than texts."""
    words = {None: "null", True: "true", False: "false"}
    return [key if isinstance(key, str) else words.get(key, str(key)) for key in value]


def _at(mesh: MeshDocument, path: Path) -> Path:
    return (*mesh.spec_path, *path)
