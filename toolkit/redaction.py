"""Keep the secrets that this process knows, and remove them from texts before they leave the process.

A server or a library may repeat a secret in an error: as it was sent, or encoded. Code that reads a secret registers it
with :func:`know`. Code that prints a text from elsewhere passes it through :func:`blot`: reports, errors, tracebacks,
warnings, the ledger and everything else on stderr. Documents that must contain credentials, such as a rendered Mesh,
are not blotted.

Secrets shorter than :data:`WORTH_HIDING` are not replaced: they occur by chance in other words. A short password in a
URL is replaced only together with its delimiters (``:password@``).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
WORTH_HIDING = 8
# A text may be truncated within a secret. This many characters of its beginning are replaced as well.
_TELLING = 16
# Environment variables that contain only a secret.
_SECRET_VARIABLES = {
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "TOOLKIT_CONTROL_PLANE_TOKEN",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE",
}
_URL = r"[A-Za-z][A-Za-z0-9+.-]*://(?P<rest>\S+)"
# host, host:port and [v6]:port, before a path.
_HOST_AND_PORT = r"(?:\[[^\]]*\]|[^:/?#]*)(?::\d*)?(?:[/?#].*)?"
_CONTROLS = {"\r": "a carriage return", "\n": "a line feed", "\t": "a tab", "\0": "a NUL", " ": "a space"}


class Registry:
    """A set of secrets, and the texts that reveal them. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        # The texts to replace, by their first characters and longest first, so that one pass finds all of them.
        self._forms: dict[str, tuple[str, ...]] = {}

    def know(self, secret: str) -> None:
        """Remember a secret in all encodings in which it may be repeated.

        Args:
            secret: the value; ignored if it is shorter than :data:`WORTH_HIDING`.
        """
        with self._lock:
            if secret in self._secrets or len(secret.strip()) < WORTH_HIDING:
                return
            self._secrets.add(secret)
            for form in _forms(secret):
                self._add(form)

    def know_text(self, text: str) -> None:
        """Remember one exact text that reveals a secret."""
        with self._lock:
            self._add(text)

    def _add(self, form: str) -> None:
        if len(form) < WORTH_HIDING:
            return
        head = form[:WORTH_HIDING]
        known = self._forms.get(head, ())
        if form not in known:
            self._forms[head] = tuple(sorted((*known, form), key=len, reverse=True))

    def forget(self) -> None:
        """Forget every secret; for tests, which run many commands in one process."""
        with self._lock:
            self._secrets, self._forms = set(), {}

    def blot(self, text: str) -> str:
        """Return the text with every known secret replaced, also a truncated one."""
        forms = self._forms
        if not forms:
            return text
        parts, done, place = [], 0, 0
        last = len(text) - WORTH_HIDING
        while place <= last:
            candidates = forms.get(text[place : place + WORTH_HIDING])
            length = _length(text, place, candidates) if candidates else 0
            if length:
                parts += [text[done:place], HIDDEN]
                place += length
                done = place
            else:
                place += 1
        return "".join((*parts, text[done:])) if parts else text

    def blot_bytes(self, content: bytes) -> bytes:
        """Return the bytes with every known secret replaced; all other bytes are unchanged."""
        text = content.decode(errors="surrogateescape")
        blotted = self.blot(text)
        return content if blotted == text else blotted.encode(errors="surrogateescape")


def _length(text: str, place: int, candidates: Iterable[str]) -> int:
    """Return how many characters at a position belong to a secret; 0 if none do."""
    longest = 0
    for form in candidates:
        if text.startswith(form, place):
            return max(len(form), longest)
        if len(form) > _TELLING and text.startswith(form[:_TELLING], place):
            common = _TELLING
            while common < len(form) and text.startswith(form[common], place + common):
                common += 1
            longest = max(longest, len(form[:common].rstrip()))
    return longest


def _forms(secret: str) -> set[str]:
    """Return the texts in which a secret may be repeated."""
    # Without surrounding spaces, as one line, and line by line, because messages are built in these ways.
    values = {secret, secret.strip(), " ".join(secret.split()), *secret.splitlines()}
    values |= {value.strip() for value in values}
    long = [value for value in values if len(value) >= WORTH_HIDING]
    return {form for value in long for form in (*_encoded(value), *_base64(value))}


