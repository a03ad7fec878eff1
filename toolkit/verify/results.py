"""Define the values of a verification report, for every form of the report.

The JSON document and its schema are generated from these classes, and documents are parsed into them. The document has
the same fields in camelCase.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic import computed_field as computed
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from toolkit.contract import UsageMode
from toolkit.errors import EXIT_CHECK_FAILED, EXIT_ENVIRONMENT, EXIT_INTERRUPTED
from toolkit.pki import chain
from toolkit.pricing import CERTIFICATE_PRICE
from toolkit.text import REPLACEMENT

if TYPE_CHECKING:
    from cryptography import x509


# One year. A run is shorter, and much larger numbers overflow Python's timedelta.
_MOST_MILLISECONDS = 366 * 24 * 3600 * 1000
_SURROGATES = re.compile("[\ud800-\udfff]")
_CONFIG = ConfigDict(
    alias_generator=to_camel,
    validate_by_name=True,
    hide_input_in_errors=True,
    defer_build=True,
    json_schema_serialization_defaults_required=True,
)


def _without_surrogates(value: object) -> object:
    """Replace lone surrogates, which file names and headers may contain but UTF-8 documents can't."""
    return _SURROGATES.sub(REPLACEMENT, value) if isinstance(value, str) else value


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


_Text = Annotated[str, BeforeValidator(_without_surrogates)]
_Moment = Annotated[
    AwareDatetime,
    PlainSerializer(_rfc3339, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
_Count = Annotated[int, Field(ge=0)]
_Counts = Annotated[dict[_Text, _Count], AfterValidator(lambda counts: dict(sorted(counts.items())))]


class Outcome(StrEnum):
    """The outcome of a check. ``SKIPPED`` means that an earlier check failed or the run was stopped before it."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


def _is_empty(text: str) -> bool:
    return not text


@dataclass(frozen=True, config=_CONFIG)
class Check:
    """The result of one check of one zone."""

    name: _Text = Field(description="The check's name. It does not change between versions.")
    outcome: Outcome = Field(description="The check's outcome.")
    expected: _Text = Field(default="", exclude_if=_is_empty, description="The expected value.")
    found: _Text = Field(default="", exclude_if=_is_empty, description="The value that was found.")
    advice: _Text = Field(default="", exclude_if=_is_empty, description="How to fix a failed check.")
    note: _Text = Field(default="", exclude_if=_is_empty, description="A remark that is not a failure.")

    @property
    def failed(self) -> bool:
        """Return whether the check failed."""
        return self.outcome is Outcome.FAILED


def judge(name: str, expected: str, found: str, advice: str, note: str = "", *, good: bool) -> Check:
    """Return a check with its outcome. The advice is kept only if the check failed."""
    return Check(name, Outcome.PASSED if good else Outcome.FAILED, expected, found, "" if good else advice, note)


@dataclass(frozen=True, config=_CONFIG)
class Link:
    """The CA certificate of one link of a chain."""

    name: _Text = Field(description="The CA's common name; without one, its subject or serial number.")
    sha256_fingerprint: _Text = Field(description="SHA-256 fingerprint of the CA's certificate, as AB:CD:...")
    not_after: _Moment = Field(description="When the CA's certificate expires, RFC 3339.")

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Link:
        """Return the link of a CA certificate."""
        name, end = chain.get_display_name(certificate), certificate.not_valid_after_utc
        return cls(name, chain.format_fingerprint(certificate), end)


@dataclass(frozen=True, config=_CONFIG)
class CertificateFacts:
    """The facts of a zone's certificate."""

    serial: _Text = Field(description="The serial number, as RevokeCertificate takes it.")
    sha256_fingerprint: _Text = Field(description="SHA-256 fingerprint of the certificate, as AB:CD:...")
    not_before: _Moment = Field(description="The time from which the certificate is valid, RFC 3339.")
    not_after: _Moment = Field(description="When the certificate expires, RFC 3339.")
    uris: tuple[_Text, ...] = Field(description="The URI SANs, in the certificate's order.")
    chain: tuple[Link, ...] = Field(description="The CA chain in AWS's response: issuing CA first, root last.")

    @classmethod
    def of(cls, leaf: x509.Certificate, links: Sequence[x509.Certificate]) -> CertificateFacts:
        """Return the facts of an issued certificate and its CA chain."""
        return cls(
            serial=chain.format_serial_number(leaf),
            sha256_fingerprint=chain.format_fingerprint(leaf),
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            uris=tuple(chain.list_uris(leaf)),
            chain=tuple(Link.of(certificate) for certificate in links),
        )


@dataclass(frozen=True, config=_CONFIG)
class Request:
    """One request for a certificate and its outcome, with the fields of the ledger."""

    requested_at: _Moment = Field(description="When the request was sent, RFC 3339.")
    purpose: _Text = Field(description="verification, or the name of the denial probe.")
    idempotency_token: _Text = Field(description="The token by which AWS recognizes a repeated request.")
    certificate_arn: _Text = Field(default="", exclude_if=_is_empty, description="The certificate that was issued.")
    reason: _Text = Field(
        default="",
        exclude_if=_is_empty,
        description="Why no certificate was issued. If this and certificateArn are missing, the outcome is unknown: "
        "AWS may have issued a certificate.",
    )


@dataclass(frozen=True, config=_CONFIG)
class Revocation:
    """The outcome of revoking a certificate."""

    certificate_arn: _Text = Field(description="The certificate.")
    revoked: bool = Field(description="Whether the certificate was revoked.")
    reason: _Text = Field(default="", description="Why the certificate was not revoked; empty if it was.")


@dataclass(frozen=True, config=_CONFIG)
class ZoneResult:
    """The result of one zone."""

    zone: _Text = Field(description="The zone's name.")
    region: _Text = Field(description="The zone's AWS region.")
    checks: tuple[Check, ...] = Field(description="Every check, in order, including skipped ones.")
    _: KW_ONLY
    certificates_issued: tuple[_Text, ...] = Field(
        default=(), description="ARNs of the issued certificates. AWS Private CA has no list of them."
    )
    requests: tuple[Request, ...] = Field(
        default=(), description="Every request for a certificate, in order; empty in a report of version 1."
    )
    certificates_revoked: tuple[_Text, ...] = Field(default=(), description="ARNs of the revoked certificates.")
    revocations: tuple[Revocation, ...] = Field(
        default=(), description="With --revoke: for each issued certificate, whether it was revoked. Otherwise empty."
    )
    certificate: CertificateFacts | None = Field(
        default=None, description="The zone's certificate; null if none was fetched, even if one was issued."
    )
    issuance_milliseconds: Annotated[int, Field(ge=0, le=_MOST_MILLISECONDS)] | None = Field(
        default=None, description="Time from the request to the fetched certificate; null if none was fetched."
    )
    calls: _Counts = Field(default_factory=dict, description="Number of AWS calls by operation, including retries.")
    # Why no identity was available (toolkit.verify.failures.Cause). Empty otherwise, and in a parsed report.
    cause: Annotated[str, Field(exclude=True)] = field(default="", compare=False)

    @computed(description="Whether every check passed.")
    @property
    def passed(self) -> bool:
        """Return whether there are checks and every check passed."""
        return bool(self.checks) and all(check.outcome is Outcome.PASSED for check in self.checks)

    @computed(description="Whether no check failed, but the run was stopped before all of them were made.")
    @property
    def interrupted(self) -> bool:
        """Return whether no check failed, but the run was stopped before all of them were made."""
        return not self.passed and not any(check.failed for check in self.checks)

    @property
    def outcome(self) -> Outcome:
        """Return the zone's outcome; ``SKIPPED`` means interrupted."""
        if self.passed:
            return Outcome.PASSED
        return Outcome.SKIPPED if self.interrupted else Outcome.FAILED

    @property
    def passed_checks(self) -> int:
        """Return how many checks passed."""
        return sum(check.outcome is Outcome.PASSED for check in self.checks)

    @property
    def issuance(self) -> timedelta | None:
        """Return the time from the request to the fetched certificate; None if none was fetched."""
        return None if self.issuance_milliseconds is None else timedelta(milliseconds=self.issuance_milliseconds)

    @property
    def not_revoked(self) -> list[Revocation]:
        """Return the certificates that should have been revoked but were not, with the reason."""
        return [revocation for revocation in self.revocations if not revocation.revoked]


@dataclass(frozen=True, config=_CONFIG)
class Handshake:
    """A mutual TLS handshake between the proxies of two zones."""

    client: _Text = Field(description="The zone of the client's proxy.")
    server: _Text = Field(description="The zone of the server's proxy.")
    problem: _Text = Field(default="", description="Why the handshake failed; empty if it succeeded.")


@dataclass(frozen=True, config=_CONFIG)
class Report:
    """The results of all zones, in the contract's order."""

    mesh: _Text = Field(description="The mesh of the certificates.")
    certificate_authority_arn: _Text = Field(description="ARN of the CA.")
    usage_mode: UsageMode = Field(description="The CA's usage mode, which determines the price of a certificate.")
    started_at: _Moment = Field(description="When the run began, RFC 3339.")
    finished_at: _Moment = Field(description="When the run ended, RFC 3339.")
    zones: tuple[ZoneResult, ...] = Field(description="One result for each verified zone, in the contract's order.")
    handshakes: tuple[Handshake, ...] = Field(
        default=(), description="The handshakes between all pairs of zones; empty if none were made."
    )
    missing_zones: tuple[_Text, ...] = Field(default=(), description="Zones of the contract without a result.")
    interrupted: bool = Field(default=False, description="Whether the run was stopped before it was complete.")
    _: KW_ONLY
    schema_version: Literal[2] = Field(
        default=2, description="Within a version, fields may be added but not removed or changed."
    )

    @computed(description="Whether every zone was verified and passed, and every handshake succeeded.")
    @property
    def passed(self) -> bool:
        """Return whether every zone was verified and passed, and every handshake succeeded."""
        good = all(zone.passed for zone in self.zones) and not any(meeting.problem for meeting in self.handshakes)
        return good and not self.missing_zones and not self.interrupted

    @property
    def exit_code(self) -> int:
        """Return the exit code of the run.

        - 0: every zone and handshake passed.
        - 3: every zone failed for one cause that lies outside the zones (:mod:`toolkit.verify.failures`).
        - 1: a zone or a handshake failed for any other reason.
        - 130: the run was interrupted.
        """
        if self.interrupted:
            return EXIT_INTERRUPTED
        if self.passed:
            return 0
        causes = {zone.cause for zone in self.zones}
        return EXIT_ENVIRONMENT if len(causes) == 1 and "" not in causes else EXIT_CHECK_FAILED

    @property
    def handshakes_not_made(self) -> int:
        """Return how many handshakes between passed zones are missing; 0 if no handshakes were made at all.

        Keys exist only during a run, so a merged report lacks some if a zone was verified again in a run of its own.
        """
        names = {zone.zone for zone in self.zones if zone.passed}
        made = {(each.client, each.server) for each in self.handshakes if {each.client, each.server} <= names}
        return len(names) * (len(names) - 1) - len(made) if self.handshakes else 0

    @computed(description="How many certificates were issued in the run.")
    @property
    def certificates_issued(self) -> _Count:
        """Return how many certificates were issued in the run."""
        return sum(len(zone.certificates_issued) for zone in self.zones)

    @property
    def certificates_revoked(self) -> int:
        """Return how many of these certificates the run revoked."""
        return sum(len(zone.certificates_revoked) for zone in self.zones)

    @computed(description="Maximum cost of the certificates in US dollars. The account may be in a cheaper tier.")
    @property
    def cost_at_most_usd(self) -> Annotated[float, Field(ge=0)]:
        """Return the maximum cost of the certificates in US dollars, to the hundredth of a cent."""
        return round(self.certificates_issued * CERTIFICATE_PRICE[self.usage_mode], 4)

    @computed(description="Number of AWS calls by operation, over all zones, including retries.")
    @property
    def calls(self) -> dict[str, _Count]:
        """Return the number of AWS calls by operation, over all zones, in alphabetical order."""
        return dict(sorted(sum((Counter(zone.calls) for zone in self.zones), Counter()).items()))
