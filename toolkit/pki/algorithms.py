"""Key and signing algorithms with AWS Private CA's names (botocore acm-pca: KeyAlgorithm)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives.asymmetric import ec, rsa

if TYPE_CHECKING:
    from cryptography import x509

KeyAlgorithm = Literal["RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
SigningAlgorithm = Literal[
    "SHA256WITHRSA", "SHA384WITHRSA", "SHA512WITHRSA", "SHA256WITHECDSA", "SHA384WITHECDSA", "SHA512WITHECDSA"
]

# The hash that matches the strength of the key (NIST SP 800-57 part 1, table 3).
_SIGNING_ALGORITHMS: dict[KeyAlgorithm, SigningAlgorithm] = {
    "RSA_2048": "SHA256WITHRSA",
    "RSA_3072": "SHA256WITHRSA",
    "RSA_4096": "SHA384WITHRSA",
    "EC_prime256v1": "SHA256WITHECDSA",
    "EC_secp384r1": "SHA384WITHECDSA",
    "EC_secp521r1": "SHA512WITHECDSA",
}
_RSA: dict[int, KeyAlgorithm] = {2048: "RSA_2048", 3072: "RSA_3072", 4096: "RSA_4096"}
_CURVES: dict[str, KeyAlgorithm] = {
    "secp256r1": "EC_prime256v1",
    "secp384r1": "EC_secp384r1",
    "secp521r1": "EC_secp521r1",
}


def choose_signing_algorithm(key_algorithm: KeyAlgorithm) -> SigningAlgorithm:
    """Return the default signing algorithm of a CA with a key of this algorithm."""
    return _SIGNING_ALGORITHMS[key_algorithm]


def fits(signing: SigningAlgorithm, key_algorithm: KeyAlgorithm) -> bool:
    """Return whether the two algorithms are of one family, as AWS requires (IssueCertificateRequest)."""
    return signing.endswith("ECDSA") == key_algorithm.startswith("EC")


def read_key_algorithm(certificate: x509.Certificate) -> KeyAlgorithm:
    """Return the algorithm of a certificate's key.

    Raises:
        ValueError: the toolkit does not support the key's algorithm.
    """
    key = certificate.public_key()
    name = None
    if isinstance(key, rsa.RSAPublicKey):
        name = _RSA.get(key.key_size)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        name = _CURVES.get(key.curve.name)
    if name is None:
        raise ValueError(f"its key must be one of {', '.join(_SIGNING_ALGORITHMS)}")
    return name
