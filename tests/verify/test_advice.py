"""Advice on failed AWS calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from toolkit.verify.advice import advise, describe_error

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


def test_a_share_may_have_to_be_accepted() -> None:
    message = "User: x is not authorized to perform: y because no resource-based policy allows the y action"
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, "IssueCertificate")
    advice = advise(error, "acm-pca:IssueCertificate")
    assert "must also accept the invitation: aws ram get-resource-share-invitations" in advice
