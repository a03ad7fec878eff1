"""The report for machines; ``docs/verification.md`` describes the schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolkit.pki import chain

if TYPE_CHECKING:
    from datetime import datetime

    from toolkit.verify.checks import Check
    from toolkit.verify.runner import Report, ZoneResult

SCHEMA_VERSION = 1


class JsonForm:
    """Implements :class:`toolkit.verify.report.Form`."""

    def render(self, report: Report) -> str:
        """The report as JSON, keys in camelCase, times in RFC 3339."""
        return json.dumps(_report(report), indent=2) + "\n"


def _report(report: Report) -> dict[str, Any]:
    return {
        "schemaVersion": SCHEMA_VERSION,
        "passed": report.passed,
        "mesh": report.mesh,
        "certificateAuthorityArn": report.authority_arn,
        "startedAt": _time(report.started),
        "finishedAt": _time(report.finished),
        "certificatesBought": report.certificates_bought,
        "zones": [_zone(zone) for zone in report.zones],
    }


def _zone(zone: ZoneResult) -> dict[str, Any]:
    return {
        "zone": zone.zone,
        "region": zone.region,
        "passed": zone.passed,
        "issuanceMilliseconds": round(zone.issuance.total_seconds() * 1000) if zone.issuance else None,
        "certificate": _certificate(zone),
        "checks": [_check(check) for check in zone.checks],
    }


def _certificate(zone: ZoneResult) -> dict[str, Any] | None:
    if zone.certificate_arn is None:
        return None
    known = {"arn": zone.certificate_arn}
    if zone.issued is None:
        return known
    leaf = zone.issued.leaf
    return known | {
        # As RevokeCertificate takes it.
        "serial": leaf.serial_number.to_bytes((leaf.serial_number.bit_length() + 7) // 8).hex(":"),
        "sha256Fingerprint": chain.fingerprint(leaf),
        "notBefore": _time(leaf.not_valid_before_utc),
        "notAfter": _time(leaf.not_valid_after_utc),
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
