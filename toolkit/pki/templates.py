"""AWS Private CA's certificate templates: which there are and how they are named.

Source: AWS Private CA user guide, "Using AWS Private CA certificate templates"
(awsdocs/aws-private-ca-user-guide@7fbe588:doc_source/UsingTemplates.md).
"""

from __future__ import annotations

ROOT_CA = "RootCACertificate/V1"
# What IssueCertificate uses when the request names no template (botocore, IssueCertificateRequest.TemplateArn).
END_ENTITY = "EndEntityCertificate/V1"
MAX_PATH_LENGTH = 3
# A data plane proxy is both server and client, so only these can make its certificate: the ones that say both
# usages by themselves, and the blank ones, which take them from the request or the call.
DATA_PLANE = (
    END_ENTITY,
    *(f"EndEntityCertificate_{kind}Passthrough/V1" for kind in ("CSR", "API", "APICSR")),
    *(f"BlankEndEntityCertificate_{kind}Passthrough/V1" for kind in ("CSR", "API", "APICSR")),
    *(f"BlankEndEntityCertificate_CriticalBasicConstraints_{kind}Passthrough/V1" for kind in ("CSR", "API", "APICSR")),
)
# Every template that yields a CA has "CACertificate" in its name (RootCACertificate, SubordinateCACertificate_*,
# BlankRootCACertificate_*, BlankSubordinateCACertificate_*) and no end-entity template does, so one pattern in
# an explicit Deny covers those of today and of tomorrow.
CA_MINTING_PATTERN = "*CACertificate*"
# With their certificates OCSP responses and code are signed; each has variants (_APIPassthrough, ...).
SIGNER_PATTERNS = ("OCSPSigningCertificate*", "CodeSigningCertificate*")


def build_arn(name: str, partition: str = "aws") -> str:
    """Return the ARN of a template; region and account are empty, the partition matters.

    Args:
        name: for example ``EndEntityCertificate/V1``, or a pattern for an IAM condition.
        partition: ``aws``, ``aws-us-gov``, ``aws-cn`` or, in a pattern, ``*``.
    """
    return f"arn:{partition}:acm-pca:::template/{name}"


def name_subordinate_ca(path_length: int) -> str:
    """Return the template for an intermediate CA below which at most `path_length` further CAs may stand.

    Raises:
        ValueError: AWS has no such template; there are those for 0 to 3.
    """
    if not 0 <= path_length <= MAX_PATH_LENGTH:
        raise ValueError(f"AWS Private CA has templates for path lengths 0 to {MAX_PATH_LENGTH}, not {path_length}")
    return f"SubordinateCACertificate_PathLen{path_length}/V1"
