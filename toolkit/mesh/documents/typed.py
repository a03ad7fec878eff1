"""Meshes, Secrets and related resources as typed documents of both forms, with the position of every node."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.documents.wording import show_path
from toolkit.mesh.schema.field_types import Spot, walk_fields
from toolkit.mesh.schema.mesh import API_VERSION, Form
from toolkit.mesh.schema.messages import find_spec_model
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.mesh.schema.secret import GLOBAL_TYPE, KUBERNETES_TYPE, MESH_LABEL
from toolkit.text import take_line
from toolkit.yamltext import nodes
from toolkit.yamltext.nodes import Node, Path, Place, Scalar
from toolkit.yamltext.plain import AnyMapping, at, items, mapping, text

# The mesh of a Kubernetes document without a label.
DEFAULT_MESH = "default"
# Wrong paths of the mTLS section, caused by a missing line or indentation, by form.
_MISPLACED: dict[Form, tuple[Path, ...]] = {
    "kubernetes": (("mtls",), ("metadata", "mtls")),
    "universal": (("spec", "mtls"), ("metadata", "mtls")),
}
# The Universal types that correspond to types of Kubernetes Secrets.
_UNIVERSAL_TYPES = {"Secret": KUBERNETES_TYPE, "GlobalSecret": GLOBAL_TYPE}


@dataclass(frozen=True, repr=False)
class Document:
    """A document of a stream, or an item of a list in it.

    Attributes:
        source: name of the file.
        form: Kubernetes or Universal.
        value: its plain values; empty if it is not a mapping.
        root: the YAML document that it is or belongs to.
        number: of that YAML document in its stream, from 0.
        base: its path in that document; empty unless it is an item of a list.
    """

    source: str
    form: Form
    value: AnyMapping
    root: Node
    number: int = 0
    base: Path = ()

    @property
    def is_universal(self) -> bool:
        """Return whether ``kumactl`` applies it, and not ``kubectl``."""
        return self.form == "universal"

    @property
    def kind(self) -> str:
        """Return its kind, such as ``Mesh``; empty if it has none."""
        return text(self.value.get("type" if self.is_universal else "kind"))

    @property
    def name_path(self) -> Path:
        """Return the path of its name."""
        return ("name",) if self.is_universal else ("metadata", "name")

    @cached_property
    def name(self) -> str:
        """Return its name; empty if it has none."""
        return text(at(self.value, self.name_path))

    def find_place(self, path: Path) -> Place:
        """Return the position of a path, or of its closest existing parent."""
        return nodes.find_nearest(self.root, (*self.base, *path))

    def show_place(self, path: Path) -> str:
        """Return a position as ``source:line:column path``."""
        place = self.find_place(path)
        return f"{self.source}:{place.line}:{place.column} {show_path((*self.base, *path))}".rstrip()

    def refuse(self, path: Path, message: str, hint: str = "", verb: str = "used") -> InvalidInputError:
        """Return an error about a path."""
        what = take_line(f"{self.kind} {self.name}") or "a document"
        return InvalidInputError(f"{what} can't be {verb}", [Problem(self.show_place(path), message)], hint)


class Backend(NamedTuple):
    """An mTLS backend of a Mesh.

    Attributes:
        path: within the document.
        value: its plain values.
    """

    path: Path
    value: AnyMapping

    @property
    def name(self) -> str:
        """Return its name; empty if it has none."""
        return text(self.value.get("name"))

    @property
    def type(self) -> str:
        """Return its type; empty if it has none."""
        return text(self.value.get("type"))

    @property
    def conf(self) -> AnyMapping:
        """Return its configuration; empty if it has none."""
        return mapping(self.value.get("conf"))


class MeshDocument(Document):
    """A Mesh."""

    @property
    def spec_path(self) -> Path:
        """Return the path of the mapping that contains ``mtls``."""
        return () if self.is_universal else ("spec",)

    @property
    def spec(self) -> AnyMapping:
        """Return the mapping that contains ``mtls``."""
        return self.value if self.is_universal else mapping(self.value.get("spec"))

    @cached_property
    def spots(self) -> tuple[Spot, ...]:
        """Return every value of a known field with its type; paths begin at the spec."""
        return tuple(walk_fields(self.spec))

    @property
    def mtls_path(self) -> Path:
        """Return the path of the mTLS section."""
        return (*self.spec_path, "mtls")

    @property
    def mtls(self) -> AnyMapping:
        """Return the mTLS section; empty if it is missing."""
        return mapping(self.spec.get("mtls"))

    @property
    def backends(self) -> list[Backend]:
        """Return the mTLS backends that are mappings."""
        path = (*self.mtls_path, "backends")
        entries = enumerate(items(self.mtls.get("backends")))
        return [Backend((*path, index), value) for index, value in entries if isinstance(value, dict)]

    @property
    def enabled(self) -> str:
        """Return the name of the backend that signs; empty if mTLS is off."""
        return text(self.mtls.get("enabledBackend"))

    def require_usable(self, verb: str = "used") -> None:
        """Reject a document that no control plane accepts as a Mesh.

        Raises:
            InvalidInputError: the apiVersion is not Kong Mesh's, the name is missing, or ``mtls`` has a wrong path.
        """
        if not self.is_universal and (version := self.value.get("apiVersion")) != API_VERSION:
            message = "is missing" if version is None else f"is not {API_VERSION}"
            raise self.refuse(("apiVersion",), message, f"Write apiVersion: {API_VERSION}.", verb)
        if not self.name:
            raise self.refuse(self.name_path, "is missing or is not a text", verb=verb)
        for path in _MISPLACED[self.form]:
            if at(self.value, path) is not None:
                right = show_path(self.mtls_path)
                raise self.refuse(path, "no control plane reads it here; mTLS is off", f"Move it to {right}.", verb)


class DocumentOfMesh(Document):
    """A document that belongs to a mesh."""

    @property
    def mesh_path(self) -> Path:
        """Return the path of its mesh's name."""
        return ("mesh",) if self.is_universal else ("metadata", "labels", MESH_LABEL)

    @property
    def mesh(self) -> str:
        """Return its mesh: the default one if a Kubernetes document names none; may be empty on Universal.

        Sources: kumahq/kuma:pkg/plugins/secrets/k8s/store.go, GetMesh; pkg/plugins/runtime/k8s/util/util.go,
        MeshOfByLabelOrAnnotation.
        """
        return text(at(self.value, self.mesh_path)) or ("" if self.is_universal else DEFAULT_MESH)


