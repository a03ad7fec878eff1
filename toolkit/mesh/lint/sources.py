"""Data sources: where a certificate, a key or a credential comes from, and the Secrets that they name."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.mesh.lint.documents import GLOBAL_TYPE, mapping, text
from toolkit.mesh.lint.findings import Rule, Severity
from toolkit.mesh.lint.text import shown
from toolkit.mesh.schema.model import SOURCE_KINDS, DataSource
from toolkit.mesh.schema.secret import KUBERNETES_TYPE, name_problem
from toolkit.mesh.schema.shapes import spots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.documents import Document, MeshDocument, SecretDocument
    from toolkit.mesh.lint.findings import Finding
    from toolkit.yamltext.nodes import Path

_DATA_SOURCE = "kumahq/kuma:api/system/v1alpha1/datasource.proto"
_VALIDATOR = "kumahq/kuma:pkg/core/datasource/validator.go"
_SECRETS = "Kong/developer.konghq.com:app/mesh/manage-secrets.md"

NOT_ONE_KIND = Rule(
    "MESH030",
    Severity.ERROR,
    "A data source has not exactly one of its kinds",
    "With none there is no value; several exclude each other, and the control plane refuses them.",
    "Keep exactly one of secret, file, inline and inlineString.",
    f"{_DATA_SOURCE} (oneof type); {_VALIDATOR}",
)
NO_BASE64 = Rule(
    "MESH031",
    Severity.ERROR,
    "An inline value is no base64",
    "inline is protobuf bytes, which a document carries in base64; the control plane can't read it.",
    "Write the value in base64, or as it is under inlineString.",
    f"{_DATA_SOURCE}; protobuf.dev/programming-guides/json (bytes)",
)
PEM_INLINE = Rule(
    "MESH032",
    Severity.ERROR,
    "An inline value is PEM as it is",
    "inline takes base64 of the text; the control plane can't read it.",
    "Rename inline to inlineString, or write the text in base64.",
    f"{_DATA_SOURCE}; protobuf.dev/programming-guides/json (bytes)",
)
BASE64_INLINE_STRING = Rule(
    "MESH033",
    Severity.ERROR,
    "An inlineString is base64 of PEM",
    "inlineString is taken as it is, and base64 is no PEM.",
    "Rename inlineString to inline, or write the text itself.",
    _DATA_SOURCE,
)
FILE = Rule(
    "MESH034",
    Severity.NOTE,
    "A value comes from a file on the control plane's host",
    "The file must be on the host of every control plane of every zone, and the kind is deprecated.",
    "Move the value to a Secret.",
    _DATA_SOURCE,
)
EMPTY_SOURCE = Rule(
    "MESH035",
    Severity.ERROR,
    "A data source is empty",
    "The control plane refuses it: cannot be empty.",
    "Write the value, or the name of the Secret or file.",
    _VALIDATOR,
)
SECRET_NOT_GIVEN = Rule(
    "MESH036",
    Severity.NOTE,
    "A Secret is not among what was read",
    "What is in it was not checked; it must be there before the Mesh is applied.",
    "Give the file with the Secret, too, to have it checked.",
    f"{_SECRETS}; Kong/developer.konghq.com:app/mesh/mutual-tls.md",
)
SECRET_UNUSABLE = Rule(
    "MESH037",
    Severity.ERROR,
    "A Secret can't be used by this mesh",
    "A Mesh can use Secrets of its own mesh and of their own type only; the control plane does not find others.",
    "Make the Secret one of this mesh, or name another.",
    _SECRETS,
)
RULES = (
    NOT_ONE_KIND,
    NO_BASE64,
    PEM_INLINE,
    BASE64_INLINE_STRING,
    FILE,
    EMPTY_SOURCE,
    SECRET_NOT_GIVEN,
    SECRET_UNUSABLE,
)

_PEM = "-----BEGIN"
_STANDARD = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]*={0,2}")


class Resolved(NamedTuple):
    """The value behind a data source.

    Attributes:
        value: its text.
        document: where it stands: the Mesh, or a Secret.
        path: within that.
    """

    value: str
    document: Document
    path: Path


def decode(value: str, *, from_protobuf: bool) -> str | None:
    """The text behind base64, as Go reads it; None when it is none.

    Line ends are passed over in either. Protobuf also takes the alphabet for URLs, and does without padding.

    Args:
        value: base64.
        from_protobuf: a field of a Kuma resource; otherwise one of a Secret of Kubernetes.
    """
    plain = value.replace("\r", "").replace("\n", "")
    form = _URL_SAFE if from_protobuf and ("-" in plain or "_" in plain) else _STANDARD
    if not form.fullmatch(plain):
        return None
    if from_protobuf and "=" not in plain:
        plain += "=" * (-len(plain) % 4)
    try:
        return base64.b64decode(plain, altchars=b"-_" if form is _URL_SAFE else None, validate=True).decode(
            errors="replace"
        )
    except (binascii.Error, ValueError):
        return None


def is_pem_in_base64(value: str) -> bool:
    """Whether it is base64 of PEM, wherever its lines end."""
    return _PEM in (decode("".join(value.split()), from_protobuf=True) or "")


def data_sources(mesh: MeshDocument) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """Every data source of a Mesh, with its path in the document."""
    for spot in spots(mesh.spec):
        if spot.shape.model is DataSource and isinstance(spot.value, dict):
            yield (*mesh.spec_path, *spot.path), spot.value


def kinds(source: dict[Any, Any]) -> list[str]:
    """The kinds that a data source has."""
    return [kind for kind in SOURCE_KINDS if source.get(kind) is not None]


def resolve(mesh: MeshDocument, path: Path, source: object, context: Context) -> Resolved | None:
    """The value behind a data source; None where it can't be read from here, which is a finding or a file."""
    given = mapping(source)
    found = kinds(given)
    if len(found) != 1:
        return None
    (kind,) = found
    value = text(given[kind])
    if kind == "inlineString":
        return Resolved(value, mesh, (*path, kind)) if value.strip() else None
    if kind == "inline":
        decoded = decode(value, from_protobuf=True)
        return Resolved(decoded, mesh, (*path, kind)) if decoded and decoded.strip() else None
    usable = _usable(mesh, value, context) if kind == "secret" else []
    for secret in usable[:1]:
        content = secret_value(secret)
        if content and content.strip():
            return Resolved(content, secret, secret.data_path)
    return None


