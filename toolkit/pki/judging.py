"""Check the chain of a CA: its order, and the rules for CAs of a mesh."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from toolkit.pki import chain, names
from toolkit.pki.authority import AWS, IN_A_MESH, RULES, Member, Needs, Rule
from toolkit.pki.hierarchy import Hierarchy

if TYPE_CHECKING:
    from cryptography import x509

# Maximum sizes in bytes of PEM (botocore acm-pca: CertificateBodyBlob and CertificateChainBlob).
MAX_CERTIFICATE = 32_768
MAX_CHAIN = 2_097_152


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


class Misplaced(NamedTuple):
    """A problem with a certificate's place in a chain.

    Attributes:
        number: index of the certificate.
        message: the problem, with the certificate's number and name.
    """

    number: int
    message: str


class ImportProblem(NamedTuple):
    """A reason why a certificate can't be imported.

    Attributes:
        is_of_chain: whether the problem is in the chain and not in the CA's own certificate.
        message: the problem, with the number of the certificate. The CA's own certificate is number 1.
    """

    is_of_chain: bool
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
    breaches = [f"{_label(hierarchy, breach.number)} {breach.message}" for breach in judge(hierarchy, needs, by)]
    return [*(misplaced.message for misplaced in check_order(hierarchy)), *breaches]


def check_order(hierarchy: Hierarchy) -> Iterator[Misplaced]:
    """Yield the problems that keep certificates from being a chain, issuing CA first and root last.

    AWS Private CA imports and returns chains in this order (botocore acm-pca: CertificateChain). Kong Mesh's ``caCert``
    has it too, so that a proxy which sends only its own certificate is still accepted.
    """
    certificates = hierarchy.certificates
    if hierarchy.is_in_order and hierarchy.ends_in_root:
        return
    for number, certificate in enumerate(certificates):
        if not chain.is_ca(certificate):
            yield Misplaced(number, f"{_label(hierarchy, number)} is not a CA certificate")
    for number in range(len(certificates) - 1):
        if not chain.is_issued_by(certificates[number], certificates[number + 1]):
            yield Misplaced(number, _not_issued(hierarchy, number))
    if certificates and not chain.is_self_signed(certificates[-1]):
        last = chain.get_display_name(certificates[-1])
        yield Misplaced(len(certificates) - 1, f"the last certificate ({last}) is not a self-signed root")


def check_import(
    own: x509.Certificate,
    above: Sequence[x509.Certificate],
    kind: Literal["ROOT", "SUBORDINATE"],
    needs: Needs,
    by: Collection[str] = (AWS,),
) -> Iterator[ImportProblem]:
    """Yield the reasons why a CA's certificate can't be imported into AWS Private CA.

    Source: botocore acm-pca, ImportCertificateAuthorityCertificate. AWS does not document whether it checks lifetimes
    and path lengths; these are checked here too.

    Args:
        own: the CA's certificate.
        above: its chain, the issuer first, the root last; empty for a root.
        kind: the CA's type.
        needs: the mesh's requirements.
        by: the programs whose rules apply, in addition to AWS's rules for the form of a chain.
    """
    if chain.is_self_signed(own) != (kind == "ROOT"):
        root = "only a self-signed certificate is imported as a root"
        what = root if kind == "ROOT" else "a root is never imported here"
        yield ImportProblem(is_of_chain=False, message=f"{what}: the CA is of type {kind}")
        return
    if own in above:
        yield ImportProblem(is_of_chain=True, message="the chain contains the CA's own certificate; remove it")
        return
    hierarchy = Hierarchy((own, *above))
    for number, message in check_order(hierarchy):
        # If the CA's certificate is not issued by the next one, the problem is in the chain.
        yield ImportProblem(number > 0 or chain.is_ca(own), message)
    for rule, number, message in judge(hierarchy, needs, by):
        yield ImportProblem(number > 0, f"{_label(hierarchy, number)} {message}. {rule.fix}")


def describe_difference(child: x509.Certificate, parent: x509.Certificate) -> str:
    """Return how an issuer's name in a certificate differs from the issuer's subject, which Go compares by bytes."""
    said, meant = names.read_attributes(names.read_issuer(child)), names.read_attributes(names.read_subject(parent))
    if said == meant:
        how = "in another string type, such as PrintableString for UTF8String"
    elif names.fold(said) == names.fold(meant):
        how = "in other capitals or spaces"
    else:
        how = f"as {', '.join(attribute.text for attribute in said)!r}"
    return f"names its issuer ({chain.get_display_name(parent)}) {how}; Go compares names byte by byte and finds none"


def _not_issued(hierarchy: Hierarchy, number: int) -> str:
    below, above = _label(hierarchy, number), _label(hierarchy, number + 1)
    if hierarchy.find_misnamed_issuer(number) == number + 1:
        return f"{below} {describe_difference(hierarchy.certificates[number], hierarchy.certificates[number + 1])}"
    return f"{below} is not issued by {above}; the order is issuing CA first, root last"


def _label(hierarchy: Hierarchy, number: int) -> str:
    """Return a certificate's number (its index plus 1) and its name, for messages."""
    return f"certificate {number + 1} ({chain.get_display_name(hierarchy.certificates[number])})"