class SecretDocument(DocumentOfMesh):
    """A Secret, also one that Kong Mesh can't use."""

    @property
    def type(self) -> str:
        """Return its type, as Kubernetes names it."""
        kind = text(self.value.get("type"))
        return _UNIVERSAL_TYPES.get(kind, kind) if self.is_universal else kind

    @property
    def data_path(self) -> Path:
        """Return the path of its value."""
        if self.is_universal:
            return ("data",)
        return ("stringData", "value") if self.is_plain else ("data", "value")

    @property
    def is_plain(self) -> bool:
        """Return whether its value is not encoded: ``stringData``, which overrides ``data``.

        Source: kubernetes/api:core/v1/types.go, Secret.StringData.
        """
        return not self.is_universal and "value" in mapping(self.value.get("stringData"))

    @property
    def data(self) -> object:
        """Return its value, in base64 unless :attr:`is_plain`."""
        return at(self.value, self.data_path)

    def serves(self, mesh: str) -> bool:
        """Return whether backends of a mesh can use it. An empty name matches any mesh."""
        return self.type == KUBERNETES_TYPE and self.mesh == (mesh or self.mesh)


class ScopedDocument(DocumentOfMesh):
    """A resource of one mesh: a MeshIdentity, MeshTrust, MeshTLS or MeshTrafficPermission."""

    @property
    def labels(self) -> AnyMapping:
        """Return its labels; empty if it has none."""
        return mapping(at(self.value, ("labels",) if self.is_universal else ("metadata", "labels")))

    @property
    def spec_path(self) -> Path:
        """Return the path of its spec, which both forms have."""
        return ("spec",)

    @property
    def spec(self) -> AnyMapping:
        """Return its spec; empty if there is none."""
        return mapping(self.value.get("spec"))

    @cached_property
    def spots(self) -> tuple[Spot, ...]:
        """Return every value of a known field with its type; paths begin at the spec."""
        return tuple(walk_fields(self.spec, find_spec_model(self.kind)))


class DataplaneDocument(Document):
    """A data plane proxy, for its outbounds."""

    @property
    def networking_path(self) -> Path:
        """Return the path of its networking section."""
        return ("networking",) if self.is_universal else ("spec", "networking")

    @property
    def networking(self) -> AnyMapping:
        """Return its networking section; empty if it is missing."""
        return mapping(at(self.value, self.networking_path))


_NOWHERE = Scalar(Place(0, 1, 1), 0, 0, "", "")


def recognize(value: object, source: str = "", root: Node = _NOWHERE, number: int = 0, base: Path = ()) -> Document:
    """Return a document with the type that its kind and apiVersion give.

    Args:
        value: its plain values.
        source: name of the file.
        root: the YAML document that it is or belongs to.
        number: of that YAML document in its stream, from 0.
        base: its path in that document.
    """
    values = mapping(value)
    is_universal = "kind" not in values
    kind, version = values.get("type" if is_universal else "kind"), values.get("apiVersion")
    made: type[Document] = Document
    if is_universal:
        made = _UNIVERSAL_KINDS.get(text(kind), Document)
    elif text(kind) in _OWN_KINDS and (not isinstance(version, str) or version.startswith(_GROUP)):
        # Other products also have a kind Mesh, such as appmesh.k8s.aws.
        made = _OWN_KINDS[text(kind)]
    elif kind == "Secret" and version in (None, "v1"):
        made = SecretDocument
    return made(source, "universal" if is_universal else "kubernetes", values, root, number, base)


_GROUP = API_VERSION.partition("/")[0] + "/"
_OWN_KINDS: dict[str, type[Document]] = {
    "Mesh": MeshDocument,
    "Dataplane": DataplaneDocument,
    **dict.fromkeys(SCOPED_KINDS, ScopedDocument),
}
_UNIVERSAL_KINDS = _OWN_KINDS | {"Secret": SecretDocument, "GlobalSecret": SecretDocument}
