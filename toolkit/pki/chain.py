"""Read facts of certificates, and verify a certificate's path to a root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

from toolkit.errors import flatten
from toolkit.pki import names

if TYPE_CHECKING:
    from datetime import datetime

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


def format_fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint as ``openssl x509 -fingerprint -sha256`` prints it: ``AB:CD:...``."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def format_serial_number(certificate: x509.Certificate) -> str:
    """Return the serial number as AWS Private CA takes and shows it: ``4f:0a:...``."""
    number = certificate.serial_number
    return number.to_bytes((number.bit_length() + 7) // 8 or 1).hex(":")


def find_extension(
    certificate: x509.Certificate | x509.CertificateSigningRequest, kind: type[_Kind]
) -> x509.Extension[_Kind] | None:
    """Return an extension by its class; None if the certificate or the request does not have it."""
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def list_uris(certificate: x509.Certificate) -> list[str]:
    """Return the URI subject alternative names, in the certificate's order."""
    alternatives = find_extension(certificate, x509.SubjectAlternativeName)
    return alternatives.value.get_values_for_type(x509.UniformResourceIdentifier) if alternatives else []


def get_display_name(certificate: x509.Certificate) -> str:
    """Return a short name: the common name; without one, the subject's texts; without a subject, the serial number."""
    attributes = names.read_attributes(names.read_subject(certificate))
    common_names = [attribute.text for attribute in attributes if attribute.oid == names.COMMON_NAME]
    if common_names:
        return common_names[0]
    return ", ".join(attribute.text for attribute in attributes) or f"serial {certificate.serial_number:x}"


def is_ca(certificate: x509.Certificate) -> bool:
    """Return whether basicConstraints is set to CA:TRUE."""
    constraints = find_extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.value.ca


def get_path_length(certificate: x509.Certificate) -> int | None:
    """Return how many CAs may be below it (RFC 5280, 4.2.1.9); None if there is no limit or it is not a CA."""
    constraints = find_extension(certificate, x509.BasicConstraints)
    return constraints.value.path_length if constraints else None


class _Verification(ec.ECDSA):
    """ECDSA without the check whether OpenSSL can sign with it, for which cryptography loads its backend (3 ms)."""

    def __init__(self, algorithm: hashes.HashAlgorithm) -> None:
        self._hash = algorithm

    @property
    def algorithm(self) -> hashes.HashAlgorithm:
        """Return the hash of the signed bytes."""
        return self._hash


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Return whether the certificate is its own issuer and verifies with its own key, as a root does."""
    return is_issued_by(certificate, certificate)


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether `certificate` names `issuer` as its issuer, byte for byte, and is signed with its key.

    Go compares names byte by byte (crypto/x509/verify.go: RawIssuer and RawSubject). OpenSSL and BoringSSL are less
    strict.
    """
    return names.read_issuer(certificate) == names.read_subject(issuer) and is_signed_with_key_of(certificate, issuer)


def is_signed_with_key_of(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether `certificate` is signed with the key of `issuer`. Names are not compared."""
    key, signature, signed = issuer.public_key(), certificate.signature, certificate.tbs_certificate_bytes
    try:
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        elif (algorithm := certificate.signature_hash_algorithm) is None:
            return False
        elif isinstance(key, rsa.RSAPublicKey):
            scheme = certificate.signature_algorithm_parameters
            if not isinstance(scheme, padding.PKCS1v15 | padding.PSS):
                return False
            key.verify(signature, signed, scheme, algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, _Verification(algorithm))
        elif isinstance(key, dsa.DSAPublicKey):
            key.verify(signature, signed, algorithm)
        else:
            return False
    except (ValueError, TypeError, AttributeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def verify_to_root(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> list[x509.Certificate]:
    """Verify with OpenSSL that a data plane certificate has a path to a root, and return the path.

    OpenSSL checks signatures, lifetimes, basic constraints, path lengths, key usage, name constraints and critical
    extensions. Its store contains only the roots, so it rejects a path that ends at an intermediate.

    Args:
        leaf: the certificate to verify.
        intermediates: CA certificates for the path, in any order.
        roots: the trust anchors; at least one.
        at: the time for which lifetimes are checked, a timezone-aware datetime.

    Returns:
        The path, leaf first, root last.

    Raises:
        ValueError: there is no valid path. The message has OpenSSL's reason and the name of the invalid certificate.
    """
    from OpenSSL import crypto  # noqa: PLC0415 - slow to import, and only a verification needs it

    store = crypto.X509Store()
    for root in roots:
        store.add_cert(crypto.X509.from_cryptography(root))
    store.set_time(at)
    untrusted = [crypto.X509.from_cryptography(certificate) for certificate in intermediates]
    context = crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), untrusted)
    try:
        return [certificate.to_cryptography() for certificate in context.get_verified_chain()]
    except crypto.X509StoreContextError as error:
        where = get_display_name(error.certificate.to_cryptography()) if error.certificate else "the certificate"
        raise ValueError(f"{flatten(error)} ({where})") from error
