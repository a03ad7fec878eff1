"""What a verification found, as plain values: for reports of any form, and for putting several reports together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from toolkit.pki import chain
from toolkit.pricing import CERTIFICATE_PRICE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from cryptography import x509

    from toolkit.contract import UsageMode
    from toolkit.verify.issued_certificate import IssuedCertificate


class Outcome(StrEnum):
    """How a check ended; skipped means that an earlier one failed."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """The answer to one question about one zone.

    Attributes:
        name: stable; reports and monitors refer to it.
        outcome: how it ended.
        expected: what should be.
        found: what is.
        advice: what to do when it failed.
        note: something worth knowing that is no failure.
    """

    name: str
    outcome: Outcome
    expected: str = ""
    found: str = ""
    advice: str = ""
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether this check alone fails the zone."""
        return self.outcome is Outcome.FAILED


def judge(name: str, good: bool, expected: str, found: str, advice: str, note: str = "") -> Check:  # noqa: FBT001 - the verdict is the point
    """A check from its verdict; the advice is kept only where it is needed."""
    return Check(name, Outcome.PASSED if good else Outcome.FAILED, expected, found, "" if good else advice, note)


class Link(NamedTuple):
    """One certificate of a chain, as far as people look at it.

    Attributes:
        name: its common name, or what stands for it.
        sha256_fingerprint: ``AB:CD:...``.
        not_after: when it ends.
    """

    name: str
    sha256_fingerprint: str
    not_after: datetime

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Link:
        """The link that a certificate is."""
        name, end = chain.display_name(certificate), certificate.not_valid_after_utc
        return cls(name, chain.fingerprint(certificate), end)


@dataclass(frozen=True)
class CertificateFacts:
    """What is known of a zone's certificate.

    Attributes:
        serial: as ``RevokeCertificate`` takes it.
        sha256_fingerprint: ``AB:CD:...``.
        not_before: when it begins.
        not_after: when it ends.
        uris: its URI SANs, in their order.
        way: the chain that came with it: issuing CA first, root last.
    """

    serial: str
    sha256_fingerprint: str
    not_before: datetime
    not_after: datetime
    uris: tuple[str, ...]
    way: tuple[Link, ...]

    @classmethod
    def of(cls, issued: IssuedCertificate) -> CertificateFacts:
        """The facts of what AWS returned."""
        leaf = issued.leaf
        return cls(
            serial=chain.serial_number(leaf),
            sha256_fingerprint=chain.fingerprint(leaf),
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            uris=tuple(chain.uris(leaf)),
            way=tuple(Link.of(certificate) for certificate in issued.chain),
        )


class NotRevoked(NamedTuple):
    """An issued certificate that was to be revoked and was not.

    Attributes:
        certificate_arn: of the certificate.
        reason: why.
    """

    certificate_arn: str
    reason: str


@dataclass(frozen=True)
class ZoneResult:
    """What is known of one zone.

    Attributes:
        zone: its name.
        region: where it runs.
        checks: every check, in order, also those that were skipped.
        bought: ARNs of the certificates that were issued; AWS keeps no list of them.
        certificate: what is known of the zone's certificate, if it could be fetched.
        issuance: from the request to the fetched certificate.
        calls: of AWS, by operation, repeated ones included.
        revoked: of what was issued, what was revoked again.
        not_revoked: of what was issued and should have been revoked, what was not, and why.
        cause: why the zone could not be asked at all (:class:`toolkit.verify.causes.Cause`); empty when it could, and
            in a report that was read back.
    """

    zone: str
    region: str
    checks: tuple[Check, ...]
    bought: tuple[str, ...] = ()
    certificate: CertificateFacts | None = None
    issuance: timedelta | None = None
    calls: Mapping[str, int] = field(default_factory=dict)
    revoked: tuple[str, ...] = ()
    not_revoked: tuple[NotRevoked, ...] = ()
    cause: str = field(default="", compare=False)

    @property
    def passed(self) -> bool:
        """Whether every check passed; where none was made, nothing is proven."""
        return bool(self.checks) and all(check.outcome is Outcome.PASSED for check in self.checks)

    @property
    def interrupted(self) -> bool:
        """Whether nothing failed, but the run was stopped before every check was made."""
        return not self.passed and not any(check.failed for check in self.checks)


class Handshake(NamedTuple):
    """Two zones' proxies meeting, each verifying the other.

    Attributes:
        client: the zone of the one that connects.
        server: the zone of the one that is connected to.
        problem: why they don't trust each other; empty when they do.
    """

    client: str
    server: str
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """What is known of all zones, in the contract's order.

    Attributes:
        mesh: that was asked for.
        authority_arn: the CA that was asked.
        usage_mode: of the CA; it decides what a certificate costs.
        started: when.
        finished: when.
        zones: one result a zone that was asked.
        handshakes: every zone with every other; empty when none were made.
        missing: zones of the contract of which nothing is known.
        interrupted: whether somebody stopped it before it was done.
    """

    mesh: str
    authority_arn: str
    usage_mode: UsageMode
    started: datetime
    finished: datetime
    zones: tuple[ZoneResult, ...]
    handshakes: tuple[Handshake, ...] = ()
    missing: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def passed(self) -> bool:
        """Whether every zone was asked and passed, and all trust each other."""
        good = all(zone.passed for zone in self.zones) and not any(meeting.problem for meeting in self.handshakes)
        return good and not self.missing and not self.interrupted

    @property
    def certificates_bought(self) -> int:
        """How many certificates the run cost."""
        return sum(len(zone.bought) for zone in self.zones)

    @property
    def certificates_revoked(self) -> int:
        """How many of them the run revoked again."""
        return sum(len(zone.revoked) for zone in self.zones)

    @property
    def cost(self) -> float:
        """At most so many US dollars: the account may be in a cheaper tier."""
        return self.certificates_bought * CERTIFICATE_PRICE[self.usage_mode]

    @property
    def calls(self) -> Counter[str]:
        """Calls of AWS by operation, over all zones."""
        return sum((Counter(zone.calls) for zone in self.zones), Counter())