def secret_value(secret: SecretDocument) -> str | None:
    """What a Secret keeps; None where it can't be read."""
    value = text(secret.data)
    return value if secret.is_plain else decode(value, from_protobuf=secret.is_universal)


def _usable(mesh: MeshDocument, name: str, context: Context) -> list[SecretDocument]:
    named = context.secrets_by_name.get(name, [])
    # A Mesh without a name has a finding of its own.
    return [each for each in named if each.type == KUBERNETES_TYPE and each.mesh == (mesh.name or each.mesh)]


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """The findings of this module."""
    for path, source in data_sources(mesh):
        found = kinds(source)
        if len(found) != 1:
            many = " and ".join(found) or "none"
            yield mesh.finding(NOT_ONE_KIND, path, f"{path[-1]} needs exactly one kind of data source; it has {many}")
            continue
        kind, value = found[0], source[found[0]]
        if isinstance(value, str):
            place = (*path, kind)
            yield from _value(mesh, place, value) if value.strip() else _empty(mesh, place)
            if kind == "secret" and value.strip():
                yield from _reference(mesh, place, value, context)


def _empty(mesh: MeshDocument, place: Path) -> Iterator[Finding]:
    yield mesh.finding(EMPTY_SOURCE, place, f"{place[-2]} has an empty {place[-1]}")


def _value(mesh: MeshDocument, place: Path, value: str) -> Iterator[Finding]:
    name, kind = place[-2:]
    if kind == "file":
        yield mesh.finding(FILE, place, f"{name} comes from a file, which every control plane must have")
    elif kind == "inlineString":
        if _PEM not in value and is_pem_in_base64(value):
            yield mesh.finding(BASE64_INLINE_STRING, place, f"{name} holds base64 of PEM, which is what inline takes")
    elif kind == "inline" and _PEM in value:
        yield mesh.finding(PEM_INLINE, place, f"{name} holds PEM as it is, which is what inlineString takes")
    elif kind == "inline" and (decoded := decode(value, from_protobuf=True)) is None:
        blanks = decode("".join(value.split()), from_protobuf=True) is not None
        reason = "has blanks or tabs in its base64" if blanks else "is no base64"
        yield mesh.finding(NO_BASE64, place, f"{name} {reason}", "Write it on one line." if blanks else "")
    elif kind == "inline" and not decoded:
        yield from _empty(mesh, place)


def _reference(mesh: MeshDocument, place: Path, name: str, context: Context) -> Iterator[Finding]:
    named = context.secrets_by_name.get(name, [])
    if name_problem(name, mesh.form):
        # It has a finding of its own, which does not repeat the name: it may be a credential.
        return
    if not named:
        yield mesh.finding(SECRET_NOT_GIVEN, place, f"Secret {shown(name)} is not among what was read")
    elif not _usable(mesh, name, context):
        for secret in named:
            if secret.type == GLOBAL_TYPE:
                reason = "is a global one, which no Mesh can use"
            elif secret.type != KUBERNETES_TYPE:
                reason = f"is of type {shown(secret.type)}, not {KUBERNETES_TYPE}"
            else:
                reason = f"is of mesh {shown(secret.mesh)}, not {shown(mesh.name)}"
            yield mesh.finding(SECRET_UNUSABLE, place, f"Secret {shown(name)} {reason}")
