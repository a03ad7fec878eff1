"""Edit Meshes in their text, and leave the rest of the text unchanged."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from toolkit.mesh.documents.confidential import is_confidential
from toolkit.mesh.documents.data_sources import explain_unusable
from toolkit.mesh.documents.reader import Documents, read_stream, select
from toolkit.mesh.schema.mesh import ADDED_BY_SERVER, API_VERSION, Form
from toolkit.values import Object, Value
from toolkit.yamltext.editing import Editor
from toolkit.yamltext.plain import at, mapping
from toolkit.yamltext.resolving import resolve_scalar

if TYPE_CHECKING:
    from ruamel.yaml.nodes import ScalarNode

    from toolkit.errors import InvalidInputError
    from toolkit.mesh.documents.typed import MeshDocument, SecretDocument
    from toolkit.yamltext.nodes import Path


class EditableMesh:
    """A Mesh of a YAML stream, and the editor of the stream.

    Args:
        document: the Mesh.
        documents: of its stream, as they were before the edits; Meshes of one stream share them.
        editor: of its stream; Meshes of one stream share it.
    """

    def __init__(self, document: MeshDocument, documents: Documents, editor: Editor) -> None:
        self.document = document
        self.editor = editor
        self.form: Form = document.form
        self.name = document.name
        self.documents = documents

    @property
    def mtls(self) -> Object:
        """Return the mTLS section as plain values, after the edits so far; empty if it is missing.

        Raises:
            InvalidInputError: it is not a mapping.
        """
        value: Value = at(self.editor.read(self.document.number), self.document.base)
        for part in self.document.mtls_path:
            value = value.get(part)
            if value is None:
                return {}
            if not isinstance(value, dict):
                raise self.refuse((), "must be a mapping")
        return dict(value)

    @property
    def enabled_backend(self) -> str:
        """Return the name of the backend that signs; empty if mTLS is off.

        Raises:
            InvalidInputError: it is not a text.
        """
        enabled = self.mtls.get("enabledBackend")
        if enabled is not None and not isinstance(enabled, str):
            raise self.refuse(("enabledBackend",), "must be a text", "Put it in quotes.")
        return enabled or ""

    @property
    def backends(self) -> list[Object]:
        """Return the backends as plain values, in their order.

        Raises:
            InvalidInputError: they are not a list of mappings with unique names.
        """
        backends = self.mtls.get("backends")
        if backends is None:
            return []
        if not isinstance(backends, list):
            raise self.refuse(("backends",), "must be a list")
        names = set()
        for number, backend in enumerate(backends):
            name = backend.get("name") if isinstance(backend, dict) else None
            if not isinstance(name, str) or not name:
                raise self.refuse(("backends", number), "must be a mapping with a name")
            if name in names:
                raise self.refuse(("backends", number, "name"), f"{name} is the name of another backend, too")
            names.add(name)
        return backends

    @property
    def zone_egress(self) -> bool:
        """Return whether traffic between zones is routed through egresses, which needs mTLS."""
        return mapping(self.document.spec.get("routing")).get("zoneEgress") is True

    @property
    def has_resource_version(self) -> bool:
        """Return whether the document has a resourceVersion: Kubernetes rejects it once the Mesh has changed."""
        return self.form == "kubernetes" and "resourceVersion" in mapping(self.document.value.get("metadata"))

    def find_position(self, backend: str) -> int | None:
        """Return the number of a backend, from 0; None if no backend has that name."""
        names = [each["name"] for each in self.backends]
        return names.index(backend) if backend in names else None

    def set(self, path: Path, value: object) -> None:
        """Put a value into the mTLS section; see :meth:`Editor.set`."""
        self.editor.set(self.document.number, self._in_stream(path), value)

    def remove(self, path: Path) -> None:
        """Remove a key or an item from the mTLS section; see :meth:`Editor.remove`."""
        self.editor.remove(self.document.number, self._in_stream(path))

    def set_in_spec(self, path: Path, value: object) -> None:
        """Put a value beside the mTLS section; see :meth:`Editor.set`."""
        self.editor.set(self.document.number, (*self.document.base, *self.document.spec_path, *path), value)

    def remove_from_spec(self, path: Path) -> None:
        """Remove a section of the Mesh, such as ``mtls``; see :meth:`Editor.remove`."""
        self.editor.remove(self.document.number, (*self.document.base, *self.document.spec_path, *path))

    def _in_stream(self, path: Path) -> Path:
        return (*self.document.base, *self.document.mtls_path, *path)

    def refuse(self, path: Path, message: str, hint: str = "") -> InvalidInputError:
        """Return an error about a path in the mTLS section."""
        return self.document.refuse((*self.document.mtls_path, *path), message, hint, verb="changed")

    @property
    def is_confidential(self) -> bool:
        """Return whether only the owner may read the stream."""
        return any(map(is_confidential, self.editor.documents))

    def find_secret(self, name: str, namespace: str) -> SecretDocument | None:
        """Return the Secret of this mesh in the same stream; None if it is not in the stream.

        Args:
            name: of the Secret.
            namespace: of the control plane on Kubernetes.

        Raises:
            InvalidInputError: on Kubernetes, another Secret has that name: a name can belong to one mesh only
                (Kong/developer.konghq.com:app/mesh/manage-secrets.md).
        """
        secret = self.documents.find_secret(name, self.name)
        for other in self.documents.secrets_by_name.get(name, ()) if secret is None else ():
            place = mapping(other.value.get("metadata")).get("namespace", namespace)
            if not other.is_universal and place == namespace:
                message = f"is the name of a Secret that {explain_unusable(other, self.name)}"
                hint = "Name another Secret, such as --ca-cert secret=NAME."
                raise other.refuse(other.name_path, message, hint, verb="replaced")
        return secret

    def set_secret(self, secret: SecretDocument, value: str) -> None:
        """Replace the value of a Secret in the stream; as plain text if the Secret has plain text."""
        content = value if secret.is_plain else base64.b64encode(value.encode()).decode()
        self.editor.set(secret.number, (*secret.base, *secret.data_path), content)


def read_editable(text: str, source: str) -> list[EditableMesh]:
    """Return every Mesh of a YAML stream, in order. All of them share one text.

    Args:
        text: the stream; other documents stay unchanged.
        source: name of the text in errors, usually the file's name.

    Raises:
        InvalidInputError: the text is not YAML.
    """
    stream = read_stream(text, source)
    editor = Editor(text, source, stream.parsed, as_go=True)
    documents = Documents([stream])
    return [EditableMesh(mesh, documents, editor) for mesh in documents.meshes]


def choose(meshes: Sequence[EditableMesh], name: str | None, where: str) -> EditableMesh:
    """Return the Mesh with a name, or the only one.

    Raises:
        InvalidInputError: as for :func:`toolkit.mesh.documents.reader.select`.
    """
    fitting = [mesh for mesh in meshes if name in (None, mesh.document.name)]
    # The error names all of them.
    chosen = select([mesh.document for mesh in (fitting if len(fitting) == 1 else meshes)], name, where)
    return next(mesh for mesh in fitting if mesh.document is chosen)


class _Representer(RoundTripRepresenter):
    """Quotes a text that Go would read as another type, such as ``on``."""

    def represent_text(self, value: str) -> ScalarNode:
        """Return the node of a text."""
        is_text = resolve_scalar(value) == value and value not in _AMBIGUOUS
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=None if is_text else "'")


_Representer.add_representer(str, _Representer.represent_text)
# `<<` as a key merges mappings; `=` has a type of its own in YAML 1.1.
_AMBIGUOUS = frozenset({"<<", "="})


def write_mesh(resource: Object, form: Form) -> str:
    """Return a Mesh that a control plane returned, as YAML in either form.

    Args:
        resource: the response to ``GET /meshes/{mesh}``, in the form of Universal.
        form: the form to write.
    """
    spec = {key: value for key, value in resource.items() if key not in (*ADDED_BY_SERVER, "type", "name", "labels")}
    labels = resource.get("labels")
    if form == "universal":
        document = {"type": "Mesh", "name": resource["name"], **({"labels": labels} if labels else {}), **spec}
    else:
        metadata = {"name": resource["name"], **({"labels": labels} if labels else {})}
        document = {"apiVersion": API_VERSION, "kind": "Mesh", "metadata": metadata, "spec": spec}
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _Representer
    yaml.indent(mapping=2, sequence=4, offset=2)
    # Don't wrap a chain in base64.
    yaml.width = 1 << 30
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()
