"""Which documents of a stream are Meshes and Secrets of Kong Mesh, and where everything in them stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.mesh.lint.findings import Finding, Rule, Severity
from toolkit.mesh.lint.text import path_text, without_credentials
from toolkit.mesh.schema.secret import KUBERNETES_TYPE, MESH_LABEL
from toolkit.yamltext import nodes, parsing

if TYPE_CHECKING:
    from toolkit.errors import InvalidInputError
    from toolkit.mesh.schema.mesh import Form
    from toolkit.yamltext.nodes import Node, Path, Place

UNREADABLE = Rule(
    "MESH001",
    Severity.ERROR,
    "A file can't be read, or is no YAML",
    "Nothing in it was looked at.",
    "Correct the file; the place is where the reader gave up.",
    "YAML 1.2.2",
)
RULES = (UNREADABLE,)

GLOBAL_TYPE = "system.kuma.io/global-secret"
# Kuma takes a Secret without a mesh for one of this (kumahq/kuma:pkg/plugins/secrets/k8s/store.go, GetMesh).
DEFAULT_MESH = "default"
_WHERE = re.compile(r":(\d+):(\d+)$")
_GROUP = "kuma.io/"


def unreadable(source: str, error: InvalidInputError) -> Finding:
    """What to report of a file that can't be read, beside what others hold."""
    problem = error.problems[0] if error.problems else None
    match = _WHERE.search(problem.path) if problem else None
    line, column = (int(match[1]), int(match[2])) if match else (1, 1)
    message = f"{error.message}: {problem.message}" if problem else error.message
    return Finding(UNREADABLE, message, UNREADABLE.fix, source, line, column, "")


@dataclass(frozen=True, repr=False)
class Document:
    """One document, its form's differences removed.

    Attributes:
        source: the file.
        form: of Kubernetes or Universal.
        value: its plain values.
        root: of the YAML document that it is, or is an item of.
        base: where it stands in that.
    """

    source: str
    form: Form
    value: dict[Any, Any]
    root: Node
    base: Path = ()

    @property
    def is_universal(self) -> bool:
        """Whether ``kumactl`` takes it, not ``kubectl``."""
        return self.form == "universal"

    @property
    def name_path(self) -> Path:
        """Where its name stands."""
        return ("name",) if self.is_universal else ("metadata", "name")

    @property
    def name(self) -> str:
        """Its name; empty where there is none."""
        return text(at(self.value, self.name_path))

    def place(self, path: Path) -> Place:
        """The place of a path, or of the closest node above it that is there."""
        return nodes.nearest(self.root, (*self.base, *path))

    def finding(self, rule: Rule, path: Path, message: str, fix: str = "") -> Finding:
        """What a rule found at a path of this document."""
        place = self.place(path)
        shown, fix = path_text((*self.base, *path)), fix or rule.fix
        return Finding(rule, without_credentials(message), fix, self.source, place.line, place.column, shown)


class Backend(NamedTuple):
    """One of a Mesh's mTLS backends.

    Attributes:
        path: within the document.
        value: its plain values.
    """

    path: Path
    value: dict[Any, Any]

    @property
    def name(self) -> str:
        """Its name; empty where there is none."""
        return text(self.value.get("name"))

    @property
    def type(self) -> str:
        """Its type; empty where there is none."""
        return text(self.value.get("type"))

    @property
    def conf(self) -> dict[Any, Any]:
        """Its configuration; empty where there is none."""
        return mapping(self.value.get("conf"))


class MeshDocument(Document):
    """A Mesh."""

    @property
    def spec_path(self) -> Path:
        """Where ``mtls`` and its neighbours stand."""
        return () if self.is_universal else ("spec",)

    @property
    def spec(self) -> dict[Any, Any]:
        """The mapping there."""
        return self.value if self.is_universal else mapping(self.value.get("spec"))

    @property
    def mtls_path(self) -> Path:
        """Where the mTLS section stands."""
        return (*self.spec_path, "mtls")

    @property
    def mtls(self) -> dict[Any, Any]:
        """The mTLS section; empty where there is none."""
        return mapping(self.spec.get("mtls"))

    @property
    def backends(self) -> list[Backend]:
        """Everything in the list of mTLS backends that is a mapping."""
        path = (*self.mtls_path, "backends")
        found = enumerate(items(self.mtls.get("backends")))
        return [Backend((*path, index), value) for index, value in found if isinstance(value, dict)]

    @property
    def enabled(self) -> str:
        """Name of the backend that signs; empty where mTLS is off."""
        return text(self.mtls.get("enabledBackend"))


