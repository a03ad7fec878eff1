"""The report for machines, and reading it back; ``docs/verification.md`` describes the schema."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from toolkit.contract import validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.verify.results import CertificateFacts, Check, Handshake, Link, NotRevoked, Outcome, Report, ZoneResult

if TYPE_CHECKING:
    from datetime import datetime

SCHEMA_VERSION: Literal[1] = 1
# A year: no run is longer, and far larger numbers are no time that Python knows.
_MOST_MILLISECONDS = 366 * 24 * 3600 * 1000


class JsonForm:
    """Implements :class:`toolkit.verify.report.Form`."""

    def render(self, report: Report) -> str:
        """The report as JSON, keys in camelCase, times in RFC 3339."""
        return json.dumps(document(report), indent=2) + "\n"


def parse(text: str, source: str) -> Report:
    """Read a report that :class:`JsonForm` wrote.

    Args:
        text: the document.
        source: what to call it in an error, usually the file's name.

    Raises:
        InvalidInputError: it is no report, every problem named by path.
    """
    try:
        return _Report.model_validate_json(text).report()
    except ValidationError as error:
        raise InvalidInputError(f"{source} is no report of toolkit verify", validation_problems(error)) from None
    except RecursionError as error:
        raise InvalidInputError(f"{source} is no report", [Problem(source, "it is nested too deeply")]) from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a report."""
    from toolkit.verify.report.record_schema import describe  # noqa: PLC0415 - only who asks for the schema needs it

    return describe(_Report)


def document(report: Report) -> dict[str, Any]:
    """The report as plain JSON values, made anew."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "passed": report.passed,
        "interrupted": report.interrupted,
        "mesh": report.mesh,
        "certificateAuthorityArn": report.authority_arn,
        "usageMode": report.usage_mode,
        "startedAt": _time(report.started),
        "finishedAt": _time(report.finished),
        "certificatesBought": report.certificates_bought,
        "costAtMostUsd": round(report.cost, 4),
        "calls": dict(sorted(report.calls.items())),
        "missingZones": list(report.missing),
        "zones": [_zone(zone) for zone in report.zones],
        "handshakes": [meeting._asdict() for meeting in report.handshakes],
    }


def _zone(zone: ZoneResult) -> dict[str, Any]:
    return {
        "zone": zone.zone,
        "region": zone.region,
        "passed": zone.passed,
        "interrupted": zone.interrupted,
        "issuanceMilliseconds": round(zone.issuance.total_seconds() * 1000) if zone.issuance else None,
        "certificatesBought": list(zone.bought),
        "certificatesRevoked": list(zone.revoked),
        "revocations": [
            *({"certificateArn": arn, "revoked": True, "reason": ""} for arn in zone.revoked),
            *(
                {"certificateArn": found.certificate_arn, "revoked": False, "reason": found.reason}
                for found in zone.not_revoked
            ),
        ],
        "certificate": _certificate(zone.certificate),
        "calls": dict(sorted(zone.calls.items())),
        "checks": [_check(check) for check in zone.checks],
    }


def _certificate(certificate: CertificateFacts | None) -> dict[str, Any] | None:
    if certificate is None:
        return None
    return {
        "serial": certificate.serial,
        "sha256Fingerprint": certificate.sha256_fingerprint,
        "notBefore": _time(certificate.not_before),
        "notAfter": _time(certificate.not_after),
        "uris": list(certificate.uris),
        "chain": [
            {"name": link.name, "sha256Fingerprint": link.sha256_fingerprint, "notAfter": _time(link.not_after)}
            for link in certificate.way
        ],
    }


def _check(check: Check) -> dict[str, str]:
    fields = {
        "name": check.name,
        "outcome": check.outcome.value,
        "expected": check.expected,
        "found": check.found,
        "advice": check.advice,
        "note": check.note,
    }
    return {key: text for key, text in fields.items() if text}


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


class _Model(BaseModel):
    # Fields may be added within a schema version; a reader passes over those that it does not know.
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, frozen=True, hide_input_in_errors=True, defer_build=True
    )


class _Check(_Model):
    name: str
    outcome: Outcome
    expected: str = ""
    found: str = ""
    advice: str = ""
    note: str = ""


class _Link(_Model):
    name: str
    sha256_fingerprint: str
    not_after: AwareDatetime


class _Certificate(_Model):
    serial: str
    sha256_fingerprint: str
    not_before: AwareDatetime
    not_after: AwareDatetime
    uris: tuple[str, ...]
    chain: tuple[_Link, ...]

    def facts(self) -> CertificateFacts:
        way = tuple(Link(link.name, link.sha256_fingerprint, link.not_after) for link in self.chain)
        return CertificateFacts(self.serial, self.sha256_fingerprint, self.not_before, self.not_after, self.uris, way)


class _Revocation(_Model):
    certificate_arn: str
    revoked: bool
    reason: str = ""


class _Zone(_Model):
    zone: str
    region: str
    issuance_milliseconds: Annotated[int, Field(ge=0, le=_MOST_MILLISECONDS)] | None
    certificates_bought: tuple[str, ...]
    certificates_revoked: tuple[str, ...]
    # Earlier versions did not write it.
    revocations: tuple[_Revocation, ...] = ()
    certificate: _Certificate | None
    calls: dict[str, int]
    checks: tuple[_Check, ...]

    def result(self) -> ZoneResult:
        milliseconds = self.issuance_milliseconds
        return ZoneResult(
            zone=self.zone,
            region=self.region,
            checks=tuple(
                Check(found.name, found.outcome, found.expected, found.found, found.advice, found.note)
                for found in self.checks
            ),
            bought=self.certificates_bought,
            certificate=self.certificate.facts() if self.certificate else None,
            issuance=None if milliseconds is None else timedelta(milliseconds=milliseconds),
            calls=self.calls,
            revoked=self.certificates_revoked,
            not_revoked=tuple(
                NotRevoked(found.certificate_arn, found.reason) for found in self.revocations if not found.revoked
            ),
        )


class _Handshake(_Model):
    client: str
    server: str
    problem: str


class _Report(_Model):
    schema_version: Literal[1]
    interrupted: bool
    mesh: str
    certificate_authority_arn: str
    usage_mode: Literal["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"]
    started_at: AwareDatetime
    finished_at: AwareDatetime
    missing_zones: tuple[str, ...]
    zones: tuple[_Zone, ...]
    handshakes: tuple[_Handshake, ...]

    def report(self) -> Report:
        return Report(
            mesh=self.mesh,
            authority_arn=self.certificate_authority_arn,
            usage_mode=self.usage_mode,
            started=self.started_at,
            finished=self.finished_at,
            zones=tuple(zone.result() for zone in self.zones),
            handshakes=tuple(Handshake(found.client, found.server, found.problem) for found in self.handshakes),
            missing=self.missing_zones,
            interrupted=self.interrupted,
        )
