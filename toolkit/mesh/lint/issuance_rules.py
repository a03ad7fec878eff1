"""Check what data plane certificates are issued with: the private CA, the lifetime and timeout, and the common name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint import chain_rules
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.schema.backends import BuiltinCaCert
from toolkit.mesh.schema.go_duration import parse_nanoseconds
from toolkit.pki import duration
from toolkit.pki.arn import PRIVATE_CA, Arn, find_partition
from toolkit.pki.common_name import MAX_COMMON_NAME, expand, is_balanced
from toolkit.pki.usage_mode import check_mode
from toolkit.yamltext.plain import at, mapping

if TYPE_CHECKING:
    from toolkit.contract import CertificateAuthority
    from toolkit.mesh.documents.typed import Backend, Document, MeshDocument
    from toolkit.mesh.schema.field_types import Spot
    from toolkit.yamltext.nodes import Path

_BEYOND_THE_CA = "MESH054"
SHORT = "MESH056"
_OTHER_PARTITION = "MESH062"

# botocore acm-pca, Arn: at most 200 characters.
_MAX_ARN = 200
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
# The path of the lifetime of a backend's certificates.
EXPIRATION: Path = ("dpCert", "rotation", "expiration")
# The control plane itself signs the certificates of these backends.
_KUMAS_OWN = ("builtin", "provided")
MIN_LIFETIME = timedelta(hours=1)
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([a-zµ]+)")
_WORDS = {
    "ms": ("ms", "msec", "millis", "millisecond", "milliseconds"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "week", "weeks"),
    "y": ("y", "yr", "year", "years"),
}
_UNITS = {word: unit for unit, words in _WORDS.items() for word in words}
# Tags are made from Kubernetes labels, whose values have at most 63 characters. Values for services can be longer.
_USUAL_TAG = 63


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about the ARNs, lifetimes, timeouts and common names of a Mesh."""
    for spot in mesh.spots:
        name, value, path = spot.path[-1:], spot.value, (*mesh.spec_path, *spot.path)
        if not isinstance(value, str) or spot.path[0] != "mtls":
            continue
        problem = None
        if name == ("expiration",):
            yield from _lifetime(mesh, spot, value)
        elif name == ("requestTimeout",):
            yield from check_go_duration(mesh, path, value, "MESH053", "MESH058")
        elif name == ("commonName",):
            problem = _judge_common_name(value, context.target.tags)
        elif name == ("arn",):
            problem = judge_arn(value)
        if problem:
            yield report(mesh, problem[0], path, problem[1])
    for backend in mesh.backends:
        yield from _certificates(mesh, backend, context)


def judge_arn(value: str) -> tuple[str, str] | None:
    """Return the code of the rule that an ARN breaks, and a message; None if it is the ARN of a private CA."""
    try:
        arn = Arn.parse(value)
    except ValueError:
        return "MESH060", f"{show(value, _MAX_ARN)} is not an ARN" if value else "arn is empty"
    try:
        PRIVATE_CA.parse(value)
    except ValueError:
        what = arn.service if arn.service != "acm-pca" else arn.resource
        return "MESH061", f"{show(value, _MAX_ARN)} is not the ARN of a private CA, but of {show(what)}"
    if arn.partition not in _PARTITIONS:
        return _OTHER_PARTITION, f"the partition {show(arn.partition)} is not one of {', '.join(_PARTITIONS)}"
    if (expected := find_partition(arn.region)) != arn.partition:
        return _OTHER_PARTITION, f"{arn.region} is a region of the partition {expected}, not of {arn.partition}"
    return None


# Lifetimes and timeouts.


def read_lifetime(backend: Backend) -> timedelta | None:
    """Return the lifetime of a backend's certificates; None if it isn't set or can't be read."""
    return read_duration(at(backend.value, EXPIRATION))


def read_duration(value: object) -> timedelta | None:
    """Return a duration in Kuma's format; None if it is invalid."""
    try:
        return duration.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None


def suggest_duration(value: str) -> str | None:
    """Return the value that was probably meant, as one number and one unit; None if that is unclear."""
    rest = _PART.sub("", value.lower()).replace("and", "").strip(" ,+")
    parts = _PART.findall(value.lower())
    if rest or not parts or any(unit not in _UNITS for _, unit in parts):
        return None
    try:
        total = sum((float(number) * duration.parse(f"1{_UNITS[unit]}") for number, unit in parts), timedelta(0))
    except OverflowError:
        return None
    for unit in ("d", "h", "m", "s", "ms"):
        one = duration.parse(f"1{unit}")
        if total and not total % one:
            written = f"{total // one}{unit}"
            return written if read_duration(written) else None
    return None


def _lifetime(mesh: MeshDocument, spot: Spot, value: str) -> Iterator[Finding]:
    path, lifetime = (*mesh.spec_path, *spot.path), read_duration(value)
    is_kumas_own = at(mesh.spec, (*spot.path[:3], "type")) in _KUMAS_OWN
    if lifetime is None and not value and BuiltinCaCert in dict(spot.owners).values():
        # Kuma reads the lifetime of a builtin CA only if it is not empty.
        return
    if lifetime is None and duration.is_one(value):
        message = f"{show(value)} is over a hundred years"
        yield report(mesh, "MESH059" if is_kumas_own else _BEYOND_THE_CA, path, message)
    elif lifetime is None:
        better = suggest_duration(value)
        fix = f"Write {better}." if better else ""
        yield report(mesh, "MESH050", path, f"{show(value)} is not a lifetime that Kuma can read", fix)
    elif not lifetime:
        message = f"{show(value)} is zero: the certificate expires when it is issued"
        yield report(mesh, "MESH057" if is_kumas_own else "MESH052", path, message)


