"""What AWS Private CA imports as the certificate of a CA, and as the chain above it.

Source: botocore acm-pca, ImportCertificateAuthorityCertificate. That AWS judges lifetimes and path lengths is not
documented; they are judged all the same.
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

# botocore acm-pca: CertificateBodyBlob and CertificateChainBlob; in bytes of PEM.
MAX_CERTIFICATE = 32_768
MAX_CHAIN = 2_097_152


class ImportProblem(NamedTuple):
    """What keeps a certificate from being imported.

    Attributes:
        is_of_chain: whether it is about the chain above the CA's own certificate.
        message: names the certificate, counted from the CA's own one, and says what is wrong.
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
    """Yield what keeps a CA's certificate from being imported.

    Args:
        own: the CA's certificate.
        above: the certificates above it, its issuer first, the root last; none for a root.
        kind: of the CA.
        needs: what is wanted of it.
        by: the programs whose rules count, beside AWS's own on the form of a chain.
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
        # Of a CA that is not issued by what comes next, the chain is the wrong one.
        yield ImportProblem(number > 0 or chain.is_ca(own), message)
    for breach in judge(hierarchy, needs, by):
        yield ImportProblem(breach.number > 0, f"{label(hierarchy, breach.number)} {breach.message}. {breach.rule.fix}")
