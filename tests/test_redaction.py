"""Secrets that the process knows, in every form in which they come back."""

from __future__ import annotations

import base64
import html
import json
import threading
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from toolkit import redaction
from toolkit.redaction import HIDDEN, Registry, check_characters

SECRET = "wJalr/XUt\"nFE<MI+K7 MD&ENG=\\bPx'RfiCYEXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def knowing(*secrets: str) -> Registry:
    registry = Registry()
    for secret in secrets:
        registry.know(secret)
    return registry


FORMS = {
    "as it is": SECRET,
    "in a URL": quote(SECRET, safe=""),
    "in a path": quote(SECRET),
    "in a form": quote_plus(SECRET),
    "in a URL, lower case": quote(SECRET, safe="")
    .replace("%2F", "%2f")
    .replace("%3C", "%3c")
    .replace("%5C", "%5c")
    .replace("%2B", "%2b")
    .replace("%3D", "%3d"),
    "in a URL, twice": quote(quote(SECRET, safe=""), safe=""),
    "in JSON": json.dumps(SECRET)[1:-1],
    "in JSON in JSON": json.dumps(json.dumps(SECRET))[3:-3],
    "in JSON of PHP": json.dumps(SECRET)[1:-1].replace("/", "\\/"),
    "as Python shows it": repr(SECRET)[1:-1],
    "as Python shows its bytes": repr(SECRET.encode())[2:-1],
    "in HTML": html.escape(SECRET),
    "in XML": html.escape(SECRET, quote=False),
    "in base64": base64.b64encode(SECRET.encode()).decode().rstrip("="),
    "in base64 for URLs": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    "in hex": SECRET.encode().hex(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("x", "y"), ("Bearer ", "\r\n"), ("  ", "\t")])
def test_every_form_is_replaced(form: str, before: str, after: str) -> None:
    assert SECRET[:12] not in HIDDEN
    assert knowing(SECRET).blot(f"{before}{form}{after}") == f"{before}{HIDDEN}{after}"


@pytest.mark.parametrize("padding", ["\r", "\n", "\r\n", " ", "\t"])
@pytest.mark.parametrize("shape", ["{0}{1}", "{1}{0}"])
def test_padding_is_no_way_out(padding: str, shape: str) -> None:
    padded = shape.format(AWS_SECRET, padding)
    registry = knowing(padded)
    for text in (AWS_SECRET, padded, repr(padded), json.dumps(padded), f"header b'{AWS_SECRET}'"):
        assert AWS_SECRET not in registry.blot(text)
    for encoded in (base64.b64encode(padded.encode()).decode(), base64.b64encode(AWS_SECRET.encode()).decode()):
        assert encoded[:20] not in registry.blot(encoded)


def test_a_secret_of_several_lines_is_found_line_by_line() -> None:
    registry = knowing("first-line-of-it\nsecond-line-of-it\r\n")
    text = registry.blot("a first-line-of-it b second-line-of-it c first-line-of-it second-line-of-it")
    assert text == f"a {HIDDEN} b {HIDDEN} c {HIDDEN}"


@given(st.binary(max_size=20), st.text(min_size=8, max_size=60), st.binary())
def test_base64_hides_it_at_every_place(before: bytes, secret: str, after: bytes) -> None:
    assume(len(secret.strip()) >= 8)
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    blotted = knowing(secret).blot(encoded)
    assert HIDDEN in blotted
    # What is left is not more than what is beside the secret, and the characters that it shares with that.
    assert len(blotted) <= len(base64.b64encode(before + after)) + len(HIDDEN) + 4


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), min_size=8, max_size=40), st.text(max_size=40))
def test_no_text_makes_it_fail_and_no_secret_stays(before: str, secret: str, after: str) -> None:
    registry = knowing(secret)
    blotted = registry.blot(f"{before}{secret}{after}")
    if len(secret.strip()) >= 8 and secret not in HIDDEN + after + before:
        assert secret not in blotted
    assert knowing().blot(before) == before


def test_a_secret_that_is_cut_off_is_replaced_too() -> None:
    registry = knowing(AWS_SECRET)
    assert registry.blot(f"it was {AWS_SECRET[:20]}…") == f"it was {HIDDEN}…"
    assert registry.blot(f"it was {AWS_SECRET[:-1]}") == f"it was {HIDDEN}"
    # Fewer characters occur by chance.
    assert registry.blot(AWS_SECRET[:10]) == AWS_SECRET[:10]


def test_the_longer_of_two_is_replaced_whole() -> None:
    registry = knowing("abcdefgh", "abcdefghijkl")
    assert registry.blot("abcdefghijkl abcdefgh abcdefghi") == f"{HIDDEN} {HIDDEN} {HIDDEN}i"


@pytest.mark.parametrize("short", ["", "a", "test", "1234567", "       8 "])
def test_what_is_short_is_not_replaced(short: str) -> None:
    registry = knowing(short)
    assert registry.blot(f"a test of {short}") == f"a test of {short}"


