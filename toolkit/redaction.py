"""The secrets that this process knows, and how to remove them from a text before it leaves the process.

A server or a library may repeat a secret in an error: as it was sent, or encoded. Whoever reads a secret registers it
with :func:`know`; whatever shows a text that may come from elsewhere passes it through :func:`blot`. Those are reports,
errors, tracebacks, warnings, the ledger and everything else on stderr. Documents that are meant to contain credentials,
such as a rendered Mesh, are not blotted.

What is shorter than :data:`WORTH_HIDING` is not replaced: it occurs by chance in other words, and replacing it would
mangle them. A short password in a URL is replaced only together with what surrounds it there (``:password@``).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, quote_plus, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HIDDEN = "***"
WORTH_HIDING = 8
# A text may have been cut in the middle of a secret: so many characters of its beginning give it away, too.
_TELLING = 16
# Environment variables that contain a secret and nothing else.
_SECRET_VARIABLES = {
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "TOOLKIT_CONTROL_PLANE_TOKEN",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE",
}
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<rest>\S+)")
# host, host:port and [v6]:port, before a path.
_HOST_AND_PORT = re.compile(r"(?:\[[^\]]*\]|[^:/?#]*)(?::\d*)?(?:[/?#].*)?")
_CONTROLS = {"\r": "a carriage return", "\n": "a line feed", "\t": "a tab", "\0": "a NUL", " ": "a blank"}
_FIRST_PRINTABLE, _DELETE, _AFTER_C1 = 0x20, 0x7F, 0xA0


class Registry:
    """A set of secrets, and the texts that give them away. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        # The texts to replace by their first characters, the longest first: a text is searched once for all of them.
        self._forms: dict[str, tuple[str, ...]] = {}

    def know(self, secret: str) -> None:
        """Remember a secret, in every form in which it may come back.

        Args:
            secret: the value; nothing happens if it is shorter than :data:`WORTH_HIDING`.
        """
        with self._lock:
            if secret in self._secrets or len(secret.strip()) < WORTH_HIDING:
                return
            self._secrets.add(secret)
            for form in _forms(secret):
                self._add(form)

    def know_text(self, text: str) -> None:
        """Remember one exact text that gives a secret away."""
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
        """Return the text with every known secret replaced, also one that is cut off after some characters."""
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
        """Return the bytes with every known secret replaced; everything else is kept to the byte."""
        text = content.decode(errors="surrogateescape")
        blotted = self.blot(text)
        return content if blotted == text else blotted.encode(errors="surrogateescape")


def _length(text: str, place: int, candidates: Iterable[str]) -> int:
    """Return how many characters of the text at a place belong to one of the secrets; 0 if they are of none."""
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
    """Return the texts in which a secret may come back."""
    # Without the blanks around it, as one line, and line by line, as messages are put together.
    values = {secret, secret.strip(), " ".join(secret.split()), *secret.splitlines()}
    values |= {value.strip() for value in values}
    long = [value for value in values if len(value) >= WORTH_HIDING]
    return {form for value in long for form in (*_encoded(value), *_base64(value))}


def _encoded(value: str) -> Iterator[str]:
    """Yield what URLs, JSON, Python and HTML make of a value."""
    raw = _bytes(value)
    yield value
    for quoted in (quote(raw, safe=""), quote(raw), quote(raw, safe="~"), quote_plus(raw)):
        yield quoted
        yield quote(quoted, safe="")
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield escaped
        # PHP and others escape the slash as well; JSON in JSON escapes the backslashes again.
        yield escaped.replace("/", "\\/")
        yield json.dumps(escaped)[1:-1]
    yield value.replace("/", "\\u002f")
    for shown in (repr(value), repr(raw)[1:], ascii(value)):
        yield shown[1:-1]
        yield repr(shown)[2:-2]
    yield value.encode("unicode_escape").decode()
    # As html.escape and markupsafe write it; the module html would take its time to load.
    markup = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield markup
    for double, single in (("&quot;", "&#x27;"), ("&#34;", "&#39;")):
        yield markup.replace('"', double).replace("'", single)
    yield raw.hex()
    yield raw.hex().upper()


def _base64(value: str) -> Iterator[str]:
    """Yield what base64 makes of a value, also in the middle of something longer (``Authorization: Basic``)."""
    raw = _bytes(value)
    for before in range(3):
        # The characters that depend on the value alone: not on what is before it, nor on what follows.
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
    """Tell whether the lone surrogates of a value stand for bytes, as in Python's ``os.environ``."""
    return all("\udc80" <= c <= "\udcff" for c in value if "\ud800" <= c <= "\udfff")


_known = Registry()
know, blot, forget = _known.know, _known.blot, _known.forget


def know_environment(environment: Mapping[str, str]) -> None:
    """Remember the secrets in environment variables: credentials, tokens, and passwords in the URLs of proxies."""
    for name, value in environment.items():
        if name.upper() in _SECRET_VARIABLES:
            know(value)
        elif "://" in value:
            know_urls(value)
        elif name.lower().endswith("_proxy") and "@" in value:
            # Proxies are commonly given without a scheme.
            know_urls(f"http://{value}")


def know_urls(text: str) -> None:
    """Remember the passwords in all URLs of a text; a user name that stands alone may be a token, so it is one."""
    for match in _URL.finditer(text):
        rest = match["rest"]
        # What follows the first slash belongs to the password if it was not quoted; a port is no password.
        if "@" not in re.split("[/?#]", rest, maxsplit=1)[0] and _HOST_AND_PORT.fullmatch(rest):
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
    """Say which variable of a proxy has a user name or password that was not quoted; empty if none has.

    Libraries take the part before the first slash for host and port, and repeat it in their errors.
    """
    for name, value in environment.items():
        if not name.lower().endswith("_proxy") or name.lower() == "no_proxy":
            continue
        rest = value.partition("://")[2] or value
        if "@" in rest and "@" not in re.split("[/?#]", rest, maxsplit=1)[0]:
            return f"{name} is not a valid URL: quote / as %2F, # as %23 and ? as %3F in its password"
    return ""


class _AwsCredentials(Protocol):
    """Credentials as botocore has them."""

    secret_key: str | None
    token: str | None


def know_credentials(credentials: _AwsCredentials | None) -> None:
    """Remember the secret parts of AWS credentials."""
    if credentials is not None:
        know(credentials.secret_key or "")
        know(credentials.token or "")


def know_sts_credentials(taken: Mapping[str, str]) -> None:
    """Remember the secret parts of the ``Credentials`` in an answer of STS."""
    know(taken.get("SecretAccessKey", ""))
    know(taken.get("SessionToken", ""))


def check_characters(value: str) -> str:
    """Say why a value can't be a credential: control characters anywhere, or blanks at its ends; empty if it can be.

    The text never contains the value: ``ends with a carriage return``, ``contains a NUL``.
    """
    if not value:
        return ""
    if (last := value[-1]) != last.strip() or _is_control(last):
        return f"ends with {_control(last)}"
    if (first := value[0]) != first.strip() or _is_control(first):
        return f"begins with {_control(first)}"
    inner = next(filter(_is_control, value), "")
    return f"contains {_control(inner)}" if inner else ""


def _is_control(character: str) -> bool:
    return ord(character) < _FIRST_PRINTABLE or _DELETE <= ord(character) < _AFTER_C1


def _control(character: str) -> str:
    return _CONTROLS.get(character, f"the control character U+{ord(character):04X}")