def read_go_duration(value: str) -> timedelta | None:
    """Return a duration in Go's format, which has no days, in whole microseconds; None if it is invalid."""
    try:
        # Rounded up: a nanosecond is more than 0.
        return timedelta(microseconds=-(-parse_nanoseconds(value) // 1000))
    except ValueError:
        return None


def check_go_duration(
    document: Document, path: Path, value: str, unreadable: str, too_small: str, *, may_be_zero: bool = False
) -> Iterator[Finding]:
    """Yield the finding about a duration that Go parses.

    Args:
        document: the document with the duration.
        path: the path of the duration.
        value: the duration.
        unreadable: the rule about a value that Go can't read.
        too_small: the rule about a value that is negative or 0.
        may_be_zero: whether 0 is valid.
    """
    try:
        nanoseconds = parse_nanoseconds(value)
    except ValueError:
        meant = read_duration(suggest_duration(value))
        hours, rest = divmod(meant or timedelta(0), timedelta(hours=1))
        fix = f"Write {f'{meant.total_seconds():g}s' if rest else f'{hours}h'}." if meant else ""
        yield report(document, unreadable, path, f"{path[-1]} {show(value)} is not a duration that Go can read", fix)
        return
    if nanoseconds < 0 or not (nanoseconds or may_be_zero):
        yield report(document, too_small, path, f"{path[-1]} {show(value)} is not more than 0s")


def _certificates(mesh: MeshDocument, backend: Backend, context: Context) -> Iterator[Finding]:
    """Yield the findings about a lifetime that is missing, short, or beyond what the CA issues."""
    path, rotation = (*backend.path, *EXPIRATION), at(backend.value, EXPIRATION[:-1])
    is_mapping = isinstance(backend.value.get("dpCert"), dict) and isinstance(rotation, dict | None)
    if is_mapping and mapping(rotation).get("expiration") is None:
        yield report(mesh, "MESH051", path, "dpCert has no rotation.expiration")
    lifetime, said, now = read_lifetime(backend), at(backend.value, EXPIRATION), context.target.now
    if not lifetime:
        return
    if lifetime < MIN_LIFETIME:
        yield report(mesh, SHORT, path, f"{said} is less than an hour: each proxy renews after four fifths of it")
    if backend.type != "acmpca":
        return
    authority = context.target.outputs and context.target.outputs.certificate_authority
    if authority and authority.arn == backend.conf.get("arn"):
        yield from check_issuable(mesh, path, lifetime, authority, now)
    else:
        bundle = chain_rules.read_bundle(mesh, backend, context)
        if bundle and bundle.hierarchy.is_in_order:
            yield from _outlives(mesh, path, lifetime, bundle.certificates[0].not_valid_after_utc, now)


def check_issuable(
    document: Document, path: Path, lifetime: timedelta, authority: CertificateAuthority, now: datetime, fix: str = ""
) -> Iterator[Finding]:
    """Yield the findings about a lifetime that the contract's CA can't issue.

    Args:
        document: the document with the lifetime.
        path: the path of the lifetime.
        lifetime: how long certificates are to be valid.
        authority: the contract's CA.
        now: the time at which it is checked.
        fix: what to do about a CA in short-lived mode; empty for the rule's own text.
    """
    if check_mode(authority.usage_mode, lifetime) and lifetime > timedelta(0):
        message = f"{at(document.value, path)} is more than the 7 days of a CA in short-lived mode"
        yield report(document, "MESH055", path, message, fix)
    yield from _outlives(document, path, lifetime, authority.not_after, now)


def _outlives(document: Document, path: Path, lifetime: timedelta, end: datetime, now: datetime) -> Iterator[Finding]:
    if now < end and lifetime > end - now:
        message = f"{at(document.value, path)} lasts longer than the CA, which expires on {end:%Y-%m-%d}"
        yield report(document, _BEYOND_THE_CA, path, message)


def _judge_common_name(value: str, tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the code of the rule that a template of common names breaks, and a message."""
    if not value.strip():
        return "MESH093", "commonName is empty"
    if not is_balanced(value):
        return "MESH090", f"{show(value)} has a '{{{{' without its '}}}}', or the other way round"
    template = expand(value, tags)
    if template is None:
        return "MESH094", f"{show(value)} has a directive that is not of the form tag KEY"
    literal, unknown = len(template.text), template.unknown
    if literal + len(unknown) > MAX_COMMON_NAME:
        least = " or more" if unknown else ""
        many = f"{literal + len(unknown)} characters{least}; the limit is {MAX_COMMON_NAME}"
        return "MESH091", f"{show(value)} makes a common name of {many}"
    if unknown and literal + _USUAL_TAG * len(unknown) > MAX_COMMON_NAME:
        left, names = MAX_COMMON_NAME - literal, join_words([show(name) for name in dict.fromkeys(unknown)])
        characters = f"{left} characters{' together' if len(unknown) > 1 else ''}"
        return "MESH092", f"the value of {names} can have {characters}; with more, no certificate is issued"
    return None
