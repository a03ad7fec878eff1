"""Rules on requests: what breaks a constraint, who may ask."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.sandbox.conformance.world import ALLOW, BOTOCORE, World, csr, refused, rule
from toolkit.pki import templates

PROTOCOL = "smithy.io: AWS JSON 1.1 protocol"
AUTHORIZATION = "docs.aws.amazon.com/service-authorization/latest/reference/list_acm-pca"
COMMON = "docs.aws.amazon.com/privateca/latest/APIReference/CommonErrors.html"


@rule("token.length", "A token has at most 36 characters.", "cert-manager/aws-privateca-issuer#30")
def _(world: World) -> None:
    arn = world.root()
    with refused("ValidationException", "36"):
        world.issue(arn, IdempotencyToken="x" * 37)
    world.issue(arn, IdempotencyToken="x" * 36)


def _raw(world: World, target: str, body: Any, key: str | None = "sandbox") -> httpx.Response:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    if key:
        scope = f"Credential={key}/20260101/eu-central-1/acm-pca/aws4_request"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(world.aws.endpoint_url, headers=headers, content=content)


def _refused_raw(answer: httpx.Response, code: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json()["__type"]) == (status, code)
    assert answer.headers["x-amzn-errortype"] == code


@rule("protocol.operation", "An operation that does not exist is unknown.", PROTOCOL)
def _(world: World) -> None:
    for target in ("ACMPrivateCA.ListCertificates", "ACMPrivateCA.", "ACMPrivateCA.issue_certificate"):
        _refused_raw(_raw(world, target, {}), "UnknownOperationException")


@rule("protocol.json", "What is no JSON can't be read.", PROTOCOL)
def _(world: World) -> None:
    for body in (b"{", b"\xff", b"[" * 10_000, b"1" * 10_000):
        _refused_raw(_raw(world, "ACMPrivateCA.IssueCertificate", body), "SerializationException")


@rule("protocol.types", "A value of another type can't be read.", PROTOCOL)
def _(world: World) -> None:
    bodies: tuple[Any, ...] = (
        [],
        {"CertificateAuthorityArn": 5},
        {"CertificateAuthorityArn": ["x"]},
        {"CertificateAuthorityArn": {}},
    )
    for body in bodies:
        _refused_raw(_raw(world, "ACMPrivateCA.DescribeCertificateAuthority", body), "SerializationException")


@rule("protocol.required", "A required member that is missing or null is refused.", f"{BOTOCORE}: required")
def _(world: World) -> None:
    bodies: tuple[dict[str, Any], ...] = ({}, {"CertificateAuthorityArn": None})
    for body in bodies:
        answer = _raw(world, "ACMPrivateCA.DescribeCertificateAuthority", body)
        _refused_raw(answer, "ValidationException")
        assert (
            "'certificateAuthorityArn' failed to satisfy constraint: Member must not be null"
            in answer.json()["message"]
        )


@rule("protocol.enum", "A value outside its set is refused.", f"{BOTOCORE}: enum")
def _(world: World) -> None:
    with refused("ValidationException", "enum value set"):
        world.create(key="RSA_1024")
    with refused("ValidationException", "enum value set"):
        world.create("INTERMEDIATE")


@rule(
    "protocol.all-at-once",
    "Every constraint that is broken is named.",
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


@rule("access.anonymous", "Without credentials nothing is answered.", COMMON)
def _(world: World) -> None:
    answer = _raw(world, "ACMPrivateCA.ListCertificateAuthorities", {}, key=None)
    _refused_raw(answer, "MissingAuthenticationTokenException", 403)


@rule("access.unknown-key", "Credentials of nobody are not recognized.", COMMON)
def _(world: World) -> None:
    answer = _raw(world, "ACMPrivateCA.ListCertificateAuthorities", {}, key="AKIAIOSFODNN7EXAMPLE")
    _refused_raw(answer, "UnrecognizedClientException")


def _issue_as(client: Any, arn: str, template: str | None = None) -> None:
    more = {"TemplateArn": templates.arn(template)} if template else {}
    client.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=csr(),
        SigningAlgorithm="SHA256WITHECDSA",
        Validity={"Type": "DAYS", "Value": 1},
        **more,
    )


@rule("access.no-allow", "What no policy allows is denied, in AWS's words.", AUTHORIZATION)
def _(world: World) -> None:
    arn = world.root()
    client = world.role({**ALLOW, "Action": "acm-pca:GetCertificate"})
    with refused(
        "AccessDeniedException", "because no identity-based policy allows the acm-pca:IssueCertificate action"
    ):
        _issue_as(client, arn)


@rule("access.resource", "A permission on one CA is none on another.", AUTHORIZATION)
def _(world: World) -> None:
    mine, other = world.root(), world.root()
    client = world.role({**ALLOW, "Resource": mine})
    _issue_as(client, mine)
    with refused("AccessDeniedException"):
        _issue_as(client, other)


@rule("access.template", "acm-pca:TemplateArn pins the template.", AUTHORIZATION)
def _(world: World) -> None:
    arn = world.root()
    pinned = {"StringEquals": {"acm-pca:TemplateArn": templates.arn(templates.END_ENTITY)}}
    client = world.role({**ALLOW, "Condition": pinned})
    _issue_as(client, arn, templates.END_ENTITY)
    for other in ("EndEntityClientAuthCertificate/V1", templates.subordinate_ca(0), None):
        with refused("AccessDeniedException"):
            _issue_as(client, arn, other)


@rule("access.template-unnamed", "A Deny on the default template also meets requests that name none.", AUTHORIZATION)
def _(world: World) -> None:
    arn = world.root()
    default = {"StringEquals": {"acm-pca:TemplateArn": templates.arn(templates.END_ENTITY)}}
    client = world.role(ALLOW, {**ALLOW, "Effect": "Deny", "Condition": default})
    _issue_as(client, arn, "EndEntityClientAuthCertificate/V1")
    for template in (templates.END_ENTITY, None):
        with refused("AccessDeniedException", "explicit deny"):
            _issue_as(client, arn, template)


@rule("access.deny-first", "An explicit Deny beats every Allow.", "IAM user guide: policy evaluation logic")
def _(world: World) -> None:
    arn = world.root()
    minting = {"StringLike": {"acm-pca:TemplateArn": templates.arn(templates.CA_MINTING_PATTERN, "*")}}
    client = world.role(ALLOW, {**ALLOW, "Effect": "Deny", "Condition": minting})
    _issue_as(client, arn, templates.END_ENTITY)
    with refused("AccessDeniedException", "with an explicit deny in an identity-based policy"):
        _issue_as(client, arn, templates.subordinate_ca(0))


@rule(
    "access.before-existence",
    "Without permission nobody learns whether a CA is there.",
    "IAM user guide: policy evaluation logic",
)
def _(world: World) -> None:
    client = world.role({**ALLOW, "Action": "s3:*"})
    for arn in (world.root(), world.root()[:-4] + "0000"):
        with refused("AccessDeniedException"):
            client.describe_certificate_authority(CertificateAuthorityArn=arn)
