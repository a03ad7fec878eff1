"""All zones at once, each on its own: a zone that hangs never holds up what is known of another."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from toolkit.pki import chain, csr, spiffe
from toolkit.verify.advice import advice
from toolkit.verify.checks import CERTIFICATE_CHECKS, Check, Evidence, Outcome, judge
from toolkit.verify.issue import DeadlineError, IssuedCertificate, Issuer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cryptography import x509

    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.identity import IdentitySource, ZoneIdentity

_MAX_ZONES_AT_ONCE = 32
# A zone ends by itself when its time is up; only one that hangs in a call is given up on, this much later.
_GRACE_SECONDS = 2.0
_REFUSALS = (ClientError, BotoCoreError, DeadlineError, ValueError)
CHECK_NAMES = ("identity", "issue", "fetch", *(name for name, _ in CERTIFICATE_CHECKS))


@dataclass(frozen=True)
class Plan:
    """What to ask in every zone.

    Attributes:
        mesh: whose data plane proxy the certificate is for.
        trust_bundle: what that Mesh carries as ``caCert``.
        service: the service that the proxy would be.
        lifetime: of the certificate.
        timeout: how long one zone may take.
    """

    mesh: str
    trust_bundle: Sequence[x509.Certificate]
    service: str = "toolkit-verify"
    lifetime: timedelta = timedelta(hours=24)
    timeout: timedelta = timedelta(seconds=60)


@dataclass(frozen=True)
class ZoneResult:
    """What is known of one zone.

    Attributes:
        zone: its name.
        region: where it runs.
        checks: every check, in order, also those that were skipped.
        certificate_arn: of the certificate that was bought; AWS keeps no list of them.
        issued: the certificate, if it could be fetched.
        issuance: from the request to the fetched certificate.
    """

    zone: str
    region: str
    checks: tuple[Check, ...]
    certificate_arn: str | None = None
    issued: IssuedCertificate | None = None
    issuance: timedelta | None = None

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.outcome is Outcome.PASSED for check in self.checks)


@dataclass(frozen=True)
class Report:
    """What is known of all zones, in the contract's order.

    Attributes:
        mesh: that was asked for.
        authority_arn: the CA that was asked.
        started: when.
        finished: when.
        zones: one result a zone.
    """

    mesh: str
    authority_arn: str
    started: datetime
    finished: datetime
    zones: tuple[ZoneResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every zone passed."""
        return all(zone.passed for zone in self.zones)

    @property
    def certificates_bought(self) -> int:
        """How many certificates the run cost."""
        return sum(zone.certificate_arn is not None for zone in self.zones)


def verify(
    outputs: StackOutputs,
    plan: Plan,
    source: IdentitySource,
    on_result: Callable[[ZoneResult], None] = lambda _: None,
) -> Report:
    """Ask for one certificate in every zone and judge what comes back.

    Args:
        outputs: the contract.
        plan: what to ask.
        source: how to become what a zone is.
        on_result: is told each zone's result as it comes, in the caller's thread.

    Returns:
        A result for every zone, also for those that failed or did not answer in time.
    """
    started = datetime.now(UTC)
    run = _Run(outputs, plan, source)
    results: dict[str, ZoneResult] = {}
    for result in run.results():
        results[result.zone] = result
        on_result(result)
    return Report(
        mesh=plan.mesh,
        authority_arn=outputs.certificate_authority.arn,
        started=started,
        finished=datetime.now(UTC),
        zones=tuple(results[zone.name] for zone in outputs.zones),
    )


