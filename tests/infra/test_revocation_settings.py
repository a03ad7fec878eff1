"""Revocation settings of a stack's CAs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.infra.shapes import ELSEWHERE, HOME, changed, shape
from toolkit.policy.evaluation import Decision, Request, evaluate

if TYPE_CHECKING:
    from tests.infra.conftest import Graph, Registered, RunProgram

PCA = "acm-pca.amazonaws.com"


def one(graph: Graph, kind: str) -> Registered:
    (found,) = graph.of_type(kind).values()
    return found


def revocation(graph: Graph) -> dict[str, Any]:
    """Of all CAs, which have the same."""
    found = [item.inputs["revocationConfiguration"] for item in graph.of_type("CertificateAuthority").values()]
    assert all(item == found[0] for item in found)
    configuration: dict[str, Any] = found[0]
    return configuration


def test_revocation_that_is_off_says_so_and_nothing_else(run_program: RunProgram) -> None:
    off = {"crlConfiguration": {"enabled": False}, "ocspConfiguration": {"enabled": False}}
    assert revocation(run_program(shape("intermediate"))) == off


def test_ocsp_with_a_name_of_its_own(run_program: RunProgram) -> None:
    assert revocation(run_program(shape("ocsp"))) == {
        "crlConfiguration": {"enabled": False},
        "ocspConfiguration": {"enabled": True, "ocspCustomCname": "ocsp.acme.example"},
    }


def test_a_list_in_a_bucket_made_right(run_program: RunProgram) -> None:
    graph = run_program(shape("crl"))
    assert revocation(graph) == {
        "crlConfiguration": {
            "enabled": True,
            "expirationInDays": 14,
            "s3BucketName": "kong-mesh-crl-0a1b2c3",
            "s3ObjectAcl": "BUCKET_OWNER_FULL_CONTROL",
            "customCname": "crl.acme.example",
            "customPath": "mesh",
        },
        "ocspConfiguration": {"enabled": True},
    }
    block = one(graph, "BucketPublicAccessBlock").inputs
    assert [block[f"{verb}"] for verb in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls")] == [True] * 3
    assert block["restrictPublicBuckets"] is True
    assert one(graph, "BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerPreferred"}
    (rule,) = one(graph, "BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert rule["bucketKeyEnabled"] is True
    assert one(graph, "BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    lifecycle = one(graph, "BucketLifecycleConfiguration")
    (replaced,) = lifecycle.inputs["rules"]
    assert replaced["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert "kong-mesh-crl-versioning" in lifecycle.dependencies


def test_s3_encrypts_with_its_own_key_unless_told(run_program: RunProgram) -> None:
    graph = run_program(changed(shape("crl"), revocation={"crl": True}))
    (rule,) = one(graph, "BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}


def test_aws_private_ca_of_the_account_writes_and_nobody_else(run_program: RunProgram) -> None:
    document = json.loads(one(run_program(shape("crl")), "BucketPolicy").inputs["policy"])
    bucket = "arn:aws:s3:::kong-mesh-crl"

    def may(action: str, resource: str, service: str = PCA, **context: str) -> bool:
        request = Request(action, resource, context, principals={"Service": frozenset({service})})
        return evaluate([document], request) is Decision.ALLOWED

    ours = {"aws:SourceAccount": HOME}
    for action in ("s3:GetBucketAcl", "s3:GetBucketLocation"):
        assert may(action, bucket, **ours)
    for action in ("s3:PutObject", "s3:PutObjectAcl"):
        assert may(action, f"{bucket}/mesh/crl/1.crl", **ours)
        assert not may(action, f"{bucket}/x", **{"aws:SourceAccount": ELSEWHERE})
        assert not may(action, f"{bucket}/x")
        assert not may(action, f"{bucket}/x", "cloudtrail.amazonaws.com", **ours)
        assert not may(action, f"{bucket}/x", **{**ours, "aws:SecureTransport": "false"})
    assert not may("s3:DeleteObject", f"{bucket}/x", **ours)
    assert not may("s3:GetObject", f"{bucket}/x", **ours)


def test_clients_read_through_the_one_distribution(run_program: RunProgram) -> None:
    distribution = f"arn:aws:cloudfront::{HOME}:distribution/E1A2B3C4D5"
    graph = run_program(changed(shape("crl"), revocation={"crl": {"distributionArn": distribution}}))
    document = json.loads(one(graph, "BucketPolicy").inputs["policy"])
    principals = {"Service": frozenset({"cloudfront.amazonaws.com"})}

    def may(source: str, action: str = "s3:GetObject") -> Decision:
        request = Request(action, "arn:aws:s3:::kong-mesh-crl/x", {"aws:SourceArn": source}, principals=principals)
        return evaluate([document], request)

    assert may(distribution) is Decision.ALLOWED
    assert may(distribution[:-1] + "6") is Decision.NOT_ALLOWED
    assert may(distribution, "s3:PutObject") is Decision.NOT_ALLOWED


def test_a_bucket_and_all_that_closes_it_outlive_the_settings(run_program: RunProgram) -> None:
    graph = run_program(shape("crl"))
    inside = [item for item in graph.resources if item.type.startswith("aws:s3/")]
    assert len(inside) == 7
    assert [item.name for item in inside if not item.request.retainOnDelete] == []


def test_what_was_made_for_people_is_an_output(run_program: RunProgram) -> None:
    graph = run_program(changed(shape("crl"), alarms=True))
    assert graph.exports["crlBucket"] == "kong-mesh-crl-0a1b2c3"
    assert graph.exports["alarmTopicArn"].endswith("issuing-ca-alarms-topic")
    assert {"crlBucket", "alarmTopicArn"}.isdisjoint(run_program(shape("crl-existing-bucket")).exports)


def test_a_ca_is_only_made_once_its_bucket_is_ready(run_program: RunProgram) -> None:
    graph = run_program(shape("crl"))
    for authority in graph.of_type("CertificateAuthority").values():
        assert authority.dependencies >= {
            "kong-mesh-crl-policy",
            "kong-mesh-crl-ownership",
            "kong-mesh-crl-encryption",
        }
    assert "kong-mesh-crl-public-access" in one(graph, "BucketPolicy").dependencies


def test_an_existing_bucket_is_left_as_it_is(run_program: RunProgram) -> None:
    graph = run_program(shape("crl-existing-bucket"))
    assert revocation(graph)["crlConfiguration"]["s3BucketName"] == "acme-revocation-lists"
    assert not [item for item in graph.resources if item.type.startswith("aws:s3/")]
