"""Check a CA's certificate and chain before they are imported into AWS Private CA.

Source: botocore acm-pca, ImportCertificateAuthorityCertificate. AWS does not document whether it checks lifetimes and
path lengths; these are checked here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from toolkit.pki import chain
from toolkit.pki.authority import AWS, Needs
from toolkit.pki.hierarchy import Hierarchy, check_order, label
from toolkit.pki.judging import judge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cryptography import x509

# Maximum sizes in bytes of PEM (botocore acm-pca: CertificateBodyBlob and CertificateChainBlob).
MAX_CERTIFICATE = 32_768
MAX_CHAIN = 2_097_152


class ImportProblem(NamedTuple):
    """A reason why a certificate can't be imported.

    Attributes:
        is_of_chain: whether the problem is in the chain and not in the CA's own certificate.
        message: the problem, with the number of the certificate. The CA's own certificate is number 1.
    """

    is_of_chain: bool
    message: str


def check_import(
    own: x509.Certificate,
    above: Sequence[x509.Certificate],
    kind: Literal["ROOT", "SUBORDINATE"],
    needs: Needs,
    by: Collection[str] = (AWS,),
) -> Iterator[ImportProblem]:
    """Yield the reasons why a CA's certificate can't be imported.

    Args:
        own: the CA's certificate.
        above: its chain, the issuer first, the root last; empty for a root.
        kind: the CA's type.
        needs: the mesh's requirements.
        by: the programs whose rules apply, in addition to AWS's rules for the form of a chain.
    """
    is_root = chain.is_self_signed(own)
    if is_root != (kind == "ROOT"):
        what = (
            "only a self-signed certificate is imported as a root"
            if kind == "ROOT"
            else "a root is never imported here"
        )
        yield ImportProblem(is_of_chain=False, message=f"{what}: the CA is of type {kind}")
        return
    if own in above:
        yield ImportProblem(is_of_chain=True, message="the chain contains the CA's own certificate; remove it")
        return
    hierarchy = Hierarchy((own, *above))
    for number, message in check_order(hierarchy):
        # If the CA's certificate is not issued by the next one, the problem is in the chain.
        yield ImportProblem(number > 0 or chain.is_ca(own), message)
    for breach in judge(hierarchy, needs, by):
        yield ImportProblem(breach.number > 0, f"{label(hierarchy, breach.number)} {breach.message}. {breach.rule.fix}")
