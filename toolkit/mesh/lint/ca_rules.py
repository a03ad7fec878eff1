"""What the programs of a mesh refuse of a CA's certificate: the rules of :mod:`toolkit.pki.authority` as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from toolkit.mesh.lint.findings import Rule, Severity
from toolkit.pki import authority, chain, judging, spiffe
from toolkit.pki.authority import AWS, IN_A_MESH, KUMA, STRICT, Needs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.pki.hierarchy import Hierarchy

# Lifetimes have rules of their own, with a warning beforehand; of a revocation list a Mesh says nothing.
_CODES = {
    "key-strength": "MESH080",
    "path-length": "MESH081",
    "signature-strength": "MESH084",
    "basic-constraints-critical": "MESH140",
    "key-cert-sign": "MESH141",
    "key-usage": "MESH142",
    "extended-key-usage": "MESH144",
    "name-constraints": "MESH145",
    "name-constraint-forms": "MESH146",
    "critical-extensions": "MESH147",
    "critical-extensions-of-aws": "MESH148",
    "legacy-extensions": "MESH149",
    "serial-number": "MESH150",
    "authority-key-identifier": "MESH151",
    "subject": "MESH152",
    "policy-constraints": "MESH154",
}
PROVIDED = Rule(
    "MESH143",
    Severity.ERROR,
    "The provided backend refuses a CA",
    "Kuma validates each certificate of a provided CA, and refuses the Mesh.",
    "Have the CA above issue the certificate again, with keyCertSign and without keyAgreement in its keyUsage.",
    "kumahq/kuma:pkg/plugins/ca/provided/ca_cert_validator.go",
)


def _as_lint(rule: authority.Rule) -> Rule:
    refusing = rule.refused_by & IN_A_MESH
    return Rule(
        _CODES[rule.name],
        Severity.ERROR if refusing else Severity.WARNING,
        rule.title,
        f"Refused by {', '.join(sorted(refusing or rule.refused_by - {KUMA}))}.",
        rule.fix,
        rule.source,
    )


_LINT = {rule.name: _as_lint(rule) for rule in authority.RULES if rule.name in _CODES}
RULES = (*_LINT.values(), PROVIDED)


class Breach(NamedTuple):
    """A rule that a certificate breaks.

    Attributes:
        rule: which one.
        number: of the certificate, from 0.
        message: continues a sentence that begins with the certificate.
        fix: what to do.
    """

    rule: Rule
    number: int
    message: str
    fix: str


def breaches(hierarchy: Hierarchy, mesh: str, backend_type: str) -> Iterator[Breach]:
    """Yield what is wrong with the CAs on the path of a chain.

    Args:
        hierarchy: the chain.
        mesh: the name of the mesh that trusts it.
        backend_type: ``acmpca``, ``provided`` or ``certmanager``.
    """
    by = {*IN_A_MESH, STRICT, {"acmpca": AWS, "provided": KUMA}.get(backend_type, STRICT)}
    for found in judging.judge(hierarchy, Needs(spiffe.typical_uris(mesh)), by):
        is_kumas = backend_type == "provided" and KUMA in found.rule.refused_by
        rule = PROVIDED if is_kumas else _LINT.get(found.rule.name)
        if rule is not None:
            yield Breach(rule, found.number, found.message, found.rule.fix)
    if backend_type == "provided":
        yield from _outside(hierarchy)


def _outside(hierarchy: Hierarchy) -> Iterator[Breach]:
    """Yield what Kuma refuses of the CAs that are not on the path: it validates every certificate."""
    for number in hierarchy.unique:
        certificate = hierarchy.certificates[number]
        # What is no CA has a finding as a member of the chain.
        if number in hierarchy.path or not chain.is_ca(certificate):
            continue
        member = authority.Member(certificate, (), None, Needs())
        for rule in authority.RULES:
            if KUMA in rule.refused_by and (message := rule.check(member)) is not None:
                yield Breach(PROVIDED, number, message, rule.fix)
