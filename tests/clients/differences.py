"""Where moto's own tests of acm-pca expect something else than the sandbox answers, and why the sandbox is right."""

from __future__ import annotations

_WAITING = "a CA that waits for its certificate issues nothing (PCAUpdateCA.md)"

# The name of a test to the reason.
DIFFERENCES = {
    "test_describe_unknown_certificate_authority": "`unknown` is not an ARN, for which botocore's model has a pattern",
    "test_update_certificate_authority": "the status of a CA that waits for its certificate stays (PCAUpdateCA.md)",
    "test_issue_certificate[ap-southeast-1-aws]": _WAITING,
    "test_issue_certificate[us-gov-east-1-aws-us-gov]": _WAITING,
    "test_get_certificate": _WAITING,
    "test_import_certificate_authority_certificate": "botocore's model has MalformedCertificateException for it",
    "test_acmpca_backend_is_serialisable": "it imports a self-signed certificate of another key for a subordinate CA",
    "test_policy_operations": "AWS takes policies in one form alone (pca-rbp.md), not this one",
    "test_revoke_certificate": "no document of AWS says that GetCertificate refuses a revoked one",
}
