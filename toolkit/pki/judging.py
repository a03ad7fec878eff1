"""Check a chain with the rules for CAs of a mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from toolkit.pki.authority import IN_A_MESH, RULES, Member, Needs, Rule
from toolkit.pki.hierarchy import Hierarchy, check_order, label

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cryptography import x509


class Breach(NamedTuple):
    """A rule that a certificate breaks.

    Attributes:
        rule: the rule.
        number: index of the certificate in its text.
        message: the problem; it continues a sentence that begins with the certificate.
    """

    rule: Rule
    number: int
    message: str


def judge(hierarchy: Hierarchy, needs: Needs, by: Collection[str] = IN_A_MESH) -> list[Breach]:
    """Return the rules that the certificates of a path break.

    Args:
        hierarchy: the certificates. Those outside the path are not checked, because they sign nothing for the mesh.
        needs: the mesh's requirements.
        by: the programs that must accept the certificates. Rules that none of them enforces are skipped.
    """
    breaches = judge_path([hierarchy.certificates[number] for number in hierarchy.path], needs, by)
    return [breach._replace(number=hierarchy.path[breach.number]) for breach in breaches]


def judge_path(path: Sequence[x509.Certificate], needs: Needs, by: Collection[str] = IN_A_MESH) -> list[Breach]:
    """Return the rules that the certificates of a given path break.

    Args:
        path: issuing CA first, root last.
        needs: the mesh's requirements.
        by: the programs that must accept the certificates. Rules that none of them enforces are skipped.
    """
    rules = [rule for rule in RULES if rule.refused_by & set(by)]
    members = [
        Member(certificate, tuple(path[:place]), path[place + 1] if place + 1 < len(path) else None, needs)
        for place, certificate in enumerate(path)
    ]
    return [
        Breach(rule, number, message)
        for number, member in enumerate(members)
        for rule in rules
        if (message := rule.check(member)) is not None
    ]


def list_problems(certificates: Sequence[x509.Certificate], needs: Needs, by: Collection[str] = IN_A_MESH) -> list[str]:
    """Return the problems that keep certificates from being the chain of a mesh's CA, issuing CA first and root last.

    Args:
        certificates: the chain.
        needs: the mesh's requirements.
        by: the programs that must accept the certificates.

    Returns:
        One sentence for each problem; empty if there is none.
    """
    hierarchy = Hierarchy(tuple(certificates))
    breaches = [f"{label(hierarchy, breach.number)} {breach.message}" for breach in judge(hierarchy, needs, by)]
    return [*(misplaced.message for misplaced in check_order(hierarchy)), *breaches]
