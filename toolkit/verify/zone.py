"""Verify one zone: get its identity, describe the CA, issue, fetch and check. Each step needs the one before it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from toolkit.errors import ToolkitError
from toolkit.pki import chain, csr, pem
from toolkit.verify.authority_facts import describe_authority, fetch_authority_chain
from toolkit.verify.calls import Caller, DeadlineError, StoppedError
from toolkit.verify.checks import CERTIFICATE_CHECKS, Evidence
from toolkit.verify.denials import NAMES as DENIALS
from toolkit.verify.denials import probe_denials
from toolkit.verify.failures import TOO_SLOW, Cause, advise, describe_error, find_cause
from toolkit.verify.issue import IssuedCertificate, Issuer
from toolkit.verify.ledger import Account
from toolkit.verify.mesh_identity import AUTHORITY_CERTIFICATE
from toolkit.verify.results import CertificateFacts, Check, Outcome, Revocation, ZoneResult, judge

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.identity import IdentitySource, ZoneIdentity
    from toolkit.verify.plan import Plan

# OSError: a file with credentials can't be read, such as the service account's token.
_REFUSALS = (ClientError, BotoCoreError, DeadlineError, OSError, ValueError)
_NOT_TRIED = "the run ended before AWS answered, or before it was tried"
_BEFORE, _AFTER = ("identity", "authority"), ("issue", "fetch", *(name for name, _ in CERTIFICATE_CHECKS))
CHECK_NAMES = (*_BEFORE, *_AFTER)


class _FailedError(Exception):
    """A check failed, without which the next ones can't be made."""


def list_checks(plan: Plan) -> tuple[str, ...]:
    """Return the names of all checks of a plan, in the order of reports."""
    of_trust = plan.mesh_identity.check_names if plan.mesh_identity else ()
    return (*_BEFORE, *of_trust, *_AFTER, *(DENIALS if plan.probe_denials else ()))


@dataclass(frozen=True)
class Proxy:
    """The key and certificate of a zone's data plane proxy, for handshakes. They are kept in memory only.

    Attributes:
        zone: the zone's name.
        key: the private key.
        issued: the certificate with its CA chain.
    """

    zone: str
    key: RSAPrivateKey = field(repr=False)
    issued: IssuedCertificate


