"""Probe that AWS denies a zone what its role must not be able to do.

A denied probe changes nothing. The check of a probe that succeeds names the certificate, so that it can be revoked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from toolkit.pki import chain, templates
from toolkit.verify.calls import DeadlineError, read_code
from toolkit.verify.failures import DENIED
from toolkit.verify.issue import Issuer
from toolkit.verify.results import Check, judge

if TYPE_CHECKING:
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import CertificateAuthority
    from toolkit.verify.calls import Caller
    from toolkit.verify.ledger import Account

NAMES = ("denied-minting", "denied-revoking", "denied-other-authority")
_SUBORDINATE = "SubordinateCACertificate_PathLen0/V1"
# No CA has this identifier, so a role that is allowed too much still gets no certificate.
_NOBODY = "00000000-0000-0000-0000-000000000000"


def probe_denials(
    client: ACMPCAClient, authority: CertificateAuthority, caller: Caller, account: Account, leaf: x509.Certificate
) -> Iterator[Check]:
    """Yield the check of each probe, one after the other.

    Args:
        client: an ACM PCA client with the zone's identity.
        authority: the CA that the zone may use.
        caller: makes the calls.
        account: records the requests, and the certificates that were issued instead of denied.
        leaf: the zone's own certificate. The probe of RevokeCertificate tries to revoke it.
    """
    minting, revoking, other_authority = NAMES
    own = Issuer(client, authority, caller)
    yield _expect_denial(minting, "IssueCertificate", lambda: _request(own, account, minting, _SUBORDINATE))
    yield _expect_denial(revoking, "RevokeCertificate", lambda: own.revoke(chain.format_serial_number(leaf)))
    arn = f"{authority.arn.rpartition('/')[0]}/{_NOBODY}"
    other = Issuer(client, authority.model_copy(update={"arn": arn}), caller)
    yield _expect_denial(
        other_authority, "IssueCertificate", lambda: _request(other, account, other_authority, templates.END_ENTITY)
    )


def _request(issuer: Issuer, account: Account, purpose: str, template: str) -> str:
    """Request a certificate, and return its ARN."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "toolkit-verify denial probe")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return issuer.request(csr, datetime.now(UTC) + timedelta(hours=1), account, template, purpose)


def _expect_denial(name: str, operation: str, attempt: Callable[[], str | None]) -> Check:
    """Return the check that an attempt is denied. It returns the ARN of a certificate that was issued."""
    expected = f"acm-pca:{operation} is denied"
    try:
        made = attempt()
    except ClientError as error:
        code = read_code(error)
        found = f"{code}: {error.response['Error'].get('Message', '')}"
        advice = f"Allow acm-pca:{operation} on the contract's CA alone, in the role's policy."
        return judge(name, expected, found, advice, good=code in DENIED)
    except (BotoCoreError, DeadlineError, OSError, ValueError) as error:
        return judge(name, good=False, expected=expected, found=str(error), advice="Run it again.")
    what = f"it was allowed and issued {made}" if made else "it was allowed: this run's certificate is revoked"
    advice = "Remove the permission" + (", and revoke the certificate with an administrator's role." if made else ".")
    return judge(name, good=False, expected=expected, found=what, advice=advice)
