"""Check durations: the lifetime of data plane certificates, and a control plane's timeout for a CA."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.contract import check_mode
from toolkit.mesh.documents.wording import show
from toolkit.mesh.lint import chains
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.schema.backends import BuiltinCaCert
from toolkit.mesh.schema.go_duration import parse_nanoseconds
from toolkit.pki import duration
from toolkit.yamltext.plain import at, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from toolkit.mesh.documents.typed import Backend, MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.mesh.schema.field_types import Spot
    from toolkit.yamltext.nodes import Path


NO_DURATION = RULES["MESH050"]
NO_EXPIRATION = RULES["MESH051"]
NO_LIFETIME = RULES["MESH052"]
NO_TIMEOUT = RULES["MESH053"]
EXPIRES_AT_ONCE = RULES["MESH057"]
NO_TIME = RULES["MESH058"]
BEYOND_THE_CA = RULES["MESH054"]
BEYOND_SHORT_LIVED = RULES["MESH055"]
SHORT = RULES["MESH056"]
BEYOND_READING = RULES["MESH059"]

# The path of the lifetime of a backend's certificates.
EXPIRATION: Path = ("dpCert", "rotation", "expiration")
# The control plane itself signs the certificates of these backends.
_KUMAS_OWN = ("builtin", "provided")
_SHORT = timedelta(hours=1)
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


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    for spot in mesh.spots:
        name = spot.path[-1] if spot.path else ""
        if name == "expiration" and isinstance(spot.value, str):
            yield from _lifetime(mesh, spot, spot.value)
        elif name == "requestTimeout" and isinstance(spot.value, str):
            yield from _timeout(mesh, (*mesh.spec_path, *spot.path), spot.value)
    for backend in mesh.backends:
        certificates = backend.value.get("dpCert")
        if isinstance(certificates, dict) and _has_no_expiration(certificates):
            yield report(mesh, NO_EXPIRATION, (*backend.path, *EXPIRATION), "dpCert has no rotation.expiration")
        lifetime = read_lifetime(backend)
        if lifetime:
            yield from _can_be_issued(mesh, backend, lifetime, context)


def _has_no_expiration(certificates: dict[object, object]) -> bool:
    rotation = certificates.get("rotation")
    return rotation is None or (isinstance(rotation, dict) and rotation.get("expiration") is None)


def read_lifetime(backend: Backend) -> timedelta | None:
    """Return the lifetime of a backend's certificates; None if it isn't set or can't be read."""
    return read_duration(at(backend.value, EXPIRATION))


def read_duration(value: object) -> timedelta | None:
    """Return a duration in Kuma's format; None if it is invalid."""
    try:
        return duration.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _lifetime(mesh: MeshDocument, spot: Spot, value: str) -> Iterator[Finding]:
    path, lifetime = (*mesh.spec_path, *spot.path), read_duration(value)
    if lifetime is None and not value and BuiltinCaCert in dict(spot.owners).values():
        # Kuma reads the lifetime of a builtin CA only if it is not empty.
        return
    if lifetime is None and duration.is_one(value):
        message = f"{show(value)} is over a hundred years"
        own = _type_of_backend(mesh, spot) in _KUMAS_OWN
        yield report(mesh, BEYOND_READING if own else BEYOND_THE_CA, path, message)
    elif lifetime is None:
        better = suggest_duration(value)
        fix = f"Write {better}." if better else ""
        yield report(mesh, NO_DURATION, path, f"{show(value)} is no lifetime that Kuma can read", fix)
    elif not lifetime:
        rule = EXPIRES_AT_ONCE if _type_of_backend(mesh, spot) in _KUMAS_OWN else NO_LIFETIME
        yield report(mesh, rule, path, f"{show(value)} is no lifetime: the certificate expires when it is issued")


def _type_of_backend(mesh: MeshDocument, spot: Spot) -> object:
    """Return the type of the mTLS backend that a field is in."""
    return mapping(at(mesh.spec, spot.path[:3])).get("type")


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


def _timeout(mesh: MeshDocument, path: Path, value: str) -> Iterator[Finding]:
    try:
        timeout = parse_nanoseconds(value)
    except ValueError:
        meant = read_duration(suggest_duration(value))
        fix = f"Write {meant.total_seconds():g}s." if meant else ""
        yield report(mesh, NO_TIMEOUT, path, f"{show(value)} is no timeout", fix)
        return
    if timeout <= 0:
        yield report(mesh, NO_TIME, path, f"{show(value)} is not more than 0s")


def _can_be_issued(mesh: MeshDocument, backend: Backend, lifetime: timedelta, context: Context) -> Iterator[Finding]:
    path = (*backend.path, *EXPIRATION)
    said = at(backend.value, EXPIRATION)
    if lifetime < _SHORT:
        yield report(mesh, SHORT, path, f"{said} is less than an hour: each proxy renews after four fifths of it")
    if backend.type != "acmpca":
        return
    authority = context.target.outputs and context.target.outputs.certificate_authority
    if authority and authority.arn == backend.conf.get("arn") and check_mode(authority.usage_mode, lifetime):
        yield report(mesh, BEYOND_SHORT_LIVED, path, f"{said} is more than the 7 days of a CA in short-lived mode")
    end = _end_of_the_ca(mesh, backend, context)
    if end and context.target.now < end < context.target.now + lifetime:
        yield report(mesh, BEYOND_THE_CA, path, f"{said} lasts longer than the CA, which expires on {end:%Y-%m-%d}")


def _end_of_the_ca(mesh: MeshDocument, backend: Backend, context: Context) -> datetime | None:
    """Return the CA's expiration: from the contract if it has this CA, else from the chain's first certificate."""
    if context.target.outputs and context.target.outputs.certificate_authority.arn == backend.conf.get("arn"):
        return context.target.outputs.certificate_authority.not_after
    bundle = chains.read_bundle(mesh, backend, context)
    return bundle.certificates[0].not_valid_after_utc if bundle and bundle.hierarchy.is_in_order else None
