"""The sandbox enforces the trust policies that the program writes."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from tests.sandbox.conformance.world import csr
from toolkit import contract
from toolkit.files import find_project_root
from toolkit.pki import templates
from toolkit.sandbox.pulumi import program

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs

ISSUER = "https://oidc.eks.eu-central-1.amazonaws.com/id/1F2E3D4C5B6A79880716253443526170"
SUBJECT = "system:serviceaccount:kong-mesh-system:kong-mesh-control-plane"


@pytest.fixture(scope="module")
def outputs(running_sandbox: TestSandbox) -> StackOutputs:
    exports = program.run(find_project_root(), program.read_stack(find_project_root(), "prod"), running_sandbox)
    return contract.parse(json.dumps(exports))


def token(**changes: object) -> str:
    """What a cluster puts into a pod of the zone's control plane, unsigned."""
    claims = {"iss": ISSUER, "aud": ["sts.amazonaws.com"], "sub": SUBJECT, "exp": int(time.time()) + 600, **changes}

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.{part('signature')}"


def assume(aws: TestSandbox, role_arn: str, web_identity: str) -> Any:
    session: Any = boto3.Session(region_name="eu-central-1")
    sts = session.client("sts", endpoint_url=aws.endpoint_url, config=Config(signature_version=UNSIGNED))
    return sts.assume_role_with_web_identity(
        RoleArn=role_arn, RoleSessionName="control-plane", WebIdentityToken=web_identity
    )["Credentials"]


def client(aws: TestSandbox, credentials: dict[str, Any]) -> Any:
    session: Any = boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name="eu-central-1",
    )
    return session.client("acm-pca", endpoint_url=aws.endpoint_url)


def issue(pca: Any, outputs: StackOutputs, template: str | None) -> None:
    more = {"TemplateArn": templates.build_arn(template)} if template else {}
    pca.issue_certificate(
        CertificateAuthorityArn=outputs.certificate_authority.arn,
        Csr=csr(),
        SigningAlgorithm="SHA256WITHECDSA",
        Validity={"Type": "DAYS", "Value": 1},
        **more,
    )


def test_the_control_plane_becomes_its_zone_and_issues(aws: TestSandbox, outputs: StackOutputs) -> None:
    pca = client(aws, assume(aws, outputs.zones[0].role_arn, token()))
    issue(pca, outputs, None)
    issue(pca, outputs, templates.END_ENTITY)
    pca.describe_certificate_authority(CertificateAuthorityArn=outputs.certificate_authority.arn)


@pytest.mark.parametrize("length", range(4))
def test_a_zone_is_denied_minting_a_ca_by_its_policy(aws: TestSandbox, outputs: StackOutputs, length: int) -> None:
    pca = client(aws, assume(aws, outputs.zones[0].role_arn, token()))
    with pytest.raises(ClientError, match="explicit deny in an identity-based policy"):
        issue(pca, outputs, templates.name_subordinate_ca(length))


