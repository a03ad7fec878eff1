"""Read and check the CA chains that proxies verify their peers with, from a Mesh, a Secret or a MeshTrust.

The effect of the order and of the root was measured with Envoy, and a proxy that sends only its own certificate. With
the issuing CA first and the root last, the proxy is accepted. With the root only, it is rejected. Without the root,
Envoy accepts it, but strict clients don't.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from toolkit.mesh.documents.data_sources import Resolved, read_value
from toolkit.mesh.documents.wording import show
from toolkit.mesh.lint.findings import OF_AUTHORITIES, Context, Finding, report
from toolkit.mesh.schema.backends import CHAIN_FIELDS
from toolkit.pki import authority, chain, judging, pem, spiffe
from toolkit.pki.authority import AWS, IN_A_MESH, KUMA, STRICT, Needs
from toolkit.pki.hierarchy import Hierarchy
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.mesh.documents.typed import Backend, MeshDocument
    from toolkit.pki.pem_faults import Fault
    from toolkit.yamltext.nodes import Path

ROOT_ONLY = "MESH074"
_UNRELATED = "MESH082"
_PROVIDED = "MESH143"

# The CAs with which a control plane verifies the servers that it calls.
_SERVER_FIELD: Path = ("fromCp", "tls", "caCert")
_KEY = re.compile(r"BEGIN [A-Z0-9 ]*PRIVATE KEY")
_SOON = timedelta(days=30)
_MOST_FAULTS = 5


class Bundle(NamedTuple):
    """The value of a field for a chain.

    Attributes:
        where: its position.
        certificates: in their order; empty if the text can't be read.
        faults: why it can't be read.
        has_key: whether it contains a private key.
        has_text: whether it contains text around the certificates.
        hierarchy: the path from the issuing CA to a root.
    """

    where: Resolved
    certificates: tuple[x509.Certificate, ...]
    faults: tuple[Fault, ...]
    has_key: bool
    has_text: bool
    hierarchy: Hierarchy

    def report(self, code: str, message: str, fix: str = "") -> Finding:
        """Return a finding at the position of the chain."""
        return report(self.where.document, code, self.where.path, message, fix)

    def show(self, number: int) -> str:
        """Return a certificate's number and name, for messages."""
        return f"certificate {number + 1} ({show(chain.get_display_name(self.certificates[number]))})"


def read_bundle(mesh: MeshDocument, backend: Backend, context: Context) -> Bundle | None:
    """Return the chain of a backend; None if it has none, if the data source has a finding, or if it can't be read."""
    field = CHAIN_FIELDS.get(backend.type)
    return _bundle_at(mesh, backend, (field,), context) if field else None


def _bundle_at(mesh: MeshDocument, backend: Backend, field: Path, context: Context) -> Bundle | None:
    resolved = read_value(mesh, (*backend.path, "conf", *field), at(backend.conf, field), context.documents)
    return None if resolved is None else read_chain(resolved)


def read_chain(where: Resolved) -> Bundle:
    """Return the certificates in a text, and whether it contains anything else."""
    return Bundle(where, *_contents(where.value))


