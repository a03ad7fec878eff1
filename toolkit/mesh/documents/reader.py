"""Find Meshes, Secrets and related documents in texts of both forms: single documents, streams and lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.separators import require_separated
from toolkit.mesh.documents.typed import (
    DataplaneDocument,
    Document,
    MeshDocument,
    ScopedDocument,
    SecretDocument,
    recognize,
)
from toolkit.mesh.schema.mesh import API_VERSION
from toolkit.yamltext import parsing
from toolkit.yamltext.plain import AnyMapping, is_tame, text

if TYPE_CHECKING:
    from toolkit.mesh.schema.scoped import ScopedKind
    from toolkit.yamltext.nodes import Path
    from toolkit.yamltext.parsing import Parsed

A_MESH_HAS = f"A Mesh has apiVersion: {API_VERSION} and kind: Mesh, or on Universal type: Mesh."


class Stream(NamedTuple):
    """The documents of one text.

    Attributes:
        source: name of the text in errors, usually the file's name.
        text: the text itself.
        parsed: its YAML documents.
        documents: of all kinds, in order, with the items of lists instead of the lists. Empty documents are left out.
    """

    source: str
    text: str
    parsed: list[Parsed]
    documents: list[Document]


class Documents:
    """Documents of one or several texts that are read together.

    Args:
        streams: in their order.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.streams = tuple(streams)

    @cached_property
    def all(self) -> list[Document]:
        """Return every document, in order."""
        return [document for stream in self.streams for document in stream.documents]

    @cached_property
    def meshes(self) -> list[MeshDocument]:
        """Return the Meshes."""
        return [document for document in self.all if isinstance(document, MeshDocument)]

    @cached_property
    def secrets(self) -> list[SecretDocument]:
        """Return the Secrets, also those that are not of Kong Mesh."""
        return [document for document in self.all if isinstance(document, SecretDocument)]

    @cached_property
    def scoped(self) -> list[ScopedDocument]:
        """Return the MeshIdentities, MeshTrusts, MeshTLSes and MeshTrafficPermissions."""
        return [document for document in self.all if isinstance(document, ScopedDocument)]

    def list_scoped(self, kind: ScopedKind, mesh: str | None = None) -> list[ScopedDocument]:
        """Return the resources of one kind; only those of a mesh, if it is given."""
        return [each for each in self.scoped if each.kind == kind and mesh in (None, each.mesh)]

    @cached_property
    def dataplanes(self) -> list[DataplaneDocument]:
        """Return the data plane proxies."""
        return [document for document in self.all if isinstance(document, DataplaneDocument)]

    @cached_property
    def secrets_by_name(self) -> Mapping[str, list[SecretDocument]]:
        """Return the Secrets by name."""
        secrets: defaultdict[str, list[SecretDocument]] = defaultdict(list)
        for secret in self.secrets:
            secrets[secret.name].append(secret)
        return secrets

    def find_secret(self, name: str, mesh: str) -> SecretDocument | None:
        """Return the Secret that a data source of a mesh names; None if it is not in the documents."""
        return next((secret for secret in self.secrets_by_name.get(name, ()) if secret.serves(mesh)), None)

    def choose(self, name: str | None) -> MeshDocument:
        """Return the Mesh with a name, or the only one; see :func:`select`."""
        return select(self.meshes, name, ", ".join(stream.source for stream in self.streams))


def select(meshes: Sequence[MeshDocument], name: str | None, where: str) -> MeshDocument:
    """Return the Mesh with a name, or the only one.

    Args:
        meshes: to choose from.
        name: of the Mesh; None for the only one.
        where: name of their source in errors.

    Raises:
        InvalidInputError: no Mesh or several match, no control plane accepts it, or it is nested too deeply or is too
            large.
    """
    chosen = [mesh for mesh in meshes if name in (None, mesh.name)]
    if len(chosen) == 1:
        chosen[0].require_usable()
        if not is_tame(chosen[0].spec):
            raise chosen[0].refuse(chosen[0].mtls_path, "is nested without end, or is larger than a document needs")
        return chosen[0]
    there = ", ".join(mesh.name or "(without a name)" for mesh in meshes)
    if not there:
        raise InvalidInputError(f"no Mesh found in {where}", hint=A_MESH_HAS)
    if chosen:
        wanted = f"Mesh {name} is there more than once" if name else "there are several Meshes"
    else:
        wanted = f"there is no Mesh {name}"
    raise InvalidInputError(f"{wanted} in {where}. Meshes: {there}", hint="Choose one with --mesh.")


def read(texts: Sequence[tuple[str, str]]) -> Documents:
    """Read several texts.

    Args:
        texts: pairs of a source's name and its text.

    Raises:
        InvalidInputError: a text is not YAML; the error has the place as ``source:line:column``.
    """
    return Documents([read_stream(content, source) for source, content in texts])


def read_stream(content: str, source: str, advance: Callable[[int], None] = lambda _: None) -> Stream:
    """Read one text.

    Args:
        content: the text.
        source: name of the text in errors, usually the file's name.
        advance: called during parsing with the number of characters read since the last call.

    Raises:
        InvalidInputError: the text is not YAML, or kubectl and kumactl read other documents in it. The error has the
            place as ``source:line:column``.
    """
    parsed = parsing.parse(content, source, advance, as_go=True)
    documents: list[Document] = []
    for number, document in enumerate(parsed):
        parts = _parts(document.value)
        documents += [recognize(value, source, document.root, number, base) for base, value in parts]
    marks = [(document.root, document.mark) for document in parsed]
    require_separated(content, source, marks, for_kubectl=not all(document.is_universal for document in documents))
    return Stream(source, content, parsed, documents)


def _parts(value: object) -> Iterator[tuple[Path, object]]:
    """Yield the document itself, or the items of a list from ``kubectl get -o yaml`` or ``kumactl get -o yaml``."""
    if isinstance(value, dict) and isinstance(value.get("items"), list) and _is_list(value):
        for index, item in enumerate(value["items"]):
            yield ("items", index), item
    elif value is not None:
        yield (), value


def _is_list(value: AnyMapping) -> bool:
    """Return whether it is a ``List`` of Kubernetes, or a list that ``kumactl get meshes -o yaml`` prints."""
    return text(value["kind"]).endswith("List") if "kind" in value else "type" not in value
