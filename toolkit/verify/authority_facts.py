"""Get a CA's state and chain from AWS, and from them the contract's fields of a CA."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from toolkit.errors import ExternalError, InvalidInputError, Problem
from toolkit.pki import arn
from toolkit.values import Object
from toolkit.verify.aws_responses import AuthorityState, read_certificate, read_certificate_authority
from toolkit.verify.calls import Caller, DeadlineError, read_code
from toolkit.verify.failures import DENIED, TOO_SLOW, UNREACHABLE, advise, describe_error

if TYPE_CHECKING:
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.verify.identity import Ambient

_SECONDS = 20
# A CA with one of these statuses has a certificate (user guide, PcaUpdateStatus.md). Only an ACTIVE CA can issue.
_CERTIFIED = ("ACTIVE", "DISABLED", "EXPIRED")
_WITHOUT_AWS = "With --chain FILE, AWS is not asked."


@dataclass(frozen=True)
class AuthorityFacts:
    """A CA's facts from AWS.

    Attributes:
        status: such as ``ACTIVE``.
        fields: fields of the contract's ``certificateAuthority``, with the contract's names.
        chain: PEM, the CA's own certificate first.
    """

    status: str
    fields: Object
    chain: str


def describe_authority(client: ACMPCAClient, caller: Caller, authority_arn: str) -> AuthorityState:
    """Return a CA's state in AWS.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached.
        DeadlineError: the deadline has passed.
        NoAnswerError: the response is not from AWS.
    """
    answer = caller.ask(
        "DescribeCertificateAuthority",
        lambda: client.describe_certificate_authority(CertificateAuthorityArn=authority_arn),
    )
    return read_certificate_authority(answer, authority_arn)


def fetch_authority_chain(client: ACMPCAClient, caller: Caller, authority_arn: str) -> str:
    """Return the CA's certificate and its chain as PEM, in AWS's order.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached.
        DeadlineError: the deadline has passed.
        NoAnswerError: the response is not from AWS.
    """
    answer = caller.ask(
        "GetCertificateAuthorityCertificate",
        lambda: client.get_certificate_authority_certificate(CertificateAuthorityArn=authority_arn),
    )
    own, above = read_certificate(answer)
    return f"{own.strip()}\n{above.strip()}".strip() + "\n"


def ask_for_authority(authority_arn: str, source: Ambient) -> AuthorityFacts:
    """Get a CA's facts from AWS, in the CA's region.

    Args:
        authority_arn: the CA's ARN.
        source: provides credentials and clients.

    Raises:
        ExternalError: no credentials were found, AWS can't be reached, or AWS returned an error.
        InvalidInputError: the CA has no certificate, or the URL of the endpoint is not valid.
    """
    source.require_credentials()
    caller = Caller(time.monotonic() + _SECONDS)
    region = arn.PRIVATE_CA.parse(authority_arn).region
    try:
        client = source.make_client("acm-pca", region, caller)
        state = describe_authority(client, caller, authority_arn)
        if state.status not in _CERTIFIED:
            raise InvalidInputError(
                "the CA has no certificate",
                [Problem("certificateAuthority.arn", f"{authority_arn} is {state.status}")],
                "Install its certificate (aws acm-pca import-certificate-authority-certificate), then run this again.",
            )
        links = fetch_authority_chain(client, caller, authority_arn)
    except (ClientError, BotoCoreError, DeadlineError, OSError, ValueError) as error:
        what = f"can't ask AWS for {authority_arn}: {describe_error(error)}"
        raise ExternalError(what, f"{_advise(error, region)} {_WITHOUT_AWS}") from error
    fields = {
        "type": state.type,
        "usageMode": state.usage_mode,
        "keyAlgorithm": state.key_algorithm,
        "signingAlgorithm": state.signing_algorithm,
    }
    return AuthorityFacts(state.status, fields, links)


def _advise(error: Exception, region: str) -> str:
    operation = error.operation_name if isinstance(error, ClientError) else ""
    if read_code(error) in DENIED and "CertificateAuthority" in operation:
        return f"Allow acm-pca:{operation} on the CA for the caller, also in the CA's account if that is another one."
    if read_code(error) == "ResourceNotFoundException":
        return f"Compare the ARN with what aws acm-pca list-certificate-authorities --region {region} prints."
    # TOO_SLOW names options of toolkit verify, which this command does not have.
    return advise(error).replace(TOO_SLOW, UNREACHABLE)
