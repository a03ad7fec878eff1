"""Resolve data sources: find the certificate, key or credential that a Mesh names or contains.

Source: kumahq/kuma:api/system/v1alpha1/datasource.proto and pkg/core/datasource/validator.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from toolkit.mesh.documents.wording import show
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.model import SOURCE_KINDS
from toolkit.mesh.schema.secret import GLOBAL_TYPE, KUBERNETES_TYPE
from toolkit.yamltext.plain import AnyMapping, mapping

if TYPE_CHECKING:
    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import Document, MeshDocument, SecretDocument
    from toolkit.yamltext.nodes import Path

_PEM = "-----BEGIN"
_NOT_TEXT = ("must be a text", "Put the value in quotes.")


class Resolved(NamedTuple):
    """The value of a data source.

    Attributes:
        value: its text.
        document: the Mesh or Secret that contains it.
        path: of the value in that document.
    """

    value: str
    document: Document
    path: Path


class Reason(Enum):
    """The reason why the value of a data source can't be read here."""

    NOT_ONE_KIND = auto()
    NOT_TEXT = auto()
    EMPTY = auto()
    FILE = auto()
    NOT_BASE64 = auto()
    PEM_UNDER_INLINE = auto()
    BASE64_UNDER_INLINE_STRING = auto()
    SECRET_NOT_GIVEN = auto()
    SECRET_UNUSABLE = auto()
    SECRET_WITHOUT_VALUE = auto()


class Unresolved(NamedTuple):
    """A data source whose value can't be read.

    Attributes:
        reason: for programs.
        document: the Mesh or Secret with the problem.
        path: of the problem in that document.
        message: for people; never contains the value.
        fix: how to fix it; empty if the message shows that.
    """

    reason: Reason
    document: Document
    path: Path
    message: str
    fix: str = ""


def is_pem_in_base64(value: str) -> bool:
    """Return whether a text is base64 of PEM, with or without line ends."""
    return _PEM.encode() in (decode("".join(value.split())) or b"")


def find_data_sources(mesh: MeshDocument) -> Iterator[tuple[Path, AnyMapping]]:
    """Yield every data source of a Mesh with its path in the document."""
    for spot in mesh.spots:
        if spot.is_data_source and isinstance(spot.value, dict):
            yield (*mesh.spec_path, *spot.path), spot.value