# Meshes of one stack have the same chain, and several rules read it.
@lru_cache(maxsize=64)
def _contents(text: str) -> tuple[tuple[x509.Certificate, ...], tuple[Fault, ...], bool, bool, Hierarchy]:
    content = pem.read(text)
    faults = tuple(fault for fault in content.faults if fault.kind != "private-key")
    # After a fault, Go, OpenSSL and Envoy each skip different certificates, so the rest is not checked.
    certificates = () if content.faults else tuple(content.certificates)
    has_text = bool(content.text_lines and certificates)
    return certificates, faults, _KEY.search(text) is not None, has_text, Hierarchy(certificates)


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about the chains of a Mesh."""
    for backend in mesh.backends:
        if backend.type == "vault" and (server := _bundle_at(mesh, backend, _SERVER_FIELD, context)):
            yield from _content(server)
        bundle = read_bundle(mesh, backend, context)
        if bundle is None:
            continue
        yield from _content(bundle)
        if bundle.certificates:
            yield from _members(bundle)
            yield from _chain(bundle)
            yield from _times(bundle, context.target.now)
            by = {*IN_A_MESH, STRICT, {"acmpca": AWS, "provided": KUMA}.get(backend.type, STRICT)}
            yield from _judged(bundle, Needs(spiffe.build_typical_uris(mesh.name)), by)
            if backend.type == "provided":
                yield from _outside_the_path(bundle)


def check_trusted(bundle: Bundle, trust_domain: str, now: datetime) -> Iterator[Finding]:
    """Yield the findings about the CAs of a MeshTrust, which may be unrelated and in any order."""
    yield from _content(bundle)
    if bundle.certificates:
        yield from (finding for finding in _members(bundle) if finding.code != _UNRELATED)
        yield from _times(bundle, now)
        uri = spiffe.build_service_uri(trust_domain or "example", "workload")
        yield from _judged(bundle, Needs((uri,)), {*IN_A_MESH, STRICT})


def _content(bundle: Bundle) -> Iterator[Finding]:
    if bundle.has_key:
        yield bundle.report("MESH071", "a private key is among the certificates")
    for fault in bundle.faults[:_MOST_FAULTS]:
        yield bundle.report("MESH070", f"the chain, {fault}")
    if bundle.has_text:
        yield bundle.report("MESH083", "the chain has text around its certificates")


def _members(bundle: Bundle) -> Iterator[Finding]:
    hierarchy = bundle.hierarchy
    for number, certificate in enumerate(bundle.certificates):
        name = bundle.show(number)
        if number not in hierarchy.unique:
            first = bundle.certificates.index(certificate) + 1
            yield bundle.report("MESH079", f"{name} is a copy of certificate {first}")
        elif not chain.is_ca(certificate):
            yield bundle.report("MESH078", f"{name} is not a CA certificate")
        elif (issuer := hierarchy.find_misnamed_issuer(number)) is not None:
            yield bundle.report(
                "MESH153", f"{name} {judging.describe_difference(certificate, bundle.certificates[issuer])}"
            )
        elif (unsigned := hierarchy.find_unsigned_issuer(number)) is not None:
            message = f"{name} names {bundle.show(unsigned)} as its issuer, and was signed with another key"
            yield bundle.report("MESH155", message)
        elif number not in hierarchy.related and hierarchy.ends_in_root:
            yield bundle.report(_UNRELATED, f"{name} does not belong to the chain")


def _chain(bundle: Bundle) -> Iterator[Finding]:
    hierarchy, numbers = bundle.hierarchy, bundle.hierarchy.path
    if any(after < before for before, after in itertools.pairwise(numbers)):
        fix = f"The right order is {', then '.join(map(bundle.show, numbers))}."
        yield bundle.report("MESH072", "the certificates are out of order: issuing CA first, root last", fix)
    if numbers and not hierarchy.ends_in_root:
        last = numbers[-1]
        if hierarchy.find_misnamed_issuer(last) is None and hierarchy.find_unsigned_issuer(last) is None:
            message = f"the chain does not end in a root: {bundle.show(last)} is issued by a CA that is missing"
            yield bundle.report("MESH073", message)
    for number in numbers:
        if (other := hierarchy.find_shadowed(number)) is not None:
            before = f"comes before {bundle.show(number)}, and the CA that issued it is missing"
            yield bundle.report("MESH156", f"{bundle.show(other)} {before}")


def _times(bundle: Bundle, now: datetime) -> Iterator[Finding]:
    for number in bundle.hierarchy.unique:
        certificate, name = bundle.certificates[number], bundle.show(number)
        if not chain.is_ca(certificate):
            continue
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if end <= now:
            yield bundle.report("MESH075", f"{name} expired on {end:%Y-%m-%d}")
        elif begin > now:
            yield bundle.report("MESH076", f"{name} is valid from {begin:%Y-%m-%d %H:%M} UTC")
        elif end - now <= _SOON:
            days = (end - now).days
            left = f"in {days} day{'s'[: days != 1]}" if days else "in less than a day"
            yield bundle.report("MESH077", f"{name} expires on {end:%Y-%m-%d}, {left}")


def _judged(bundle: Bundle, needs: Needs, by: set[str]) -> Iterator[Finding]:
    """Yield the findings about the CAs on the path of the chain, by the rules of :mod:`toolkit.pki.authority`."""
    for breach in judging.judge(bundle.hierarchy, needs, by):
        is_kumas = KUMA in by and KUMA in breach.rule.refused_by
        if code := _PROVIDED if is_kumas else OF_AUTHORITIES.get(breach.rule.name):
            yield bundle.report(code, f"{bundle.show(breach.number)} {breach.message}", breach.rule.fix)


def _outside_the_path(bundle: Bundle) -> Iterator[Finding]:
    """Yield the findings about CAs that are not on the path, because Kuma validates every certificate."""
    for number in bundle.hierarchy.unique:
        certificate = bundle.certificates[number]
        # A certificate that is not a CA's has another finding.
        if number in bundle.hierarchy.path or not chain.is_ca(certificate):
            continue
        member = authority.Member(certificate, (), None, Needs())
        for rule in authority.RULES:
            if KUMA in rule.refused_by and (message := rule.check(member)) is not None:
                yield bundle.report(_PROVIDED, f"{bundle.show(number)} {message}", rule.fix)