def _encoded(value: str) -> Iterator[str]:
    """Yield a value as URLs, JSON, Python and HTML encode it."""
    raw = _bytes(value)
    yield value
    for quoted in (quote(raw, safe=""), quote(raw), quote(raw, safe="~"), quote_plus(raw)):
        yield quoted
        yield quote(quoted, safe="")
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield escaped
        # PHP and others escape the slash as well. JSON in JSON escapes the backslashes again.
        yield escaped.replace("/", "\\/")
        yield json.dumps(escaped)[1:-1]
    yield value.replace("/", "\\u002f")
    for shown in (repr(value), repr(raw)[1:], ascii(value)):
        yield shown[1:-1]
        yield repr(shown)[2:-2]
    yield value.encode("unicode_escape").decode()
    # As html.escape and markupsafe write it. Importing the module html would slow down the start.
    markup = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield markup
    for double, single in (("&quot;", "&#x27;"), ("&#34;", "&#39;")):
        yield markup.replace('"', double).replace("'", single)
    yield raw.hex()
    yield raw.hex().upper()


def _base64(value: str) -> Iterator[str]:
    """Yield a value in base64, also within a longer value (``Authorization: Basic``)."""
    raw = _bytes(value)
    for before in range(3):
        # Only the characters that don't depend on the bytes before and after the value.
        whole = (before + len(raw)) * 8 // 6
        first = -(-before * 8 // 6)
        text = binascii.b2a_base64(b"\0" * before + raw, newline=False).decode()[first:whole]
        yield text
        yield text.translate(str.maketrans("+/", "-_"))
        yield quote(text, safe="")
    yield base64.b64encode(raw).decode()


def _bytes(value: str) -> bytes:
    return value.encode(errors="surrogateescape" if _is_from_bytes(value) else "surrogatepass")


def _is_from_bytes(value: str) -> bool:
    """Return whether the lone surrogates of a value represent bytes, as in Python's ``os.environ``."""
    return all("\udc80" <= c <= "\udcff" for c in value if "\ud800" <= c <= "\udfff")


_known = Registry()
know, blot, forget = _known.know, _known.blot, _known.forget


def know_environment(environment: Mapping[str, str]) -> None:
    """Remember the secrets in environment variables: credentials, tokens, and passwords in proxy URLs."""
    for name, value in environment.items():
        if name.upper() in _SECRET_VARIABLES:
            know(value)
        elif "://" in value:
            know_urls(value)
        elif name.lower().endswith("_proxy") and "@" in value:
            # Proxies are often set without a scheme.
            know_urls(f"http://{value}")


def know_urls(text: str) -> None:
    """Remember the passwords in all URLs of a text, and user names without a password, which may be tokens."""
    for match in re.finditer(_URL, text):
        rest = match["rest"]
        # Text after the first slash belongs to the password if the password was not quoted. A port is not a password.
        if "@" not in re.split("[/?#]", rest, maxsplit=1)[0] and re.fullmatch(_HOST_AND_PORT, rest):
            continue
        userinfo, at, _ = rest.rpartition("@")
        if not at:
            continue
        user, colon, password = userinfo.partition(":")
        secret = password if colon else user
        for value in {secret, unquote(secret)}:
            know(value)
            if colon:
                know(f"{unquote(user)}:{value}")
                _known.know_text(f":{value}@")


def check_proxies(environment: Mapping[str, str]) -> str:
    """Return the proxy variable whose user name or password was not quoted; empty if there is none.

    Libraries read the part before the first slash as host and port, and repeat it in their errors.
    """
    for name, value in environment.items():
        if not name.lower().endswith("_proxy") or name.lower() == "no_proxy":
            continue
        rest = value.partition("://")[2] or value
        if "@" in rest and "@" not in re.split("[/?#]", rest, maxsplit=1)[0]:
            return f"{name} is not a valid URL: quote / as %2F, # as %23 and ? as %3F in its password"
    return ""


def know_all(*secrets: str | None) -> None:
    """Remember several secrets, such as the secret key and the token of AWS credentials; None is ignored."""
    for secret in secrets:
        know(secret or "")


def check_characters(value: str) -> str:
    """Return why a value can't be a credential: control characters, or spaces at its ends; empty if it can be.

    The text never contains the value: ``ends with a carriage return``, ``contains a NUL``.
    """
    for where, character in (("ends with", value[-1:]), ("begins with", value[:1])):
        if character.isspace() or _is_control(character):
            return f"{where} {_control(character)}"
    inner = next(filter(_is_control, value), "")
    return f"contains {_control(inner)}" if inner else ""


def _is_control(character: str) -> bool:
    return "\0" <= character < " " or "\x7f" <= character < "\xa0"


def _control(character: str) -> str:
    return _CONTROLS.get(character, f"the control character U+{ord(character):04X}")
