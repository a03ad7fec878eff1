"""Names and ARNs of AWS Private CA's certificate templates.

Source: AWS Private CA user guide, "Using AWS Private CA certificate templates"
(awsdocs/aws-private-ca-user-guide@7fbe588:doc_source/UsingTemplates.md).
"""

from __future__ import annotations

ROOT_CA = "RootCACertificate/V1"
# IssueCertificate uses it by default (botocore, IssueCertificateRequest.TemplateArn).
END_ENTITY = "EndEntityCertificate/V1"
MAX_PATH_LENGTH = 3
# A data plane proxy is server and client, so its certificate needs both usages. These templates set both, or (the
# blank ones) copy them from the CSR or the call.
DATA_PLANE = (
    END_ENTITY,
    *(f"EndEntityCertificate_{kind}Passthrough/V1" for kind in ("CSR", "API", "APICSR")),
    *(f"BlankEndEntityCertificate_{kind}Passthrough/V1" for kind in ("CSR", "API", "APICSR")),
    *(f"BlankEndEntityCertificate_CriticalBasicConstraints_{kind}Passthrough/V1" for kind in ("CSR", "API", "APICSR")),
)
# Every template for CA certificates has "CACertificate" in its name (RootCACertificate, SubordinateCACertificate_*,
# BlankRootCACertificate_*, BlankSubordinateCACertificate_*), and no end-entity template does. So one pattern in an
# explicit Deny covers present and future templates.
CA_MINTING_PATTERN = "*CACertificate*"
# Templates for certificates that sign OCSP responses and code; each has variants (_APIPassthrough, ...).
SIGNER_PATTERNS = ("OCSPSigningCertificate*", "CodeSigningCertificate*")


def build_arn(name: str, partition: str = "aws") -> str:
    """Return the ARN of a template. It has a partition but no region and account.

    Args:
        name: for example ``EndEntityCertificate/V1``, or a pattern for an IAM condition.
        partition: ``aws``, ``aws-us-gov``, ``aws-cn`` or, in a pattern, ``*``.
    """
    return f"arn:{partition}:acm-pca:::template/{name}"


def name_subordinate_ca(path_length: int) -> str:
    """Return the name of the template for an intermediate CA with at most `path_length` CAs below it.

    Raises:
        ValueError: AWS has templates for path lengths 0 to 3 only.
    """
    if not 0 <= path_length <= MAX_PATH_LENGTH:
        raise ValueError(f"AWS Private CA has templates for path lengths 0 to {MAX_PATH_LENGTH}, not {path_length}")
    return f"SubordinateCACertificate_PathLen{path_length}/V1"
