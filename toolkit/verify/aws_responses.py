"""Read AWS responses: reject a response if a part does not have the documented type.

botocore validates requests but not responses: it returns a list in place of an ARN as a list. No message quotes the
response, because a part of an ``AssumeRole`` response may contain a secret key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from toolkit.pki import arn
from toolkit.values import Object, Value

_Kind = TypeVar("_Kind")
_NO_CONTROLS = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
# Credentials are sent in HTTP headers, where blanks and line ends are not allowed.
_VISIBLE = re.compile(r"[\x21-\x7e]+")
# PEM is ASCII in lines.
_PEM_TEXT = re.compile(r"[\t\r\n\x20-\x7e]+")
_MOST_CHARACTERS = 2048
# After UpdateCertificateAuthority and RevokeCertificate AWS sends "an empty HTTP body"; services of this protocol may
# also send an object without members.
_NOTHING = (b"", b"{}")


class NoAnswerError(ValueError):
    """The response is not from AWS.

    Args:
        reason: the problem with the response. It never quotes the response.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the response is not from AWS: {reason}")


@dataclass(frozen=True)
class AuthorityState:
    """A CA's state and properties from ``DescribeCertificateAuthority``, with AWS's names.

    Attributes:
        status: such as ``ACTIVE``.
        type: such as ``ROOT``.
        usage_mode: such as ``GENERAL_PURPOSE``.
        key_algorithm: such as ``EC_prime256v1``.
        signing_algorithm: from the CA's configuration, such as ``SHA256WITHECDSA``.
        not_after: when the CA's certificate expires, in UTC; None for a CA without a certificate.
    """

    status: str
    type: str
    usage_mode: str
    key_algorithm: str
    signing_algorithm: str
    not_after: datetime | None


def read_credentials(answer: object) -> dict[str, str]:
    """Return the three parts of the credentials in an STS response, with AWS's names as keys.

    Raises:
        NoAnswerError: a part is missing, or can't be sent in an HTTP header.
    """
    credentials = _part(answer, "Credentials", dict)
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    # No length limit: AWS documents that tokens may grow (STS API reference, Credentials).
    return {name: _text(credentials, name, _VISIBLE, most=None) for name in names}


def read_caller_arn(answer: object) -> str:
    """Return the caller's ARN from a response of ``GetCallerIdentity``.

    Raises:
        NoAnswerError: the response contains no ARN.
    """
    caller_arn = read_arn(answer, "Arn")
    try:
        arn.Arn.parse(caller_arn)
    except ValueError:
        raise NoAnswerError("its Arn is not an ARN") from None
    return caller_arn


def read_arn(answer: object, name: str) -> str:
    """Return a member of a response that is an ARN.

    Raises:
        NoAnswerError: the member is missing or not valid.
    """
    text = _text(answer, name, _VISIBLE)
    if not text.startswith("arn:"):
        raise NoAnswerError(f"its {name} is not an ARN")
    return text


def read_certificate_authority(answer: object, authority_arn: str) -> AuthorityState:
    """Return the CA's state from a response of ``DescribeCertificateAuthority``.

    Args:
        answer: the response as botocore parsed it.
        authority_arn: the ARN in the request.

    Raises:
        NoAnswerError: a part has the wrong type, or the response describes another CA.
    """
    authority = _part(answer, "CertificateAuthority", dict)
    if authority.get("Arn", authority_arn) != authority_arn:
        raise NoAnswerError("it describes another CA")
    ends = authority.get("NotAfter")
    if ends is not None and not isinstance(ends, datetime):
        raise _wrong_type("NotAfter", ends)
    try:
        ends = ends and ends.astimezone(UTC)
    except (OverflowError, OSError):
        raise NoAnswerError("its NotAfter is not a valid time") from None
    configuration = _part(authority, "CertificateAuthorityConfiguration", dict)
    return AuthorityState(
        status=_text(authority, "Status"),
        type=_text(authority, "Type"),
        usage_mode=_text(authority, "UsageMode") if "UsageMode" in authority else "GENERAL_PURPOSE",
        key_algorithm=_text(configuration, "KeyAlgorithm"),
        signing_algorithm=_text(configuration, "SigningAlgorithm"),
        not_after=ends,
    )


