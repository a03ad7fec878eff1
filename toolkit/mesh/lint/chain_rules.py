"""Check the CA chains that proxies verify their peers with.

The effect of the order and of the root was measured with Envoy, and a proxy that sends only its own certificate. With
the issuing CA first and the root last, the proxy is accepted. With the root only, it is rejected. Without the root,
Envoy accepts it, but strict clients don't.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import show
from toolkit.mesh.lint.catalogue import OF_AUTHORITIES, RULES, Rule
from toolkit.mesh.lint.chains import read_bundle, read_server_bundle
from toolkit.mesh.lint.findings import report
from toolkit.pki import authority, chain, judging, spiffe
from toolkit.pki.authority import AWS, IN_A_MESH, KUMA, STRICT, Needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.chains import Bundle
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding


NO_CERTIFICATE = RULES["MESH070"]
PRIVATE_KEY = RULES["MESH071"]
ORDER = RULES["MESH072"]
NO_ROOT = RULES["MESH073"]
ROOT_ONLY = RULES["MESH074"]
EXPIRED = RULES["MESH075"]
NOT_YET_VALID = RULES["MESH076"]
ENDS_SOON = RULES["MESH077"]
NO_CA = RULES["MESH078"]
DUPLICATE = RULES["MESH079"]
UNRELATED = RULES["MESH082"]
TEXT_AROUND = RULES["MESH083"]
MISNAMED = RULES["MESH153"]
UNSIGNED = RULES["MESH155"]
PROVIDED = RULES["MESH143"]
SHADOWED = RULES["MESH156"]

_SOON = timedelta(days=30)
_MOST_FAULTS = 5


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    for backend in mesh.backends:
        if server := read_server_bundle(mesh, backend, context):
            yield from _content(server)
        bundle = read_bundle(mesh, backend, context)
        if bundle is None:
            continue
        yield from _content(bundle)
        if bundle.certificates:
            yield from _members(bundle)
            yield from _chain(bundle)
            yield from _times(bundle, context.target.now)
            yield from _authorities(bundle, mesh.name, backend.type)
            if backend.type == "provided":
                yield from _outside_the_path(bundle)


def check_trusted(bundle: Bundle, trust_domain: str, now: datetime) -> Iterator[Finding]:
    """Yield the findings about the CAs of a MeshTrust, which may be unrelated and in any order."""
    yield from _content(bundle)
    if bundle.certificates:
        yield from (finding for finding in _members(bundle) if finding.rule is not UNRELATED)
        yield from _times(bundle, now)
        uri = spiffe.build_service_uri(trust_domain or "example", "workload")
        yield from _judged(bundle, Needs((uri,)), {*IN_A_MESH, STRICT})


def report_chain(bundle: Bundle, rule: Rule, message: str, fix: str = "") -> Finding:
    """Return a finding at the position of the chain."""
    return report(bundle.where.document, rule, bundle.where.path, message, fix)


def show_member(bundle: Bundle, number: int) -> str:
    """Return a certificate's number and name, for messages."""
    return f"certificate {number + 1} ({show(chain.get_display_name(bundle.certificates[number]))})"


def _content(bundle: Bundle) -> Iterator[Finding]:
    if bundle.has_key:
        yield report_chain(bundle, PRIVATE_KEY, "a private key is among the certificates")
    for fault in bundle.faults[:_MOST_FAULTS]:
        yield report_chain(bundle, NO_CERTIFICATE, f"the chain, {fault}")
    if bundle.has_text:
        yield report_chain(bundle, TEXT_AROUND, "the chain has text around its certificates")


