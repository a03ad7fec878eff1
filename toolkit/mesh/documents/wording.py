"""Show values of documents in messages: on one line, shortened, and without credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.text import escape

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Path

HIDDEN = "…"
# Forms of credentials: identifiers of access keys (docs.aws.amazon.com/IAM/latest/UserGuide/
# reference_identifiers.html), the form of their secrets (40 characters of base64), tokens of Vault
# (developer.hashicorp.com/vault/docs/concepts/tokens), and PEM, also in base64.
_CREDENTIAL = re.compile(
    r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{8,}"
    r"|(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])"
    r"|(?<![A-Za-z0-9])(?:hv[sbr]\.|[sbr]\.)[A-Za-z0-9_-]{16,}"
)
_PEM = re.compile(r"-----BEGIN|LS0tLS1CRUdJTi")
_LIMIT = 80
_MAX_KEY = 60


def is_credential(value: str) -> bool:
    """Return whether a text has the form of a credential."""
    return any(form.search(value) for form in (_CREDENTIAL, _PEM))


def hide_credentials(message: str) -> str:
    """Return a message without anything that has the form of a credential."""
    return _CREDENTIAL.sub(HIDDEN, message)


def show(value: object, limit: int = _LIMIT) -> str:
    """Return a value for a message: quoted and shortened. A possible credential is only described."""
    if not isinstance(value, str):
        return name_kind(value)
    if is_credential(value):
        return f"a text of {len(value)} characters"
    cut = value if len(value) <= limit else value[: limit - 1] + HIDDEN
    return f"'{escape(cut)}'"


def name_kind(value: object) -> str:
    """Return the type of a value in YAML's words. The content is only shown if it can't be a secret."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and has_half_characters(value):
        return "a text with half a character, which no document can carry"
    words = {int: "a number", float: "a number", str: "a text", dict: "a mapping", list: "a list"}
    return next((word for type_, word in words.items() if isinstance(value, type_)), "a value of another type")


def has_half_characters(value: str) -> bool:
    """Return whether a text contains a lone surrogate, which YAML can escape and UTF-8 can't encode."""
    return any("\ud800" <= character <= "\udfff" for character in value)


def show_path(path: Path) -> str:
    """Return a path as users write it: ``spec.mtls.backends[0].conf.arn``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{show_key(part)}" for part in path)
    return text.removeprefix(".")


# In {inlineString:x} the space after the colon is missing, so the value is part of the key.
_VALUE_IN_KEY = re.compile(r"(?<=[:\s])\S{16}.*", re.DOTALL)


def show_key(key: str) -> str:
    """Return a key of a document for a message. A key can be any text."""
    if is_credential(key):
        return HIDDEN
    if value := _VALUE_IN_KEY.search(key):
        key = key[: value.start()] + HIDDEN
    return escape(key if len(key) <= _MAX_KEY else key[: _MAX_KEY - 1] + HIDDEN)


def join_words(words: list[str]) -> str:
    """Return words as a list in a sentence: ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
