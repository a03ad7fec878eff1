"""Mesh and Secret documents of the Universal form as what the HTTP API takes: read, checked, and named.

What a control plane would refuse only after the first of several writes is refused here before any. Sources:
kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go
and, for Secrets, Kong/developer.konghq.com:app/mesh/manage-secrets.md.
"""

from __future__ import annotations

import base64
import math
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from toolkit.contract import DnsLabel, validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.files import source_name
from toolkit.mesh.schema.secret import ObjectName, decode
from toolkit.pki import duration
from toolkit.text import printable_line
from toolkit.yamltext import parsing
from toolkit.yamltext.plain import is_tame, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["Mesh", "Secret"]
# What the control plane adds to a resource; a document that was exported from one carries it back.
ADDED_BY_SERVER = frozenset({"creationTime", "modificationTime", "kri"})
_SECRET_FIELDS = frozenset({"type", "mesh", "name", "data", "labels"})


@dataclass(frozen=True)
class Key:
    """What a resource is known by.

    Attributes:
        kind: Mesh or Secret.
        name: of the resource.
        mesh: that a Secret belongs to; a Mesh's own name.
    """

    kind: Kind
    name: str
    mesh: str

    def __str__(self) -> str:
        return f"Mesh {self.name}" if self.kind == "Mesh" else f"Secret {self.name} of mesh {self.mesh}"

    @property
    def path(self) -> str:
        """Its path in the HTTP API, quoted (kumahq/kuma:pkg/api-server/resource_endpoints.go)."""
        mesh = f"/meshes/{quote(self.mesh, safe='')}"
        return mesh if self.kind == "Mesh" else f"{mesh}/secrets/{quote(self.name, safe='')}"


