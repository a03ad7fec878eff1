"""moto executes exactly the request that was checked, however it is encoded."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.sandbox.by_hand import FORM, ask, scope
from tests.sandbox.conformance.world import ACCOUNT, ALLOW, OTHER, World, refused

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

WHO = "/?Action=GetCallerIdentity&Version=2011-06-15"
MACHINES = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
EVERYBODY = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}


def _parts(parameters: dict[str, str]) -> str:
    head = 'Content-Disposition: form-data; name="'
    return "".join(f'--B\r\n{head}{name}"\r\n\r\n{value}\r\n' for name, value in parameters.items()) + "--B--\r\n"


@pytest.mark.parametrize("action", ["AssumeRole", "GetSessionToken", "AssumeRoleWithWebIdentity"])
def test_sts_gives_nothing_that_was_not_checked(aws: TestSandbox, action: str) -> None:
    role = World(aws).make_role(ALLOW, trust=MACHINES)
    take = {"Action": action, "RoleArn": role, "RoleSessionName": "x", "WebIdentityToken": "e30.e30.e30"}
    form, unnamed = urlencode(take), urlencode({**take, "Action": ""})
    ways: list[tuple[str, dict[str, str], str | bytes]] = [
        (WHO, {**FORM, "Content-Encoding": "gzip"}, gzip.compress(form.encode())),
        (WHO, {"Content-Type": "multipart/form-data; boundary=B"}, _parts(take)),
        (WHO, {**FORM, "X-Amz-Target": f"AWSSecurityTokenServiceV20110615.{action}"}, unnamed),
        (WHO, {"Content-Type": "application/json", "X-Amz-Target": f"x.{action}"}, json.dumps(take)),
        (WHO, FORM, form),
        (f"/?{form}", {}, ""),
    ]
    for path, headers, body in ways:
        answer = ask(aws, "POST", path, {**scope("sts"), **headers}, body)
        assert "<AccessKeyId>" not in answer.text, (path, headers, answer.text)


def test_no_part_of_a_signature_is_taken_for_a_key(aws: TestSandbox) -> None:
    world = World(aws)
    role = world.make_role({**ALLOW, "Action": "*"}, account=OTHER)
    taken = world.client("sts").assume_role(RoleArn=role, RoleSessionName="x")["Credentials"]
    credential = f"Credential={taken['AccessKeyId']}/20260101/eu-central-1/iam/aws4_request"
    for signature in ("A" * 20 + "/", "AWS" + "A" * 20 + ":", "0"):
        header = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature={signature}"
        signed = {"Authorization": header, "X-Amz-Security-Token": taken["SessionToken"], **FORM}
        made = ask(aws, "POST", "/", signed, "Action=CreateUser&UserName=mallory&Version=2010-05-08")
        assert f"arn:aws:iam::{OTHER}:user/mallory" in made.text, made.text
        world.iam(OTHER).delete_user(UserName="mallory")


@pytest.mark.parametrize(
    "statements",
    [
        [EVERYBODY, {"Effect": "Deny", "NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}, "Action": "*"}],
        [{"Effect": "Allow", "NotPrincipal": {"AWS": OTHER}, "Action": "sts:AssumeRole"}],
        [{**EVERYBODY, "Condition": None}],
        [{**EVERYBODY, "Condition": []}],
        [{**EVERYBODY, "Condition": 5}],
        [{**EVERYBODY, "Condition": {"StringEquals": "x"}}],
        [{**EVERYBODY, "Effect": ["Allow"]}],
        "x",
        5,
    ],
    ids=str,
)
def test_what_a_trust_policy_does_not_clearly_allow_is_denied(aws: TestSandbox, statements: Any) -> None:
    world = World(aws)
    iam, document = world.iam(), {"Version": "2012-10-17", "Statement": statements}
    # CreateRole of moto takes any JSON.
    text = json.dumps(document if isinstance(statements, list) else statements)
    role = iam.create_role(RoleName="odd", AssumeRolePolicyDocument=text)["Role"]["Arn"]
    try:
        with refused("AccessDenied"):
            world.client("sts").assume_role(RoleArn=role, RoleSessionName="x")
    finally:
        iam.delete_role(RoleName="odd")


@pytest.mark.parametrize("seconds", ["abc", "1e3", "-5", "0", "899", "43201", "999999999999", "\uff19\uff10\uff10"])
def test_a_session_has_a_length_that_sts_takes(aws: TestSandbox, seconds: str) -> None:
    take = {"Action": "AssumeRole", "RoleArn": World(aws).make_role(ALLOW), "RoleSessionName": "x"}
    answer = ask(aws, "POST", "/", {**scope("sts"), **FORM}, urlencode({**take, "DurationSeconds": seconds}))
    assert (answer.status, "ValidationError" in answer.text) == (400, True), answer.text


@pytest.mark.parametrize("arn", ["", "x", "arn:foo:iam::123456789012:role/x", "arn::iam::1:role/x"])
def test_a_web_identity_asks_for_a_role(aws: TestSandbox, arn: str) -> None:
    take = {"Action": "AssumeRoleWithWebIdentity", "RoleArn": arn, "WebIdentityToken": "e30.e30.e30"}
    answer = ask(aws, "POST", "/", FORM, urlencode({**take, "RoleSessionName": "x"}))
    assert (answer.status, "ValidationError" in answer.text) == (400, True), answer.text


@pytest.mark.parametrize("policy", ["not json", "[]", '"x"', '{"Statement": [{"Effect": "Deny", "Condition": 5}]}'])
def test_a_bucket_policy_that_aws_would_not_take_makes_no_error(aws: TestSandbox, policy: str) -> None:
    world = World(aws)
    s3 = world.client("s3")
    s3.create_bucket(Bucket="odd-policy", CreateBucketConfiguration={"LocationConstraint": world.region})
    s3.put_bucket_policy(Bucket="odd-policy", Policy=policy)
    answer = ask(aws, "GET", "/odd-policy/crl/x.crl")
    assert answer.status == 403, answer.text
    s3.delete_bucket(Bucket="odd-policy")


def test_a_body_that_ends_early_is_no_request(aws: TestSandbox) -> None:
    headers = {**scope("acm-pca"), "X-Amz-Target": "ACMPrivateCA.ListCertificateAuthorities"}
    chunks = ask(aws, "POST", "/", {**headers, "Transfer-Encoding": "chunked"}, "zz\r\n")
    assert (chunks.status, "SerializationException" in chunks.text) == (400, True)
