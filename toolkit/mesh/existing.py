"""A Mesh that exists: found in a YAML text, read, and edited without touching the rest."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.schema import secret
from toolkit.mesh.schema.mesh import API_VERSION
from toolkit.mesh.trust import is_chain
from toolkit.yamltext.editing import Editor, dotted
from toolkit.yamltext.plain import is_tame, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.mesh.schema.mesh import Form
    from toolkit.yamltext.nodes import Path

# What a control plane adds to a resource that it hands out (kumahq/kuma:pkg/core/resources/model/rest/v1alpha1).
_ADDED = ("creationTime", "modificationTime", "kri", "status")


WHAT_A_MESH_IS = f"A Mesh has apiVersion: {API_VERSION} and kind: Mesh, or on Universal type: Mesh."


class MeshText:
    """One Mesh of a YAML stream.

    Args:
        editor: the stream; meshes of one stream share it.
        source: what to call it in an error.
        number: which document of the stream, from 0.
        form: how it is written.
        name: of the Mesh.
    """

    def __init__(self, editor: Editor, source: str, number: int, form: Form, name: str) -> None:
        self.editor = editor
        self.source = source
        self.form: Form = form
        self.name = name
        self._number = number
        self._prefix: Path = ("spec", "mtls") if form == "kubernetes" else ("mtls",)

    @property
    def mtls(self) -> dict[str, Any]:
        """The mTLS section as plain values; empty where there is none.

        Raises:
            InvalidInputError: it is no mapping.
        """
        value: Any = self.editor.documents[self._number]
        for part in self._prefix:
            value = value.get(part)
            if value is None:
                return {}
            if not isinstance(value, dict):
                raise self.refuse((), "must be a mapping")
        return dict(value)

    @property
    def enabled_backend(self) -> str:
        """The name of the backend that signs; empty when mTLS is off.

        Raises:
            InvalidInputError: it is no text.
        """
        enabled = self.mtls.get("enabledBackend")
        if enabled is not None and not isinstance(enabled, str):
            raise self.refuse(("enabledBackend",), "must be a text", "Put it in quotes.")
        return enabled or ""

    @property
    def backends(self) -> list[dict[str, Any]]:
        """The backends as plain values, in their order.

        Raises:
            InvalidInputError: they are no list of mappings with names that differ.
        """
        found = self.mtls.get("backends")
        if found is None:
            return []
        if not isinstance(found, list):
            raise self.refuse(("backends",), "must be a list")
        names = set()
        for number, backend in enumerate(found):
            name = backend.get("name") if isinstance(backend, dict) else None
            if not isinstance(name, str) or not name:
                raise self.refuse(("backends", number), "must be a mapping with a name")
            if name in names:
                raise self.refuse(("backends", number, "name"), f"{name} is the name of another backend, too")
            names.add(name)
        return found

    @property
    def zone_egress(self) -> bool:
        """Whether traffic between zones is routed through egresses, which needs mTLS."""
        document = mapping(self.editor.documents[self._number])
        spec = mapping(document.get("spec")) if self.form == "kubernetes" else document
        return mapping(spec.get("routing")).get("zoneEgress") is True

    @property
    def has_resource_version(self) -> bool:
        """Whether Kubernetes takes the document only while the Mesh there is the very one that was read."""
        metadata = mapping(mapping(self.editor.documents[self._number]).get("metadata"))
        return self.form == "kubernetes" and "resourceVersion" in metadata

    def position(self, backend: str) -> int | None:
        """The number of a backend, from 0; None when there is none of that name."""
        names = [found["name"] for found in self.backends]
        return names.index(backend) if backend in names else None

    def set(self, path: Path, value: object) -> None:
        """Put a value into the mTLS section; see :meth:`Editor.set`."""
        self.editor.set(self._number, (*self._prefix, *path), value)

    def remove(self, path: Path) -> None:
        """Take a key or an item out of the mTLS section; see :meth:`Editor.remove`."""
        self.editor.remove(self._number, (*self._prefix, *path))

    def refuse(self, path: Path, message: str, hint: str = "") -> InvalidInputError:
        """An error about a place of the mTLS section."""
        problem = Problem(f"{self.where(path)} {dotted((*self._prefix, *path))}", message)
        return InvalidInputError(f"Mesh {self.name} can't be changed", [problem], hint)

    def where(self, path: Path) -> str:
        """A place of the mTLS section as ``source:line:column``."""
        place = self.editor.place(self._number, (*self._prefix, *path))
        return f"{self.source}:{place.line}:{place.column}"

    @property
    def has_credentials(self) -> bool:
        """Whether the stream carries what only its owner may read: a Secret that is no chain, or an inline key."""
        return any(_is_private(document) for document in self.editor.documents)

    def secret(self, name: str) -> tuple[int, Path, object] | None:
        """The Secret of that name and of this mesh in the same stream.

        Returns:
            The number of its document, the path of its value, and the value; None when it is not there.
        """
        for number, document in enumerate(self.editor.documents):
            if not isinstance(document, dict):
                continue
            if (document.get("type"), document.get("name"), document.get("mesh")) == ("Secret", name, self.name):
                return number, ("data",), document.get("data")
            if document.get("kind") == "Secret" and document.get("type") == secret.KUBERNETES_TYPE:
                metadata = mapping(document.get("metadata"))
                mesh = mapping(metadata.get("labels")).get(secret.MESH_LABEL)
                if (metadata.get("name"), mesh) == (name, self.name):
                    return number, ("data", "value"), mapping(document.get("data")).get("value")
        return None


def meshes(text: str, source: str) -> list[MeshText]:
    """Every Mesh of a YAML stream, in their order; edits of one show in the text of all.

    Args:
        text: the stream; what is no Mesh is left as it is.
        source: what to call it in an error, usually the file's name.

    Raises:
        InvalidInputError: the text is no YAML, a Mesh has no name, two have one, or one stands in a list.
    """
    editor = Editor(text, source)
    _refuse_lists(editor, source)
    found = [MeshText(editor, source, number, form, name) for number, form, name in _recognised(editor, source)]
    names = [mesh.name for mesh in found]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInputError(f"{source} holds Mesh {', '.join(repeated)} more than once")
    return found


def choose(found: list[MeshText], name: str | None, source: str) -> MeshText:
    """The Mesh of that name, or the only one.

    Raises:
        InvalidInputError: it is not there, there are several and none is named, or no function could walk through it.
    """
    chosen = [mesh for mesh in found if name in (None, mesh.name)]
    if len(chosen) == 1:
        if not is_tame(chosen[0].mtls):
            raise chosen[0].refuse((), "is nested without end, or far larger than a document needs")
        return chosen[0]
    there = ", ".join(mesh.name for mesh in found) or "none"
    wanted = f"no Mesh {name}" if name else "several meshes" if found else "no Mesh"
    hint = "Name one of them with --mesh." if found else WHAT_A_MESH_IS
    raise InvalidInputError(f"{source} holds {wanted}; there are: {there}", hint=hint)


def _refuse_lists(editor: Editor, source: str) -> None:
    """What ``kubectl get meshes`` and ``kumactl get meshes`` print is one document, and no Mesh."""
    for number, document in enumerate(editor.documents):
        items = mapping(document).get("items")
        for item, held in enumerate(items if isinstance(items, list) else []):
            if "Mesh" not in (mapping(held).get("kind"), mapping(held).get("type")):
                continue
            place = editor.place(number, ("items", item))
            where = f"{source}:{place.line}:{place.column} items[{item}]"
            raise InvalidInputError(
                f"{source} holds a list of meshes, which can't be changed in part",
                [Problem(where, "is a Mesh that stands in a list")],
                "Give each as a document of its own: kubectl get mesh NAME -o yaml, or kumactl get mesh NAME -o yaml.",
            )


def _recognised(editor: Editor, source: str) -> Iterator[tuple[int, Form, str]]:
    for number, document in enumerate(editor.documents):
        if not isinstance(document, dict):
            continue
        form: Form
        path: Path
        if document.get("kind") == "Mesh" and document.get("apiVersion") == API_VERSION:
            form, name, path = "kubernetes", mapping(document.get("metadata")).get("name"), ("metadata", "name")
        elif document.get("type") == "Mesh" and "kind" not in document:
            form, name, path = "universal", document.get("name"), ("name",)
        else:
            continue
        if not isinstance(name, str) or not name:
            place = editor.place(number, path)
            where = f"{source}:{place.line}:{place.column} {dotted(path)}"
            raise InvalidInputError(f"{source} holds a Mesh without a name", [Problem(where, "must be a text")])
        yield number, form, name


def written(resource: Mapping[str, Any], form: Form) -> str:
    """A Mesh as a control plane hands it out, as YAML in either form.

    Args:
        resource: the answer of ``GET /meshes/{mesh}``, in the form of Universal.
        form: the form that is wanted.
    """
    spec = {key: value for key, value in resource.items() if key not in (*_ADDED, "type", "name", "labels")}
    labels = resource.get("labels")
    if form == "universal":
        document = {"type": "Mesh", "name": resource["name"], **({"labels": labels} if labels else {}), **spec}
    else:
        metadata = {"name": resource["name"], **({"labels": labels} if labels else {})}
        document = {"apiVersion": API_VERSION, "kind": "Mesh", "metadata": metadata, "spec": spec}
    yaml = YAML(typ="rt", pure=True)
    yaml.indent(mapping=2, sequence=4, offset=2)
    # A chain in base64 stays on its line.
    yaml.width = 1 << 30
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


# Fields of backends that hold a data source which is nobody else's business.
_PRIVATE_FIELDS = ("accessKey", "accessKeySecret", "key", "clientKey", "token")


def _is_private(document: object) -> bool:
    """Whether a document has a private part; aliases may lead in circles, so each part is looked at once."""
    seen: dict[int, object] = {}
    pending = [document]
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        # Kept, so that no other part gets its number.
        seen[id(part)] = part
        if isinstance(part, list):
            pending += part
        elif isinstance(part, dict):
            if _is_private_itself(part):
                return True
            rest = [part.get("metadata")] if _is_secret(part) else part.values()
            pending += [*rest, _last_applied(part)]
    return False


def _is_secret(document: dict[str, Any]) -> bool:
    return document.get("kind") == "Secret" or document.get("type") == "Secret"


def _is_private_itself(document: dict[str, Any]) -> bool:
    if _is_secret(document):
        data = document.get("data")
        return not all(map(is_chain, data.values() if isinstance(data, dict) else [data]))
    named = [document[field] for field in _PRIVATE_FIELDS if isinstance(document.get(field), dict)]
    return any(source.keys() & {"inline", "inlineString"} for source in named)


def _last_applied(metadata: dict[str, Any]) -> object:
    """What kubectl keeps of what was applied last: it may hold a key that the document itself does not any more."""
    kept = metadata.get("kubectl.kubernetes.io/last-applied-configuration")
    try:
        return json.loads(kept) if isinstance(kept, str) else None
    except (ValueError, RecursionError):
        return None
