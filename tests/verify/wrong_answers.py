"""Answers that a captive portal, a broken proxy or an attacker may send instead of AWS's."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.support import hierarchy
from toolkit.pki import csr, pem

ASSUME, EXCHANGE, DESCRIBE = "AssumeRole", "AssumeRoleWithWebIdentity", "DescribeCertificateAuthority"
ISSUE, FETCH, REVOKE = "IssueCertificate", "GetCertificate", "RevokeCertificate"
IDENTIFY = "GetCallerIdentity"
# The check that must fail, by operation. A revocation is no check: it must not be claimed.
CHECKS = {ASSUME: "identity", EXCHANGE: "identity", IDENTIFY: "identity"}
CHECKS |= {DESCRIBE: "authority", ISSUE: "issue", FETCH: "fetch", REVOKE: ""}
OPERATIONS = tuple(CHECKS)
# Those that return credentials.
STS = (ASSUME, EXCHANGE)


@dataclass(frozen=True)
class Right:
    """AWS's own answer, before something is made of it.

    Attributes:
        operation: that was asked.
        body: what AWS answers; nothing to a revocation.
        elsewhere: the URL of another server.
    """

    operation: str
    body: bytes
    elsewhere: str

    @property
    def is_json(self) -> bool:
        return self.operation not in (*STS, IDENTIFY)

    @property
    def document(self) -> dict[str, Any]:
        """The answer's JSON."""
        return json.loads(self.body or b"{}")  # type: ignore[no-any-return] # AWS sends objects

    def http(self, body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
        """A response with that body, else as AWS sends it."""
        kind = "application/x-amz-json-1.1" if self.is_json else "text/xml"
        lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body) if length is None else length}"]
        if not any(line.lower().startswith("content-type") for line in headers):
            lines.append(f"Content-Type: {kind}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@dataclass(frozen=True)
class Wrong:
    """One wrong answer.

    Attributes:
        identifier: names it.
        make: the bytes that come through the connection, made from the right answer.
        operations: that it is given to.
        trickle: these bytes follow one by one, without an end.
        slow: whether the zone tries or waits until its time is up.
        checks: that may fail instead of the operation's own.
    """

    identifier: str
    make: Callable[[Right], bytes]
    operations: tuple[str, ...] = OPERATIONS
    trickle: bytes = b""
    slow: bool = False
    checks: tuple[str, ...] = ()


def _body(content: bytes, status: str = "200 OK", *headers: str) -> Callable[[Right], bytes]:
    return lambda right: right.http(content, status, *headers)


def _of_kind(as_json: bytes, as_xml: bytes) -> Callable[[Right], bytes]:
    return lambda right: right.http(as_json if right.is_json else as_xml)


def _members(change: Callable[[dict[str, Any]], object]) -> Callable[[Right], bytes]:
    """A change of the answer's JSON."""

    def make(right: Right) -> bytes:
        document = right.document
        change(document)
        return right.http(json.dumps(document).encode())

    return make


def _leaves(json_value: Any, xml_text: str) -> Callable[[Right], bytes]:
    """Every value of the answer is another one: in JSON that value, in XML that text."""

    def replaced(node: Any) -> Any:
        return {name: replaced(each) for name, each in node.items()} if isinstance(node, dict) else json_value

    def make(right: Right) -> bytes:
        if right.is_json:
            return right.http(json.dumps(replaced(right.document) or {"x": json_value}).encode())
        return right.http(re.sub(r">[^<>\s][^<>]*<", f">{xml_text}<", right.body.decode()).encode())

    return make


def _twice(right: Right) -> bytes:
    if right.is_json:
        inner = right.body.strip()[1:-1] or b'"x": 1'
        return right.http(b"{" + inner + b"," + inner + b"}")
    body = right.body.decode()
    return right.http(re.sub(r"(<(SecretAccessKey|Arn)>.*?</\2>)", r"\1\1", body).encode())


def _without(name: str) -> Callable[[Right], bytes]:
    return lambda right: right.http(re.sub(rf"<{name}>.*?</{name}>", "", right.body.decode(), flags=re.DOTALL).encode())


def _with(name: str, text: str) -> Callable[[Right], bytes]:
    def make(right: Right) -> bytes:
        return right.http(re.sub(rf"(<{name}>).*?(</{name}>)", rf"\g<1>{text}\2", right.body.decode()).encode())

    return make


def _ca(name: str, value: Any) -> Callable[[Right], bytes]:
    return _members(lambda document: document["CertificateAuthority"].update({name: value}))


def _raw(name: str, text: str) -> Callable[[Right], bytes]:
    """A member of the CA with a value that no encoder writes."""

    def make(right: Right) -> bytes:
        document = right.document
        document["CertificateAuthority"][name] = "@@"
        return right.http(json.dumps(document).replace('"@@"', text).encode())

    return make


@cache
def _bomb() -> bytes:
    """A quarter of a gigabyte in some hundred kilobytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * (16 * 1024 * 1024)
    return b"".join(packer.compress(block) for _ in range(16)) + packer.flush()


@cache
def _foreign() -> tuple[str, str]:
    """A certificate of another CA, with its chain."""
    other = hierarchy()
    leaf = other.issue(csr.create_data_plane_key().public_key(), ["spiffe://default/toolkit-verify"])
    return pem.write([leaf]), pem.write(other.chain())


def _foreign_certificate(document: dict[str, Any]) -> None:
    document["Certificate"], document["CertificateChain"] = _foreign()


def _garbage(right: Right) -> bytes:
    text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    return _members(lambda document: document.update(Certificate=text))(right)


XHTML = b"""<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Sign in</title></head>
<body><p>Accept the terms.</p></body></html>
"""
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title><body><p>Accept the terms"
_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (letter, b"&%c;" % (letter - 1) * 10) for letter in range(98, 107))
    + b"]><x>&j;</x>"
)
_ERROR_JSON = b'{"__type":"ThrottlingException","message":"Rate exceeded"}'
_ERROR_XML = (
    b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>Throttling</Code>'
    b"<Message>Rate exceeded</Message></Error><RequestId>x</RequestId></ErrorResponse>"
)
_NOT_REVOKE = tuple(operation for operation in OPERATIONS if operation != REVOKE)

WRONG = (
    Wrong("sign-in-page-xhtml", _body(XHTML, "200 OK", "Content-Type: application/xhtml+xml")),
    Wrong("sign-in-page-html", _body(HTML, "200 OK", "Content-Type: text/html")),
    Wrong("sign-in-page-as-json", _body(HTML)),
    Wrong("sign-in-page-403", _body(HTML, "403 Forbidden", "Content-Type: text/html")),
    Wrong("page-407", _body(HTML, "407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=x")),
    Wrong("page-500", _body(HTML, "500 Internal Server Error", "Content-Type: text/html"), slow=True),
    Wrong("page-500-a-megabyte", _body(b"<p>" * 350_000, "502 Bad Gateway", "Content-Type: text/html"), slow=True),
    Wrong("null", _body(b"null")),
    Wrong("a-list", _body(b"[]")),
    Wrong("a-list-of-lists", _body(b"[[[]]]")),
    Wrong("a-text", _body(b'"AKIAIOSFODNN7EXAMPLE"')),
    Wrong("a-number", _body(b"1e999")),
    Wrong("true", _body(b"true")),
    Wrong("nothing-in-it", _of_kind(b"{}", b"<x/>"), _NOT_REVOKE),
    Wrong("blanks", _body(b" \r\n\r\n "), _NOT_REVOKE),
    Wrong("no-body", _body(b""), _NOT_REVOKE),
    Wrong("the-other-protocol", _of_kind(XHTML, b'{"Credentials": {"AccessKeyId": "AKIA"}}')),
    Wrong("lists-at-every-leaf", _leaves(["x"], "<member>x</member>")),
    Wrong("objects-at-every-leaf", _leaves({"x": {}}, "<x><x/></x>")),
    Wrong("numbers-at-every-leaf", _leaves(1.5, "\n"), tuple(o for o in OPERATIONS)),
    Wrong("nulls-at-every-leaf", _leaves(None, "")),
    Wrong("empty-texts", _leaves("", "")),
    Wrong("control-characters", _leaves("\x1b[2J\x07\u009b", "a&#10;b")),
    Wrong("nested-in-lists", _of_kind(b"[" * 100_000, b"<a>" * 100_000)),
    Wrong(
        "nested-and-closed", _of_kind(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"<a>" * 100_000 + b"</a>" * 100_000)
    ),
    Wrong("not-a-number", _of_kind(b'{"Status": NaN, "CertificateArn": Infinity}', b"<x>NaN</x>")),
    Wrong("5000-digits", _of_kind(b'{"NotAfter": %s}' % (b"9" * 5000), b"<x>%s</x>" % (b"9" * 5000))),
    Wrong("members-twice", _twice),
    Wrong("redirect", lambda right: right.http(b"", "302 Found", f"Location: {right.elsewhere}")),
    Wrong("redirect-that-keeps-the-method", lambda right: right.http(b"", "307 Moved", f"Location: {right.elsewhere}")),
    Wrong("redirect-for-good", lambda right: right.http(right.body, "301 Moved", f"Location: {right.elsewhere}")),
    Wrong("no-content", lambda right: right.http(b"", "204 No Content")),
    Wrong("accepted", lambda right: right.http(right.body, "202 Accepted")),
    Wrong("partial-content", lambda right: right.http(right.body, "206 Partial Content")),
    Wrong("status-999", lambda right: right.http(right.body, "999 Whatever")),
    Wrong("compressed", lambda right: right.http(gzip.compress(right.body), "200 OK", "Content-Encoding: gzip")),
    Wrong("gzip-bomb", lambda right: right.http(_bomb(), "200 OK", "Content-Encoding: gzip")),
    Wrong("gzip-bomb-undeclared", lambda right: right.http(_bomb())),
    Wrong("broken-gzip", _body(b"\x1f\x8b\x08\0broken", "200 OK", "Content-Encoding: gzip")),
    Wrong("17-mebibytes", _body(b" " * (17 * 1024 * 1024) + b"{}")),
    Wrong("xml-bomb", _body(_BOMB)),
    Wrong("xml-bomb-500", _body(_BOMB, "500 Internal Server Error"), STS),
    Wrong("xml-bomb-utf-16", _body(_BOMB.decode().encode("utf-16"), "503 Service Unavailable"), STS),
    Wrong("utf-16", lambda right: right.http((right.body or b"{}").decode().encode("utf-16"))),
    Wrong("invalid-utf-8", _of_kind(b'{"CertificateArn": "arn:\xff\xfe", "Status": "\xc0\xaf"}', b"<x>\xff\xc0</x>")),
    Wrong("error-with-status-200", _of_kind(_ERROR_JSON, _ERROR_XML)),
    Wrong("error-without-a-code", _body(b'{"__type": [1], "message": {}}', "400 Bad Request")),
    Wrong("error-that-is-a-list", _body(b"[]", "400 Bad Request")),
    Wrong("length-too-short", lambda right: right.http(right.body if len(right.body) > 5 else b'{"a":1}', length=5)),
    Wrong("length-too-long", lambda right: right.http(right.body, length=len(right.body) + 10), slow=True),
    Wrong("length-no-number", lambda right: right.http(HTML).replace(b"Content-Length: ", b"Content-Length: x")),
    Wrong("huge-header", lambda right: right.http(right.body, "200 OK", f"X-Y: {'a' * 200_000}"), slow=True),
    Wrong("500-headers", lambda right: right.http(right.body, "200 OK", *[f"X-{n}: y" for n in range(500)]), slow=True),
    Wrong("not-http", lambda _: b"SSH-2.0-OpenSSH_9.2p1\r\n", slow=True),
    Wrong("closed-at-once", lambda _: b"", slow=True),
    Wrong(
        "chunks-that-are-none",
        lambda right: right.http(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"zz\r\nx",
        slow=True,
    ),
    Wrong("headers-trickle", lambda _: b"HTTP/1.1 200 OK\r\nX-Y: ", trickle=b"a", slow=True),
    Wrong("body-trickles", lambda right: right.http(b"", length=1_000_000), trickle=b" ", slow=True),
    Wrong(
        "chunks-trickle",
        lambda right: right.http(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"),
        trickle=b"1\r\n \r\n",
        slow=True,
    ),
    Wrong("no-credentials", _without("Credentials"), STS),
    Wrong("no-session-token", _without("SessionToken"), STS),
    Wrong("no-secret-key", _without("SecretAccessKey"), STS),
    Wrong("empty-access-key", _with("AccessKeyId", ""), STS),
    Wrong("key-with-a-line-end", _with("AccessKeyId", "AKIA&#13;&#10;Host: x"), STS),
    Wrong("expires-never", _with("Expiration", "never"), STS),
    Wrong("no-caller", _without("Arn"), (IDENTIFY,)),
    Wrong("caller-is-no-arn", _with("Arn", "arn:aws:sts::assumed-role"), (IDENTIFY,)),
    Wrong("caller-is-another", _with("Arn", "arn:aws:sts::123456789012:assumed-role/admin/x"), (IDENTIFY,)),
    Wrong("arn-is-a-list", _members(lambda d: d.update(CertificateArn=[d["CertificateArn"]])), (ISSUE,)),
    Wrong("arn-is-empty", _members(lambda d: d.update(CertificateArn=" ")), (ISSUE,)),
    Wrong("arn-is-none", _members(lambda d: d.update(CertificateArn="certificate/1")), (ISSUE,)),
    Wrong("arn-with-a-line-end", _members(lambda d: d.update(CertificateArn=d["CertificateArn"] + "\nx")), (ISSUE,)),
    Wrong("no-arn", _members(lambda d: d.pop("CertificateArn")), (ISSUE,)),
    Wrong("authority-is-a-list", _members(lambda d: d.update(CertificateAuthority=[])), (DESCRIBE,)),
    Wrong(
        "authority-is-another",
        _ca("Arn", "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/x"),
        (DESCRIBE,),
    ),
    Wrong("status-is-a-list", _ca("Status", ["ACTIVE"]), (DESCRIBE,)),
    Wrong("status-is-true", _ca("Status", True), (DESCRIBE,)),  # noqa: FBT003 - a value of JSON
    Wrong("mode-is-an-object", _ca("UsageMode", {}), (DESCRIBE,)),
    Wrong("expires-in-words", _ca("NotAfter", "next year"), (DESCRIBE,)),
    Wrong("expires-in-99999", _ca("NotAfter", 3093527980800), (DESCRIBE,)),
    Wrong("expires-at-infinity", _raw("NotAfter", "1e400"), (DESCRIBE,)),
    Wrong("expires-at-nan", _raw("NotAfter", "NaN"), (DESCRIBE,)),
    Wrong("expires-is-a-list", _ca("NotAfter", [2030]), (DESCRIBE,)),
    Wrong("certificate-is-garbage", _garbage, (FETCH,)),
    Wrong("certificate-is-a-list", _members(lambda d: d.update(Certificate=[d["Certificate"]])), (FETCH,)),
    Wrong("chain-is-an-object", _members(lambda d: d.update(CertificateChain={})), (FETCH,)),
    Wrong("chain-is-garbage", _members(lambda d: d.update(CertificateChain="-----BEGIN CERTIFICATE-----\n")), (FETCH,)),
    Wrong(
        "certificate-of-another-ca",
        _members(_foreign_certificate),
        (FETCH,),
        checks=("public-key", "subject-alternative-names", "key-usage", "lifetime", "chain", "chain-order"),
    ),
)
