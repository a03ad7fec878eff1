"""The sandbox rejects requests of web pages, services that it doesn't have, and moto's own API."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto.core.config import default_user_config

from tests.conftest import UNCHECKED, TestSandbox
from tests.sandbox.by_hand import (
    BOTOCORE,
    FORM,
    LISTED,
    ask,
    error_of,
    identity,
    parameters,
    scope,
    send,
    signed_request,
)
from toolkit.sandbox.gateway.incoming import parse_host
from toolkit.sandbox.gateway.moto_services import SERVED


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4599",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.2",
        "127.1",
        "0.0.0.0",  # noqa: S104 - a header, nothing is bound
        "sts.eu-central-1.amazonaws.com",
        "no-such-bucket.s3.eu-central-1.amazonaws.com",
        "evil.example, localhost",
        "localhost@evil.example",
        "",
    ],
)
def test_a_foreign_host(aws: TestSandbox, moto: list[str], host: str) -> None:
    answer = identity(aws, Host=host)
    assert (answer.status, moto) == (403, [])
    assert "<Code>AccessDenied</Code>" in answer.text
    assert "does not answer the Host" in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:4599", "127.0.0.1", "sts.localhost:4599"])
def test_an_own_host(aws: TestSandbox, host: str) -> None:
    assert identity(aws, Host=host).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:4599"),
        ("Origin", ""),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-origin"),
    ],
)
def test_a_web_page(aws: TestSandbox, moto: list[str], name: str, value: str) -> None:
    answer = identity(aws, **{name: value})
    assert (answer.status, moto) == (403, [])
    assert "does not answer web pages" in answer.text


def test_no_cors(aws: TestSandbox, moto: list[str]) -> None:
    wanted = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    answers = [ask(aws, "OPTIONS", path, {**scope("s3"), **wanted}) for path in ("/", "/bucket/key")]
    assert ([answer.status for answer in answers], moto) == ([403, 403], [])
    answers += [identity(aws), ask(aws, "GET", "/", scope("s3")), ask(aws, "GET", "/")]
    assert [answer.status for answer in answers[2:]] == [200, 200, 403]
    assert not [name for answer in answers for name in answer.headers if name.startswith("access-control-")]


OF_MOTO = (
    "/moto-api",
    "/moto-api/",
    "/moto-api/reset",
    "/moto-api/data.json",
    "/%6doto-api/reset",
    "//moto-api/reset",
    "http://127.0.0.1/moto-api/reset",
    "/favicon.ico",
    "/latest/meta-data/iam/security-credentials/",
    "/latest/api/token",
)


@pytest.mark.parametrize("path", OF_MOTO)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
def test_motos_own_paths(aws: TestSandbox, moto: list[str], method: str, path: str) -> None:
    for headers in ({}, scope("s3"), scope("sts"), scope("moto_api"), scope("instance_metadata")):
        assert ask(aws, method, path, headers).status in (400, 403), headers
    assert moto == []


def test_containers_are_off(aws: TestSandbox) -> None:
    assert aws.endpoint_url
    assert not default_user_config["batch"]["use_docker"]
    assert not default_user_config["lambda"]["use_docker"]


def _refused_service(aws: TestSandbox, service: str, *, whole: bool = False) -> None:
    model = BOTOCORE.get_service_model(service)
    names = [name for name in model.operation_names if not model.operation_model(name).has_event_stream_input]
    for name in names if whole else names[:1]:
        operation = model.operation_model(name)
        for protocol in model.metadata.get("protocols") or [model.metadata["protocol"]]:
            answer = send(aws, signed_request(model, operation, protocol))
            error = error_of(answer, operation, protocol) if operation.http["method"] != "HEAD" else None
            assert answer.status == 400, (service, name, protocol, answer)
            if error is not None:
                assert error["Code"] == "InvalidAction", (service, name, protocol, answer)
                assert "The sandbox does not have" in error["Message"], (service, name, protocol, answer)


# These have the signing name of a service that is on the list.
SHARED = ("eventbridgev2", "iam-toolbox", "s3control")
OTHERS = sorted(set(BOTOCORE.get_available_services()) - LISTED)


def test_the_list() -> None:
    names = {service: BOTOCORE.get_service_model(service).signing_name for service in BOTOCORE.get_available_services()}
    assert {names[service] for service in LISTED} == SERVED
    assert {service for service, name in names.items() if name in SERVED} - LISTED == set(SHARED)


@pytest.mark.parametrize("part", range(8))
def test_every_other_service(aws: TestSandbox, moto: list[str], part: int) -> None:
    assert len(OTHERS) > 300
    for service in OTHERS[part::8]:
        _refused_service(aws, service)
    assert moto == []


@pytest.mark.parametrize("service", SHARED)
def test_services_that_share_a_signing_name(aws: TestSandbox, moto: list[str], service: str) -> None:
    _refused_service(aws, service, whole=True)
    assert moto == []


@pytest.mark.parametrize("service", ["batch", "lambda", "ec2", "dynamodb", "ssm", "sqs", "stepfunctions", "codebuild"])
def test_with_boto3(aws: TestSandbox, moto: list[str], service: str) -> None:
    session: Any = aws.session("eu-central-1")
    client = session.client(service, endpoint_url=aws.endpoint_url, config=UNCHECKED)
    # Without validation of parameters the first operation is as good as any that has no path to fill.
    name = next(
        name for name in client.meta.service_model.operation_names if name.startswith("List") or service == "ec2"
    )
    with pytest.raises(ClientError) as caught:
        client._make_api_call(name, parameters(client.meta.service_model.operation_model(name)))
    error = caught.value.response["Error"]
    assert (error["Code"], moto) == ("InvalidAction", [])
    assert f"does not have the service '{client.meta.service_model.signing_name}'" in error["Message"]
    assert "acm-pca" in error["Message"]


def _lambda_by_other_ways() -> list[Any]:
    """Requests that moto itself would route to a service that is not on the list."""
    s3 = scope("s3")["Authorization"]
    bare = "AWS4-HMAC-SHA256 sandbox/20260101/eu-central-1/lambda/aws4_request"
    cognito = {"X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth"}
    return [
        pytest.param("GET", "/2015-03-31/functions", {"Authorization": f"{bare}, {s3.split()[1]}"}, b"", id="twice"),
        pytest.param("GET", "/2015-03-31/functions", {"Authorization": f"{s3}, Credential=x"}, b"", id="second"),
        pytest.param("GET", "/2015-03-31/functions", scope("LAMBDA"), b"", id="capitals"),
        pytest.param("GET", "/2015-03-31/functions", {"Authorization": "AWS sandbox:x"}, b"", id="version-2"),
        pytest.param("GET", "/2015-03-31/functions", {"Authorization": "Basic eA=="}, b"", id="basic"),
        pytest.param("GET", "/lambda_us-east-1/2015-03-31/functions", {}, b"", id="path"),
        pytest.param("POST", "/", cognito, b"{}", id="cognito"),
        pytest.param("GET", "/eu-central-1_x/.well-known/jwks.json", {}, b"", id="jwks"),
        pytest.param("POST", "/", FORM, b"Action=ListDomains&Version=2009-04-15", id="sdb"),
        pytest.param("GET", "/v20180820/bucket", scope("s3"), b"", id="s3control"),
        pytest.param("POST", "/", scope("acm-pca") | {"X-Amz-Target": "CertificateManager.x"}, b"{}", id="target"),
    ]


@pytest.mark.parametrize(("method", "path", "headers", "body"), _lambda_by_other_ways())
def test_other_ways_to_other_services(
    aws: TestSandbox, moto: list[str], method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    assert ask(aws, method, path, headers, body).status in (400, 403)
    # The last is for the service that it is signed for, and that one rejects it.
    assert moto in ([], ["POST /"])


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PORTS = st.just("") | st.integers(0, 65535).map(":{}".format)
LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


@given(name=st.sampled_from(LOOPBACK) | NAMES.map("{}.localhost".format), port=PORTS, capitals=st.booleans())
def test_loopback_hosts(name: str, port: str, capitals: bool) -> None:
    found = parse_host((name.upper() if capitals else name) + port)
    assert found is not None
    assert (found.name, found.is_loopback) == (name, True)
    assert found.bucket == (name.removesuffix(".localhost") if "." in name and name not in LOOPBACK else None)


@given(own=st.sampled_from(LOOPBACK), name=NAMES, port=PORTS, between=st.sampled_from([*".-@/#?,;: \t\r\n\0%\\", ""]))
def test_foreign_hosts(own: str, name: str, port: str, between: str) -> None:
    for header in (f"{name}.evil.example{port}", f"{own}{between}{name}.example{port}", f"{own}{port}{between}@{name}"):
        found = parse_host(header)
        assert found is None or not found.is_loopback, header


@given(st.text(max_size=40) | st.text("localhost127.0.1[:]s3amzn-\u0130\u212a", max_size=40))
def test_any_host(header: str) -> None:
    found = parse_host(header)
    if found is not None:
        assert header.isascii()
        assert header.lower().startswith(found.name)
        assert found.is_loopback == (found.name in LOOPBACK or found.name.endswith(".localhost"))
        if found.bucket is not None and not found.is_loopback:
            assert found.name.startswith(f"{found.bucket}.s3")
            assert ".amazonaws.com" in found.name
