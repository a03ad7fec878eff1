"""Change existing stacks: updates apply what AWS can change, and reject the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.infra.shapes import signed_for_the_stack
from tests.pulumi.inventory import inventory
from tests.sandbox.conformance.world import World
from toolkit.pki import pem
from toolkit.sandbox.faults import FaultPlan, Faults

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from tests.pulumi.command_line import Stack

# What AWS can't change of a CA that is there, and what the stack says about it.
FIXED: dict[str, tuple[object, str]] = {
    "keyAlgorithm": ("RSA_4096", "is RSA_4096, but root-ca was created with EC_prime256v1"),
    "caName": ("Other", "is Other Root CA, but root-ca was created with Kong Mesh Root CA"),
    "organization": ("Other Inc.", "created with Example Corp"),
    "country": ("FR", "created without it"),
    "usageMode": ("GENERAL_PURPOSE", "created with SHORT_LIVED_CERTIFICATE"),
    "keyStorage": ("FIPS_140_2_LEVEL_2_OR_HIGHER", "created with FIPS_140_2_LEVEL_3_OR_HIGHER"),
    "deletionWindowDays": (7, "is 7, but root-ca was created with 30"),
}


def chain(stack: Stack) -> tuple[Any, ...]:
    return pem.load_certificates(stack.outputs()["certificateChain"])


def test_what_a_ca_was_made_with_is_never_changed(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack = new_stack("root")
    assert not stack.up(protect=False).error
    before = inventory(aws)
    others: dict[str, Any] = {key: value for key, (value, _) in FIXED.items()}
    for protect in (False, True):
        refused = stack.up(protect=protect, **others)
        for key, (_, words) in FIXED.items():
            assert f"kong-mesh-pca:{key}" in refused.error
            assert words in refused.error
        other = stack.preview(protect=protect, signingAlgorithm="SHA512WITHECDSA")
        assert "signingAlgorithm: is SHA512WITHECDSA, but root-ca was created with " in other.error
    assert inventory(aws) == before
    # Put back, it is as it was, and nothing has happened.
    assert stack.up(protect=False).changes == {}


def test_certificates_are_renewed_on_purpose_only(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack = new_stack("ocsp")
    stack.up()
    arn = stack.outputs()["certificateAuthority"]["arn"]
    issuing, root = chain(stack)
    assert stack.up(issuingGeneration=2).changes == {
        "issuing-ca-certificate": "forget",
        "issuing-ca-certificate-2": "create",
        "issuing-ca-activation": "replace",
    }
    renewed, same = chain(stack)
    assert (renewed.public_key(), same) == (issuing.public_key(), root)
    assert renewed.serial_number != issuing.serial_number
    # What proxies still present is not revoked.
    authority = aws.private_ca.registry.authorities[stack.resources()["root-ca"]]
    assert [issued.revoked for issued in authority.issued.values()] == [None] * len(authority.issued)
    assert not stack.up(issuingGeneration=2, rootGeneration=2).error
    still, new_root = chain(stack)
    assert (still, new_root.public_key()) == (renewed, root.public_key())
    assert new_root.serial_number != root.serial_number
    outputs = stack.outputs()
    assert outputs["rootCertificate"] == pem.write([new_root])
    assert outputs["certificateAuthority"]["arn"] == arn
    imported = World(aws).pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)
    assert pem.load_certificates(imported["CertificateChain"]) == (new_root,)


def test_revocation_is_switched_on_changed_and_off_again(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack, world = new_stack("intermediate"), World(aws)
    stack.up()
    arn = stack.outputs()["certificateAuthority"]["arn"]

    def configured() -> dict[str, Any]:
        return dict(world.describe(arn)["RevocationConfiguration"])

    both = {"root-ca": "update", "issuing-ca": "update"}
    assert stack.up(revocation={"ocsp": True}).changes == both
    assert configured()["OcspConfiguration"] == {"Enabled": True}
    with_list = stack.up(revocation={"crl": True}).changes
    assert with_list.items() >= both.items()
    assert {name: how for name, how in with_list.items() if how == "create"}
    assert configured()["CrlConfiguration"]["S3ObjectAcl"] == "BUCKET_OWNER_FULL_CONTROL"
    s3, bucket = world.client("s3"), configured()["CrlConfiguration"]["S3BucketName"]
    assert bucket.startswith("kong-mesh-crl")
    lists = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert f"crl/{arn.rpartition('/')[2]}.crl" in lists
    assert stack.up(revocation={"crl": {"expirationDays": 30}}).changes == both
    # Certificates go on to name the lists, so they stay, and so does what keeps them closed.
    off = stack.up().changes
    parts = ("", "-policy", "-public-access", "-ownership", "-encryption", "-versioning", "-lifecycle")
    assert {name: how for name, how in off.items() if name not in both} == {
        f"kong-mesh-crl{part}": "forget" for part in parts
    }
    assert configured() == {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": False}}
    assert s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True


def test_a_ca_that_somebody_disabled_stays_disabled(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack, world = new_stack("root"), World(aws)
    stack.up()
    arn = stack.outputs()["certificateAuthority"]["arn"]
    world.disable(arn)
    assert stack.output("root-ca", "enabled") is True
    assert not stack.refresh().error
    assert stack.output("root-ca", "enabled") is False
    assert stack.up().changes == {}
    assert world.status(arn) == "DISABLED"


def test_a_pod_identity_zone_is_renamed_in_one_update(new_stack: Callable[[str], Stack]) -> None:
    stack = new_stack("identities")
    stack.up(protect=False)
    zones = [{**zone, "name": "renamed"} if zone["name"] == "pods" else zone for zone in stack.setting("zones")]
    changes = stack.up(zones=zones, protect=False).changes
    (association,) = [name for name in changes if name.startswith("pod-")]
    assert changes[association] == "update"
    assert changes["zone-renamed"] == "create"
    assert changes["zone-pods"] == "delete"


def test_a_parent_that_rests_afterwards_does_not_stop_updates(
    aws: TestSandbox, new_stack: Callable[[str], Stack]
) -> None:
    stack = new_stack("under-aws-ca")
    stack.up()
    World(aws).disable(stack.setting("parent")["arn"])
    zones = [*stack.setting("zones"), {"name": "second", "region": "eu-central-1", "identity": "ambient"}]
    assert set(stack.up(zones=zones).changes.values()) == {"create"}
    # But it can't sign another one, and the preview says so.
    assert "parent.arn: the CA is DISABLED" in stack.up(zones=zones, issuingGeneration=2).error


def test_an_adopted_ca_is_as_it_was_after_the_stack_is_gone(
    aws: TestSandbox, new_stack: Callable[[str], Stack]
) -> None:
    stack, world = new_stack("adopt"), World(aws)
    stack.up(protect=False)
    arn = stack.outputs()["certificateAuthority"]["arn"]
    before = world.describe(arn)
    assert not stack.destroy(protect=False).error
    assert world.describe(arn) == before
    assert world.pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == []


def test_a_certificate_for_another_ca_is_refused_in_the_preview(new_stack: Callable[[str], Stack]) -> None:
    stack, other = new_stack("under-external-ca"), new_stack("under-external-ca")
    for each in (stack, other):
        each.up()
    request = other.outputs()["pendingCertificateAuthority"]["certificateSigningRequest"]
    certificate, above = signed_for_the_stack(request)
    refused = stack.up(issuedCertificate=certificate, issuedCertificateChain=above)
    assert "issuedCertificate: is for another key" in refused.error
    assert set(stack.resources()) == {"issuing-ca"}


def test_a_failure_halfway_is_finished_by_the_next_update(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack = new_stack("intermediate")
    broken = {"effect": "error", "operation": "ImportCertificateAuthorityCertificate", "status": 500, "times": 20}
    aws.faults = Faults(FaultPlan.model_validate({"faults": [broken]}))
    assert "root-ca-activation" in stack.up().error
    aws.faults = Faults()
    made = stack.resources()
    assert set(made) >= {"root-ca", "root-ca-certificate"}
    assert not stack.up().error
    assert stack.resources().items() >= made.items()


def test_a_setting_that_does_not_exist_is_refused(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    # With the stack, its zones' OIDC providers are made.
    stack = new_stack("root")
    before = inventory(aws)
    assert "kong-mesh-pca:protct: is not a setting. Did you mean protect?" in stack.up(protct=False).error
    assert inventory(aws) == before
