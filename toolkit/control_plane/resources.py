"""Check documents in the Universal form, and convert them for the HTTP API: Meshes, and resources of a mesh.

Problems that a control plane would find only after the first of several writes are found here before any write.
Sources: kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go,
kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go; for Secrets
Kong/developer.konghq.com:app/mesh/manage-secrets.md; for other kinds see :mod:`toolkit.control_plane.scoped_specs`.
"""

from __future__ import annotations

import base64
import math
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from toolkit.contract import DnsLabel, list_validation_problems
from toolkit.control_plane.scoped_specs import list_spec_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.files import name_source
from toolkit.mesh.documents.data_sources import Unresolved, find_secrets_named, read_secret_value
from toolkit.mesh.documents.typed import ScopedDocument, SecretDocument
from toolkit.mesh.documents.wording import has_half_characters
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.mesh import ADDED_BY_SERVER
from toolkit.mesh.schema.scoped import COLLECTIONS, SCOPED_KINDS, ScopedKind
from toolkit.mesh.schema.secret import ObjectName
from toolkit.pki import duration
from toolkit.text import take_line
from toolkit.yamltext.editing import join_path
from toolkit.yamltext.plain import is_tame, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import Document
    from toolkit.values import Object

Kind: TypeAlias = Literal["Mesh", "Secret"] | ScopedKind
ListedKind: TypeAlias = Literal["Secret", "Dataplane"] | ScopedKind
KINDS: tuple[Kind, ...] = ("Mesh", "Secret", *SCOPED_KINDS)
_SCOPED: dict[str, ScopedKind] = {kind: kind for kind in SCOPED_KINDS}
# Fields of a Secret and of other resources of a mesh.
_FIELDS = frozenset({"type", "mesh", "name", "labels"})
_SECRET_FIELDS, _SCOPED_FIELDS = _FIELDS | {"data"}, _FIELDS | {"spec"}


def build_list_path(kind: ListedKind, mesh: str) -> str:
    """Return the path of all resources of a kind in a mesh (kumahq/kuma:pkg/core/resources/apis/*/rest.yaml)."""
    others = {"Secret": "secrets", "Dataplane": "dataplanes"}
    collection = COLLECTIONS[kind] if kind in SCOPED_KINDS else others[kind]
    return f"/meshes/{quote(mesh, safe='')}/{collection}"


@dataclass(frozen=True)
class Key:
    """The key of a resource.

    Attributes:
        kind: such as Mesh or Secret.
        name: name of the resource.
        mesh: the mesh that it belongs to; for a Mesh, its own name.
    """

    kind: Kind
    name: str
    mesh: str

    def __str__(self) -> str:
        return f"Mesh {self.name}" if self.kind == "Mesh" else f"{self.kind} {self.name} of mesh {self.mesh}"

    @property
    def path(self) -> str:
        """Return the resource's path in the HTTP API, quoted (kumahq/kuma:pkg/api-server/resource_endpoints.go)."""
        if self.kind == "Mesh":
            return f"/meshes/{quote(self.mesh, safe='')}"
        return f"{build_list_path(self.kind, self.mesh)}/{quote(self.name, safe='')}"


@dataclass(frozen=True, repr=False)
class Resource:
    """One document to apply. It may contain secrets, so its repr shows only the key and the source.

    Attributes:
        key: its key.
        document: plain values that JSON can represent.
        source: where it was read from, usually a file's name.
    """

    key: Key
    document: Object
    source: str

    def __repr__(self) -> str:
        return f"<Resource {self.key} from {self.source}>"

    def build_problem(self, path: str, message: str) -> Problem:
        """Return a problem at a path of the document."""
        return _problem(f"{self.source}: {self.key}", path, message)

    def list_backends(self) -> Iterator[tuple[str, Object]]:
        """Yield every mTLS backend with its path."""
        backends = mapping(self.document.get("mtls")).get("backends")
        for index, backend in enumerate(backends if isinstance(backends, list) else []):
            if isinstance(backend, dict):
                yield f"mtls.backends[{index}]", backend

    def list_secrets_named(self) -> Iterator[tuple[str, Key]]:
        """Yield the key of every Secret that a backend uses as a data source, with the path of the data source."""
        for path, backend in self.list_backends():
            for place, name in find_secrets_named(backend.get("conf")):
                yield f"{path}.conf.{join_path(place)}", Key("Secret", name, self.key.mesh)


def read_resources(documents: Documents) -> tuple[Resource, ...]:
    """Return the resources of documents, in order. The items of a list are separate documents.

    Raises:
        InvalidInputError: a document is not valid in the Universal form, is of another kind than :data:`KINDS`, or
            there are none. The error lists every problem.
    """
    _refuse_kubernetes(documents.all)
    _refuse_others(documents.all)
    resources: dict[Key, Resource] = {}
    problems: list[Problem] = []
    for document in documents.all:
        resource, wrong = _resource(document)
        problems += wrong
        if resource is not None and resource.key in resources:
            problems.append(resource.build_problem("", "is there more than once"))
        elif resource is not None:
            resources[resource.key] = resource
    if problems:
        raise InvalidInputError("the documents can't be applied", problems)
    if not resources:
        names = ", ".join(stream.source for stream in documents.streams)
        raise InvalidInputError(f"there is nothing to apply in {names}", hint="toolkit render-mesh makes Meshes.")
    return tuple(resources.values())


