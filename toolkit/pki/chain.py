"""Certificate chains: reading, order, fingerprints, and the proof that a leaf leads to a root."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import verification

from toolkit.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# What may stand between or around certificates in a bundle: nothing but white space. OpenSSL tolerates
# comments there; the `caCert` of a Mesh has no use for them and they hide cut-and-paste mistakes.
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\r?\n.*?\r?\n-----END \1-----", re.DOTALL)


def load_bundle(pem: str) -> tuple[x509.Certificate, ...]:
    """Read every certificate of a PEM bundle, in the order in which they stand.

    Raises:
        ValueError: it holds no certificate, something that is none, or a broken one; the message says which.
    """
    blocks = list(_PEM_BLOCK.finditer(pem))
    if not blocks:
        raise ValueError("holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
    if _PEM_BLOCK.sub("", pem).strip():
        raise ValueError("holds text outside its PEM certificates, or a certificate that is cut off")
    return tuple(_load_block(number, block) for number, block in enumerate(blocks, start=1))


def _load_block(number: int, block: re.Match[str]) -> x509.Certificate:
    if block.group(1) != "CERTIFICATE":
        raise ValueError(f"PEM block {number} is a {block.group(1)}, not a CERTIFICATE")
    try:
        return x509.load_pem_x509_certificate(block.group(0).encode())
    except ValueError as error:
        raise ValueError(f"certificate {number} can't be read: {one_line(error)}") from error


def load_certificate(pem: str) -> x509.Certificate:
    """Read exactly one PEM certificate.

    Raises:
        ValueError: there is none, more than one, or a broken one.
    """
    certificates = load_bundle(pem)
    if len(certificates) != 1:
        raise ValueError(f"holds {len(certificates)} certificates; exactly one is expected")
    return certificates[0]


def to_pem(certificates: Sequence[x509.Certificate]) -> str:
    """The certificates as one PEM bundle that ends with a newline."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - loads all that can be a private key

    return "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in certificates)


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 fingerprint as ``openssl x509 -fingerprint -sha256`` prints it: ``AB:CD:...``."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def serial_number(certificate: x509.Certificate) -> str:
    """The serial number as AWS Private CA takes and shows it: ``4f:0a:...``."""
    number = certificate.serial_number
    return number.to_bytes((number.bit_length() + 7) // 8 or 1).hex(":")


def uris(certificate: x509.Certificate) -> list[str]:
    """The URI subject alternative names, in their order."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def display_name(certificate: x509.Certificate) -> str:
    """A short name for people: the common name, else the whole subject, else the serial number."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if names:
        return str(names[0].value)
    return certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate verifies with its own key, as a root's does."""
    return is_issued_by(certificate, certificate)


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` is named as the issuer of `certificate` and its key made the signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def order_problems(certificates: Sequence[x509.Certificate]) -> list[str]:
    """What keeps the certificates from being a chain, issuing CA first and root last.

    That is the order in which Kong Mesh's ``caCert`` carries it (a proxy that sends its leaf alone is then
    still accepted) and in which AWS Private CA returns ``CertificateChain``.

    Returns:
        One sentence a problem; empty when the chain is in order.
    """
    problems = [
        f"certificate {number} ({display_name(certificate)}) is not a CA certificate"
        for number, certificate in enumerate(certificates, start=1)
        if not is_ca(certificate)
    ]
    for number, (child, parent) in enumerate(itertools.pairwise(certificates), start=1):
        if not is_issued_by(child, parent):
            problems.append(
                f"certificate {number} ({display_name(child)}) is not issued by certificate {number + 1} "
                f"({display_name(parent)}); the order is issuing CA first, root last"
            )
    problems += [
        f"certificate {below + 1} ({display_name(certificate)}) allows {allowed} CAs below it, and {below} stand there"
        for below, certificate in enumerate(certificates)
        if (allowed := path_length(certificate)) is not None and below > allowed
    ]
    if certificates and not is_self_signed(certificates[-1]):
        problems.append(f"the last certificate ({display_name(certificates[-1])}) is not a self-signed root")
    return problems


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether basicConstraints says CA:TRUE."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.value.ca


def path_length(certificate: x509.Certificate) -> int | None:
    """How many CAs may stand below it (RFC 5280, 4.2.1.9); None when any number may, or it is no CA."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return None
    return constraints.value.path_length


def verify_to_root(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> list[x509.Certificate]:
    """Prove the way from a data plane certificate to the root, with cryptography's own verifier.

    Only roots are put in the store: with the intermediate in it the verifier stops there and the way to
    the root stays unproven. Basic constraints, key usage and path lengths of the CAs, all signatures and all
    lifetimes are the verifier's work (RFC 5280, 6.1). Of the leaf it is asked to accept a subjectAltName of
    either criticality: a data plane certificate has an empty subject, RFC 5280 then wants the extension
    critical, and whether AWS Private CA does that is not documented.

    Args:
        leaf: the certificate in question.
        intermediates: what may be used to build the way, in any order.
        roots: the trust anchors; at least one.
        at: the moment for which lifetimes are judged; aware of its time zone.

    Returns:
        The chain found, leaf first, root last.

    Raises:
        ValueError: there is no valid way; the message is the verifier's reason.
    """
    end_entity = verification.ExtensionPolicy.webpki_defaults_ee().require_present(
        x509.SubjectAlternativeName, verification.Criticality.AGNOSTIC, None
    )
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(list(roots)))
        .time(at)
        .extension_policies(ca_policy=_CA_POLICY, ee_policy=end_entity)
        .build_client_verifier()
    )
    try:
        return verifier.verify(leaf, list(intermediates)).chain
    except verification.VerificationError as error:
        raise ValueError(one_line(error)) from error


_CA_POLICY = verification.ExtensionPolicy.webpki_defaults_ca()
