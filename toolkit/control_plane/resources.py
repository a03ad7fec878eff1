"""Check documents in the Universal form, and convert them for the HTTP API: Meshes, and resources of a mesh.

Problems that a control plane would find only after the first of several writes are found here before any write.
Sources: kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go,
kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go; for Secrets
Kong/developer.konghq.com:app/mesh/manage-secrets.md; for other kinds see :mod:`toolkit.mesh.schema.scoped_specs`.
"""

from __future__ import annotations

import base64
import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from toolkit.contract import DnsLabel, list_validation_problems
from toolkit.control_plane.resource_keys import Key
from toolkit.errors import InvalidInputError, Problem
from toolkit.files import name_source
from toolkit.mesh.documents.data_sources import Unresolved, find_secrets_named, read_secret_value
from toolkit.mesh.documents.typed import Document, SecretDocument
from toolkit.mesh.documents.wording import has_half_characters
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.mesh import ADDED_BY_SERVER
from toolkit.mesh.schema.messages import list_backends
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.mesh.schema.scoped_specs import list_spec_problems
from toolkit.mesh.schema.secret import ObjectName
from toolkit.pki import duration
from toolkit.text import take_line
from toolkit.values import Object
from toolkit.yamltext.editing import join_path
from toolkit.yamltext.plain import is_tame, mapping, text

if TYPE_CHECKING:
    from toolkit.mesh.documents.reader import Documents

KINDS = ("Mesh", "Secret", *SCOPED_KINDS)
# Fields of a Secret and of other resources of a mesh.
_FIELDS = frozenset({"type", "mesh", "name", "labels"})


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
        return _place(f"{self.source}: {self.key}", Problem(path, message))

    def list_backends(self) -> Iterator[tuple[str, Object]]:
        """Yield every mTLS backend with its path."""
        for index, backend in enumerate(list_backends(self.document, "mtls")):
            yield f"mtls.backends[{index}]", backend

    def list_secrets_named(self) -> Iterator[tuple[str, Key]]:
        """Yield the key of every Secret that a backend uses as a data source, with the path of the data source."""
        for path, backend in self.list_backends():
            for place, name in find_secrets_named(backend.get("conf")):
                yield f"{path}.conf.{join_path(place)}", Key("Secret", self.key.mesh, name)


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
        where = f"{document.source}: {_named(document)}"
        wrong = [_place(where, problem) for problem in _list_problems(document)]
        problems += wrong
        if wrong:
            continue
        resource = _read_resource(document)
        if resource.key in resources:
            problems.append(resource.build_problem("", "is defined more than once"))
        resources[resource.key] = resource
    if problems:
        raise InvalidInputError("the documents can't be applied", problems)
    if not resources:
        names = ", ".join(stream.source for stream in documents.streams)
        raise InvalidInputError(f"there is nothing to apply in {names}", hint="toolkit render-mesh renders Meshes.")
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


def _place(where: str, problem: Problem) -> Problem:
    return Problem(f"{where}: {problem.path}" if problem.path else where, problem.message)


def _named(document: Document) -> str:
    """Return a document's type and name for errors."""
    words = " ".join(take_line(word) for word in (document.kind, document.name) if word)
    return words or "a document without a type"


def _list_problems(document: Document) -> Iterator[Problem]:
    """Yield the problems for which a control plane rejects a document, with paths within it."""
    value, is_mesh = document.value, document.kind == "Mesh"
    if not is_tame(value):
        yield Problem("", "is nested without end, or too large")
        return
    unspeakable = list(_list_unspeakable(value, ""))
    yield from unspeakable
    yield from _list_name_problems("name", value.get("name"), is_object=not is_mesh)
    if is_mesh:
        yield from _list_mtls_problems(value)
        return
    yield from _list_name_problems("mesh", value.get("mesh"), is_object=False)
    fields = {*_FIELDS, *ADDED_BY_SERVER, "data" if document.kind == "Secret" else "spec"}
    yield from (Problem(str(field), f"is not a field of a {document.kind}") for field in value if field not in fields)
    if isinstance(document, SecretDocument):
        secret = read_secret_value(document)
        if isinstance(secret, Unresolved):
            yield Problem("data", secret.message)
    elif not unspeakable:
        yield from list_spec_problems(document.kind, value.get("spec"))


def _read_resource(document: Document) -> Resource:
    """Return the resource of a valid document."""
    kept = {name: entry for name, entry in document.value.items() if name not in ADDED_BY_SERVER}
    if document.kind == "Mesh":
        # A Mesh has no field `mesh`, so a control plane ignores it.
        kept.pop("mesh", None)
        return Resource(Key("Mesh", document.name, document.name), kept, document.source)
    if isinstance(document, SecretDocument):
        kept["data"] = base64.b64encode(decode(kept["data"]) or b"").decode()
    return Resource(Key(document.kind, kept["mesh"], document.name), kept, document.source)


def _list_name_problems(path: str, value: object, *, is_object: bool) -> Iterator[Problem]:
    try:
        TypeAdapter(ObjectName if is_object else DnsLabel).validate_python(value, strict=True)
    except ValidationError as error:
        yield Problem(path, "is missing" if value is None else list_validation_problems(error)[0].message)


def _list_unspeakable(value: object, path: str) -> Iterator[Problem]:
    """Yield every value that JSON can't represent."""
    if isinstance(value, dict):
        for name, entry in value.items():
            if isinstance(name, str):
                yield from _list_unspeakable(entry, f"{path}.{name}" if path else name)
            else:
                yield Problem(path, f"has the key {name!r}; keys are text, so put it in quotes")
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _list_unspeakable(entry, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(path, f"is {value}, which JSON can't represent")
    elif isinstance(value, str) and has_half_characters(value):
        yield Problem(path, "contains a lone surrogate, half a character")
    elif value is not None and not isinstance(value, (str, int, float)):
        yield Problem(path, f"is a {type(value).__name__} in YAML; put it in quotes if it is text")


def _list_mtls_problems(mesh: Object) -> Iterator[Problem]:
    """Yield the problems for which Kuma rejects a Mesh's mTLS section with any type of backend."""
    names: list[object] = []
    for index, backend in enumerate(list_backends(mesh, "mtls")):
        path, name = f"mtls.backends[{index}]", backend.get("name")
        if name in names:
            yield Problem(f"{path}.name", f"{take_line(name)} is also the name of another backend")
        names.append(name)
        if isinstance(certificates := backend.get("dpCert"), dict):
            expiration = mapping(certificates.get("rotation")).get("expiration")
            yield from _list_lifetime_problems(f"{path}.dpCert.rotation.expiration", expiration)
    enabled = text(mapping(mesh.get("mtls")).get("enabledBackend"))
    if enabled and enabled not in names:
        yield Problem("mtls.enabledBackend", f"{take_line(enabled)} is not among the backends")


def _list_lifetime_problems(path: str, value: object) -> Iterator[Problem]:
    # Kuma also rejects a dpCert without it, because an empty text is not a duration.
    if not isinstance(value, str):
        yield Problem(path, "is missing" if value is None else "is not a text such as 24h")
        return
    try:
        duration.parse(value)
    except ValueError as error:
        yield Problem(path, str(error))