def test_a_zone_may_do_nothing_else_with_the_ca(aws: TestSandbox, outputs: StackOutputs) -> None:
    pca, arn = client(aws, assume(aws, outputs.zones[0].role_arn, token())), outputs.certificate_authority.arn
    for call in (
        lambda: pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED"),
        lambda: pca.delete_certificate_authority(CertificateAuthorityArn=arn),
        pca.list_certificate_authorities,
    ):
        with pytest.raises(ClientError, match="because no identity-based policy allows"):
            call()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aud": "sigstore"}, "Incorrect token audience"),
        ({"aud": None}, "Incorrect token audience"),
        ({"sub": SUBJECT.replace("kong-mesh-control-plane", "default")}, "Not authorized"),
        ({"sub": SUBJECT.replace("kong-mesh-system", "default")}, "Not authorized"),
        ({"iss": ISSUER.replace("1F2E", "0000")}, "No OpenIDConnect provider"),
        ({"iss": ""}, "No OpenIDConnect provider"),
    ],
)
def test_another_identity_does_not_become_the_zone(
    aws: TestSandbox, outputs: StackOutputs, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        assume(aws, outputs.zones[0].role_arn, token(**changes))


def test_the_audience_is_checked_by_the_trust_policy_too(aws: TestSandbox, outputs: StackOutputs) -> None:
    (clients,) = [
        provider.client_id_list
        for arn, provider in iam_backends["123456789012"]["aws"].open_id_providers.items()
        if arn.endswith(ISSUER.rpartition("/")[2])
    ]
    clients.append("vault")
    aws.on_cleanup(lambda: clients.remove("vault"))
    with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        assume(aws, outputs.zones[0].role_arn, token(aud="vault"))


def test_a_boundary_confines_a_role(aws: TestSandbox, outputs: StackOutputs) -> None:
    iam, name = aws.client("iam"), outputs.zones[0].role_arn.rpartition("/")[2]
    allow = {"Effect": "Allow", "Action": "acm-pca:Describe*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=document)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    aws.on_cleanup(lambda: iam.delete_role_permissions_boundary(RoleName=name))
    pca = client(aws, assume(aws, outputs.zones[0].role_arn, token()))
    pca.describe_certificate_authority(CertificateAuthorityArn=outputs.certificate_authority.arn)
    with pytest.raises(ClientError, match="not authorized to perform: acm-pca:IssueCertificate"):
        issue(pca, outputs, None)


def test_attached_policies_count_like_inline_ones(aws: TestSandbox, outputs: StackOutputs) -> None:
    iam, name = aws.client("iam"), outputs.zones[0].role_arn.rpartition("/")[2]
    deny = {"Effect": "Deny", "Action": "acm-pca:Describe*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    attached = iam.create_policy(PolicyName="attached", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=attached)
    aws.on_cleanup(lambda: iam.detach_role_policy(RoleName=name, PolicyArn=attached))
    pca = client(aws, assume(aws, outputs.zones[0].role_arn, token()))
    issue(pca, outputs, None)
    with pytest.raises(ClientError, match="with an explicit deny"):
        pca.describe_certificate_authority(CertificateAuthorityArn=outputs.certificate_authority.arn)


def test_session_policies_are_refused_by_name(aws: TestSandbox, outputs: StackOutputs) -> None:
    with pytest.raises(ClientError, match="not in the sandbox"):
        aws.client("sts").assume_role(
            RoleArn=outputs.zones[0].verifying_role_arn, RoleSessionName="session", Policy="{}"
        )


def test_a_zone_does_not_become_another(aws: TestSandbox, outputs: StackOutputs) -> None:
    with pytest.raises(ClientError, match="Not authorized"):
        assume(aws, outputs.zones[1].role_arn, token())
    with pytest.raises(ClientError, match="Not authorized"):
        assume(aws, outputs.zones[0].verifying_role_arn, token())


@pytest.mark.parametrize("text", ["nonsense", "a.b.c", "....", "a.e30.c.d", "a.W10.c", "a.bnVsbA.c"])
def test_what_is_no_token(aws: TestSandbox, outputs: StackOutputs, text: str) -> None:
    with pytest.raises(ClientError, match="not a valid JWT"):
        assume(aws, outputs.zones[0].role_arn, text)


def test_a_token_that_has_expired(aws: TestSandbox, outputs: StackOutputs) -> None:
    with pytest.raises(ClientError, match="Token expired"):
        assume(aws, outputs.zones[0].role_arn, token(exp=int(time.time()) - 1))


def test_a_role_that_is_not_there(aws: TestSandbox) -> None:
    missing = "arn:aws:iam::123456789012:role/nobody"
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        aws.client("sts").assume_role(RoleArn=missing, RoleSessionName="x")
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        aws.client("sts").assume_role(RoleArn="nonsense", RoleSessionName="x")


def test_a_session_token_of_somebody_else_opens_nothing(aws: TestSandbox, outputs: StackOutputs) -> None:
    credentials = assume(aws, outputs.zones[0].role_arn, token())
    with pytest.raises(ClientError, match="security token included in the request is invalid"):
        issue(client(aws, {**credentials, "SessionToken": "other"}), outputs, None)


def test_credentials_that_have_expired(aws: TestSandbox, outputs: StackOutputs) -> None:
    credentials = assume(aws, outputs.zones[0].role_arn, token())
    session = sts_backends["123456789012"]["aws"].get_assumed_role_from_access_key(credentials["AccessKeyId"])
    session.expiration = session.expiration.replace(year=2020)
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        issue(client(aws, credentials), outputs, None)