class _Run:
    """The threads of one run and what they share."""

    def __init__(self, outputs: StackOutputs, plan: Plan, source: IdentitySource) -> None:
        self._outputs = outputs
        self._plan = plan
        self._source = source
        self._waiting: queue.SimpleQueue[Zone] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[ZoneResult | BaseException] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._begun: dict[str, _ZoneVerification] = {}

    def results(self) -> Iterator[ZoneResult]:
        """Each zone's result, the quickest first; zones that don't answer in time come last, as failures."""
        zones = self._outputs.zones
        for zone in zones:
            self._waiting.put(zone)
        at_once = min(len(zones), _MAX_ZONES_AT_ONCE)
        for number in range(at_once):
            # Daemons: a call that hangs beyond its deadline must not keep the process alive.
            threading.Thread(target=self._work, name=f"verify-{number}", daemon=True).start()
        rounds = -(-len(zones) // at_once)
        deadline = time.monotonic() + self._plan.timeout.total_seconds() * rounds + _GRACE_SECONDS
        missing = {zone.name: zone for zone in zones}
        try:
            while missing and (left := deadline - time.monotonic()) > 0:
                try:
                    result = self._done.get(timeout=left)
                except queue.Empty:
                    break
                if isinstance(result, BaseException):
                    raise result
                del missing[result.zone]
                yield result
        finally:
            self._stop.set()
        for zone in missing.values():
            yield self._silent(zone)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                zone = self._waiting.get_nowait()
            except queue.Empty:
                return
            verification = _ZoneVerification(zone, self._outputs, self._plan, self._stop)
            self._begun[zone.name] = verification
            try:
                self._done.put(verification.run(self._source))
            except BaseException as error:  # noqa: BLE001 - a defect must surface in the caller's thread
                self._done.put(error)

    def _silent(self, zone: Zone) -> ZoneResult:
        """What is known of a zone that hangs: the check it hangs in fails, what it bought is not forgotten."""
        begun = self._begun.get(zone.name)
        done = list(begun.checks) if begun else []
        failed = judge(
            CHECK_NAMES[len(done)],
            good=False,
            expected=f"an answer within {self._plan.timeout.total_seconds():g} s",
            found="none",
            advice="Check that this machine reaches STS and AWS Private CA in that region, or raise --timeout.",
        )
        return ZoneResult(
            zone.name,
            zone.region,
            _with_skipped([*done, failed]),
            certificate_arn=begun.certificate_arn if begun else None,
        )


@dataclass
class _ZoneVerification:
    """The steps of one zone; each needs the one before it."""

    zone: Zone
    outputs: StackOutputs
    plan: Plan
    stop: threading.Event
    checks: list[Check] = field(default_factory=list)
    certificate_arn: str | None = None
    issued: IssuedCertificate | None = None
    issuance: timedelta | None = None

    def run(self, source: IdentitySource) -> ZoneResult:
        deadline = time.monotonic() + self.plan.timeout.total_seconds()
        identity = self._identity(source)
        if identity and not self.checks[-1].failed:
            self._certificate(Issuer(identity.client, self.outputs.certificate_authority), deadline)
        return ZoneResult(
            zone=self.zone.name,
            region=self.zone.region,
            checks=_with_skipped(self.checks),
            certificate_arn=self.certificate_arn,
            issued=self.issued,
            issuance=self.issuance,
        )

    def _identity(self, source: IdentitySource) -> ZoneIdentity | None:
        expected = self.zone.verifier_role_arn
        try:
            identity = source.identity(self.zone, self.outputs.certificate_authority.region)
        except _REFUSALS as error:
            self._refused("identity", expected, error, "sts:AssumeRole")
            return None
        self.checks.append(
            judge(
                "identity",
                identity.is_expected(),
                expected,
                identity.caller_arn,
                "AWS gave other credentials than asked for: look for a proxy or an endpoint override.",
            )
        )
        return identity

    def _certificate(self, issuer: Issuer, deadline: float) -> None:
        uris = spiffe.data_plane_uris(
            self.plan.mesh,
            [self.plan.service],
            {spiffe.SERVICE_TAG: self.plan.service, spiffe.ZONE_TAG: self.zone.name},
        )
        key = csr.data_plane_key()
        request = csr.data_plane_csr(key, uris)
        not_after = datetime.now(UTC).replace(microsecond=0) + self.plan.lifetime
        begun = time.monotonic()
        try:
            self.certificate_arn = issuer.request(request, not_after)
        except _REFUSALS as error:
            self._refused("issue", "a certificate ARN", error, "acm-pca:IssueCertificate")
            return
        self.checks.append(Check("issue", Outcome.PASSED, "a certificate ARN", self.certificate_arn))
        try:
            self.issued = issuer.fetch(self.certificate_arn, deadline, self.stop)
        except _REFUSALS as error:
            self._refused("fetch", "the certificate", error, "acm-pca:GetCertificate")
            return
        self.issuance = timedelta(seconds=time.monotonic() - begun)
        found = chain.fingerprint(self.issued.leaf)
        self.checks.append(Check("fetch", Outcome.PASSED, "the certificate", f"SHA-256 {found}"))
        evidence = Evidence(self.issued, key.public_key(), uris, not_after, self.plan.trust_bundle)
        self.checks += [check(evidence) for _, check in CERTIFICATE_CHECKS]

    def _refused(self, name: str, expected: str, error: Exception, action: str) -> None:
        self.checks.append(judge(name, good=False, expected=expected, found=str(error), advice=advice(error, action)))


def _with_skipped(checks: Sequence[Check]) -> tuple[Check, ...]:
    known = {check.name for check in checks}
    skipped = [Check(name, Outcome.SKIPPED) for name in CHECK_NAMES if name not in known]
    return (*checks, *skipped)
