"""Check whether the value of a data source can be an AWS access key or a Vault token.

AWS answers a wrong key with UnrecognizedClientException or InvalidSignatureException, once for each certificate.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import Resolved, read_secret_value, read_value
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.placeholders import find_unfilled, is_plain
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.secret import KUBERNETES_TYPE
from toolkit.yamltext.plain import at, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import Backend, MeshDocument, SecretDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.yamltext.nodes import Path


PLAIN_TEXT = RULES["MESH038"]
WHITE_SPACE = RULES["MESH102"]
QUOTED = RULES["MESH103"]
SWAPPED = RULES["MESH104"]
ENCODED_TWICE = RULES["MESH105"]
NO_ACCESS_KEY = RULES["MESH107"]
SAME_SECRET = RULES["MESH108"]

_IDENTIFIER, _SECRET = "accessKey", "accessKeySecret"
_AWS: Path = ("conf", "auth", "awsCredentials")
_TOKEN: Path = ("conf", "fromCp", "auth", "token")
_IDENTIFIER_FORM = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,124}")
_SECRET_FORM = re.compile(r"[A-Za-z0-9+/]{40}")
# developer.hashicorp.com/vault/docs/concepts/tokens
_TOKEN_FORM = re.compile(r"hv[sbr]\.[A-Za-z0-9_-]{16,}")
_ANY_IDENTIFIER = re.compile(r"\w{16,128}", re.ASCII)
_MIN_IDENTIFIER, _MAX_IDENTIFIER = 16, 128
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019"}
_SPACES = {"\n": "a line end", "\r": "a line end", " ": "a space", "\t": "a tab"}


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    for backend in mesh.backends:
        if backend.type == "acmpca":
            yield from _pair(mesh, backend, context)
        elif backend.type == "vault":
            token = read_value(mesh, (*backend.path, *_TOKEN), at(backend.value, _TOKEN), context.documents)
            if token:
                yield from _token(token)


def _token(token: Resolved) -> Iterator[Finding]:
    # Spaces around a header are harmless. Vault's client rejects unprintable characters.
    if not token.value.isprintable():
        yield from _white_space(token, "token")
    yield from _wrapped(token, "token", _TOKEN_FORM)


def _pair(mesh: MeshDocument, backend: Backend, context: Context) -> Iterator[Finding]:
    given = mapping(at(backend.value, _AWS))
    secrets = [text(mapping(given.get(name)).get("secret")) for name in (_IDENTIFIER, _SECRET)]
    is_same = secrets[0] == secrets[1] != ""
    if is_same:
        path = (*backend.path, *_AWS, _SECRET, "secret")
        yield report(mesh, SAME_SECRET, path, f"{_IDENTIFIER} and {_SECRET} name the same Secret")
    for name in (_IDENTIFIER, _SECRET)[: 1 if is_same else 2]:
        resolved = read_value(mesh, (*backend.path, *_AWS, name), given.get(name), context.documents)
        if resolved:
            yield from _judge(resolved, name)


def check_secret(secret: SecretDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about an access key, recognized by its form, in a Secret that no Mesh names."""
    if secret.type != KUBERNETES_TYPE or secret.name in context.named:
        return
    held = read_secret_value(secret)
    resolved = held if isinstance(held, Resolved) else Resolved("", secret, secret.data_path)
    value, name = resolved.value, "the access key"
    if _is_plain_text(resolved, _IDENTIFIER):
        yield report(secret, PLAIN_TEXT, resolved.path, f"{name} is plain text; data takes base64")
    elif _IDENTIFIER_FORM.fullmatch(_bare(value)) or _decoded(value, _IDENTIFIER_FORM):
        yield from _white_space(resolved, name)
        yield from _wrapped(resolved, name, _IDENTIFIER_FORM)
        if _IDENTIFIER_FORM.fullmatch(value.strip()) and (finding := find_unfilled(resolved, name)):
            yield finding


