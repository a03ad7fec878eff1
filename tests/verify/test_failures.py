"""Advice on failed AWS calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from toolkit.verify.failures import advise, describe_error

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

MISSING = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"


def test_the_retries_that_botocore_counts_are_not_shown(aws: TestSandbox) -> None:
    key, secret = aws.credentials
    client = boto3.client(
        "acm-pca",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="eu-central-1",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )
    with pytest.raises(ClientError) as caught:
        client.describe_certificate_authority(CertificateAuthorityArn=MISSING)
    # As botocore's retry handler marks the response of a call that it would have repeated.
    response: Any = caught.value.response
    response["ResponseMetadata"] |= {"MaxAttemptsReached": True, "RetryAttempts": 0}
    limited = ClientError(response, "DescribeCertificateAuthority")
    assert "(reached max retries: 0)" in str(limited)
    assert "retries" not in describe_error(limited)
    assert describe_error(limited) == describe_error(caught.value)


@pytest.mark.parametrize(
    "operation", ["IssueCertificate", "GetCertificate", "DescribeCertificateAuthority", "AssumeRole"]
)
def test_a_throttled_call_is_advised_about_its_own_quota(operation: str) -> None:
    advice = advise(ClientError({"Error": {"Code": "ThrottlingException"}}, operation))
    assert advice.startswith(f"The account calls {operation} more often than its quota")
    assert ("Service Quotas" in advice) == (operation in ("IssueCertificate", "GetCertificate"))
    limit = advise(ClientError({"Error": {"Code": "LimitExceededException"}}, operation))
    assert limit.startswith("An AWS Private CA quota is used up")


def test_a_share_may_have_to_be_accepted() -> None:
    message = "User: x is not authorized to perform: y because no resource-based policy allows the y action"
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, "IssueCertificate")
    advice = advise(error)
    assert "must also accept the invitation: aws ram get-resource-share-invitations" in advice