def find_secrets_named(conf: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the name of every Secret in a backend's configuration, of any type, with its path."""
    if isinstance(conf, dict):
        if conf.keys() == {"secret"} and isinstance(conf["secret"], str):
            yield (*path, "secret"), conf["secret"]
        for name, value in conf.items():
            yield from find_secrets_named(value, (*path, name))
    elif isinstance(conf, list):
        for index, value in enumerate(conf):
            yield from find_secrets_named(value, (*path, index))


def list_kinds(source: AnyMapping) -> list[str]:
    """Return the kinds that are set in a data source."""
    return [kind for kind in SOURCE_KINDS if source.get(kind) is not None]


def read_value(mesh: MeshDocument, path: Path, source: object, documents: Documents) -> Resolved | None:
    """Return the value of a data source; None if it can't be read here."""
    resolved = resolve(mesh, path, source, documents)
    return resolved if isinstance(resolved, Resolved) else None


def resolve(mesh: MeshDocument, path: Path, source: object, documents: Documents) -> Resolved | Unresolved:
    """Return the value of a data source, or why it can't be read.

    Args:
        mesh: the Mesh with the data source.
        path: of the data source in the Mesh.
        source: its plain values.
        documents: contain the Secrets.
    """
    given = mapping(source)
    given_kinds = list_kinds(given)
    if len(given_kinds) != 1:
        many = " and ".join(given_kinds) or "none"
        message = f"needs exactly one of {', '.join(SOURCE_KINDS)}; it has {many}"
        return Unresolved(Reason.NOT_ONE_KIND, mesh, path, message)
    kind, value, place = given_kinds[0], given[given_kinds[0]], (*path, given_kinds[0])
    if not isinstance(value, str):
        return Unresolved(Reason.NOT_TEXT, mesh, place, *_NOT_TEXT)
    if not value.strip():
        return Unresolved(Reason.EMPTY, mesh, place, "is empty")
    if kind == "file":
        message = "is a file on the hosts of the control planes, which can't be read here"
        return Unresolved(Reason.FILE, mesh, place, message)
    if kind == "secret":
        return _secret(mesh, place, value, documents)
    return _inline(mesh, place, value) if kind == "inline" else _plain(mesh, place, value)


def _plain(mesh: MeshDocument, place: Path, value: str) -> Resolved | Unresolved:
    if _PEM not in value and is_pem_in_base64(value):
        message, fix = "contains base64 of PEM, which belongs under inline", "Rename inlineString to inline."
        return Unresolved(Reason.BASE64_UNDER_INLINE_STRING, mesh, place, message, fix)
    return Resolved(value, mesh, place)


def _inline(mesh: MeshDocument, place: Path, value: str) -> Resolved | Unresolved:
    if _PEM in value:
        message = "contains PEM that is not encoded, which belongs under inlineString"
        return Unresolved(Reason.PEM_UNDER_INLINE, mesh, place, message)
    decoded = decode(value)
    if decoded is None:
        return Unresolved(Reason.NOT_BASE64, mesh, place, *_not_base64(value))
    if not decoded.strip():
        return Unresolved(Reason.EMPTY, mesh, place, "is empty")
    return Resolved(decoded.decode(errors="replace"), mesh, place)


def _secret(mesh: MeshDocument, place: Path, name: str, documents: Documents) -> Resolved | Unresolved:
    secret = documents.find_secret(name, mesh.name)
    if secret is None:
        said = f"names Secret {show(name)}, which"
        reasons = [explain_unusable(other, mesh.name) for other in documents.secrets_by_name.get(name, ())]
        if reasons:
            return Unresolved(Reason.SECRET_UNUSABLE, mesh, place, f"{said} {' or '.join(reasons)}")
        message, fix = f"{said} is not among the documents", "Give the Secret's document, too."
        return Unresolved(Reason.SECRET_NOT_GIVEN, mesh, place, message, fix)
    return read_secret_value(secret)


def explain_unusable(secret: SecretDocument, mesh: str) -> str:
    """Return why backends of a mesh can't use a Secret, as the end of a sentence."""
    if secret.type == GLOBAL_TYPE:
        return "is a global one, which no Mesh can use"
    if secret.type != KUBERNETES_TYPE:
        return f"is of type {show(secret.type)}, not {KUBERNETES_TYPE}"
    return f"belongs to mesh {show(secret.mesh)}, not {show(mesh)}"


def read_secret_value(secret: SecretDocument) -> Resolved | Unresolved:
    """Return the value of a Secret that Kong Mesh uses, or why it can't be read."""
    return _held(secret, secret.data_path, secret.data)


def read_secret_values(secret: SecretDocument) -> Iterator[Resolved | Unresolved]:
    """Yield every value of a Secret, also those that Kong Mesh does not use."""
    if secret.is_universal:
        yield read_secret_value(secret)
        return
    for part in ("data", "stringData"):
        for key, value in mapping(secret.value.get(part)).items():
            yield _held(secret, (part, str(key)), value)


def _held(secret: SecretDocument, path: Path, value: object) -> Resolved | Unresolved:
    if value is None or (isinstance(value, str) and not value.strip()):
        return Unresolved(Reason.SECRET_WITHOUT_VALUE, secret, path, "is missing: the Secret has no value")
    if not isinstance(value, str):
        return Unresolved(Reason.NOT_TEXT, secret, path, *_NOT_TEXT)
    is_plain = path[0] == "stringData"
    content = value.encode(errors="replace") if is_plain else decode(value)
    if content is None:
        return Unresolved(Reason.NOT_BASE64, secret, path, *_not_base64(value))
    if not content.strip():
        return Unresolved(Reason.EMPTY, secret, path, "is empty")
    return Resolved(content.decode(errors="replace"), secret, path)


def _not_base64(value: str) -> tuple[str, str]:
    """Return the problem of a text that is not base64, and the fix."""
    if decode("".join(value.split())) is not None:
        return "has spaces or tabs in its base64, which Go refuses", "Write it on one line."
    return "is not base64", ""
