"""Rules on requests: constraints of members, credentials and permissions."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import botocore.session
import cbor2
import httpx
from botocore.loaders import Loader

from tests.sandbox.conformance.world import ALLOW, BOTOCORE, UNCHECKED, World, csr, refused, rule
from toolkit.pki import templates

PROTOCOL = "smithy.io: AWS JSON 1.1 protocol"
CBOR = "smithy.io: Smithy RPC v2 CBOR protocol"
AUTHORIZATION = "docs.aws.amazon.com/service-authorization/latest/reference/list_acm-pca"
COMMON = "docs.aws.amazon.com/privateca/latest/APIReference/CommonErrors.html"


@rule("token.length", "A token has at most 36 characters.", "cert-manager/aws-privateca-issuer#30")
def _(world: World) -> None:
    arn = world.root()
    with refused("ValidationException", "36"):
        world.issue(arn, IdempotencyToken="x" * 37)
    world.issue(arn, IdempotencyToken="x" * 36)


def _raw(world: World, target: str, body: Any, key: str | None = "sandbox") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(world.aws.endpoint_url, headers=_headers(target, key), content=content)


def _headers(target: str | None, key: str | None, scope: str = "acm-pca") -> dict[str, str]:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    if target is not None:
        headers["X-Amz-Target"] = target
    if key:
        credential = f"Credential={key}/20260101/eu-central-1/{scope}/aws4_request"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"
    return headers


def _refused_raw(answer: httpx.Response, code: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json()["__type"]) == (status, code)
    assert answer.headers["x-amzn-errortype"] == code


@rule("protocol.operation", "An unknown operation is rejected.", PROTOCOL)
def _(world: World) -> None:
    for target in ("ACMPrivateCA.ListCertificates", "ACMPrivateCA.", "ACMPrivateCA.issue_certificate"):
        _refused_raw(_raw(world, target, {}), "UnknownOperationException")


@rule("protocol.address", "A request must be a POST with exactly the path and the header of its protocol.", PROTOCOL)
def _(world: World) -> None:
    target = "ACMPrivateCA.ListCertificateAuthorities"
    for wrong in (target.lower(), target.upper(), "", "DynamoDB_20120810.ListTables"):
        _refused_raw(_raw(world, wrong, {}), "UnknownOperationException")
    with httpx.Client(base_url=world.aws.endpoint_url, headers=_headers(target, "sandbox")) as client:
        for method, path in (("GET", "/"), ("PUT", "/"), ("POST", "/acm-pca")):
            _refused_raw(client.request(method, path, content=b"{}"), "UnknownOperationException")


@rule(
    "protocol.scope",
    "A signature for another service is rejected.",
    "IAM user guide: Troubleshoot Signature Version 4 signing, credential scope errors",
)
def _(world: World) -> None:
    headers = _headers("ACMPrivateCA.ListCertificateAuthorities", "sandbox", scope="organizations")
    _refused_raw(httpx.post(world.aws.endpoint_url, headers=headers, content=b"{}"), "InvalidSignatureException", 403)


@rule("protocol.chunks", "A body may be chunked, without a length.", "RFC 9112, 7.1")
def _(world: World) -> None:
    headers = _headers("ACMPrivateCA.DescribeCertificateAuthority", "sandbox")
    arn = world.root()
    pieces = [b'{"CertificateAuth', f'orityArn":"{arn}"}}'.encode()]
    described = httpx.post(world.aws.endpoint_url, headers=headers, content=iter(pieces))
    assert described.json()["CertificateAuthority"]["Arn"] == arn
    large = httpx.post(world.aws.endpoint_url, headers=headers, content=iter([b" " * 1_000_000] * 6))
    assert large.status_code == 413


@rule("protocol.cbor", "A client may use CBOR instead of JSON.", CBOR)
def _(world: World) -> None:
    model = Loader().load_service_model("acm-pca", "service-2")
    model["metadata"] |= {"protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor"]}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "acm-pca" / str(model["metadata"]["apiVersion"]) / "service-2.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(model))
        session = botocore.session.Session()
        session.set_config_variable("data_path", directory)
        session.set_credentials("sandbox", "sandbox")
        url = world.aws.endpoint_url
        client: Any = session.create_client("acm-pca", world.region, endpoint_url=url, config=UNCHECKED)
        arn = world.root()
        described = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
        theirs = world.pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
        assert described == theirs
        request = {
            "CertificateAuthorityArn": arn,
            "Csr": csr(),
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Validity": {"Type": "DAYS", "Value": 3},
        }
        issued = client.issue_certificate(**request)["CertificateArn"]
        client.get_waiter("certificate_issued").wait(CertificateAuthorityArn=arn, CertificateArn=issued)
        with refused("ValidationException", "36"):
            client.issue_certificate(**request, IdempotencyToken="x" * 37)


@rule("protocol.cbor-bytes", "Invalid CBOR is rejected; errors are in CBOR, too.", CBOR)
def _(world: World) -> None:
    url = f"{world.aws.endpoint_url}/service/ACMPrivateCA/operation"
    headers = {**_headers(None, "sandbox"), "Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    for operation, body, code in (
        ("IssueCertificate", b"\xff", "SerializationException"),
        ("IssueCertificate", b"\x81" * 10_000, "SerializationException"),
        ("IssueCertificates", b"\xa0", "UnknownOperationException"),
        ("IssueCertificate", b"\xa0", "ValidationException"),
    ):
        answer = httpx.post(f"{url}/{operation}", headers=headers, content=body)
        assert (answer.status_code, answer.headers["smithy-protocol"]) == (400, "rpc-v2-cbor")
        assert cbor2.loads(answer.content)["__type"] == f"com.amazonaws.acmpca#{code}"


@rule("protocol.json", "Invalid JSON is rejected.", PROTOCOL)
def _(world: World) -> None:
    listing = '{"MaxResults": 1}'
    others = (listing.encode("utf-16"), listing.encode("utf-8-sig"), b'{"x": NaN}', b'{"x": -Infinity}', b"{}{}")
    for body in (b"{", b"\xff", b"[" * 10_000, b"1" * 10_000, *others):
        _refused_raw(_raw(world, "ACMPrivateCA.IssueCertificate", body), "SerializationException")


@rule("protocol.content-type", "A request has the content type of its protocol.", "rusoto/rusoto#215 (of DynamoDB)")
def _(world: World) -> None:
    target = "ACMPrivateCA.ListCertificateAuthorities"
    for wrong in ("application/json", "application/x-amz-json-1.0", "text/plain", ""):
        headers = {**_headers(target, "sandbox"), "Content-Type": wrong}
        answer = httpx.post(world.aws.endpoint_url, headers=headers, content=b"{}")
        _refused_raw(answer, "UnknownOperationException")


@rule("protocol.null", "A list has no null.", f"{BOTOCORE}; smithy.io: sparse trait")
def _(world: World) -> None:
    arn = world.root()
    answer = _raw(world, "ACMPrivateCA.TagCertificateAuthority", {"CertificateAuthorityArn": arn, "Tags": [None]})
    _refused_raw(answer, "ValidationException")


@rule("protocol.types", "A value of the wrong type is rejected.", PROTOCOL)
def _(world: World) -> None:
    bodies: tuple[Any, ...] = (
        [],
        {"CertificateAuthorityArn": 5},
        {"CertificateAuthorityArn": ["x"]},
        {"CertificateAuthorityArn": {}},
    )
    for body in bodies:
        _refused_raw(_raw(world, "ACMPrivateCA.DescribeCertificateAuthority", body), "SerializationException")


@rule("protocol.required", "A missing or null required member is rejected.", f"{BOTOCORE}: required")
def _(world: World) -> None:
    bodies: tuple[dict[str, Any], ...] = ({}, {"CertificateAuthorityArn": None})
    for body in bodies:
        answer = _raw(world, "ACMPrivateCA.DescribeCertificateAuthority", body)
        _refused_raw(answer, "ValidationException")
        assert (
            "'certificateAuthorityArn' failed to satisfy constraint: Member must not be null"
            in answer.json()["message"]
        )


@rule("protocol.enum", "A value that is not in its enum is rejected.", f"{BOTOCORE}: enum")
def _(world: World) -> None:
    with refused("ValidationException", "enum value set"):
        world.create(key="RSA_1024")
    with refused("ValidationException", "enum value set"):
        world.create("INTERMEDIATE")


@rule(
    "protocol.all-at-once",
    "The error lists every violated constraint.",
    "botocore's services: '2 validation errors detected'",
)
def _(world: World) -> None:
    body = {
        "CertificateAuthorityConfiguration": {"KeyAlgorithm": "X", "Subject": {}},
        "CertificateAuthorityType": "ROOT",
    }
    answer = _raw(world, "ACMPrivateCA.CreateCertificateAuthority", body)
    _refused_raw(answer, "ValidationException")
    assert answer.json()["message"].startswith("2 validation errors detected")


@rule("access.anonymous", "A request without credentials is rejected.", COMMON)
def _(world: World) -> None:
    answer = _raw(world, "ACMPrivateCA.ListCertificateAuthorities", {}, key=None)
    _refused_raw(answer, "MissingAuthenticationTokenException", 403)


@rule("access.unknown-key", "Unknown access keys are rejected.", COMMON)
def _(world: World) -> None:
    answer = _raw(world, "ACMPrivateCA.ListCertificateAuthorities", {}, key="AKIAIOSFODNN7EXAMPLE")
    _refused_raw(answer, "UnrecognizedClientException")


def _issue_as(client: Any, arn: str, template: str | None = None) -> None:
    more = {"TemplateArn": templates.build_arn(template)} if template else {}
    client.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=csr(),
        SigningAlgorithm="SHA256WITHECDSA",
        Validity={"Type": "DAYS", "Value": 1},
        **more,
    )


@rule("access.no-allow", "An action that no policy allows is denied, with AWS's message.", AUTHORIZATION)
def _(world: World) -> None:
    arn = world.root()
    client = world.role({**ALLOW, "Action": "acm-pca:GetCertificate"})
    with refused(
        "AccessDeniedException", "because no identity-based policy allows the acm-pca:IssueCertificate action"
    ):
        _issue_as(client, arn)


@rule("access.resource", "A permission on one CA does not apply to another CA.", AUTHORIZATION)
def _(world: World) -> None:
    mine, other = world.root(), world.root()
    client = world.role({**ALLOW, "Resource": mine})
    _issue_as(client, mine)
    with refused("AccessDeniedException"):
        _issue_as(client, other)


@rule("access.template", "The condition key acm-pca:TemplateArn limits a permission to a template.", AUTHORIZATION)
def _(world: World) -> None:
    arn = world.root()
    pinned = {"StringEquals": {"acm-pca:TemplateArn": templates.build_arn(templates.END_ENTITY)}}
    client = world.role({**ALLOW, "Condition": pinned})
    _issue_as(client, arn, templates.END_ENTITY)
    for other in ("EndEntityClientAuthCertificate/V1", templates.name_subordinate_ca(0), None):
        with refused("AccessDeniedException"):
            _issue_as(client, arn, other)


@rule(
    "access.template-unnamed",
    "A Deny on the default template also applies to requests that name no template.",
    AUTHORIZATION,
)
def _(world: World) -> None:
    arn = world.root()
    default = {"StringEquals": {"acm-pca:TemplateArn": templates.build_arn(templates.END_ENTITY)}}
    client = world.role(ALLOW, {**ALLOW, "Effect": "Deny", "Condition": default})
    _issue_as(client, arn, "EndEntityClientAuthCertificate/V1")
    for template in (templates.END_ENTITY, None):
        with refused("AccessDeniedException", "explicit deny"):
            _issue_as(client, arn, template)


@rule("access.deny-first", "An explicit Deny overrides every Allow.", "IAM user guide: policy evaluation logic")
def _(world: World) -> None:
    arn = world.root()
    minting = {"StringLike": {"acm-pca:TemplateArn": templates.build_arn(templates.CA_MINTING_PATTERN, "*")}}
    client = world.role(ALLOW, {**ALLOW, "Effect": "Deny", "Condition": minting})
    _issue_as(client, arn, templates.END_ENTITY)
    with refused("AccessDeniedException", "with an explicit deny in an identity-based policy"):
        _issue_as(client, arn, templates.name_subordinate_ca(0))


@rule(
    "access.before-existence",
    "Without permission, the error does not tell whether a CA exists.",
    "IAM user guide: policy evaluation logic",
)
def _(world: World) -> None:
    client = world.role({**ALLOW, "Action": "s3:*"})
    for arn in (world.root(), world.root()[:-4] + "0000"):
        with refused("AccessDeniedException"):
            client.describe_certificate_authority(CertificateAuthorityArn=arn)
