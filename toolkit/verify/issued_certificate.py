"""A certificate that AWS Private CA issued to a zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class IssuedCertificate:
    """The certificate and chain in a response of ``GetCertificate``.

    Attributes:
        leaf: the certificate.
        chain: its CA chain: the issuing CA first, the root last.
    """

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
