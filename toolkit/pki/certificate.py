"""Parse a certificate, and reject it if Go, OpenSSL or BoringSSL can't parse it.

:mod:`cryptography` parses certificates that Go rejects. Control planes parse with Go, whose rules are in
golang/go:src/crypto/x509/parser.go, version 1.26. OpenSSL and BoringSSL accept every certificate that cryptography and
Go accept. Rules that are stricter than Go's concern only forms that no CA of a mesh has.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtensionOID

from toolkit.errors import flatten
from toolkit.pki import names
from toolkit.pki.der import read_elements, read_one
from toolkit.pki.name_constraints import KNOWN_TO_GO, is_ip_address
from toolkit.values import Value

_INTEGER, _OID, _SEQUENCE, _VERSION, _EXTENSION_LIST = 0x02, 0x06, 0x30, 0xA0, 0xA3
_BIT_STRING, _NETSCAPE_TYPE = 0x03, x509.ObjectIdentifier("2.16.840.1.113730.1.1")
_NULL, _V3 = b"\x05\x00", b"\x02"
_RSA = bytes.fromhex("2a864886f70d010101")
_CURVES = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")
# parser.go, processExtensions: "incorrectly marked critical".
_NEVER_CRITICAL = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: "the authority key identifier",
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: "the subject key identifier",
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS: "the authority information access",
}
# RFC 5280, 4.1: at least two parts (content and algorithm) and six fields, serial number to key. Eight bits an octet.
_PARTS, _FIELDS, _OCTET = 2, 6, 8
# Some programs can't parse a larger number of CAs.
_LARGEST = 2**31
_DOMAIN = r"\.?[!-\-/-~]+(?:\.[!-\-/-~]+)*"
_URI = (
    r"[A-Za-z][A-Za-z0-9+.-]*:"
    r"(?://(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::[0-9]{1,5})?)?(?=[/?#]|$)|(?!//))"
    r"(?:[!$&-;=?-Z_a-z~#]|%[0-9A-Fa-f]{2})*"
)


def parse(data: bytes) -> x509.Certificate:
    """Parse a certificate with all its extensions.

    Args:
        data: the certificate's DER, without any bytes after it.

    Raises:
        ValueError: Go, OpenSSL or BoringSSL can't parse it. The message continues a sentence ("... is cut off").
    """
    _require_form(data)
    try:
        certificate = x509.load_der_x509_certificate(data)
        # cryptography parses these fields on access.
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        key, extensions = certificate.public_key(), certificate.extensions
    except UnsupportedAlgorithm as error:
        raise ValueError(f"has a key that can't be read: {flatten(error)}") from error
    except (ValueError, TypeError, OverflowError, *_REFUSALS) as error:
        raise ValueError(f"can't be read: {flatten(error)}") from error
    for name in (names.read_issuer(certificate), names.read_subject(certificate)):
        names.read_attributes(name)
    _require_key(key, names.read_public_key(certificate))
    for extension in extensions:
        _require_extension(extension)
    return certificate


_REFUSALS = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)


def _require_form(data: bytes) -> None:
    """Raise ValueError if the DER is not that of a certificate, or has a form that a program rejects."""
    outer, *more = read_elements(data)
    if more:
        raise ValueError(f"has {len(data) - len(outer.whole)} bytes after its end, which Go refuses")
    parts = list(read_elements(outer.content))
    if outer.tag != _SEQUENCE or len(parts) < _PARTS or parts[0].tag != _SEQUENCE:
        raise ValueError("is not a certificate")
    fields = list(read_elements(parts[0].content))
    version = fields.pop(0).content[-1:] if fields and fields[0].tag == _VERSION else b""
    # Only BoringSSL rejects it (crypto/x509/x_x509.cc). Go and OpenSSL accept it.
    if version != _V3 and any(part.tag == _EXTENSION_LIST for part in fields):
        raise ValueError("has extensions and is not of version 3, which Envoy refuses (RFC 5280, 4.1.2.9)")
    if len(fields) < _FIELDS or fields[0].tag != _INTEGER:
        raise ValueError("is not a certificate")
    serial, signature = fields[:2]
    # Checked before cryptography warns of it. RFC 5280, 4.1.2.2; parser.go: "negative serial number" since Go 1.23.
    if int.from_bytes(serial.content, signed=True) <= 0:
        raise ValueError("has a serial number that is not positive (RFC 5280, 4.1.2.2); Go refuses a negative one")
    if signature.whole != parts[1].whole:
        raise ValueError("names two signature algorithms that differ, which Go refuses (RFC 5280, 4.1.1.2)")


def _require_key(key: object, encoded: bytes) -> None:
    """Raise ValueError if Go or Envoy can't read a key.

    Args:
        key: as cryptography reads it.
        encoded: its SubjectPublicKeyInfo in DER, which begins with the algorithm.
    """
    algorithm = next(read_elements(read_one(encoded).content))
    oid, *parameters = read_elements(algorithm.content)
    match key:
        case ec.EllipticCurvePublicKey():
            if key.curve.name not in _CURVES:
                raise ValueError(f"has a key on the curve {key.curve.name}, which Go does not support")
            if [parameter.tag for parameter in parameters] != [_OID]:
                raise ValueError("has an elliptic curve key without a named curve, which Go refuses (RFC 5480, 2.1.1)")
        case rsa.RSAPublicKey():
            if oid.content != _RSA:
                raise ValueError("has a key for RSA-PSS alone, which Go and Envoy can't read")
            if [parameter.whole for parameter in parameters] != [_NULL]:
                raise ValueError("has an RSA key without NULL parameters, which Go refuses (RFC 3279, 2.3.1)")
        case ed25519.Ed25519PublicKey() | dsa.DSAPublicKey():
            pass
        case _:
            raise ValueError("has a key of a type that Go or Envoy can't read")


def _require_extension(extension: x509.Extension[x509.ExtensionType]) -> None:
    if extension.critical and extension.oid in _NEVER_CRITICAL:
        raise ValueError(f"marks {_NEVER_CRITICAL[extension.oid]} critical, which Go refuses (RFC 5280, 4.2.1.1)")
    value = extension.value
    is_known = not isinstance(value, x509.SubjectAlternativeName) or any(
        isinstance(name, KNOWN_TO_GO) for name in value
    )
    if extension.critical and not is_known:
        raise ValueError("has a critical subject alternative name without a form of name that Go knows")
    if require := _EXTENSIONS.get(extension.oid):
        require(value)


def _require_names(alternatives: x509.SubjectAlternativeName) -> None:
    for uri in alternatives.get_values_for_type(x509.UniformResourceIdentifier):
        if not re.fullmatch(_URI, uri):
            raise ValueError(f"has a subject alternative name that is not a valid URI: {uri!a}")


def _require_distinct(policies: x509.CertificatePolicies) -> None:
    identifiers = [policy.policy_identifier for policy in policies]
    if len(identifiers) != len(set(identifiers)):
        raise ValueError("names a certificate policy twice, which Go refuses (RFC 5280, 4.2.1.4)")


def _require_small(*numbers: int | None) -> None:
    if any(number is not None and number >= _LARGEST for number in numbers):
        raise ValueError("limits a chain to a number that is too large to be read")


def _require_constraints(constraints: x509.NameConstraints) -> None:
    """Raise ValueError if Go can't parse the name constraints (parser.go, parseNameConstraintsExtension)."""
    bases = [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]
    if not bases:
        raise ValueError("has empty name constraints, which Go refuses (RFC 5280, 4.2.1.10)")
    for name in bases:
        # Go does not parse other forms. It rejects them only in a critical extension, for which there is another rule.
        if isinstance(name, x509.DNSName | x509.UniformResourceIdentifier | x509.RFC822Name):
            is_address = isinstance(name, x509.UniformResourceIdentifier) and is_ip_address(name.value)
            if is_address or (name.value and not re.fullmatch(_DOMAIN, name.value)):
                raise ValueError(f"has a name constraint that Go can't read: {name.value!a}")


