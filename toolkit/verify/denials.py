"""What a zone must not be able to do; each probe is harmless where it is denied, as it should be.

A probe that succeeds says what it made, so that somebody can revoke it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from toolkit.pki import arn, chain, pem, templates
from toolkit.verify.advice import DENIED
from toolkit.verify.calls import Caller, DeadlineError, part
from toolkit.verify.issue import SAME_QUESTION_SECONDS, idempotency_token
from toolkit.verify.results import Check, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import CertificateAuthority

NAMES = ("denied-minting", "denied-revoking", "denied-other-authority")
_SUBORDINATE = "SubordinateCACertificate_PathLen0/V1"
# No CA has this identifier: who is denied by policy never learns that, and nobody can buy from it.
_NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass
class Probe:
    """Tries in one zone what must be denied.

    Attributes:
        client: with the zone's identity.
        authority: the CA that the zone may use.
        caller: makes the calls.
        on_bought: is told what a probe bought against all expectation, and why it was asked for.
    """

    client: ACMPCAClient
    authority: CertificateAuthority
    caller: Caller
    on_bought: Callable[[str, str], None]

    def checks(self, leaf: x509.Certificate) -> Iterator[Check]:
        """Every probe, one after the other; the zone's own certificate is what revoking is tried with."""
        yield self.minting()
        yield self.revoking(leaf)
        yield self.other_authority()

    def minting(self) -> Check:
        """A zone must not get a certificate that is a CA."""
        template = templates.arn(_SUBORDINATE, self._arn.partition)
        return self._denied(NAMES[0], "IssueCertificate", self._question(self.authority.arn, template))

    def revoking(self, leaf: x509.Certificate) -> Check:
        """A zone must not revoke certificates; it is tried with the one that it has just bought."""
        serial = chain.serial_number(leaf)

        def revoke() -> str:
            self.client.revoke_certificate(
                CertificateAuthorityArn=self.authority.arn,
                CertificateSerial=serial,
                RevocationReason="CESSATION_OF_OPERATION",
            )
            return ""

        return self._denied(NAMES[1], "RevokeCertificate", revoke)

    def other_authority(self) -> Check:
        """A zone must not use another CA of the account."""
        other = self.authority.arn.rpartition("/")[0] + f"/{_NOBODY}"
        template = templates.arn(templates.END_ENTITY, self._arn.partition)
        return self._denied(NAMES[2], "IssueCertificate", self._question(other, template))

    @property
    def _arn(self) -> arn.Arn:
        return arn.certificate_authority(self.authority.arn)

    def _question(self, authority_arn: str, template: str) -> Callable[[], str]:
        """One question, however often it is asked: where AWS answers after all, it must not sell twice."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "toolkit-verify denial probe")])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        text = pem.write_request(request).encode()
        ends = datetime.now(UTC) + timedelta(hours=1)

        def issue() -> str:
            answer = self.client.issue_certificate(
                CertificateAuthorityArn=authority_arn,
                Csr=text,
                SigningAlgorithm=self.authority.signing_algorithm,
                TemplateArn=template,
                Validity={"Type": "ABSOLUTE", "Value": int(ends.timestamp())},
                IdempotencyToken=idempotency_token(authority_arn, text),
            )
            made: str = part(answer, "CertificateArn")
            return made

        return issue

    def _denied(self, name: str, operation: str, attempt: Callable[[], str]) -> Check:
        expected = f"acm-pca:{operation} is denied"
        try:
            made = self.caller.ask(operation, attempt, SAME_QUESTION_SECONDS)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            found = f"{code}: {error.response['Error'].get('Message', '')}"
            advice = f"Allow acm-pca:{operation} on the stack's CA alone; pulumi up restores what the stack gave."
            return judge(name, code in DENIED, expected, found, advice)
        except (BotoCoreError, DeadlineError, OSError, ValueError) as error:
            return judge(name, good=False, expected=expected, found=str(error), advice="Run it again.")
        if made:
            self.on_bought(made, name)
        what = f"it was allowed and made {made}" if made else "it was allowed: this run's certificate is revoked"
        advice = "Take the permission away" + (
            ", and revoke what was made with an administrator's role." if made else "."
        )
        return judge(name, good=False, expected=expected, found=what, advice=advice)