class SecretDocument(Document):
    """A Secret of Kong Mesh, or what was meant to be one."""

    @property
    def type(self) -> str:
        """Of Kubernetes; Universal has the same types by other names."""
        found = text(self.value.get("type"))
        universal = {"Secret": KUBERNETES_TYPE, "GlobalSecret": GLOBAL_TYPE}
        return universal.get(found, found) if self.is_universal else found

    @property
    def mesh_path(self) -> Path:
        """Where its mesh stands."""
        return ("mesh",) if self.is_universal else ("metadata", "labels", MESH_LABEL)

    @property
    def mesh(self) -> str:
        """The mesh that Kuma takes it for."""
        return text(at(self.value, self.mesh_path)) or DEFAULT_MESH

    @property
    def data_path(self) -> Path:
        """Where its value stands."""
        if self.is_universal:
            return ("data",)
        return ("stringData", "value") if self.is_plain else ("data", "value")

    @property
    def is_plain(self) -> bool:
        """Whether its value is written as it is; Kubernetes then encodes it."""
        return not self.is_universal and "value" in mapping(self.value.get("stringData"))

    @property
    def data(self) -> object:
        """Its value, in base64 unless :attr:`is_plain`."""
        return at(self.value, self.data_path)


class Stream(NamedTuple):
    """What was read from one file.

    Attributes:
        documents: of all kinds; the items of a list, such as ``kubectl get -o yaml`` prints, one by one.
        roots: of the YAML documents.
    """

    documents: list[Document]
    roots: list[Node]


def read(content: str, source: str) -> Stream:
    """Every document of a stream.

    Raises:
        InvalidInputError: the text is no YAML; the place is named as ``source:line:column``.
    """
    parsed = parsing.parse(content, source)
    found: list[Document] = []
    for value, root in parsed:
        if not isinstance(value, dict):
            found.append(Document(source, "universal", {}, root))
        elif isinstance(value.get("items"), list) and _is_list(value):
            items_ = enumerate(value["items"])
            found += [_recognise(source, mapping(item), root, ("items", index)) for index, item in items_]
        else:
            found.append(_recognise(source, value, root, ()))
    return Stream(found, [document.root for document in parsed])


def _is_list(value: dict[Any, Any]) -> bool:
    """Whether it only wraps others: a ``List`` of Kubernetes, or what ``kumactl get meshes -o yaml`` prints."""
    return text(value["kind"]).endswith("List") if "kind" in value else "type" not in value


def _recognise(source: str, value: dict[Any, Any], root: Node, base: Path) -> Document:
    if "kind" in value:
        kind, version = value["kind"], value.get("apiVersion")
        # Other products have a Mesh too, such as appmesh.k8s.aws.
        if kind == "Mesh" and (not isinstance(version, str) or version.startswith(_GROUP)):
            return MeshDocument(source, "kubernetes", value, root, base)
        if kind == "Secret" and version in (None, "v1"):
            return SecretDocument(source, "kubernetes", value, root, base)
    elif value.get("type") == "Mesh":
        return MeshDocument(source, "universal", value, root, base)
    elif value.get("type") in ("Secret", "GlobalSecret"):
        return SecretDocument(source, "universal", value, root, base)
    return Document(source, "kubernetes", value, root, base)


def at(value: object, path: Path) -> object:
    """What stands at a path of plain values; None where nothing does."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def text(value: object) -> str:
    """The value if it is a text; else an empty one."""
    return value if isinstance(value, str) else ""


def mapping(value: object) -> dict[Any, Any]:
    """The value if it is a mapping; else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """The value if it is a list; else an empty one."""
    return value if isinstance(value, list) else []
