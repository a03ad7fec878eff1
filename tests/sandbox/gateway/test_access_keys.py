"""The sandbox serves requests with its own access keys, and few without a signature."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from moto.sts.models import sts_backends

from tests.sandbox.by_hand import BOTOCORE, FORM, LISTED, NOBODY, ask, error_of, scope, send, signed_request
from tests.sandbox.conformance.rules_publishing import bucket
from tests.sandbox.conformance.world import ACCOUNT, ACCOUNT_HEADER, ALLOW, World, refused
from toolkit.sandbox import principals

if TYPE_CHECKING:
    from tests.conftest import TestSandbox


WEB_IDENTITY = f"Action=AssumeRoleWithWebIdentity&RoleArn=arn:aws:iam::{ACCOUNT}:role/x&RoleSessionName=x"


@pytest.mark.parametrize("service", sorted(LISTED))
def test_an_unknown_key(aws: TestSandbox, moto: list[str], service: str) -> None:
    model = BOTOCORE.get_service_model(service)
    operation = model.operation_model("ListBuckets" if service == "s3" else model.operation_names[0])
    for protocol in model.metadata.get("protocols") or [model.metadata["protocol"]]:
        answer = send(aws, signed_request(model, operation, protocol, NOBODY))
        wanted = {"s3": ("InvalidAccessKeyId", 403), "query": ("InvalidClientTokenId", 403)}.get(
            service if service == "s3" else protocol, ("UnrecognizedClientException", 400)
        )
        assert (error_of(answer, operation, protocol)["Code"], answer.status) == wanted, protocol
    assert moto == []


REGIONS = "us-gov-west-1 cn-north-1 us-iso-east-1 us-isob-east-1 eu-isoe-west-1 us-isof-south-1 eusc-de-east-1 xx x -"


@pytest.mark.parametrize("region", REGIONS.split())
def test_an_unknown_key_in_any_region(aws: TestSandbox, moto: list[str], region: str) -> None:
    headers = {name: value.replace("eu-central-1", region) for name, value in scope("sts", NOBODY).items()}
    answer = ask(aws, "POST", "/", {**headers, **FORM}, "Action=GetCallerIdentity&Version=2011-06-15")
    assert (answer.status, moto) == (403, [])
    assert "<Code>InvalidClientTokenId</Code>" in answer.text


def test_a_presigned_url(aws: TestSandbox, moto: list[str]) -> None:
    world = World(aws)
    name, s3 = bucket(world), world.client("s3")
    s3.put_object(Bucket=name, Key="key", Body=b"content")
    moto.clear()
    for region, version in (("eu-central-1", "s3v4"), ("us-east-1", "s3")):
        session: Any = boto3.Session(aws_access_key_id="sandbox", aws_secret_access_key="x", region_name=region)
        client = session.client("s3", endpoint_url=aws.endpoint_url, config=Config(signature_version=version))
        url = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "key"}))
        for headers in ({}, scope("s3")):
            answer = ask(aws, "GET", f"{url.path}?{url.query}", headers)
            assert (answer.status, "presigned" in answer.text) == (400, True), answer
    assert moto == []


def test_a_session(aws: TestSandbox, moto: list[str]) -> None:
    world = World(aws)
    role = world.make_role({**ALLOW, "Action": "*"})
    taken = world.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    assert world.taking(taken)("s3").list_buckets()["Buckets"] is not None
    moto.clear()
    for changed in ({"SessionToken": "other"}, {"SessionToken": None}, {"AccessKeyId": NOBODY}):
        with refused("InvalidAccessKeyId"):
            world.taking({**taken, **changed})("s3").list_buckets()
    session = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(taken["AccessKeyId"])
    session.expiration = session.expiration.replace(year=2020)
    for service, call, code in (
        ("s3", "list_buckets", "ExpiredToken"),
        ("iam", "list_roles", "ExpiredToken"),
        ("organizations", "describe_organization", "ExpiredTokenException"),
    ):
        with refused(code):
            getattr(world.taking(taken)(service), call)()
    assert moto == []


def test_a_key_that_is_admitted(aws: TestSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"KEY{uuid.uuid4().hex}"
    form = {**scope("iam", key), **FORM, ACCOUNT_HEADER: "210987654321"}
    assert ask(aws, "POST", "/", form, "Action=ListRoles&Version=2010-05-08").status == 403
    monkeypatch.setattr(principals, "ADMINISTRATOR_KEY", key)
    assert ask(aws, "POST", "/", form, "Action=ListRoles&Version=2010-05-08").status == 200


def test_a_user(aws: TestSandbox) -> None:
    world, name = World(aws), f"user-{uuid.uuid4().hex[:8]}"
    iam, root = world.client("iam"), world.root()
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    client = world.taking({**key, "SessionToken": None})
    assert client("sts").get_caller_identity()["Arn"] == arn
    with refused("AccessDeniedException", f"User: {arn} is not authorized"):
        client("acm-pca").describe_certificate_authority(CertificateAuthorityArn=root)
    role = world.make_role(ALLOW)
    with refused("AccessDenied", "sts:AssumeRole"):
        client("sts").assume_role(RoleArn=role, RoleSessionName="x")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    assert client("acm-pca").describe_certificate_authority(CertificateAuthorityArn=root)
    assert client("sts").assume_role(RoleArn=role, RoleSessionName="x")["Credentials"]
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("InvalidClientTokenId"):
        client("sts").get_caller_identity()
    with refused("UnrecognizedClientException"):
        client("acm-pca").list_certificate_authorities()


@pytest.mark.parametrize("service", sorted(LISTED))
def test_without_a_signature(aws: TestSandbox, moto: list[str], service: str) -> None:
    model = BOTOCORE.get_service_model(service)
    operation = model.operation_model("ListBuckets" if service == "s3" else model.operation_names[0])
    for protocol in model.metadata.get("protocols") or [model.metadata["protocol"]]:
        request = signed_request(model, operation, protocol)
        del request.headers["Authorization"]
        code = error_of(send(aws, request), operation, protocol)["Code"]
        assert code in ("MissingAuthenticationToken", "MissingAuthenticationTokenException", "AccessDenied")
    assert moto == []


def test_unsigned_forms_of_sts(aws: TestSandbox, moto: list[str]) -> None:
    for path, body in (
        ("/", "Action=AssumeRoleWithSAML"),
        ("/", f"{WEB_IDENTITY}&Action=GetCallerIdentity"),
        ("/", f"Action=GetCallerIdentity&{WEB_IDENTITY}"),
        ("/?Action=GetCallerIdentity", WEB_IDENTITY),
        ("/bucket", WEB_IDENTITY),
        ("/", ""),
    ):
        assert ask(aws, "POST", path, FORM, body).status == 403, (path, body)
    assert ask(aws, "POST", "/", {**FORM, "Content-Length": "9999999"}).status == 403
    answer = ask(aws, "POST", "/", FORM, f"{WEB_IDENTITY}&WebIdentityToken=x&key=a=b")
    assert "<Code>InvalidIdentityToken</Code>" in answer.text
    assert moto == []


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        (scope("sts", NOBODY), "Action=GetCallerIdentity", "InvalidClientTokenId"),
        (scope("sts"), "Action=GetSessionToken", "InvalidAction"),
        (scope("sts"), "Action=GetCallerIdentity&Action=AssumeRole", "MalformedQueryString"),
        (scope("sts"), f"Action=AssumeRole&RoleSessionName=x&RoleArn=arn:aws:iam::{ACCOUNT}:role/no", "AccessDenied"),
        ({}, f"{WEB_IDENTITY}&WebIdentityToken=x", "InvalidIdentityToken"),
        ({}, "Action=GetCallerIdentity", "MissingAuthenticationToken"),
    ],
)
def test_errors_of_sts_have_its_namespace(aws: TestSandbox, headers: dict[str, str], body: str, code: str) -> None:
    answer = ask(aws, "POST", "/", {**FORM, **headers}, f"{body}&Version=2011-06-15")
    assert '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>' in answer.text
    assert f"<Code>{code}</Code>" in answer.text


def test_errors_of_iam_have_no_namespace_of_sts(aws: TestSandbox) -> None:
    answer = ask(aws, "POST", "/", {**FORM, **scope("iam", NOBODY)}, "Action=ListRoles&Version=2010-05-08")
    assert "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>" in answer.text


def test_another_account_is_for_the_administrator(aws: TestSandbox, moto: list[str]) -> None:
    world = World(aws)
    role = world.make_role({**ALLOW, "Action": "*"})
    taken = world.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    moto.clear()
    other = {ACCOUNT_HEADER: "210987654321"}
    session = {**scope("iam", taken["AccessKeyId"]), "X-Amz-Security-Token": taken["SessionToken"]}
    for headers in (session, scope("iam", NOBODY), {}, scope("iam") | {ACCOUNT_HEADER: "x"}):
        answer = ask(aws, "POST", "/", {**FORM, **other, **headers}, "Action=ListRoles&Version=2010-05-08")
        assert answer.status == 403, headers
    assert moto == []
    assert ask(aws, "POST", "/", {**FORM, **other, **scope("iam")}, "Action=ListRoles&Version=2010-05-08").status == 200