def _refuse_kubernetes(documents: Sequence[Document]) -> None:
    refused = [document for document in documents if not document.is_universal]
    if not refused:
        return
    sources = dict.fromkeys(document.source for document in refused)
    files = " ".join(f"-f {'-' if source == name_source('-') else shlex.quote(source)}" for source in sources)
    problems = [
        Problem(document.show_place(()), f"{_named(document)} is in the form for Kubernetes") for document in refused
    ]
    raise InvalidInputError(
        "documents for Kubernetes can't be applied over HTTP: a control plane there is changed through Kubernetes",
        problems,
        f"kubectl apply {files}",
    )


def _refuse_others(documents: Sequence[Document]) -> None:
    problems = [
        Problem(document.show_place(()), f"{_named(document)} is of another kind")
        for document in documents
        if document.kind not in KINDS
    ]
    if problems:
        raise InvalidInputError(
            f"apply takes {', '.join(KINDS[:-1])} and {KINDS[-1]} only", problems, "kumactl apply takes the others."
        )


def _named(document: Document) -> str:
    """Return a document's type and name for errors."""
    words = " ".join(take_line(word) for word in (document.kind, document.name) if word)
    return words or "a document without a type"


def _resource(document: Document) -> tuple[Resource | None, list[Problem]]:
    value, where = document.value, f"{document.source}: {_named(document)}"
    if not is_tame(value):
        return None, [_problem(where, "", "is nested without end, or too large")]
    wrong = [_problem(where, path, message) for path, message in _unspeakable(value, "")]
    is_mesh = document.kind == "Mesh"
    wrong += _name_problems(where, "name", value.get("name"), is_object=not is_mesh)
    if not is_mesh:
        fields = _SECRET_FIELDS if document.kind == "Secret" else _SCOPED_FIELDS
        wrong += _name_problems(where, "mesh", value.get("mesh"), is_object=False)
        wrong += [
            _problem(where, str(field), f"is no field of a {document.kind}")
            for field in value
            if field not in (*fields, *ADDED_BY_SERVER)
        ]
    if isinstance(document, SecretDocument):
        wrong += _value_problems(where, document)
    elif isinstance(document, ScopedDocument) and not wrong:
        problems = list_spec_problems(_SCOPED[document.kind], value.get("spec"))
        wrong += [_problem(where, problem.path, problem.message) for problem in problems]
    if wrong:
        return None, wrong
    kept = {name: entry for name, entry in value.items() if name not in ADDED_BY_SERVER}
    if is_mesh:
        # A Mesh has no field `mesh`, so a control plane ignores it.
        kept.pop("mesh", None)
        mesh = Resource(Key("Mesh", document.name, document.name), kept, document.source)
        return mesh, _mtls_problems(mesh)
    if isinstance(document, SecretDocument):
        kept["data"] = base64.b64encode(decode(value["data"]) or b"").decode()
    kind: Kind = _SCOPED.get(document.kind, "Secret")
    return Resource(Key(kind, document.name, value["mesh"]), kept, document.source), []


def _problem(where: str, path: str, message: str) -> Problem:
    return Problem(f"{where}: {path}" if path else where, message)


@cache
def _adapter(*, is_object: bool) -> TypeAdapter[str]:
    return TypeAdapter(ObjectName if is_object else DnsLabel)


def _name_problems(where: str, path: str, value: object, *, is_object: bool) -> list[Problem]:
    try:
        _adapter(is_object=is_object).validate_python(value, strict=True)
    except ValidationError as error:
        message = "is missing" if value is None else list_validation_problems(error)[0].message
        return [_problem(where, path, message)]
    return []


def _value_problems(where: str, secret: SecretDocument) -> list[Problem]:
    value = read_secret_value(secret)
    return [_problem(where, "data", value.message)] if isinstance(value, Unresolved) else []


def _unspeakable(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield every value that JSON can't represent: its path and the problem."""
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
        yield path, f"is {value}, which JSON can't represent"
    elif isinstance(value, str) and has_half_characters(value):
        yield path, "contains half a character (a lone surrogate)"
    elif value is not None and not isinstance(value, (str, int, float)):
        yield path, f"is a {type(value).__name__} in YAML; put it in quotes if it is text"


def _mtls_problems(mesh: Resource) -> list[Problem]:
    """Return the problems for which Kuma rejects a Mesh's mTLS section with any type of backend."""
    problems: list[Problem] = []
    names: list[object] = []
    for path, backend in mesh.list_backends():
        if backend.get("name") in names:
            problems.append(
                mesh.build_problem(f"{path}.name", f"{take_line(backend['name'])} is also the name of another backend")
            )
        names.append(backend.get("name"))
        if isinstance(certificates := backend.get("dpCert"), dict):
            problems += _expiration_problems(mesh, f"{path}.dpCert.rotation.expiration", certificates)
    enabled = mapping(mesh.document.get("mtls")).get("enabledBackend")
    if isinstance(enabled, str) and enabled and enabled not in names:
        problems.append(mesh.build_problem("mtls.enabledBackend", f"{take_line(enabled)} is not among the backends"))
    return problems


def _expiration_problems(mesh: Resource, path: str, certificates: Object) -> list[Problem]:
    # Kuma also rejects a dpCert without it, because an empty text is not a duration.
    value = mapping(certificates.get("rotation")).get("expiration")
    if not isinstance(value, str):
        return [mesh.build_problem(path, "is missing" if value is None else "is not a text such as 24h")]
    try:
        duration.parse(value)
    except ValueError as error:
        return [mesh.build_problem(path, str(error))]
    return []
