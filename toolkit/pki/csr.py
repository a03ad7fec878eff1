"""Create keys and certificate signing requests as a zone control plane does for a data plane proxy."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from toolkit.pki import names, pem

# kumahq/kuma:pkg/core/ca/issuer/issuer.go, DefaultRsaBits.
DATA_PLANE_RSA_BITS = 2048


def create_data_plane_key() -> rsa.RSAPrivateKey:
    """Create an RSA key of the size that Kong Mesh uses for data plane proxies."""
    return rsa.generate_private_key(public_exponent=65537, key_size=DATA_PLANE_RSA_BITS)


def create_data_plane_csr(
    key: rsa.RSAPrivateKey, uris: Sequence[str], common_name: str | None = None
) -> x509.CertificateSigningRequest:
    """Create a CSR with URI SANs. Without a `common_name`, the subject is empty.

    The SAN extension is critical exactly when the subject is empty. AWS rejects the CSR otherwise
    (cert-manager/aws-privateca-issuer#6, cert-manager/istio-csr#90; RFC 5280, 4.2.1.6).

    Args:
        key: the proxy's private key, which signs the CSR.
        uris: the SANs, in the CSR's order.
        common_name: at most 64 characters.

    Raises:
        ValueError: no URI is given, or a name can't be encoded.
    """
    if not uris:
        raise ValueError("a data plane certificate needs at least one URI SAN")
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)] if common_name else []
    sans = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(subject))
        .add_extension(sans, critical=not subject)
        .sign(key, hashes.SHA256())
    )


def find_mismatch(request: str, certificate: x509.Certificate) -> str | None:
    """Return why a certificate was not issued for a request; None if it was.

    AWS Private CA imports a CA's certificate only if it has the key and the subject of the CA's CSR (user guide,
    PCACertInstall.md).

    Args:
        request: the CSR in PEM.
        certificate: the issued certificate.

    Raises:
        ValueError: the request can't be read.
    """
    asked = pem.load_request(request)
    if certificate.public_key() != asked.public_key():
        return "is for another key than that of the CA's CSR"
    given, wanted = (
        names.read_attributes(name) for name in (names.read_subject(certificate), asked.subject.public_bytes())
    )
    if given != wanted:
        texts = [", ".join(attribute.text for attribute in name) for name in (given, wanted)]
        return f"names {texts[0]!r}, and the CSR {texts[1]!r}"
    return None
