"""A certificate as a zone got it from AWS Private CA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class IssuedCertificate:
    """What AWS Private CA returned.

    Attributes:
        leaf: the certificate.
        chain: what came with it: the issuing CA first, the root last.
    """

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