def _members(bundle: Bundle) -> Iterator[Finding]:
    hierarchy = bundle.hierarchy
    for number, certificate in enumerate(bundle.certificates):
        if number not in hierarchy.unique:
            first = bundle.certificates.index(certificate) + 1
            yield report_chain(bundle, DUPLICATE, f"{show_member(bundle, number)} is certificate {first} once more")
        elif not chain.is_ca(certificate):
            yield report_chain(bundle, NO_CA, f"{show_member(bundle, number)} is not that of a CA")
        elif (issuer := hierarchy.find_misnamed_issuer(number)) is not None:
            difference = judging.describe_difference(certificate, bundle.certificates[issuer])
            yield report_chain(bundle, MISNAMED, f"{show_member(bundle, number)} {difference}")
        elif (unsigned := hierarchy.find_unsigned_issuer(number)) is not None:
            names = f"names {show_member(bundle, unsigned)} as its issuer, and was signed with another key"
            yield report_chain(bundle, UNSIGNED, f"{show_member(bundle, number)} {names}")
        elif number not in hierarchy.related and hierarchy.ends_in_root:
            yield report_chain(bundle, UNRELATED, f"{show_member(bundle, number)} does not belong to the chain")


def _chain(bundle: Bundle) -> Iterator[Finding]:
    numbers = bundle.hierarchy.path
    if any(after < before for before, after in itertools.pairwise(numbers)):
        names = ", then ".join(show_member(bundle, number) for number in numbers)
        fix = f"The right order is {names}."
        yield report_chain(bundle, ORDER, "the certificates are out of order: issuing CA first, root last", fix)
    if numbers and not bundle.hierarchy.ends_in_root:
        last = show_member(bundle, numbers[-1])
        known = (bundle.hierarchy.find_misnamed_issuer(numbers[-1]), bundle.hierarchy.find_unsigned_issuer(numbers[-1]))
        if known == (None, None):
            message = f"the chain does not end in a root: {last} is issued by a CA that is missing"
            yield report_chain(bundle, NO_ROOT, message)
    for number in numbers:
        if (other := bundle.hierarchy.find_shadowed(number)) is not None:
            before = f"comes before {show_member(bundle, number)}, and the CA that issued it is missing"
            yield report_chain(bundle, SHADOWED, f"{show_member(bundle, other)} {before}")


def _times(bundle: Bundle, now: datetime) -> Iterator[Finding]:
    for number in bundle.hierarchy.unique:
        certificate = bundle.certificates[number]
        if not chain.is_ca(certificate):
            continue
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if end <= now:
            yield report_chain(bundle, EXPIRED, f"{show_member(bundle, number)} ended on {end:%Y-%m-%d}")
        elif begin > now:
            yield report_chain(
                bundle, NOT_YET_VALID, f"{show_member(bundle, number)} is valid from {begin:%Y-%m-%d %H:%M} UTC on"
            )
        elif end - now <= _SOON:
            days = (end - now).days
            left = f"in {days} day{'s'[: days != 1]}" if days else "in less than a day"
            yield report_chain(bundle, ENDS_SOON, f"{show_member(bundle, number)} expires on {end:%Y-%m-%d}, {left}")


def _authorities(bundle: Bundle, mesh: str, backend_type: str) -> Iterator[Finding]:
    """Yield the findings about the CAs on the path of the chain, by the rules of :mod:`toolkit.pki.authority`."""
    by = {*IN_A_MESH, STRICT, {"acmpca": AWS, "provided": KUMA}.get(backend_type, STRICT)}
    yield from _judged(bundle, Needs(spiffe.build_typical_uris(mesh)), by)


def _judged(bundle: Bundle, needs: Needs, by: set[str]) -> Iterator[Finding]:
    for breach in judging.judge(bundle.hierarchy, needs, by):
        is_kumas = KUMA in by and KUMA in breach.rule.refused_by
        rule = PROVIDED if is_kumas else RULES.get(OF_AUTHORITIES.get(breach.rule.name, ""))
        if rule is not None:
            yield report_chain(bundle, rule, f"{show_member(bundle, breach.number)} {breach.message}", breach.rule.fix)


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
                yield report_chain(bundle, PROVIDED, f"{show_member(bundle, number)} {message}", rule.fix)