def _judge(resolved: Resolved, name: str) -> Iterator[Finding]:
    """Yield the findings about a value: whitespace around it, and its first other problem."""
    form = _IDENTIFIER_FORM if name == _IDENTIFIER else _SECRET_FORM
    if _is_plain_text(resolved, name):
        field = resolved.path[-1] if resolved.path[-1] == "inline" else "data"
        yield report(resolved.document, PLAIN_TEXT, resolved.path, f"{name} is plain text; {field} takes base64")
        return
    yield from _white_space(resolved, name)
    finding = find_unfilled(resolved, name) or next(_wrapped(resolved, name, form), None) or _other(resolved, name)
    if finding:
        yield finding


def _is_plain_text(resolved: Resolved, name: str) -> bool:
    if is_plain(resolved):
        return False
    written = text(at(resolved.document.value, resolved.path)).strip()
    if name == _IDENTIFIER:
        return _IDENTIFIER_FORM.fullmatch(written) is not None
    value = resolved.value.strip()
    return _SECRET_FORM.fullmatch(written) is not None and not (value.isascii() and value.isprintable())


def _white_space(resolved: Resolved, name: str) -> Iterator[Finding]:
    value = resolved.value
    begins, ends = value != value.lstrip(), value != value.rstrip()
    if begins or ends:
        verb, space = ("ends", value[-1]) if ends else ("begins", value[0])
        message = f"{name} {verb} with {_SPACES.get(space, 'white space')}"
        yield report(resolved.document, WHITE_SPACE, resolved.path, message)


def _wrapped(resolved: Resolved, name: str, form: re.Pattern[str]) -> Iterator[Finding]:
    """Yield the findings about whitespace and quotes around a credential."""
    value = resolved.value.strip()
    if _bare(value) != value:
        yield report(resolved.document, QUOTED, resolved.path, f"{name} is in quotes")
    elif _decoded(value, form):
        message = f"{name} is encoded twice" if not is_plain(resolved) else f"{name} is in base64"
        yield report(resolved.document, ENCODED_TWICE, resolved.path, message)


def _bare(value: str) -> str:
    """Return a value without the whitespace and quotes around it."""
    value = value.strip()
    if len(value) > 1 and _QUOTES.get(value[0]) == value[-1]:
        return value[1:-1].strip()
    return value


def _decoded(value: str, form: re.Pattern[str]) -> bool:
    """Return whether a value is the base64 encoding of a text that matches a pattern."""
    inner = decode("".join(value.split()))
    return inner is not None and form.fullmatch(inner.decode(errors="replace").strip()) is not None


def _other(resolved: Resolved, name: str) -> Finding | None:
    """Return why a value is not valid for its field."""
    value = resolved.value.strip()
    if name == _IDENTIFIER and _SECRET_FORM.fullmatch(value) and not value.isupper():
        message = f"{name} has the form of a secret access key"
        return report(resolved.document, SWAPPED, resolved.path, message)
    if name == _SECRET and _IDENTIFIER_FORM.fullmatch(value):
        return report(resolved.document, SWAPPED, resolved.path, f"{name} has the form of an access key ID")
    reason = _identifier_problem(value) if name == _IDENTIFIER else _secret_problem(value)
    return report(resolved.document, NO_ACCESS_KEY, resolved.path, f"{name} {reason}") if reason else None


def _identifier_problem(value: str) -> str:
    if _ANY_IDENTIFIER.fullmatch(value):
        return ""
    if "-----BEGIN" in value:
        return "contains PEM"
    if not re.fullmatch(r"\w*", value, re.ASCII):
        return "contains other characters than letters, digits and underscores"
    return f"has {len(value)} characters; an access key ID has {_MIN_IDENTIFIER} to {_MAX_IDENTIFIER}"


def _secret_problem(value: str) -> str:
    # AWS documents no pattern for it, but some characters can't be part of one.
    if "-----BEGIN" in value:
        return "contains PEM"
    if any(character.isspace() for character in value):
        return "contains white space"
    return "" if value.isascii() and value.isprintable() else "contains other characters than a secret access key has"
