"""Build and read extensions of certificates: key usages, and the extensions that the programs of a mesh understand."""

from __future__ import annotations

from collections.abc import Collection

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

# Extensions that Go (parser.go, processExtensions), OpenSSL (X509_supported_extension) and BoringSSL all understand.
UNDERSTOOD = frozenset(
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
# Critical extensions that AWS imports, including some that programs of a mesh don't understand (botocore acm-pca,
# ImportCertificateAuthorityCertificate, Enforcement of Critical Constraints).
IMPORTED = (UNDERSTOOD - {ExtensionOID.POLICY_CONSTRAINTS}) | {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.ISSUER_ALTERNATIVE_NAME,
    ExtensionOID.SUBJECT_DIRECTORY_ATTRIBUTES,
    ExtensionOID.SUBJECT_INFORMATION_ACCESS,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
}
# Extensions that OpenSSL verifies in its own way and no CA of a mesh needs: proxy certificates (RFC 3820), and IP
# addresses and AS numbers that a CA may certify (RFC 3779).
_LEGACY = tuple(x509.ObjectIdentifier(f"1.3.6.1.5.5.7.1.{number}") for number in (7, 8, 14))
# Usages with cryptography's names (RFC 5280, 4.2.1.3), in the order of their bits. Only the last two depend on another,
# key_agreement.
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def list_critical_beyond(certificate: x509.Certificate, known: Collection[x509.ObjectIdentifier]) -> list[str]:
    """Return the critical extensions, as dotted OIDs, that are not among the known ones."""
    return [each.oid.dotted_string for each in certificate.extensions if each.critical and each.oid not in known]


def list_legacy(certificate: x509.Certificate) -> list[str]:
    """Return the extensions, as dotted OIDs, that OpenSSL verifies in its own way and no CA of a mesh needs."""
    return [each.oid.dotted_string for each in certificate.extensions if each.oid in _LEGACY]


def build_key_usage(*names: str) -> x509.KeyUsage:
    """Return a keyUsage extension with exactly these usages, by cryptography's names.

    Raises:
        ValueError: encipher_only or decipher_only without key_agreement.
    """
    return x509.KeyUsage(**{name: name in names for name in _USAGES})


def list_usages(usage: x509.KeyUsage) -> list[str]:
    """Return the usages of a keyUsage extension, in the order of their bits."""
    known = _USAGES if usage.key_agreement else _USAGES[:-2]
    return [name for name in known if getattr(usage, name)]
