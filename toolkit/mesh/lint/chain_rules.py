"""Whether the certificates that proxies are checked against can do that.

Why the order and the root matter was measured with Envoy: with the issuing CA first and the root last a proxy is
accepted also where it sends its certificate alone; with the root alone it is refused then; without the root Envoy
accepts it, and strict clients do not.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import shown
from toolkit.mesh.lint import ca_rules
from toolkit.mesh.lint.chains import bundle_of, server_bundle_of
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.pki import chain
from toolkit.pki.hierarchy import name_difference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.chains import Bundle
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

_ACM = "Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md (caCert)"
_PROVIDED = "Kong/developer.konghq.com:app/mesh/mutual-tls.md (Intermediate CA)"
_PATH = "RFC 5280, 6.1"
_MEASURED = "measured with Envoy 1.40"

NO_CERTIFICATE = Rule(
    "MESH070",
    Severity.ERROR,
    "A chain can't be read by Go, OpenSSL or Envoy",
    "Control planes read it with Go and proxies with Envoy. Each certificate that one of them loses is not trusted.",
    "Give PEM: each certificate from BEGIN CERTIFICATE to END CERTIFICATE, each marker on a line of its own.",
    f"{_ACM}; RFC 7468, 5; measured with Go 1.26, OpenSSL 3.0 and Envoy 1.40",
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
    "Go, OpenSSL and Envoy pass over whole lines of text; people and other programs may not.",
    "Keep the certificates alone.",
    "RFC 7468, 5.2",
)
MISNAMED = Rule(
    "MESH153",
    Severity.ERROR,
    "A CA names its issuer in other bytes than the issuer names itself",
    "OpenSSL and Envoy take the two names for equal. Go compares them byte by byte and finds no issuer.",
    "Have the certificate issued again by a CA that copies the issuer's name as it is.",
    "golang/go:src/crypto/x509/cert_pool.go (findPotentialParents); RFC 5280, 7.1",
)
UNSIGNED = Rule(
    "MESH155",
    Severity.ERROR,
    "A CA is not signed by the issuer that it names",
    "The chain has another CA of the same name. Go, OpenSSL and Envoy refuse what is issued below.",
    "Replace the issuer's certificate by the one whose key signed this certificate.",
    _PATH,
)
SHADOWED = Rule(
    "MESH156",
    Severity.WARNING,
    "A cross-signed certificate comes before the root that it could end in",
    "OpenSSL takes the first certificate of a CA, finds no issuer for it, and refuses the chain. Go and Envoy go on.",
    "Put it after the root, remove it, or add the root that signed it.",
    "openssl/openssl:crypto/x509/x509_vfy.c (build_chain); measured with OpenSSL 3.0",
)
RULES = (
    *ca_rules.RULES,
    MISNAMED,
    UNSIGNED,
    SHADOWED,
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
    UNRELATED,
    TEXT_AROUND,
)

_SOON = timedelta(days=30)
_MOST_FAULTS = 5


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """The findings of this module."""
    for backend in mesh.backends:
        if server := server_bundle_of(mesh, backend, context):
            yield from _content(server)
        bundle = bundle_of(mesh, backend, context)
        if bundle is None:
            continue
        yield from _content(bundle)
        if bundle.certificates:
            yield from _members(bundle)
            yield from _chain(bundle)
            yield from _times(bundle, context.now)
            for rule, number, message, fix in ca_rules.breaches(bundle.hierarchy, mesh.name, backend.type):
                yield finding(bundle, rule, f"{called(bundle, number)} {message}", fix)


def finding(bundle: Bundle, rule: Rule, message: str, fix: str = "") -> Finding:
    """A finding at the place where the chain stands."""
    return finding_at(bundle.where.document, rule, bundle.where.path, message, fix)


def called(bundle: Bundle, number: int) -> str:
    """A certificate by its number and name."""
    return f"certificate {number + 1} ({shown(chain.display_name(bundle.certificates[number]))})"


def _content(bundle: Bundle) -> Iterator[Finding]:
    if bundle.has_key:
        yield finding(bundle, PRIVATE_KEY, "a private key stands among the certificates")
    for fault in bundle.faults[:_MOST_FAULTS]:
        yield finding(bundle, NO_CERTIFICATE, f"the chain, {fault}")
    if bundle.has_text:
        yield finding(bundle, TEXT_AROUND, "the chain has text around its certificates")


def _members(bundle: Bundle) -> Iterator[Finding]:
    hierarchy = bundle.hierarchy
    for number, certificate in enumerate(bundle.certificates):
        if number not in hierarchy.unique:
            first = bundle.certificates.index(certificate) + 1
            yield finding(bundle, DUPLICATE, f"{called(bundle, number)} is certificate {first} once more")
        elif not chain.is_ca(certificate):
            yield finding(bundle, NO_CA, f"{called(bundle, number)} is not that of a CA")
        elif (issuer := hierarchy.misnamed_issuer(number)) is not None:
            difference = name_difference(certificate, bundle.certificates[issuer])
            yield finding(bundle, MISNAMED, f"{called(bundle, number)} {difference}")
        elif (unsigned := hierarchy.unsigned_issuer(number)) is not None:
            names = f"names {called(bundle, unsigned)} as its issuer, and was signed with another key"
            yield finding(bundle, UNSIGNED, f"{called(bundle, number)} {names}")
        elif number not in hierarchy.related and hierarchy.ends_in_root:
            yield finding(bundle, UNRELATED, f"{called(bundle, number)} does not belong to the chain")


def _chain(bundle: Bundle) -> Iterator[Finding]:
    numbers = bundle.hierarchy.path
    if any(after < before for before, after in itertools.pairwise(numbers)):
        names = ", then ".join(called(bundle, number) for number in numbers)
        fix = f"The right order is {names}."
        yield finding(bundle, ORDER, "the certificates are out of order: issuing CA first, root last", fix)
    if numbers and not bundle.hierarchy.ends_in_root:
        last = called(bundle, numbers[-1])
        known = (bundle.hierarchy.misnamed_issuer(numbers[-1]), bundle.hierarchy.unsigned_issuer(numbers[-1]))
        if known == (None, None):
            message = f"the chain does not end in a root: {last} is issued by a CA that is missing"
            yield finding(bundle, NO_ROOT, message)
    for number in numbers:
        if (other := bundle.hierarchy.shadowed(number)) is not None:
            before = f"comes before {called(bundle, number)}, and the CA that issued it is missing"
            yield finding(bundle, SHADOWED, f"{called(bundle, other)} {before}")


def _times(bundle: Bundle, now: datetime) -> Iterator[Finding]:
    for number in bundle.hierarchy.unique:
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
