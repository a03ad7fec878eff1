"""List a CA's critical extensions that programs of a mesh don't understand or that AWS Private CA doesn't import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

if TYPE_CHECKING:
    from collections.abc import Collection

# Extensions that Go (parser.go, processExtensions), OpenSSL (X509_supported_extension) and BoringSSL all understand.
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
# Critical extensions that AWS imports, including some that programs of a mesh don't understand.
_IMPORTED = (_UNDERSTOOD - {ExtensionOID.POLICY_CONSTRAINTS}) | {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.ISSUER_ALTERNATIVE_NAME,
    ExtensionOID.SUBJECT_DIRECTORY_ATTRIBUTES,
    ExtensionOID.SUBJECT_INFORMATION_ACCESS,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
}
# Proxy certificates (RFC 3820), and IP addresses and AS numbers that a CA may certify (RFC 3779).
_LEGACY = tuple(x509.ObjectIdentifier(f"1.3.6.1.5.5.7.1.{number}") for number in (7, 8, 14))


def list_not_understood(certificate: x509.Certificate) -> list[str]:
    """Return the critical extensions, as dotted OIDs, that at least one program of a mesh does not understand."""
    return _critical_beyond(certificate, _UNDERSTOOD)


def list_not_imported(certificate: x509.Certificate) -> list[str]:
    """Return the critical extensions, as dotted OIDs, with which AWS does not import a CA's certificate.

    Source: botocore acm-pca, ImportCertificateAuthorityCertificate (Enforcement of Critical Constraints).
    """
    return _critical_beyond(certificate, _IMPORTED)


def list_legacy(certificate: x509.Certificate) -> list[str]:
    """Return the extensions, as dotted OIDs, that OpenSSL verifies in its own way and no CA of a mesh needs."""
    return [extension.oid.dotted_string for extension in certificate.extensions if extension.oid in _LEGACY]


def _critical_beyond(certificate: x509.Certificate, known: Collection[x509.ObjectIdentifier]) -> list[str]:
    return [each.oid.dotted_string for each in certificate.extensions if each.critical and each.oid not in known]
