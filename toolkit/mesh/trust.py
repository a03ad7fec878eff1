"""The trust bundle that a Mesh carries: which certificates its proxies are checked against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.schema import secret
from toolkit.mesh.schema.mesh import API_VERSION
from toolkit.pki import pem
from toolkit.yamltext import parsing
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Sequence


class Applied(NamedTuple):
    """What a Mesh, as it was applied, says of one acmpca backend.

    Attributes:
        mesh: its name.
        bundle: the ``caCert`` as PEM text: what proxies trust.
        common_name: the template of common names; None for none.
        authority_arn: the CA that it names.
    """

    mesh: str
    bundle: str
    common_name: str | None
    authority_arn: str


def applied(texts: Sequence[tuple[str, str]], mesh: str | None = None, backend: str | None = None) -> Applied:
    """What a Mesh, as it was applied, says of its enabled acmpca backend, or of another one.

    Args:
        texts: pairs of a source's name and its text; each text may hold several documents, in the form of
            Kubernetes or of Universal. A Secret that the Mesh names is looked for in all of them.
        mesh: name of the Mesh; None means the only one.
        backend: name of the backend, such as one that is trusted but does not sign yet; None means the enabled one.

    Raises:
        InvalidInputError: a text is no YAML, the Mesh is not there, or its bundle can't be found.
    """
    documents = [document for source, text in texts for document in read_stream(text, source)]
    chosen = _choose_mesh(documents, mesh)
    place, conf = _backend(chosen, backend)
    bundle = _resolve(chosen, f"{place}.caCert", mapping(conf.get("caCert")), documents)
    common_name, authority_arn = conf.get("commonName"), conf.get("arn")
    if not isinstance(authority_arn, str):
        raise chosen.refuse(f"{place}.arn", "is missing or not a text")
    return Applied(chosen.name, bundle, common_name if isinstance(common_name, str) else None, authority_arn)


@dataclass(frozen=True)
class _Found:
    """One document of a stream, its form's differences removed."""

    source: str
    kind: str
    name: str
    mesh: str
    spec: dict[str, Any]
    data: Any

    @property
    def is_universal(self) -> bool:
        return self.spec.get("type") == self.kind

    def refuse(self, place: str, message: str, hint: str = "") -> InvalidInputError:
        problem = Problem(f"{self.source}: {place}", message)
        return InvalidInputError(f"{self.kind} {self.name}".rstrip() + " can't be used", [problem], hint)


def chain_problem(data: object) -> str:
    """Say why the data of a Secret is not a chain of certificates and nothing else; empty when it is one."""
    try:
        pem.load_certificates(secret.decode(str(data)))
    except ValueError as error:
        return str(error)
    return ""


def is_chain(data: object) -> bool:
    """Whether the data of a Secret is a chain of certificates, and nothing else."""
    return not chain_problem(data)


def read_stream(text: str, source: str) -> list[_Found]:
    """Every Mesh and Secret of a YAML stream; other documents are passed over.

    Raises:
        InvalidInputError: the text is no YAML; the place is named as ``source:line:column``.
    """
    recognised = (_recognise(document, source) for document in parsing.load_stream(text, source))
    return [found for found in recognised if found is not None]


def _recognise(document: object, source: str) -> _Found | None:
    if not isinstance(document, dict):
        return None
    if "kind" in document:
        return _recognise_kubernetes(document, source)
    if document.get("type") not in ("Mesh", "Secret"):
        return None
    name, mesh = _text(document.get("name")), _text(document.get("mesh"))
    return _Found(source, document["type"], name, mesh, document, document.get("data"))