@dataclass
class ZoneVerification:
    """The verification of one zone. Other threads may read its state while it runs."""

    zone: Zone
    outputs: StackOutputs
    plan: Plan
    caller: Caller
    checks: list[Check] = field(default_factory=list)
    revocations: dict[str, Revocation] = field(default_factory=dict)
    proxy: Proxy | None = None
    issuance: timedelta | None = None
    cause: str = ""
    finished: bool = False

    def run(self, source: IdentitySource) -> ZoneResult:
        """Run the steps until one fails or the run is stopped, and return the result.

        Raises:
            ToolkitError: the ledger can't be written.
        """
        try:
            self._verify(source)
        except (StoppedError, _FailedError):
            pass
        except ToolkitError:
            # A ledger that can't be written ends the whole run.
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong here says nothing about another zone
            self._fail(error)
        self.finished = True
        return self.result()

    def result(self) -> ZoneResult:
        """Return the current result; checks that were not made are skipped."""
        return self._result(list(self.checks))

    def _result(self, checks: Sequence[Check]) -> ZoneResult:
        known = {check.name for check in checks}
        revocations = self._list_revocations() if self.plan.revoke else []
        skipped = [Check(name, Outcome.SKIPPED) for name in list_checks(self.plan) if name not in known]
        return ZoneResult(
            zone=self.zone.name,
            region=self.zone.region,
            checks=(*checks, *skipped),
            certificates_issued=tuple(self._account.issued),
            requests=tuple(self._account.requests.values()),
            certificate=CertificateFacts.of(self.proxy.issued.leaf, self.proxy.issued.chain) if self.proxy else None,
            issuance_milliseconds=None if self.issuance is None else round(self.issuance.total_seconds() * 1000),
            calls=dict(self.caller.counts),
            certificates_revoked=tuple(each.certificate_arn for each in revocations if each.revoked),
            revocations=tuple(revocations),
            cause=self.cause,
        )

    @property
    def current_check(self) -> str:
        """Return the name of the running check; of the last check if all are done."""
        names = list_checks(self.plan)
        return names[min(len(self.checks), len(names) - 1)]

    def hangs(self) -> ZoneResult:
        """Return the result of a zone that does not answer: its current check fails, its certificates are kept."""
        # Its thread may still run, so the failed check is the first one that is not in this copy.
        checks = list(self.checks)
        if self.finished or len(checks) >= len(list_checks(self.plan)):
            # All checks are done, so the revocation hangs, which is not a check.
            return self.result()
        if not checks and self.caller.counts:
            self.cause = Cause.UNREACHABLE
        most = min(self.plan.timeout, self.plan.deadline or self.plan.timeout)
        failed = judge(
            list_checks(self.plan)[len(checks)],
            good=False,
            expected=f"an answer within {most.total_seconds():g} s",
            found="none",
            advice=TOO_SLOW,
        )
        return self._result([*checks, failed])

    def _verify(self, source: IdentitySource) -> None:
        client = self._identity(source).client
        self._authority(client)
        if self.plan.mesh_identity:
            if self.plan.mesh_identity.creates_trust:
                with suppress(_FailedError):
                    self._authority_certificate(client)
            self.checks += self.plan.mesh_identity.check_trust(self.zone.name)
        issuer = Issuer(client, self.outputs.certificate_authority, self.caller)
        leaf = self._certificate(issuer)
        if self.plan.probe_denials:
            # Append one by one, so that other threads see each result at once.
            for check in probe_denials(client, self.outputs.certificate_authority, self.caller, self._account, leaf):
                self.checks.append(check)
        if self.plan.revoke:
            self._revoke(issuer, leaf)

    def _identity(self, source: IdentitySource) -> ZoneIdentity:
        region = self.outputs.certificate_authority.region
        try:
            identity = source.identity(self.zone, region, self.caller)
            is_expected = identity.is_expected()
        except StoppedError:
            raise
        except Exception as error:  # credentials may come from anybody's program, through a dozen providers
            self.cause = find_cause(error) or ""
            self._refused("identity", " or ".join(self.zone.role_arns), error)
            raise _FailedError from error
        self._require(
            judge(
                "identity",
                " or ".join(identity.expected_role_arns),
                identity.caller_arn,
                "The credentials are not of a role in the contract: check AWS_PROFILE and other variables, the service "
                "account's role, proxies and endpoint overrides.",
                good=is_expected,
            )
        )
        return identity

    def _authority(self, client: ACMPCAClient) -> None:
        """Check that the CA is active, and that its certificate outlives the requested one."""
        authority = self.outputs.certificate_authority
        mode_wanted = f"{authority.usage_mode}, " if authority.usage_mode else ""
        expected = f"ACTIVE, {mode_wanted}valid longer than the certificates it issues"
        with self._step("authority", expected):
            described = describe_authority(client, self.caller, authority.arn)
        status, mode, ends = described.status, described.usage_mode, described.not_after
        lasts = ends is not None and ends > datetime.now(UTC) + self.plan.lifetime
        found = f"{status}, {mode}, until {ends:%Y-%m-%dT%H:%M:%SZ}" if ends else f"{status}, {mode}"
        good = status == "ACTIVE" and authority.usage_mode in (None, mode) and lasts
        self._require(judge("authority", expected, found, _authority_advice(status, lasts=lasts), good=good))

    def _authority_certificate(self, client: ACMPCAClient) -> None:
        """Check that the zone can read the CA's chain, of which its control plane makes the MeshTrust.

        If it can't, the condition MeshTrustCreated stays False, and the zone gets no certificates.
        """
        expected = "the CA's chain up to a root, of which the zone's control plane creates the MeshTrust"
        with self._step(AUTHORITY_CERTIFICATE, expected):
            text = fetch_authority_chain(client, self.caller, self.outputs.certificate_authority.arn)
            links = pem.load_certificates(text)
        found = " < ".join(chain.get_display_name(link) for link in links)
        advice = "Import the CA's certificate again, with its whole chain: Envoy's SPIFFE validator needs the root."
        good = chain.is_self_signed(links[-1])
        self.checks.append(judge(AUTHORITY_CERTIFICATE, expected, found, advice, good=good))

    def _certificate(self, issuer: Issuer) -> x509.Certificate:
        uris = self.plan.list_uris(self.zone.name)
        key = csr.create_data_plane_key()
        common_name = self.plan.common_names.get(self.zone.name)
        request = csr.create_data_plane_csr(key, uris, common_name)
        not_after = datetime.now(UTC).replace(microsecond=0) + self.plan.lifetime
        begun = time.monotonic()
        with self._step("issue", "a certificate ARN"):
            certificate_arn = issuer.request(request, not_after, self._account)
        self.checks.append(Check("issue", Outcome.PASSED, "a certificate ARN", certificate_arn))
        with self._step("fetch", "the certificate"):
            issued = issuer.fetch(certificate_arn)
        self.issuance = timedelta(seconds=time.monotonic() - begun)
        self.proxy = Proxy(self.zone.name, key, issued)
        found = f"SHA-256 {chain.format_fingerprint(issued.leaf)}"
        self.checks.append(Check("fetch", Outcome.PASSED, "the certificate", found))
        evidence = Evidence(
            issued=issued,
            public_key=key.public_key(),
            uris=uris,
            not_after=not_after,
            trust_bundle=self.plan.load_bundle(self.zone.name),
            usage_mode=self.outputs.certificate_authority.priced_mode,
            common_name=common_name,
            horizon=self.plan.horizon,
            of_mesh_identity=self.plan.mesh_identity is not None,
        )
        self.checks += [check(evidence) for _, check in CERTIFICATE_CHECKS]
        return issued.leaf

    @contextmanager
    def _step(self, name: str, expected: str) -> Iterator[None]:
        """Fail a check and raise _FailedError, if the block can't get what it needs from AWS."""
        try:
            yield
        except _REFUSALS as error:
            self._refused(name, expected, error)
            raise _FailedError from error

    def _require(self, check: Check) -> None:
        """Add a check that all others need.

        Raises:
            _FailedError: it failed.
        """
        self.checks.append(check)
        if check.failed:
            raise _FailedError

    @cached_property
    def _account(self) -> Account:
        return Account(self.zone.name, self.plan.ledger)

    def _revoke(self, issuer: Issuer, leaf: x509.Certificate) -> None:
        """Revoke the zone's certificate and those that denial probes got.

        Keep the reason for each certificate that could not be revoked.
        """
        for number, certificate_arn in enumerate(self._account.issued):
            try:
                certificate = leaf if number == 0 else issuer.fetch(certificate_arn).leaf
                issuer.revoke(chain.format_serial_number(certificate))
            except _REFUSALS as error:
                reason = describe_error(error)
                self.revocations[certificate_arn] = Revocation(certificate_arn, revoked=False, reason=reason)
                continue
            self.revocations[certificate_arn] = Revocation(certificate_arn, revoked=True)
            self.plan.ledger.revoked(self.zone.name, self.outputs.certificate_authority.arn, certificate_arn)

    def _list_revocations(self) -> list[Revocation]:
        """Return the revoked certificates, then the issued ones that are not revoked, with the reason."""
        # Copies, because the zone's thread may still run.
        issued, made = tuple(self._account.issued), dict(self.revocations)
        untried = [Revocation(each, revoked=False, reason=_NOT_TRIED) for each in issued if each not in made]
        return sorted([*made.values(), *untried], key=lambda revocation: not revocation.revoked)

    def _fail(self, error: Exception) -> None:
        """Fail the current check because of an unexpected error; do nothing if all checks are done."""
        if len(self.checks) < len(list_checks(self.plan)):
            self._refused(self.current_check, "no error in the toolkit", error)

    def _refused(self, name: str, expected: str, error: Exception) -> None:
        self.checks.append(judge(name, expected, describe_error(error), advise(error), good=False))


def _authority_advice(status: str, *, lasts: bool) -> str:
    if status == "DISABLED":
        return "Enable the CA: aws acm-pca update-certificate-authority --status ACTIVE; find out who disabled it."
    if status == "EXPIRED" or (status == "ACTIVE" and not lasts):
        return "Renew the CA's certificate, or move the mesh to its successor with toolkit rotate."
    if status == "DELETED":
        return "Restore the CA before its deletion window ends: aws acm-pca restore-certificate-authority."
    if status == "ACTIVE":
        return "The CA's usage mode is not the contract's: use the contract of this CA."
    return "Activate the CA: have its certificate signed and import it; pulumi up does both for a CA that it made."