def test_other_text_stays() -> None:
    registry = knowing(AWS_SECRET)
    for text in (
        "",
        "short",
        "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/1",
        "wJalrXUt",
        "*" * 99,
    ):
        assert registry.blot(text) == text


def test_bytes_keep_what_is_no_text() -> None:
    registry = knowing(AWS_SECRET, "pässwörter")
    assert registry.blot_bytes(b"\xff\x00" + AWS_SECRET.encode() + b"\xfe") == b"\xff\x00***\xfe"
    assert registry.blot_bytes("x pässwörter".encode()) == b"x ***"
    assert registry.blot_bytes(b"\xff\xc3") == b"\xff\xc3"


@pytest.mark.parametrize(
    ("url", "echo", "hidden"),
    [
        ("http://joe:hunter22222@proxy:3128", "proxy said hunter22222", "hunter22222"),
        ("http://joe:hunt2@proxy:3128", "can't connect to http://joe:hunt2@proxy:3128", "hunt2"),
        ("http://joe:p%40ss%2Fword1@proxy", "the password is p@ss/word1", "p@ss/word1"),
        ("http://joe:pass/word/1234@proxy", "Failed to parse: http://joe:pass/word/1234@proxy", "pass/word/1234"),
        ("http://joe:a@b:c@d1234@proxy", "it was a@b:c@d1234", "a@b:c@d1234"),
        ("https://ghp_0123456789@host/x", "ghp_0123456789 is not valid", "ghp_0123456789"),
        (
            "http://joe:hunt2@proxy",
            f"Basic {base64.b64encode(b'joe:hunt2').decode()}",
            base64.b64encode(b"joe:hunt2").decode(),
        ),
    ],
)
def test_passwords_in_urls(url: str, echo: str, hidden: str) -> None:
    redaction.know_urls(f"--endpoint-url={url}")
    assert hidden not in redaction.blot(echo)


@pytest.mark.parametrize(
    "url", ["https://host:5682/x@y-and-more", "https://host/?mail=joe@example.com", "http://[::1]:80/a@b"]
)
def test_other_urls_have_no_password(url: str) -> None:
    redaction.know_urls(url)
    assert redaction.blot(url) == url


def test_the_environment() -> None:
    redaction.know_environment(
        {
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
            "AWS_SESSION_TOKEN": "session-token-1\r",
            "TOOLKIT_CONTROL_PLANE_TOKEN": "user-token-1",
            "https_proxy": "joe:proxy-password@proxy:3128",
            "ANY_URL": "redis://:redis-password@host",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "PATH": "/usr/bin:/bin",
            "NO_PROXY": "a@b,localhost",
        }
    )
    said = redaction.blot(
        f"{AWS_SECRET} session-token-1 user-token-1 proxy-password redis-password AKIAIOSFODNN7EXAMPLE"
    )
    assert said == f"{' '.join([HIDDEN] * 5)} AKIAIOSFODNN7EXAMPLE"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", ""),
        ("a+b/c==", ""),
        ("a b", ""),
        ("abc\r", "ends with a carriage return"),
        ("abc\r\n", "ends with a line feed"),
        ("abc ", "ends with a space"),
        ("\tabc", "begins with a tab"),
        ("a\0bc", "contains a NUL"),
        ("a\x1b[2Jc", "contains the control character U+001B"),
        ("ab\x9bc", "contains the control character U+009B"),
        ("ab\x7f", "ends with the control character U+007F"),
    ],
)
def test_what_can_be_no_credential(value: str, problem: str) -> None:
    assert check_characters(value) == problem


def test_thousands_of_secrets_take_no_longer_than_one() -> None:
    registry = knowing(*(f"{number:06}-{AWS_SECRET}" for number in range(2000)))
    text = "AccessDenied: no identity-based policy allows the acm-pca:IssueCertificate action " * 2
    begun = time.perf_counter()
    for _ in range(1000):
        registry.blot(text)
    assert time.perf_counter() - begun < 2


def test_threads_may_register_at_once() -> None:
    registry = Registry()

    def register(first: int) -> None:
        for number in range(first, first + 50):
            registry.know(f"secret-number-{number:04}")
            assert registry.blot(f"secret-number-{number:04}") == HIDDEN

    threads = [threading.Thread(target=register, args=(number * 50,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(registry.blot(f"secret-number-{number:04}") == HIDDEN for number in range(400))


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://proxy:3128", True),
        ("http://joe:a%2Fb@proxy:3128/", True),
        ("joe:hunt2@proxy:3128", True),
        ("http://joe:a/b@proxy:3128", False),
        ("http://joe:a#b@proxy:3128", False),
        ("joe:a?b@proxy:3128", False),
    ],
)
def test_proxies_whose_password_was_not_quoted(url: str, *, good: bool) -> None:
    for name in ("HTTPS_PROXY", "all_proxy"):
        problem = redaction.check_proxies({name: url, "NO_PROXY": "a/b@c"})
        assert problem.startswith("" if good else f"{name} is not a valid URL")
        assert bool(problem) is not good
        assert "hunt2" not in problem
