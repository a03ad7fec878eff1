"""Define the outputs of a stack whose CA needs a certificate from an external CA."""

from __future__ import annotations

from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import AfterValidator, Field

from toolkit.contract.models import AuthorityArn, Exports, Model, Region, check_region
from toolkit.pki import pem


def _signing_request(value: str) -> str:
    request = pem.load_request(value)
    try:
        # cryptography parses names lazily. The CSR's subject is shown, so it must be readable as well.
        valid = request.is_signature_valid and request.subject is not None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("is a PEM request that can't be read; it was cut off or changed") from error
    if not valid:
        raise ValueError("its signature does not match its key; it was changed, or is not from AWS")
    return value


class PendingCertificateAuthority(Model):
    """A CA below a root outside AWS, which has a key and a CSR, but no certificate yet."""

    arn: AuthorityArn = Field(description="The pending CA.")
    region: Annotated[Region, AfterValidator(check_region)] = Field(description="The region of the ARN.")
    certificate_signing_request: Annotated[str, AfterValidator(_signing_request)] = Field(
        description="PEM (BEGIN CERTIFICATE REQUEST) for the owner of the root to sign."
    )


class PendingStack(Exports):
    """The outputs of a stack whose CA is pending: the CSR to sign, and nothing to use yet."""

    pending_certificate_authority: PendingCertificateAuthority
