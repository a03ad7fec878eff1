"""Traps of pulumi-aws, under the real engine: our plugin has them too, so that the program is tested with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.pulumi.command_line import Pulumi, SmallStack
from tests.sandbox.conformance.world import World
from tests.sandbox.programs import configuration

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox


@pytest.fixture
def stack(pulumi: Pulumi, aws: TestSandbox, tmp_path: Path) -> Iterator[SmallStack]:  # noqa: ARG001 - cleans up
    made = SmallStack(pulumi, configuration(), tmp_path)
    yield made
    made.tear_down()


ROOT = """
    root = authority("root", type="ROOT")
    own = certificate("own", root.arn, "RootCACertificate", root.certificate_signing_request, 9)
    active = acmpca.CertificateAuthorityCertificate(
        "active", certificate_authority_arn=root.arn, certificate=own.certificate
    )
"""


def signed(years: int) -> str:
    """Return a program with two certificates of the root, of which one is retained when it is deleted."""
    return f"""{ROOT}
    issuing = authority("issuing", type="SUBORDINATE")
    for name, retain in (("kept", True), ("revoked", False)):
        certificate(
            name,
            active.certificate_authority_arn,
            "SubordinateCACertificate_PathLen0",
            issuing.certificate_signing_request,
            {years},
            opts=Options(retain_on_delete=retain),
        )
    """


def described(aws: TestSandbox, arn: str) -> dict[str, Any]:
    return dict(World(aws).describe(arn))


def test_a_deleted_certificate_is_revoked_unless_it_is_retained(aws: TestSandbox, stack: SmallStack) -> None:
    def revoked() -> list[str]:
        authority = aws.private_ca.registry.authorities[stack.resources()["root"]]
        return sorted(arn for arn, item in authority.issued.items() if item.revoked is not None)

    assert not stack.run(signed(1)).error
    first = stack.resources()
    assert revoked() == []
    # What replaces it makes no difference.
    assert stack.run(signed(2)).changes == {"kept": "replace", "revoked": "replace"}
    assert revoked() == [first["revoked"]]
    second = stack.resources()
    assert stack.run(ROOT).changes == {"kept": "forget", "revoked": "delete", "issuing": "delete"}
    assert revoked() == sorted([first["revoked"], second["revoked"]])
    # The root's own certificate can't be revoked, and the import of a certificate can't be undone.
    root = first["root"]
    assert not stack.destroy().error
    assert described(aws, root)["Status"] == "DELETED"


def test_the_certificate_of_a_new_ca_is_empty_until_the_ca_is_read_again(stack: SmallStack) -> None:
    assert not stack.run(ROOT).error
    assert [stack.output("root", key) for key in ("certificate", "serial")] == ["", ""]
    assert stack.output("root", "notAfter") == "0001-01-01T00:00:00Z"
    assert stack.output("root", "certificateSigningRequest").startswith("-----BEGIN CERTIFICATE REQUEST-----")
    # What the subject has not is empty, not missing.
    assert stack.output("root", "certificateAuthorityConfiguration")["subject"]["organization"] == ""
    assert stack.run(ROOT.replace('type="ROOT"', 'type="ROOT", tags={"a": "b"}')).changes == {"root": "update"}
    assert stack.output("root", "certificate") == stack.output("own", "certificate")


SAME = (
    "permanent_deletion_time_in_days=30",
    "usage_mode='GENERAL_PURPOSE'",
    "key_storage_security_standard='FIPS_140_2_LEVEL_3_OR_HIGHER'",
    "type='SUBORDINATE'",
    "enabled=True",
    "region='eu-central-1'",
)
ANOTHER = (
    "common_name='Another'",
    "type='ROOT'",
    "key_storage_security_standard='FIPS_140_2_LEVEL_2_OR_HIGHER'",
)
UNCHANGEABLE = ("permanent_deletion_time_in_days=14", "usage_mode='SHORT_LIVED_CERTIFICATE'")


def authorities(changes: tuple[str, ...], *, protect: bool = False) -> str:
    """Return a program with CAs that differ from the default in one argument each."""
    return "\n".join(
        f"authority('ca-{number}', opts=Options(protect={protect}), {change})" for number, change in enumerate(changes)
    )


def test_what_a_change_of_a_ca_leads_to(stack: SmallStack) -> None:
    before = authorities(("",) * len(SAME))
    assert not stack.run(before).error
    # To set what is so anyway is no change.
    assert stack.run(authorities(SAME)).changes == {}
    assert stack.run(before).changes == {}
    # Some make another CA.
    three = {f"ca-{n}": "replace" for n in range(len(ANOTHER))}
    assert stack.look(authorities(ANOTHER)).changes.items() >= three.items()
    protected = authorities(("",) * len(ANOTHER), protect=True)
    assert not stack.run(protected).error
    assert "`protect` flag" in stack.look(authorities(ANOTHER, protect=True)).error


def test_what_aws_can_not_change_alone_sends_an_empty_update(aws: TestSandbox, stack: SmallStack) -> None:
    assert not stack.run(authorities(("", ""))).error
    arns = stack.resources().values()
    before = [described(aws, arn) for arn in arns]
    # The plan looks harmless: that is the trap.
    assert stack.look(authorities(UNCHANGEABLE)).changes == {"ca-0": "update", "ca-1": "update"}
    refused = stack.run(authorities(UNCHANGEABLE)).error
    assert re.search("ValidationException.*Either RevocationConfiguration or Status should be present", refused)
    assert [described(aws, arn) for arn in arns] == before


def publishing(crl: str = "", ocsp: str = "") -> str:
    """Return a program with an active root that has those blocks, and the bucket for its CRLs."""
    prefix = "acmpca.CertificateAuthorityRevocationConfiguration"
    blocks = ", ".join(
        f"{name}={prefix}{cls}Args({values})"
        for name, cls, values in (
            ("crl_configuration", "CrlConfiguration", crl),
            ("ocsp_configuration", "OcspConfiguration", ocsp),
        )
        if values
    )
    given = f"revocation_configuration={prefix}Args({blocks}), " if blocks else ""
    bucket = """
    bucket = s3.Bucket("lists")
    allow = {"Effect": "Allow", "Principal": {"Service": "acm-pca.amazonaws.com"}, "Action": "s3:*"}
    policy = s3.BucketPolicy("write", bucket=bucket.bucket, policy=bucket.arn.apply(lambda arn: json.dumps(
        {"Version": "2012-10-17", "Statement": [{**allow, "Resource": [arn, f"{arn}/*"]}]}
    )))
    """
    return bucket + ROOT.replace('type="ROOT"', f'{given}type="ROOT", opts=Options(depends_on=[policy])')


ON = "enabled=True, expiration_in_days=7, s3_bucket_name=bucket.bucket, s3_object_acl='BUCKET_OWNER_FULL_CONTROL'"


def test_revocation_is_turned_off_by_saying_so_and_not_by_leaving_it_out(aws: TestSandbox, stack: SmallStack) -> None:
    def configured() -> dict[str, Any]:
        return dict(described(aws, stack.resources()["root"])["RevocationConfiguration"])

    assert not stack.run(publishing(ON, "enabled=True")).error
    before = configured()
    assert before["CrlConfiguration"]["Enabled"]
    assert before["OcspConfiguration"]["Enabled"]
    for silent in (publishing(), publishing(ON)):
        assert stack.run(silent).changes == {}
    assert configured() == before
    # Values beside enabled=False would be an error of AWS's, so the provider does not send them (#29088).
    assert stack.run(publishing(ON.replace("True", "False"))).changes == {"root": "update"}
    assert (configured()["CrlConfiguration"]["Enabled"], configured()["OcspConfiguration"]["Enabled"]) == (False, True)
    # Deleting a bucket that still holds a list is refused, as for everybody.
    bucket, s3 = stack.output("lists", "bucket"), aws.client("s3")
    assert "BucketNotEmpty" in stack.destroy().error
    for item in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=item["Key"])


def test_a_ca_is_enabled_when_it_is_made_and_then_as_the_program_says(aws: TestSandbox, stack: SmallStack) -> None:
    def state(name: str) -> str:
        return str(described(aws, stack.resources()[name])["Status"])

    # hashicorp/terraform-provider-aws#28998
    assert not stack.run(f"{ROOT}\n    authority('pending', enabled=False)").error
    assert state("pending") == "PENDING_CERTIFICATE"
    for enabled, status in ((False, "DISABLED"), (True, "ACTIVE")):
        changed = ROOT.replace('type="ROOT"', f'type="ROOT", enabled={enabled}')
        assert stack.run(changed).changes.items() >= {"root": "update"}.items()
        assert state("root") == status


def test_another_region_of_a_provider_replaces_all_that_it_made(aws: TestSandbox, stack: SmallStack) -> None:
    # pulumi/pulumi-aws#4000; so a stack that is moved to another region would have other CAs.
    there = "there = aws.Provider('there', region='{}')\n"
    topics = "sns.Topic('one', opts=Options(provider=there, protect={})); role('two', opts=Options(provider=there))"
    assert not stack.run(there.format("eu-central-1") + topics.format("False")).error
    old = stack.output("one", "arn")
    moved = stack.run(there.format("eu-west-1") + topics.format("True"))
    assert moved.changes == {"one": "replace", "two": "replace"}
    assert stack.output("one", "arn").startswith("arn:aws:sns:eu-west-1:")
    assert old not in [topic["TopicArn"] for topic in aws.client("sns").list_topics()["Topics"]]
    assert "`protect` flag" in stack.look(there.format("eu-central-1") + topics.format("True")).error
