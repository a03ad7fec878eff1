"""The steps of one zone: take its identity, look at the CA, ask, fetch, judge; each needs the one before it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from toolkit.pki import chain, csr, pem, spiffe
from toolkit.verify.advice import advice, said
from toolkit.verify.calls import Caller, DeadlineError, StoppedError
from toolkit.verify.checks import CERTIFICATE_CHECKS, DEFAULT_HORIZON, Evidence
from toolkit.verify.denials import NAMES as DENIALS
from toolkit.verify.denials import Probe
from toolkit.verify.issue import IssuedCertificate, Issuer
from toolkit.verify.ledger import Ledger, NoLedger
from toolkit.verify.results import CertificateFacts, Check, Outcome, ZoneResult, judge

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.identity import IdentitySource, ZoneIdentity

# OSError: credentials may come from files, such as the token of a service account.
_REFUSALS = (ClientError, BotoCoreError, DeadlineError, OSError, ValueError)
CHECK_NAMES = ("identity", "authority", "issue", "fetch", *(name for name, _ in CERTIFICATE_CHECKS))


@dataclass(frozen=True)
class Plan:
    """What to ask in every zone.

    Attributes:
        mesh: whose data plane proxy the certificate is for.
        trust_bundle: what that Mesh has as ``caCert``, byte for byte.
        service: the service that the proxy would be.
        lifetime: of the certificate.
        timeout: how long one zone may take.
        deadline: how long all zones may take; None for as long as each may.
        horizon: how long the CAs of the chain must live beyond now.
        common_names: of the requests, by zone name; a zone without one asks with an empty subject.
        probe_denials: whether to try what must be denied.
        revoke: whether to revoke what was bought, where the zone's role may.
        ledger: is told what was bought before the answer is used.
    """

    mesh: str
    trust_bundle: str
    service: str = "toolkit-verify"
    lifetime: timedelta = timedelta(hours=24)
    timeout: timedelta = timedelta(seconds=60)
    deadline: timedelta | None = None
    horizon: timedelta = DEFAULT_HORIZON
    common_names: dict[str, str] = field(default_factory=dict)
    probe_denials: bool = False
    revoke: bool = False
    ledger: Ledger = field(default_factory=NoLedger)

    @property
    def check_names(self) -> tuple[str, ...]:
        """The names of all checks, in the order of reports."""
        return (*CHECK_NAMES, *(DENIALS if self.probe_denials else ()))


@dataclass(frozen=True)
class Proxy:
    """What a data plane proxy of a zone would hold; for handshakes, in memory alone.

    Attributes:
        zone: where it would be.
        key: its private key.
        issued: its certificate, with the chain that came with it.
    """

    zone: str
    key: RSAPrivateKey = field(repr=False)
    issued: IssuedCertificate


@dataclass
class ZoneVerification:
    """One zone, from nothing to what is known of it; others may look at it while it runs."""

    zone: Zone
    outputs: StackOutputs
    plan: Plan
    caller: Caller
    checks: list[Check] = field(default_factory=list)
    bought: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    proxy: Proxy | None = None
    issuance: timedelta | None = None

    def run(self, source: IdentitySource) -> ZoneResult:
        """Do every step that can be done; where somebody stops the run, those up to then."""
        with suppress(StoppedError):
            identity = self._identity(source)
            if identity and not self.checks[-1].failed:
                self._with(identity)
        return self.result()

    def result(self, *more: Check) -> ZoneResult:
        """What is known by now; checks of which nothing is known are skipped."""
        checks = [*self.checks, *more]
        known = {check.name for check in checks}
        skipped = [Check(name, Outcome.SKIPPED) for name in self.plan.check_names if name not in known]
        return ZoneResult(
            zone=self.zone.name,
            region=self.zone.region,
            checks=(*checks, *skipped),
            bought=tuple(self.bought),
            certificate=CertificateFacts.of(self.proxy.issued) if self.proxy else None,
            issuance=self.issuance,
            calls=dict(self.caller.counts),
            revoked=tuple(self.revoked),
        )

    @property
    def current_check(self) -> str:
        """The name of the check that is being made; of the last one when all are."""
        names = self.plan.check_names
        return names[min(len(self.checks), len(names) - 1)]

    def hangs(self) -> ZoneResult:
        """What is known of a zone that does not answer: the check it hangs in fails, what it bought is kept."""
        if len(self.checks) >= len(self.plan.check_names):
            # Every check is made; what hangs is the revocation, which is no check.
            return self.result()
        failed = judge(
            self.current_check,
            good=False,
            expected=f"an answer within {self.plan.timeout.total_seconds():g} s",
            found="none",
            advice="Check that this machine reaches STS and AWS Private CA in that region, or raise --timeout.",
        )
        return self.result(failed)

    def _identity(self, source: IdentitySource) -> ZoneIdentity | None:
        region = self.outputs.certificate_authority.region
        try:
            identity = source.identity(self.zone, region, self.caller)
        except _REFUSALS as error:
            self._refused("identity", f"{self.zone.role_arn} or {self.zone.verifier_role_arn}", error, "sts:AssumeRole")
            return None
        self.checks.append(
            judge(
                "identity",
                identity.is_expected(),
                " or ".join(identity.expected_role_arns),
                identity.caller_arn,
                "AWS gave other credentials than the contract names: look for AWS_PROFILE and other variables, a "
                "service account without the role, a proxy or an endpoint override.",
            )
        )
        return identity

    def _with(self, identity: ZoneIdentity) -> None:
        issuer = Issuer(identity.client, self.outputs.certificate_authority, self.caller)
        self._authority(issuer)
        if self.checks[-1].failed:
            return
        leaf = self._certificate(issuer)
        if leaf is None:
            return
        if self.plan.probe_denials:
            probe = Probe(identity.client, self.outputs.certificate_authority, self.caller, self._buy)
            # One after the other: who looks on, or gives up on one that hangs, must see those before it.
            for check in probe.checks(leaf):
                self.checks.append(check)
        if self.plan.revoke:
            self._revoke(issuer, leaf)

    def _authority(self, issuer: Issuer) -> None:
        """The CA can issue, and its own certificate outlives the one that is asked for."""
        authority = self.outputs.certificate_authority
        expected = f"ACTIVE, {authority.usage_mode}, valid beyond the lifetime of what it issues"
        try:
            described = issuer.describe()
        except _REFUSALS as error:
            self._refused("authority", expected, error, "acm-pca:DescribeCertificateAuthority")
            return
        status, mode = described.get("Status", "of no status"), described.get("UsageMode", "GENERAL_PURPOSE")
        ends = described.get("NotAfter")
        lasts = ends is not None and ends > datetime.now(UTC) + self.plan.lifetime
        found = f"{status}, {mode}, until {ends.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if ends else f"{status}, {mode}"
        good = status == "ACTIVE" and mode == authority.usage_mode and lasts
        self.checks.append(judge("authority", good, expected, found, _authority_advice(status, lasts=lasts)))

    def _certificate(self, issuer: Issuer) -> x509.Certificate | None:
        uris = spiffe.data_plane_uris(
            self.plan.mesh,
            [self.plan.service],
            {spiffe.SERVICE_TAG: self.plan.service, spiffe.ZONE_TAG: self.zone.name},
        )
        key = csr.data_plane_key()
        common_name = self.plan.common_names.get(self.zone.name)
        request = csr.data_plane_csr(key, uris, common_name)
        not_after = datetime.now(UTC).replace(microsecond=0) + self.plan.lifetime
        begun = time.monotonic()
        try:
            certificate_arn = issuer.request(request, not_after)
        except _REFUSALS as error:
            self._refused("issue", "a certificate ARN", error, "acm-pca:IssueCertificate")
            return None
        self._buy(certificate_arn, "verification")
        self.checks.append(Check("issue", Outcome.PASSED, "a certificate ARN", certificate_arn))
        try:
            issued = issuer.fetch(certificate_arn)
        except _REFUSALS as error:
            self._refused("fetch", "the certificate", error, "acm-pca:GetCertificate")
            return None
        self.issuance = timedelta(seconds=time.monotonic() - begun)
        self.proxy = Proxy(self.zone.name, key, issued)
        self.checks.append(
            Check("fetch", Outcome.PASSED, "the certificate", f"SHA-256 {chain.fingerprint(issued.leaf)}")
        )
        evidence = Evidence(
            issued=issued,
            public_key=key.public_key(),
            uris=uris,
            not_after=not_after,
            trust_bundle=pem.load_certificates(self.plan.trust_bundle),
            usage_mode=self.outputs.certificate_authority.usage_mode,
            common_name=common_name,
            horizon=self.plan.horizon,
        )
        self.checks += [check(evidence) for _, check in CERTIFICATE_CHECKS]
        return issued.leaf

    def _buy(self, certificate_arn: str, purpose: str) -> None:
        # Here first: where the ledger can't be written, the report is all that is left to know it from.
        self.bought.append(certificate_arn)
        self.plan.ledger.bought(self.zone.name, self.outputs.certificate_authority.arn, certificate_arn, purpose)

    def _revoke(self, issuer: Issuer, leaf: x509.Certificate) -> None:
        """Revoke what this zone bought; where the role may not, the report says that it was not revoked.

        That is its own certificate, and what a probe got that should have been denied.
        """
        for number, certificate_arn in enumerate(self.bought):
            try:
                found = leaf if number == 0 else issuer.fetch(certificate_arn).leaf
                issuer.revoke(chain.serial_number(found))
            except _REFUSALS:
                continue
            self.revoked.append(certificate_arn)
            self.plan.ledger.revoked(self.zone.name, self.outputs.certificate_authority.arn, certificate_arn)

    def _refused(self, name: str, expected: str, error: Exception, action: str) -> None:
        self.checks.append(judge(name, good=False, expected=expected, found=said(error), advice=advice(error, action)))


def _authority_advice(status: str, *, lasts: bool) -> str:
    if status == "DISABLED":
        return "Enable the CA: aws acm-pca update-certificate-authority --status ACTIVE; find out who disabled it."
    if status == "EXPIRED" or (status == "ACTIVE" and not lasts):
        return "Renew the CA's certificate in the stack, or move the mesh to its successor with toolkit rotate."
    if status == "DELETED":
        return "Restore the CA before its deletion window ends: aws acm-pca restore-certificate-authority."
    if status == "ACTIVE":
        return "It is not the CA of the contract: export the stack's outputs anew, or name the right stack."
    return "Activate the CA: pulumi up makes and imports its certificate."
