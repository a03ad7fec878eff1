"""List moto's own tests of acm-pca that the sandbox differs from, with the reason."""

from __future__ import annotations

_WAITING = "the CA has no certificate yet, so it can't issue (PCAUpdateCA.md)"

# The reason by the name of the test.
DIFFERENCES = {
    "test_describe_unknown_certificate_authority": "`unknown` does not match the pattern for ARNs in botocore's model",
    "test_update_certificate_authority": "the status of a CA without a certificate can't be updated (PCAUpdateCA.md)",
    "test_issue_certificate[ap-southeast-1-aws]": _WAITING,
    "test_issue_certificate[us-gov-east-1-aws-us-gov]": _WAITING,
    "test_get_certificate": _WAITING,
    "test_import_certificate_authority_certificate": "botocore's model names the error MalformedCertificateException",
    "test_acmpca_backend_is_serialisable": "it imports a self-signed certificate of another key into a subordinate CA",
    "test_policy_operations": "AWS accepts policies in one format only (pca-rbp.md), not this one",
    "test_revoke_certificate": "AWS does not document that GetCertificate rejects a revoked certificate",
}
