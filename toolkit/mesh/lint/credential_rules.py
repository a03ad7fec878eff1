"""Check credentials of control planes and private keys: where they are stored, and whether they can be valid.

AWS answers a wrong key with UnrecognizedClientException or InvalidSignatureException, once for each certificate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from toolkit.mesh.documents.confidential import INLINE
from toolkit.mesh.documents.data_sources import Resolved, list_kinds, read_secret_value, read_value
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.secret import KUBERNETES_TYPE
from toolkit.pki import go_pem, private_key
from toolkit.pki.private_key import EncryptedKeyError, NotAKeyError, PublicKey, UnusableKeyError
from toolkit.yamltext.plain import at, mapping, text

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.mesh.documents.typed import Backend, MeshDocument, SecretDocument
    from toolkit.yamltext.nodes import Path

IN_THE_MESH = "MESH100"
_PLAIN_TEXT = "MESH038"
_SWAPPED = "MESH104"
_PLACEHOLDER = "MESH106"

_IDENTIFIER, _SECRET = "accessKey", "accessKeySecret"
_AWS: Path = ("conf", "auth", "awsCredentials")
_TOKEN: Path = ("conf", "fromCp", "auth", "token")
_TEMPORARY_PREFIX = "ASIA"
_IDENTIFIER_FORM = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,124}")
_SECRET_FORM = re.compile(r"[A-Za-z0-9+/]{40}")
# developer.hashicorp.com/vault/docs/concepts/tokens
_TOKEN_FORM = re.compile(r"hv[sbr]\.[A-Za-z0-9_-]{16,}")
_ANY_IDENTIFIER = re.compile(r"\w{16,128}", re.ASCII)
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019"}
_SPACES = {"\n": "a line end", "\r": "a line end", " ": "a space", "\t": "a tab"}
# The next two are strings, which re compiles when a document has credentials.
# Shells and Flux, Helm and Jinja, Argo CD's Vault plugin, vals, SOPS, and other substitution tools.
_VARIABLE = (
    r"(?s:\$\{[^{}]*\}|\$\([^()]*\)|\$[A-Za-z_]\w*|\{\{.*\}\}|<path:.*>|ref\+\w+://.*|ENC\[.*\]|%\w+%|@\w+@|__\w+__)"
)
# A random secret access key can't match: it has no hyphens, underscores, blanks or brackets.
_WORDS = (
    r"(?i:<[^<>]*>|\[[^\[\]]*\]|(?:your|my|insert|enter|paste|put|add|fill)[-_. ].*|your(?:aws)?(?:access|secret)\w*"
    r"|replace(?:[-_ ]?(?:me|this|it)|[-_ ]with[-_ ].*)|change[-_ ]?(?:me|this|it)|to[-_ ]?do|tbd|fix[-_ ]?me"
    r"|place[-_ ]?holder|example|dummy|redacted|removed"
    r"|(?:aws[-_ ]?)?(?:secret[-_ ]?)?access[-_ ]?key(?:[-_ ]?(?:id|secret|here))?|(?:aws[-_ ]?)?secret[-_ ]?key"
    r"|(?:AKIA|ASIA)?(.)\1{2,})"
)
# All access keys in AWS documentation end like this; real ones are random.
_DOCUMENTED = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{5,}EXAMPLE|[A-Za-z0-9/+]{29,31}EXAMPLEKEY")
# The paths of a certificate and its key in each type of backend.
_PAIRS: dict[str, tuple[Path, Path]] = {
    "provided": (("conf", "cert"), ("conf", "key")),
    "vault": (("conf", "fromCp", "auth", "tls", "clientCert"), ("conf", "fromCp", "auth", "tls", "clientKey")),
}


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about the credentials and private keys of a Mesh."""
    for spot in mesh.spots:
        if spot.is_credential:
            for kind in list_kinds(mapping(spot.value)):
                if kind in INLINE:
                    path = (*mesh.spec_path, *spot.path, kind)
                    yield report(mesh, IN_THE_MESH, path, f"{spot.path[-1]} is in the Mesh itself")
    for backend in mesh.backends:
        if backend.type == "acmpca":
            yield from _access_key(mesh, backend, context)
        elif backend.type == "vault" and (token := _read(mesh, backend, _TOKEN, context)):
            yield from _token(token)
        if backend.type in _PAIRS:
            yield from _key_pair(mesh, backend, context)