@dataclass(frozen=True, repr=False)
class Resource:
    """One document as it will be written; it may hold secrets, so its repr shows its name alone.

    Attributes:
        key: what it is known by.
        document: plain values that JSON can carry.
        source: where it was read, usually a file's name.
    """

    key: Key
    document: dict[str, Any]
    source: str

    def __repr__(self) -> str:
        return f"<Resource {self.key} from {self.source}>"

    def problem(self, path: str, message: str) -> Problem:
        """Something wrong with it, at a path inside it."""
        return _problem(f"{self.source}: {self.key}", path, message)

    def backends(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every mTLS backend with its path."""
        found = mapping(self.document.get("mtls")).get("backends")
        for index, backend in enumerate(found if isinstance(found, list) else []):
            if isinstance(backend, dict):
                yield f"mtls.backends[{index}]", backend

    def secrets_named(self) -> Iterator[tuple[str, Key]]:
        """Every Secret that a backend names as a data source, with the path where it does."""
        for path, backend in self.backends():
            for place, name in _data_sources(backend.get("conf"), f"{path}.conf"):
                yield place, Key("Secret", name, self.key.mesh)


def read(texts: Sequence[tuple[str, str]]) -> tuple[Resource, ...]:
    """The Meshes and Secrets of several YAML streams, in their order.

    Args:
        texts: pairs of a source and its text; a source is a file's name, or ``-`` for standard input.

    Raises:
        InvalidInputError: a text is no YAML, or holds anything but valid Meshes and Secrets of the Universal form;
            every problem is named.
    """
    documents = [
        (source, value)
        for source, text in texts
        for value in parsing.load_stream(text, source_name(source))
        if value is not None
    ]
    _refuse_kubernetes(documents)
    documents = [(source_name(source), value) for source, value in documents]
    _refuse_others(documents)
    resources: dict[Key, Resource] = {}
    problems: list[Problem] = []
    for source, value in documents:
        resource, wrong = _resource(source, mapping(value))
        problems += wrong
        if resource is not None and resource.key in resources:
            problems.append(resource.problem("", "stands here more than once"))
        elif resource is not None:
            resources[resource.key] = resource
    if problems:
        raise InvalidInputError("the documents can't be applied", problems)
    if not resources:
        names = ", ".join(source_name(source) for source, _ in texts)
        raise InvalidInputError(f"there is no Mesh and no Secret in {names}", hint="toolkit render-mesh makes them.")
    return tuple(resources.values())


def _refuse_kubernetes(documents: Sequence[tuple[str, object]]) -> None:
    found = [(source, value) for source, value in documents if isinstance(value, dict) and "kind" in value]
    if not found:
        return
    files = " ".join(f"-f {shlex.quote(source)}" for source in dict.fromkeys(source for source, _ in found))
    problems = [Problem(source_name(source), f"{_named(value)} has the form of Kubernetes") for source, value in found]
    raise InvalidInputError(
        "documents for Kubernetes can't be applied over HTTP: a control plane there is changed through Kubernetes",
        problems,
        f"kubectl apply {files}",
    )


def _refuse_others(documents: Sequence[tuple[str, object]]) -> None:
    problems = [
        Problem(source, f"{_named(value)} is neither a Mesh nor a Secret")
        for source, value in documents
        if not (isinstance(value, dict) and value.get("type") in ("Mesh", "Secret"))
    ]
    if problems:
        raise InvalidInputError(
            "only Meshes and Secrets of the Universal form are applied", problems, "kumactl apply takes the others."
        )


def _named(value: object) -> str:
    """What to call a document that is not ours."""
    if not isinstance(value, dict):
        return f"a document that is a {type(value).__name__}, no mapping,"
    name = value.get("name") or mapping(value.get("metadata")).get("name")
    kind = value.get("type") if "kind" not in value else value.get("kind")
    return (
        " ".join(printable_line(part) for part in (kind, name) if isinstance(part, str)) or "a document without a type"
    )


def _resource(source: str, value: dict[str, Any]) -> tuple[Resource | None, list[Problem]]:
    kind: Kind = value["type"]
    where = f"{source}: {_named(value)}"
    if not is_tame(value):
        return None, [_problem(where, "", "is nested without end, or far larger than a document needs")]
    wrong = [_problem(where, path, message) for path, message in _unspeakable(value, "")]
    wrong += _name_problems(where, "name", value.get("name"), is_object=kind == "Secret")
    if kind == "Secret":
        wrong += _name_problems(where, "mesh", value.get("mesh"), is_object=False)
        wrong += [
            _problem(where, str(field), "is no field of a Secret")
            for field in value
            if field not in _SECRET_FIELDS | ADDED_BY_SERVER
        ]
        wrong += [_problem(where, "data", message) for message in _data_problems(value.get("data"))]
    if wrong:
        return None, wrong
    document = {name: entry for name, entry in value.items() if name not in ADDED_BY_SERVER}
    if kind == "Secret":
        document["data"] = base64.b64encode(decode(value["data"])).decode()
        return Resource(Key(kind, value["name"], value["mesh"]), document, source), []
    # A Mesh belongs to no mesh; what stands there has no meaning.
    document.pop("mesh", None)
    resource = Resource(Key(kind, value["name"], value["name"]), document, source)
    return resource, _mtls_problems(resource)


def _problem(where: str, path: str, message: str) -> Problem:
    return Problem(f"{where}: {path}" if path else where, message)


@cache
def _adapter(*, is_object: bool) -> TypeAdapter[str]:
    return TypeAdapter(ObjectName if is_object else DnsLabel)


def _name_problems(where: str, path: str, value: object, *, is_object: bool) -> list[Problem]:
    try:
        _adapter(is_object=is_object).validate_python(value, strict=True)
    except ValidationError as error:
        message = "is missing" if value is None else validation_problems(error)[0].message
        return [_problem(where, path, message)]
    return []


def _data_problems(value: object) -> list[str]:
    if value is None or value == "":
        return ["is missing"]
    try:
        return [] if isinstance(value, str) and decode(value) else ["is not a value in base64"]
    except ValueError as error:
        return [str(error)]


def _unspeakable(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Everything that YAML knows and JSON does not, by path."""
    if isinstance(value, dict):
        for name, entry in value.items():
            if not isinstance(name, str):
                yield path, f"has {name!r} as a name; names are text, so put it in quotes"
            else:
                yield from _unspeakable(entry, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _unspeakable(entry, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"is {value}, which JSON does not know"
    elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        yield path, "holds half a character, which no document can carry"
    elif value is not None and not isinstance(value, (str, int, float)):
        yield path, f"is a {type(value).__name__} in YAML; put it in quotes if it is text"


def _mtls_problems(mesh: Resource) -> list[Problem]:
    """What Kuma would refuse of a Mesh's mTLS section whatever the backends are."""
    problems: list[Problem] = []
    names: list[object] = []
    for path, backend in mesh.backends():
        if backend.get("name") in names:
            problems.append(
                mesh.problem(f"{path}.name", f"{printable_line(backend['name'])} is another backend's name too")
            )
        names.append(backend.get("name"))
        if isinstance(certificates := backend.get("dpCert"), dict):
            problems += _expiration_problems(mesh, f"{path}.dpCert.rotation.expiration", certificates)
    enabled = mapping(mesh.document.get("mtls")).get("enabledBackend")
    if isinstance(enabled, str) and enabled and enabled not in names:
        problems.append(mesh.problem("mtls.enabledBackend", f"{printable_line(enabled)} is not among the backends"))
    return problems


def _expiration_problems(mesh: Resource, path: str, certificates: dict[str, Any]) -> list[Problem]:
    # Kuma refuses a dpCert without it, too: an empty text is no duration.
    value = mapping(certificates.get("rotation")).get("expiration")
    if not isinstance(value, str):
        return [mesh.problem(path, "is missing" if value is None else "is not a text such as 24h")]
    try:
        duration.parse(value)
    except ValueError as error:
        return [mesh.problem(path, str(error))]
    return []


def _data_sources(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every ``{secret: NAME}`` inside a backend's conf (kumahq/kuma:api/system/v1alpha1/datasource.proto)."""
    if isinstance(value, dict):
        if set(value) == {"secret"} and isinstance(value["secret"], str):
            yield f"{path}.secret", value["secret"]
        for name, entry in value.items():
            yield from _data_sources(entry, f"{path}.{name}")
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _data_sources(entry, f"{path}[{index}]")
