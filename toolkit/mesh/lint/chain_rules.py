"""Whether the certificates that proxies are checked against can do that.

Why the order and the root matter was measured with Envoy: with the issuing CA first and the root last a proxy is
accepted also where it sends its certificate alone; with the root alone it is refused then; without the root Envoy
accepts it, and strict clients do not.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from toolkit.mesh.lint.chains import BROKEN, bundle_of, hash_name, is_root
from toolkit.mesh.lint.findings import Rule, Severity
from toolkit.mesh.lint.text import shown
from toolkit.pki import chain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cryptography import x509

    from toolkit.mesh.lint.chains import Bundle
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.documents import MeshDocument
    from toolkit.mesh.lint.findings import Finding

_ACM = "Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md (caCert)"
_PROVIDED = "Kong/developer.konghq.com:app/mesh/mutual-tls.md (Intermediate CA)"
_PATH = "RFC 5280, 6.1"
_MEASURED = "measured with Envoy 1.40"

NO_CERTIFICATE = Rule(
    "MESH070",
    Severity.ERROR,
    "A chain holds no certificate that can be read",
    "Nothing can be verified against it; the control plane refuses the Mesh, or proxies refuse each other.",
    "Give PEM: each certificate from BEGIN CERTIFICATE to END CERTIFICATE, nothing cut off.",
    f"{_ACM}; RFC 7468, 5",
)
PRIVATE_KEY = Rule(
    "MESH071",
    Severity.ERROR,
    "A private key stands among the certificates",
    "Chains go to every proxy and into logs and dumps; who has the key can be every service of the mesh.",
    "Remove the key, and replace it: whoever could read this file has it.",
    _ACM,
)
ORDER = Rule(
    "MESH072",
    Severity.ERROR,
    "The certificates of a chain are out of order",
    "A chain is read from the issuing CA up: out of order, the first certificate is not the one that issues.",
    "Put the issuing CA first, then the one that issued it, and the root last.",
    f"{_PROVIDED}; {_MEASURED}",
)
NO_ROOT = Rule(
    "MESH073",
    Severity.WARNING,
    "A chain does not end in a root",
    "Envoy accepts a part of a chain; strict clients do not, and toolkit verify can't prove the way to the root.",
    "Append the certificates that are missing, the root last.",
    f"{_PATH}; {_MEASURED}",
)
ROOT_ONLY = Rule(
    "MESH074",
    Severity.WARNING,
    "A chain holds the root alone, and the CA that issues is below it",
    "A proxy that sends its certificate without that of the issuing CA is refused.",
    "Give the whole chain of the contract, issuing CA first: toolkit render-mesh writes it.",
    _MEASURED,
)
EXPIRED = Rule(
    "MESH075",
    Severity.ERROR,
    "A certificate of a chain has ended",
    "Whatever was issued below it is refused.",
    "Replace it by its successor; where the CA itself has one, rotate to it.",
    _PATH,
)
NOT_YET_VALID = Rule(
    "MESH076",
    Severity.ERROR,
    "A certificate of a chain is not valid yet",
    "Until then whatever was issued below it is refused.",
    "Wait until it is valid, or check the clock.",
    _PATH,
)
ENDS_SOON = Rule(
    "MESH077",
    Severity.WARNING,
    "A certificate of a chain ends within 30 days",
    "When it ends, whatever was issued below it is refused.",
    "Have its successor in every mesh by then.",
    _PATH,
)
NO_CA = Rule(
    "MESH078",
    Severity.ERROR,
    "A certificate of a chain is not that of a CA",
    "What it signed is refused; often it is a server's certificate that was pasted along.",
    "Remove it, and give the certificates of CAs only.",
    "RFC 5280, 4.2.1.9; kumahq/kuma:pkg/plugins/ca/provided/ca_cert_validator.go",
)
DUPLICATE = Rule(
    "MESH079",
    Severity.WARNING,
    "A certificate stands twice in a chain",
    "It does no good, and hides that another one was meant.",
    "Remove the second one.",
    _ACM,
)
WEAK = Rule(
    "MESH080",
    Severity.WARNING,
    "A certificate of a chain has a weak key or signature",
    "Who breaks it can be every service of the mesh; newer TLS libraries refuse it.",
    "Make a CA with RSA of 2048 bits or more, or an elliptic curve, and a signature with SHA-256 or better.",
    "NIST SP 800-131A rev. 2",
)
PATH_LENGTH = Rule(
    "MESH081",
    Severity.ERROR,
    "A chain has more CAs than one of them allows below it",
    "Whatever was issued at its end is refused.",
    "Have the CA issued anew with a longer path, or issue from a CA further up.",
    "RFC 5280, 4.2.1.9",
)
UNRELATED = Rule(
    "MESH082",
    Severity.WARNING,
    "A certificate does not belong to the chain",
    "Whatever its CA issues is trusted in the whole mesh.",
    "Remove it; to trust two CAs, while a mesh moves from one to the other, list two backends.",
    "Kong/developer.konghq.com:app/mesh/ca-rotation.md",
)
TEXT_AROUND = Rule(
    "MESH083",
    Severity.WARNING,
    "There is text around the certificates of a chain",
    "Readers of PEM differ in what they pass over; toolkit verify refuses it.",
    "Keep the certificates alone.",
    "RFC 7468, 5.2",
)
RULES = (
    NO_CERTIFICATE,
    PRIVATE_KEY,
    ORDER,
    NO_ROOT,
    ROOT_ONLY,
    EXPIRED,
    NOT_YET_VALID,
    ENDS_SOON,
    NO_CA,
    DUPLICATE,
    WEAK,
    PATH_LENGTH,
    UNRELATED,
    TEXT_AROUND,
)

_SOON = timedelta(days=30)
_MIN_RSA = 2048
_MIN_CURVE = 224


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """The findings of this module."""
    for backend in mesh.backends:
        bundle = bundle_of(mesh, backend, context)
        if bundle is None:
            continue
        yield from _content(bundle)
        if bundle.certificates:
            yield from _members(bundle)
            yield from _chain(bundle)
            yield from _times(bundle, context.now)


def finding(bundle: Bundle, rule: Rule, message: str, fix: str = "") -> Finding:
    """A finding at the place where the chain stands."""
    return bundle.where.document.finding(rule, bundle.where.path, message, fix)


def called(bundle: Bundle, number: int) -> str:
    """A certificate by its number and name."""
    return f"certificate {number + 1} ({shown(chain.display_name(bundle.certificates[number]))})"


def _content(bundle: Bundle) -> Iterator[Finding]:
    if bundle.has_key:
        yield finding(bundle, PRIVATE_KEY, "a private key stands among the certificates")
    if bundle.problem:
        yield finding(bundle, NO_CERTIFICATE, f"the chain {bundle.problem}")
    elif bundle.has_key and not bundle.certificates:
        yield finding(bundle, NO_CERTIFICATE, "the chain holds no certificate")
    if bundle.has_text:
        yield finding(bundle, TEXT_AROUND, "the chain holds text around its certificates")


def _members(bundle: Bundle) -> Iterator[Finding]:
    for number, certificate in enumerate(bundle.certificates):
        if number not in bundle.unique:
            first = bundle.certificates.index(certificate) + 1
            yield finding(bundle, DUPLICATE, f"{called(bundle, number)} is certificate {first} once more")
            continue
        if not chain.is_ca(certificate):
            yield finding(bundle, NO_CA, f"{called(bundle, number)} is not that of a CA")
        elif number not in bundle.chain:
            yield finding(bundle, UNRELATED, f"{called(bundle, number)} does not belong to the chain")
        for weakness in weaknesses(certificate):
            yield finding(bundle, WEAK, f"{called(bundle, number)} {weakness}")


def _chain(bundle: Bundle) -> Iterator[Finding]:
    numbers = bundle.chain
    if any(after < before for before, after in itertools.pairwise(numbers)):
        names = ", then ".join(called(bundle, number) for number in numbers)
        fix = f"The right order is {names}."
        yield finding(bundle, ORDER, "the certificates are out of order: issuing CA first, root last", fix)
    if numbers and not bundle.ends_in_root:
        last = called(bundle, numbers[-1])
        yield finding(bundle, NO_ROOT, f"the chain does not end in a root: {last} is issued by a CA that is missing")
    for below, number in enumerate(numbers):
        allowed = chain.path_length(bundle.certificates[number])
        if allowed is not None and below > allowed:
            many = f"{allowed} CA{'s'[: allowed != 1]} below it, and {below} stand there"
            yield finding(bundle, PATH_LENGTH, f"{called(bundle, number)} allows {many}")


def _times(bundle: Bundle, now: datetime) -> Iterator[Finding]:
    for number in bundle.unique:
        certificate = bundle.certificates[number]
        if not chain.is_ca(certificate):
            continue
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if end <= now:
            yield finding(bundle, EXPIRED, f"{called(bundle, number)} ended on {end:%Y-%m-%d}")
        elif begin > now:
            yield finding(
                bundle, NOT_YET_VALID, f"{called(bundle, number)} is valid from {begin:%Y-%m-%d %H:%M} UTC on"
            )
        elif end - now <= _SOON:
            days = (end - now).days
            left = f"in {days} day{'s'[: days != 1]}" if days else "in less than a day"
            yield finding(bundle, ENDS_SOON, f"{called(bundle, number)} ends on {end:%Y-%m-%d}, {left}")


def weaknesses(certificate: x509.Certificate) -> list[str]:
    """What is weak about a certificate; a root's own signature is nobody's business."""
    found = []
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA:
        found.append(f"has an RSA key of {key.key_size} bits; {_MIN_RSA} is the least")
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < _MIN_CURVE:
        found.append(f"has a key on the curve {key.curve.name}, which is too small")
    elif isinstance(key, dsa.DSAPublicKey):
        found.append("has a DSA key, which TLS no longer knows")
    algorithm = hash_name(certificate)
    if algorithm in BROKEN and not is_root(certificate):
        found.append(f"is signed with {algorithm.upper().replace('SHA1', 'SHA-1')}")
    return found
