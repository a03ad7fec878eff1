"""Generate keys and choose signature algorithms for CAs (botocore acm-pca: KeyAlgorithm, SigningAlgorithm)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from toolkit.sandbox.aws_error import AwsError, make_unsupported_error

if TYPE_CHECKING:
    from collections.abc import Callable

DER = Encoding.DER
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_RSA_BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "EC_prime256v1": ec.SECP256R1,
    "EC_secp384r1": ec.SECP384R1,
    "EC_secp521r1": ec.SECP521R1,
}
Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_HASHES: dict[str, Hash] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


def generate(key_algorithm: str) -> PrivateKey:
    """Return a new key pair.

    Raises:
        AwsError: the sandbox does not have the algorithm, although AWS does (ML-DSA, SM2).
    """
    if key_algorithm in _RSA_BITS:
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[key_algorithm])
    if key_algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[key_algorithm]())
    raise make_unsupported_error(f"Key algorithm {key_algorithm}")


def find_hash(signing_algorithm: str, key: PrivateKey) -> Hash:
    """Return the hash of a signing algorithm.

    Raises:
        AwsError: the algorithm does not match the type of the CA's key, which AWS rejects (botocore,
            IssueCertificateRequest.SigningAlgorithm), or the sandbox does not have it.
    """
    name, _, family = signing_algorithm.partition("WITH")
    if name not in _HASHES or family not in ("RSA", "ECDSA"):
        raise make_unsupported_error(f"Signing algorithm {signing_algorithm}")
    if (family == "RSA") != isinstance(key, rsa.RSAPrivateKey):
        raise AwsError(
            "InvalidArgsException",
            f"The signing algorithm {signing_algorithm} does not match the key algorithm of the certificate authority.",
        )
    return _HASHES[name]


def make_key_identifier(certificate: x509.Certificate, key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    """Return the authority key identifier for the CA's certificates and CRLs: the CA's own subject key identifier.

    It is read from the certificate, because an external parent CA may compute it in another way.

    Args:
        certificate: the CA's own certificate.
        key: the CA's key.
    """
    try:
        own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)
