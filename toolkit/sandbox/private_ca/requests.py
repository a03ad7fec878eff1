"""Read certificate signing requests, and reject those that AWS rejects.

AWS must be able to read every attribute for which it has a condition key, and returns MalformedCSRException otherwise
(docs.aws.amazon.com/privateca/latest/userguide/certguard-validation.html). AWS checks the certificate that it would
sign. The sandbox checks the whole CSR, including the parts that the template would leave out.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Iterable, Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from toolkit.pki import chain, der, pem
from toolkit.sandbox.aws_error import AwsError

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
# extensionRequest (RFC 2985, 5.4.2).
_EXTENSION_REQUEST = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
_HEADER = b"-----BEGIN CERTIFICATE REQUEST-----"
# AWS rejects a curve that it does not recognize. AWS documents only the curves of its own CAs (botocore acm-pca:
# KeyAlgorithm).
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
# The same applies to short RSA keys.
_SHORTEST_RSA_BITS = 2048
_OBJECT_IDENTIFIER = 0x06
# The string types of ASN.1 by their tag (X.680, 8.6), for otherName.
_STRINGS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString, as OpenSSL reads it
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
# The exceptions of cryptography when it loads a CSR, and later when it reads the key, the subject or the extensions.
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def read(text: bytes) -> tuple[x509.CertificateSigningRequest, PublicKey]:
    """Return the CSR and its key if AWS would issue a certificate for it.

    Raises:
        AwsError: ``MalformedCSRException``; AWS would reject the CSR.
    """
    # The service's own pattern accepts only this header (aws/aws-cli#9613).
    if not text.lstrip().startswith(_HEADER):
        raise make_malformed_error("The request must be PEM and begin with BEGIN CERTIFICATE REQUEST.")
    try:
        csr = pem.load_request(text)
        valid, sent_key = csr.is_signature_valid, csr.public_key()
        # Reading one extension parses all of them.
        subject, names = list(csr.subject), chain.find_extension(csr, x509.SubjectAlternativeName)
        lists = sum(attribute.oid == _EXTENSION_REQUEST for attribute in csr.attributes)
    except _UNREADABLE as error:
        raise make_malformed_error("The request can't be read.") from error
    if not valid:
        raise make_malformed_error("The signature of the request does not match its key.")
    if lists > 1:
        # cryptography reads only the first list. Which one AWS reads is unknown.
        raise make_malformed_error("The request must not have more than one list of extensions.")
    key = _require_key(csr, sent_key)
    if names is not None:
        require_readable(names.value)
    elif not subject:
        # botocore, IssueCertificateRequest.Csr
        raise make_malformed_error("The request must have a subject or a subject alternative name.")
    if names is not None and not subject and not names.critical:
        # AWS's message (cert-manager/aws-privateca-issuer#6, cert-manager/istio-csr#90); RFC 5280, 4.2.1.6.
        raise make_malformed_error("CSR must mark the SAN extension critical when it has an empty subject")
    return csr, key


def require_readable(names: Iterable[x509.GeneralName]) -> None:
    """Reject a SAN extension that AWS can't evaluate, whether it comes from the CSR or from ApiPassthrough.

    Args:
        names: the entries of the extension.

    Raises:
        AwsError: ``MalformedCSRException``: the extension is empty, an entry has no or unprintable text, or an IP
            address is not 4 or 16 bytes long.
    """
    entries = list(names)
    if not entries:
        # RFC 5280, 4.2.1.6: GeneralNames has at least one.
        raise make_malformed_error("The SAN extension must have at least one entry.")
    for name in entries:
        # cryptography reads 8 and 32 bytes as a network, which is only allowed in name constraints.
        if isinstance(name, x509.IPAddress) and isinstance(name.value, ipaddress.IPv4Network | ipaddress.IPv6Network):
            raise make_malformed_error("An IP address in the SAN extension must be 4 or 16 bytes long.")
        try:
            texts = list(_texts(name))
        except ValueError as error:
            raise make_malformed_error("An entry of the SAN extension can't be read.") from error
        for text in texts:
            if not text.strip():
                raise make_malformed_error("An entry of the SAN extension is empty or has only whitespace.")
            if any(unicodedata.category(character) == "Cc" for character in text):
                raise make_malformed_error("An entry of the SAN extension has a control character.")


def make_malformed_error(message: str) -> AwsError:
    """Return a ``MalformedCSRException``."""
    return AwsError("MalformedCSRException", message)


def _require_key(csr: x509.CertificateSigningRequest, key: object) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _SHORTEST_RSA_BITS:
            raise make_malformed_error(f"An RSA key must have at least {_SHORTEST_RSA_BITS} bits.")
        return key
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise make_malformed_error("The key of the request is of a type that is not supported.")
    # cryptography also accepts explicit parameters of a known curve.
    if [parameter.tag for parameter in _key_parameters(csr)] != [_OBJECT_IDENTIFIER]:
        raise make_malformed_error("The EC key of the request must have a named curve.")
    if not isinstance(key.curve, _CURVES):
        raise make_malformed_error("The EC key of the request has a curve that is not supported.")
    return key


def _texts(name: x509.GeneralName) -> Iterator[str]:
    """Yield the texts of a SAN entry.

    Raises:
        ValueError: the text is not in the character set of its type.
    """
    if isinstance(name, x509.DNSName | x509.RFC822Name | x509.UniformResourceIdentifier):
        # An IA5String (RFC 5280, 4.2.1.6); cryptography also accepts UTF-8.
        name.value.encode("ascii")
        yield name.value
    elif isinstance(name, x509.DirectoryName):
        attributes = [attribute.value for attribute in name.value]
        yield from (value for value in attributes if isinstance(value, str))
        if not attributes:
            yield ""
    elif isinstance(name, x509.OtherName) and name.value[0] in _STRINGS:
        (string,) = der.read_elements(name.value)
        yield string.content.decode(_STRINGS[string.tag])


def _key_parameters(csr: x509.CertificateSigningRequest) -> list[der.Element]:
    """Return the parameters of the key's algorithm, which cryptography does not expose.

    RFC 2986, 4.1: version, subject and key come first; RFC 5280, 4.1.2.7: a key begins with its algorithm.
    """
    (info,) = der.read_elements(csr.tbs_certrequest_bytes)
    _, _, key, *_ = der.read_elements(info.content)
    algorithm, *_ = der.read_elements(key.content)
    _, *parameters = der.read_elements(algorithm.content)
    return parameters