def check_secret(secret: SecretDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about an access key, recognized by its form, in a Secret that no Mesh names."""
    if secret.type != KUBERNETES_TYPE or secret.name in context.named:
        return
    held = read_secret_value(secret)
    resolved = held if isinstance(held, Resolved) else Resolved("", secret, secret.data_path)
    value, name = resolved.value, "the access key"
    if _is_plain_text(resolved, _IDENTIFIER):
        yield _report(resolved, _PLAIN_TEXT, f"{name} is plain text; data takes base64")
    elif _IDENTIFIER_FORM.fullmatch(_bare(value)) or _decoded(value, _IDENTIFIER_FORM):
        yield from _whitespace(resolved, name)
        yield from _wrapped(resolved, name, _IDENTIFIER_FORM)
        if _IDENTIFIER_FORM.fullmatch(value.strip()):
            yield from _unfilled(resolved, name)


def _read(mesh: MeshDocument, backend: Backend, path: Path, context: Context) -> Resolved | None:
    return read_value(mesh, (*backend.path, *path), at(backend.value, path), context.documents)


def _report(resolved: Resolved, code: str, message: str, fix: str = "") -> Finding:
    return report(resolved.document, code, resolved.path, message, fix)


# Access keys and tokens.


def _token(token: Resolved) -> Iterator[Finding]:
    # Spaces around a header are harmless. Vault's client rejects unprintable characters.
    if not token.value.isprintable():
        yield from _whitespace(token, "token")
    yield from _wrapped(token, "token", _TOKEN_FORM)


def _access_key(mesh: MeshDocument, backend: Backend, context: Context) -> Iterator[Finding]:
    given = mapping(at(backend.value, _AWS))
    identifier, secret = (_read(mesh, backend, (*_AWS, name), context) for name in (_IDENTIFIER, _SECRET))
    if identifier:
        yield from _judge(identifier, _IDENTIFIER)
        if identifier.value.strip().startswith(_TEMPORARY_PREFIX):
            message = f"the access key begins with {_TEMPORARY_PREFIX}, so it is a temporary one"
            yield _report(identifier, "MESH101", message)
    named = [text(mapping(given.get(name)).get("secret")) for name in (_IDENTIFIER, _SECRET)]
    if named[0] == named[1] != "":
        path = (*backend.path, *_AWS, _SECRET, "secret")
        yield report(mesh, "MESH108", path, f"{_IDENTIFIER} and {_SECRET} name the same Secret")
    elif secret:
        yield from _judge(secret, _SECRET)


def _judge(resolved: Resolved, name: str) -> Iterator[Finding]:
    """Yield the findings about a value: whitespace around it, and its first other problem."""
    form = _IDENTIFIER_FORM if name == _IDENTIFIER else _SECRET_FORM
    if _is_plain_text(resolved, name):
        field = resolved.path[-1] if resolved.path[-1] == "inline" else "data"
        yield _report(resolved, _PLAIN_TEXT, f"{name} is plain text; {field} takes base64")
        return
    yield from _whitespace(resolved, name)
    others = chain(_unfilled(resolved, name), _wrapped(resolved, name, form), _invalid(resolved, name))
    yield from islice(others, 1)


def _is_plain_text(resolved: Resolved, name: str) -> bool:
    if _is_plain(resolved):
        return False
    written = text(at(resolved.document.value, resolved.path)).strip()
    if name == _IDENTIFIER:
        return _IDENTIFIER_FORM.fullmatch(written) is not None
    value = resolved.value.strip()
    return _SECRET_FORM.fullmatch(written) is not None and not (value.isascii() and value.isprintable())


def _is_plain(resolved: Resolved) -> bool:
    """Return whether a value is not encoded in base64."""
    return resolved.path[-1] == "inlineString" or "stringData" in resolved.path


def _whitespace(resolved: Resolved, name: str) -> Iterator[Finding]:
    value = resolved.value
    begins, ends = value != value.lstrip(), value != value.rstrip()
    if begins or ends:
        verb, space = ("ends", value[-1]) if ends else ("begins", value[0])
        yield _report(resolved, "MESH102", f"{name} {verb} with {_SPACES.get(space, 'whitespace')}")


def _wrapped(resolved: Resolved, name: str, form: re.Pattern[str]) -> Iterator[Finding]:
    """Yield the finding about a credential in quotes, or encoded once too often."""
    value = resolved.value.strip()
    if _bare(value) != value:
        yield _report(resolved, "MESH103", f"{name} is in quotes")
    elif _decoded(value, form):
        yield _report(resolved, "MESH105", f"{name} is {'in base64' if _is_plain(resolved) else 'encoded twice'}")


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


def _unfilled(resolved: Resolved, name: str) -> Iterator[Finding]:
    """Yield the finding about a placeholder, an example or a variable."""
    value = resolved.value.strip()
    if _DOCUMENTED.fullmatch(value):
        yield _report(resolved, _PLACEHOLDER, f"{name} is an example of AWS's documentation")
    elif re.fullmatch(_VARIABLE, value) and _is_plain(resolved):
        yield _report(resolved, "MESH109", f"{name} is a variable that a tool must replace")
    elif re.fullmatch(_VARIABLE, value):
        message = f"{name} is a variable, encoded in base64, where no tool replaces it"
        yield _report(resolved, _PLACEHOLDER, message)
    elif re.fullmatch(_WORDS, value):
        yield _report(resolved, _PLACEHOLDER, f"{name} is a placeholder")


def _invalid(resolved: Resolved, name: str) -> Iterator[Finding]:
    """Yield the finding about a value that is not valid for its field."""
    value = resolved.value.strip()
    if name == _IDENTIFIER and _SECRET_FORM.fullmatch(value) and not value.isupper():
        yield _report(resolved, _SWAPPED, f"{name} has the form of a secret access key")
    elif name == _SECRET and _IDENTIFIER_FORM.fullmatch(value):
        yield _report(resolved, _SWAPPED, f"{name} has the form of an access key ID")
    elif reason := _identifier_problem(value) if name == _IDENTIFIER else _secret_problem(value):
        yield _report(resolved, "MESH107", f"{name} {reason}")


def _identifier_problem(value: str) -> str:
    if _ANY_IDENTIFIER.fullmatch(value):
        return ""
    if "-----BEGIN" in value:
        return "contains PEM"
    if not re.fullmatch(r"\w*", value, re.ASCII):
        return "contains other characters than letters, digits and underscores"
    return f"has {len(value)} characters; an access key ID has 16 to 128"


def _secret_problem(value: str) -> str:
    # AWS documents no pattern for it, but some characters can't be part of one.
    if "-----BEGIN" in value:
        return "contains PEM"
    if any(character.isspace() for character in value):
        return "contains whitespace"
    return "" if value.isascii() and value.isprintable() else "contains other characters than a secret access key has"


# Private keys and their certificates: of a provided CA, and of a control plane that logs in to Vault.


def _key_pair(mesh: MeshDocument, backend: Backend, context: Context) -> Iterator[Finding]:
    of_certificate, of_key = _PAIRS[backend.type]
    certificates, key = (_read(mesh, backend, path, context) for path in (of_certificate, of_key))
    certified: x509.Certificate | None = None
    if certificates:
        try:
            certified = private_key.load_certificate(certificates.value)
        except NotAKeyError as error:
            # For a provided CA the rules for chains report everything else.
            if backend.type != "provided" or _has_key_alone(certificates.value):
                yield _report(certificates, "MESH164", f"{of_certificate[-1]} {error}")
    if key:
        half = _read_key(key, str(of_key[-1]), certificates)
        if isinstance(half, Finding):
            yield half
        elif certified and (difference := private_key.find_difference(certified, half)):
            yield _report(key, "MESH160", f"{of_key[-1]} {difference}")


def _read_key(key: Resolved, name: str, certificates: Resolved | None) -> PublicKey | Finding:
    if finding := next(_unfilled(key, name), None):
        return finding
    try:
        return private_key.load(key.value)
    except EncryptedKeyError as error:
        return _report(key, "MESH161", f"{name} {error}")
    except UnusableKeyError as error:
        return _report(key, "MESH163", f"{name} {error}")
    except NotAKeyError as error:
        is_certificate = any(block.label == "CERTIFICATE" for block in go_pem.read_blocks(key.value))
        is_swapped = is_certificate and certificates and _has_key_alone(certificates.value)
        fix = "The certificate and the key are swapped: exchange the two." if is_swapped else ""
        return _report(key, "MESH162", f"{name} {error}", fix)


def _has_key_alone(text: str) -> bool:
    labels = [block.label for block in go_pem.read_blocks(text)]
    return any(map(private_key.is_private, labels)) and "CERTIFICATE" not in labels