def read_certificate(answer: object) -> tuple[str, str]:
    """Return the PEM texts of the certificate and of its chain, from a response of ``GetCertificate``.

    If the response has no chain, the second text is empty; the check chain-order reports that.

    Raises:
        NoAnswerError: the certificate is missing, or one of the two is not a text.
    """
    leaf = _text(answer, "Certificate", _PEM_TEXT, most=None)
    # botocore omits members that are null.
    chain = answer.get("CertificateChain") if isinstance(answer, Mapping) else None
    return leaf, "" if chain in (None, "") else _text(answer, "CertificateChain", _PEM_TEXT, most=None)


def check_response(protocol: str, *, has_output: bool, status: int, body: bytes) -> None:
    """Check a response before botocore parses it, because botocore accepts responses that AWS never sends.

    botocore treats any 2xx as success, uses the last of several values of a JSON member, and ignores the body of an
    operation without output. A sign-in page of a proxy would look like a successful revocation.

    Args:
        protocol: the protocol of the service: ``json``, ``query`` (responses in XML), or another.
        has_output: whether the operation returns anything.
        status: HTTP status of the response.
        body: body of the response, not decoded.

    Raises:
        NoAnswerError: AWS does not send such a response.
    """
    if _SERVER_ERROR <= status < _NO_STATUS:
        if protocol == "query":
            _check_entities(body)
        # A server error may be temporary, even if a proxy sent it: the call is repeated.
        return
    if status != _OK and not _CLIENT_ERROR <= status < _SERVER_ERROR:
        raise NoAnswerError(f"it has status {status}" + (", a redirect" if _REDIRECT <= status < _CLIENT_ERROR else ""))
    if status == _OK and not has_output:
        if body.strip() not in _NOTHING:
            raise NoAnswerError("it has content where AWS sends none")
        return
    check = {"json": _check_json, "query": _check_xml}.get(protocol)
    if check is None:
        return
    try:
        check(body.decode())
    except NoAnswerError:
        raise
    except Exception as error:  # noqa: BLE001 - ValueError, RecursionError; no other class is a reason to go on either
        kind = "JSON" if protocol == "json" else "text"
        raise NoAnswerError(f"it has status {status} and is not valid {kind} ({type(error).__name__})") from None


_OK, _REDIRECT, _CLIENT_ERROR, _SERVER_ERROR, _NO_STATUS = 200, 300, 400, 500, 600


def _check_xml(text: str) -> None:
    _check_entities(text.encode())
    if "<!DOCTYPE" in text:
        raise NoAnswerError("it is an HTML page, or XML with a document type")


def _check_entities(body: bytes) -> None:
    # AWS sends no entities; they can expand a small body to gigabytes. Without its zero bytes, UTF-16 reads as ASCII.
    if b"<!ENTITY" in body.replace(b"\0", b""):
        raise NoAnswerError("it is XML that defines entities")


def _check_json(text: str) -> None:
    if not isinstance(json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant), dict):
        raise NoAnswerError("its JSON is not an object")


def _unique(pairs: list[tuple[str, Value]]) -> Object:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NoAnswerError("its JSON has a duplicate member")
    return members


def _refuse_constant(_: str) -> None:
    raise NoAnswerError("its JSON has an invalid number")


def _part(answer: object, name: str, kind: type[_Kind]) -> _Kind:
    value = answer.get(name) if isinstance(answer, Mapping) else None
    if value is None:
        raise NoAnswerError(f"it has no {name}")
    if not isinstance(value, kind):
        raise _wrong_type(name, value)
    return value


def _text(answer: object, name: str, form: re.Pattern[str] = _NO_CONTROLS, most: int | None = _MOST_CHARACTERS) -> str:
    text: str = _part(answer, name, str)
    if not text.strip():
        raise NoAnswerError(f"its {name} is empty")
    if not form.fullmatch(text):
        raise NoAnswerError(f"its {name} contains invalid characters")
    if most is not None and len(text) > most:
        raise NoAnswerError(f"its {name} is longer than {most} characters")
    return text


def _wrong_type(name: str, value: object) -> NoAnswerError:
    return NoAnswerError(f"its {name} is of type {type(value).__name__}")
