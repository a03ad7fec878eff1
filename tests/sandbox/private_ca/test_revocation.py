"""CRLs can be downloaded without credentials, as relying parties do; other objects can't."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cryptography import x509

from tests.sandbox.by_hand import ask, identity, scope
from tests.sandbox.conformance.rules_publishing import bucket, with_crl
from tests.sandbox.conformance.world import ACCOUNT, World
from toolkit.infra import policies

if TYPE_CHECKING:
    from tests.conftest import TestSandbox


def test_crls_are_public(aws: TestSandbox) -> None:
    world = World(aws)
    name = bucket(world)
    public = {"S3ObjectAcl": "PUBLIC_READ", "CustomPath": "lists", "CustomCname": "CRL.example"}
    arn = with_crl(world, name, **public)
    key = f"lists/crl/{arn.rpartition('/')[2]}.crl"
    for host, path in (
        (None, f"/{name}/{key}"),
        (f"{name}.localhost:4599", f"/{key}"),
        (f"{name}.s3.eu-central-1.amazonaws.com", f"/{key}"),
        (f"{name}.s3.amazonaws.com", f"/{key}"),
        ("crl.example", f"/{key}"),
    ):
        answer = ask(aws, "GET", path, {"Host": host} if host else {})
        assert x509.load_der_x509_crl(answer.body).is_signature_valid(world.certificate(arn).public_key())  # type: ignore[arg-type]
        head = ask(aws, "HEAD", path, {"Host": host} if host else {})
        assert (head.status, head.headers["content-length"], head.body) == (200, str(len(answer.body)), b"")
    for method, path in (
        ("GET", f"/{name}/{key}?acl"),
        ("PUT", f"/{name}/{key}"),
        ("DELETE", f"/{name}/{key}"),
        ("GET", f"/{name}/lists"),
        ("GET", f"/{name}"),
    ):
        assert ask(aws, method, path).status == 403, (method, path)
    answer = identity(aws, Host="crl.example")
    assert (answer.status, "does not answer the Host" in answer.text) == (403, True)


def test_other_objects_are_private(aws: TestSandbox, moto: list[str]) -> None:
    world = World(aws)
    name = bucket(world)
    arn = with_crl(world, name, CustomCname="private.example")
    world.client("s3").put_object(Bucket=name, Key="key", Body=b"content")
    moto.clear()
    assert ask(aws, "GET", f"/crl/{arn.rpartition('/')[2]}.crl", {"Host": "private.example"}).status == 403
    for key in (f"crl/{arn.rpartition('/')[2]}.crl", "key"):
        answer = ask(aws, "GET", f"/{name}/{key}")
        assert (answer.status, "<Code>AccessDenied</Code>" in answer.text) == (403, True)
    assert moto == []


def test_a_crl_behind_cloudfront(aws: TestSandbox) -> None:
    world = World(aws)
    name = bucket(world, blocked=True)
    arn = with_crl(world, name, CustomCname="crl.acme.example")
    path, host = f"/crl/{arn.rpartition('/')[2]}.crl", {"Host": "crl.acme.example"}
    assert ask(aws, "GET", path, host).status == 403
    document = policies.allow_crl_writing(f"arn:aws:s3:::{name}", ACCOUNT, "arn:aws:cloudfront::123456789012:d/E1")
    world.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(document))
    assert len(x509.load_der_x509_crl(ask(aws, "GET", path, host).body)) == 0
    assert ask(aws, "GET", f"/{name}{path}").status == 403


def test_a_public_crl_in_a_bucket_for_https_alone(aws: TestSandbox) -> None:
    world = World(aws)
    name = bucket(world)
    arn = with_crl(world, name, S3ObjectAcl="PUBLIC_READ")
    path = f"/{name}/crl/{arn.rpartition('/')[2]}.crl"
    assert ask(aws, "GET", path).status == 200
    document = policies.allow_crl_writing(f"arn:aws:s3:::{name}", ACCOUNT)
    world.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(document))
    assert ask(aws, "GET", path).status == 403


def test_bucket_hosts(aws: TestSandbox) -> None:
    world = World(aws)
    name = bucket(world)
    world.client("s3").put_object(Bucket=name, Key="key", Body=b"content")
    for host in (f"{name}.localhost", f"{name}.s3.eu-central-1.amazonaws.com", f"{name}.s3.amazonaws.com"):
        assert ask(aws, "GET", "/key", {**scope("s3"), "Host": host}).text == "content"