def _recognise_kubernetes(document: dict[str, Any], source: str) -> _Found | None:
    # Other products have kinds of these names too (appmesh.k8s.aws knows a Mesh), and Kuma takes Secrets of its
    # own type only (Kong/developer.konghq.com:app/mesh/manage-secret.md).
    identity = (document["kind"], document.get("apiVersion"))
    ours = identity == ("Mesh", API_VERSION) or (
        identity == ("Secret", "v1") and document.get("type") == secret.KUBERNETES_TYPE
    )
    if not ours:
        return None
    metadata = mapping(document.get("metadata"))
    mesh = _text(mapping(metadata.get("labels")).get(secret.MESH_LABEL))
    value = mapping(document.get("data")).get("value")
    return _Found(source, document["kind"], _text(metadata.get("name")), mesh, mapping(document.get("spec")), value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _choose_mesh(documents: Sequence[_Found], mesh: str | None) -> _Found:
    meshes = [document for document in documents if document.kind == "Mesh"]
    chosen = [document for document in meshes if mesh in (None, document.name)]
    if len(chosen) == 1:
        if not chosen[0].name:
            place = "name" if chosen[0].is_universal else "metadata.name"
            raise chosen[0].refuse(place, "is missing or not a text")
        return chosen[0]
    names = ", ".join(document.name or "(without a name)" for document in meshes) or "none"
    wanted = f"no Mesh {mesh}" if mesh else "no Mesh" if not meshes else "several meshes"
    if mesh and chosen:
        wanted = f"Mesh {mesh} more than once"
    raise InvalidInputError(
        f"the documents hold {wanted}; there are: {names}", hint="Give one Mesh, or name it with --mesh-name."
    )


def _backend(mesh: _Found, name: str | None) -> tuple[str, dict[str, Any]]:
    """The place of a backend's configuration, and that configuration."""
    prefix = "mtls" if mesh.is_universal else "spec.mtls"
    mtls = mapping(mesh.spec.get("mtls"))
    wanted, backends = name or mtls.get("enabledBackend"), mtls.get("backends")
    if not wanted:
        raise mesh.refuse(f"{prefix}.enabledBackend", "is missing: mTLS is off in this Mesh")
    for index, backend in enumerate(backends if isinstance(backends, list) else []):
        if mapping(backend).get("name") != wanted:
            continue
        place = f"{prefix}.backends[{index}]"
        if backend.get("type") != "acmpca":
            hint = "" if name else "A backend that does not sign yet is named with --backend-name."
            message = f"is {backend.get('type')}, not acmpca: another CA signs in this Mesh"
            raise mesh.refuse(f"{place}.type", message, hint)
        return f"{place}.conf", mapping(backend.get("conf"))
    if name:
        raise mesh.refuse(f"{prefix}.backends", f"have none named {name}")
    raise mesh.refuse(f"{prefix}.enabledBackend", f"names {wanted}, which is not among the backends")


def _resolve(mesh: _Found, place: str, source: dict[str, Any], documents: Sequence[_Found]) -> str:
    kinds = [kind for kind in ("secret", "file", "inline", "inlineString") if source.get(kind) is not None]
    if len(kinds) != 1:
        raise mesh.refuse(place, "needs exactly one of secret, file, inline and inlineString")
    (kind,) = kinds
    value = source[kind]
    if kind == "inlineString":
        return _pem(mesh, f"{place}.inlineString", value)
    if kind == "inline":
        return _decode(mesh, f"{place}.inline", value)
    if kind == "file":
        hint = "Run without --mesh: then the chain of the stack is what certificates are verified against."
        raise mesh.refuse(f"{place}.file", "is a file on the control plane's host, which can't be read from here", hint)
    for document in documents:
        if (document.kind, document.name, document.mesh) == ("Secret", value, mesh.name):
            return _decode(document, "data" if document.is_universal else "data.value", document.data)
    hint = "Give the Secret's document too, with a second --mesh FILE."
    form = "" if mesh.is_universal else f" (type {secret.KUBERNETES_TYPE}, label {secret.MESH_LABEL}: {mesh.name})"
    raise mesh.refuse(f"{place}.secret", f"names {value}, and no Secret of that name and mesh was given{form}", hint)


def _decode(found: _Found, place: str, value: object) -> str:
    if isinstance(value, str):
        try:
            content = secret.decode(value)
        except ValueError:
            pass
        else:
            return _pem(found, place, content)
    raise found.refuse(place, "is not base64 of PEM text")


def _pem(found: _Found, place: str, value: object) -> str:
    """The bundle as it is, when every certificate in it can be read."""
    text = value if isinstance(value, bytes) else _text(value)
    try:
        pem.load_certificates(text)
    except ValueError as error:
        raise found.refuse(place, str(error)) from error
    return text.decode() if isinstance(text, bytes) else text