def _require_mappings(extension: x509.UnrecognizedExtension) -> None:
    outer = read_one(extension.value)
    tags = [[part.tag for part in read_elements(mapping.content)][:2] for mapping in read_elements(outer.content)]
    if outer.tag != _SEQUENCE or any(pair != [_OID, _OID] for pair in tags):
        raise ValueError("has policy mappings that can't be read")


def _require_bits(extension: x509.UnrecognizedExtension) -> None:
    """Raise ValueError if OpenSSL can't parse a Netscape certificate type (v3_purp.c, ossl_x509v3_cache_extensions)."""
    outer = read_one(extension.value)
    if outer.tag != _BIT_STRING or not outer.content or outer.content[0] >= _OCTET:
        raise ValueError("has a Netscape certificate type that can't be read")


# Extensions that cryptography parses less strictly than Go or OpenSSL.
_EXTENSIONS: dict[x509.ObjectIdentifier, Callable[[Value], None]] = {
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME: _require_names,
    ExtensionOID.NAME_CONSTRAINTS: _require_constraints,
    ExtensionOID.CERTIFICATE_POLICIES: _require_distinct,
    ExtensionOID.BASIC_CONSTRAINTS: lambda value: _require_small(value.path_length),
    ExtensionOID.POLICY_CONSTRAINTS: lambda value: _require_small(
        value.require_explicit_policy, value.inhibit_policy_mapping
    ),
    ExtensionOID.INHIBIT_ANY_POLICY: lambda value: _require_small(value.skip_certs),
    ExtensionOID.POLICY_MAPPINGS: _require_mappings,
    _NETSCAPE_TYPE: _require_bits,
}
