"""The provider does to AWS what pulumi-aws does, traps included."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.conformance.world import World
from tests.sandbox.programs import Stack, operations
from toolkit.errors import SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import TestSandbox

OTHER = "210987654321"


@pytest.fixture
def stack(aws: TestSandbox, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, aws)
    yield made
    made.clean_up()


def hierarchy(*, signed: bool = True, retain: bool = False, years: int = 1) -> str:
    """A root, active, and below it an issuing CA that it signs a certificate for."""
    return f"""
        def certificate(name, signer, template, request, years, **more):
            return acmpca.Certificate(
                name,
                certificate_authority_arn=signer,
                certificate_signing_request=request,
                signing_algorithm="SHA256WITHECDSA",
                template_arn=f"arn:aws:acm-pca:::template/{{template}}/V1",
                validity=acmpca.CertificateValidityArgs(type="YEARS", value=str(years)),
                **more,
            )

        root, issuing = authority("root", type="ROOT"), authority("issuing", type="SUBORDINATE")
        own = certificate("own", root.arn, "RootCACertificate", root.certificate_signing_request, 9)
        active = acmpca.CertificateAuthorityCertificate(
            "active", certificate_authority_arn=root.arn, certificate=own.certificate
        )
        if {signed}:
            certificate(
                "signed",
                active.certificate_authority_arn,
                "SubordinateCACertificate_PathLen0",
                issuing.certificate_signing_request,
                {years},
                opts=Options(retain_on_delete={retain}),
            )
    """


def described(stack: Stack, name: str) -> dict[str, Any]:
    pca = stack.aws.client("acm-pca", stack.region)
    found = pca.describe_certificate_authority(CertificateAuthorityArn=stack.output(name, "arn"))
    return dict(found["CertificateAuthority"])


def revoked(stack: Stack) -> list[bool]:
    """Of every certificate that the root issued, in the order of issuance."""
    root = stack.aws.private_ca.registry.authorities[stack.output("root", "arn")]
    return [item.revoked is not None for item in root.issued.values()]


@pytest.mark.parametrize(("retain", "done"), [(True, "forget"), (False, "delete")])
def test_a_certificate_that_is_removed_is_revoked_unless_it_is_retained(
    stack: Stack, *, retain: bool, done: str
) -> None:
    stack.up(hierarchy(retain=retain))
    assert revoked(stack) == [False, False]
    without = hierarchy(signed=False)
    assert operations(stack.preview(without)) == [(done, "signed")]
    assert revoked(stack) == [False, False]
    assert operations(stack.up(without)) == [(done, "signed")]
    assert revoked(stack) == [False, not retain]


@pytest.mark.parametrize(("retain", "done"), [(True, "forget"), (False, "delete")])
def test_a_certificate_that_is_replaced_is_revoked_unless_it_is_retained(
    stack: Stack, *, retain: bool, done: str
) -> None:
    stack.up(hierarchy(retain=retain))
    changes = stack.up(hierarchy(retain=retain, years=2))
    assert operations(changes) == [("replace", "signed"), (done, "signed")]
    assert revoked(stack) == [False, not retain, False]


def test_deleting_everything_leaves_cas_that_can_be_restored(stack: Stack) -> None:
    stack.up(hierarchy())
    arns = [stack.output(name, "arn") for name in ("root", "issuing")]
    done = [name for _, name in operations(stack.destroy())]
    # The root's own certificate can't be revoked, and the import of a certificate can't be undone.
    assert set(done) == {"signed", "active", "own", "issuing", "root"}
    assert done.index("root") > max(done.index(name) for name in ("signed", "active", "own"))
    pca = stack.aws.client("acm-pca")
    found = [pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"] for arn in arns]
    assert {authority["Status"] for authority in found} == {"DELETED"}


def test_the_certificate_of_a_new_ca_is_empty_until_the_ca_is_changed(stack: Stack) -> None:
    stack.up(hierarchy())
    assert [stack.output("root", key) for key in ("certificate", "serial")] == ["", ""]
    assert stack.output("root", "notAfter") == "0001-01-01T00:00:00Z"
    assert stack.output("root", "certificateSigningRequest").startswith("-----BEGIN CERTIFICATE REQUEST-----")
    # What the subject has not is empty, not missing.
    assert stack.output("root", "certificateAuthorityConfiguration")["subject"]["organization"] == ""
    changed = hierarchy().replace('type="ROOT"', 'type="ROOT", tags={"a": "b"}')
    assert operations(stack.up(changed)) == [("update", "root")]
    assert stack.output("root", "certificate") == stack.output("own", "certificate")
    assert stack.output("root", "notAfter").endswith("Z")


EMPTY_UPDATE = "ValidationException.*Either RevocationConfiguration or Status should be present"


@pytest.mark.parametrize("change", ["permanent_deletion_time_in_days=14", "usage_mode='SHORT_LIVED_CERTIFICATE'"])
def test_what_aws_can_not_change_alone_sends_an_empty_update(stack: Stack, change: str) -> None:
    stack.up("authority('ca')")
    before = described(stack, "ca")
    # The plan looks harmless: that is the trap.
    assert operations(stack.preview(f"authority('ca', {change})")) == [("update", "ca")]
    with pytest.raises(SurroundingsError, match=EMPTY_UPDATE):
        stack.up(f"authority('ca', {change})")
    assert described(stack, "ca") == before
    tagged = f"authority('ca', {change}, tags={{'a': 'b'}})"
    with pytest.raises(SurroundingsError, match=EMPTY_UPDATE):
        stack.up(tagged)


@pytest.mark.parametrize(
    "same",
    [
        "permanent_deletion_time_in_days=30",
        "usage_mode='GENERAL_PURPOSE'",
        "key_storage_security_standard='FIPS_140_2_LEVEL_3_OR_HIGHER'",
        "type='SUBORDINATE'",
        "enabled=True",
        "region='eu-central-1'",
    ],
)
def test_to_say_what_is_so_anyway_is_no_change(stack: Stack, same: str) -> None:
    stack.up("authority('ca')")
    assert operations(stack.up(f"authority('ca', {same})")) == []
    assert operations(stack.up("authority('ca')")) == []


@pytest.mark.parametrize(
    "change", ["common_name='Another'", "type='ROOT'", "key_storage_security_standard='FIPS_140_2_LEVEL_2_OR_HIGHER'"]
)
def test_what_makes_another_ca_replaces_it(stack: Stack, change: str) -> None:
    stack.up("authority('ca')")
    assert operations(stack.preview(f"authority('ca', {change})")) == [("replace", "ca"), ("delete", "ca")]
    stack.up("authority('ca', opts=Options(protect=True))")
    with pytest.raises(SurroundingsError, match="it is protected"):
        stack.preview(f"authority('ca', {change}, opts=Options(protect=True))")


def publishing(crl: str = "", ocsp: str = "") -> str:
    """An active root with those blocks, and the bucket for its lists."""
    blocks = ", ".join(
        f"{name}={cls}Args({values})"
        for name, cls, values in (
            ("crl_configuration", "CertificateAuthorityRevocationConfigurationCrlConfiguration", crl),
            ("ocsp_configuration", "CertificateAuthorityRevocationConfigurationOcspConfiguration", ocsp),
        )
        if values
    )
    blocks = re.sub(r"(\w+Args)", r"acmpca.\1", blocks)
    given = f"revocation_configuration=acmpca.CertificateAuthorityRevocationConfigurationArgs({blocks}), "
    bucket = """
        bucket = s3.Bucket("lists")
        allow = {"Effect": "Allow", "Principal": {"Service": "acm-pca.amazonaws.com"}, "Action": "s3:*"}
        policy = s3.BucketPolicy("write", bucket=bucket.bucket, policy=bucket.arn.apply(lambda arn: json.dumps(
            {"Version": "2012-10-17", "Statement": [{**allow, "Resource": [arn, f"{arn}/*"]}]}
        )))
    """
    root = f'{given if blocks else ""}type="ROOT", opts=Options(depends_on=[policy])'
    return bucket + hierarchy(signed=False).replace('type="ROOT"', root)


ON = "enabled=True, expiration_in_days=7, s3_bucket_name=bucket.bucket, s3_object_acl='BUCKET_OWNER_FULL_CONTROL'"


def test_revocation_is_turned_off_by_saying_so_and_not_by_leaving_it_out(stack: Stack) -> None:
    stack.up(publishing(ON, "enabled=True"))
    configured = described(stack, "root")["RevocationConfiguration"]
    assert configured["CrlConfiguration"]["Enabled"]
    assert configured["OcspConfiguration"]["Enabled"]
    for silent in (publishing(), publishing(ON), publishing(ocsp="enabled=True")):
        assert operations(stack.up(silent)) == []
    assert described(stack, "root")["RevocationConfiguration"] == configured
    # Values beside enabled=False would be an error of AWS's, so the provider does not send them (#29088).
    assert operations(stack.up(publishing(ON.replace("True", "False")))) == [("update", "root")]
    configured = described(stack, "root")["RevocationConfiguration"]
    assert not configured["CrlConfiguration"]["Enabled"]
    assert configured["OcspConfiguration"]["Enabled"]
    # Deleting a bucket that still holds a list is refused, as for everybody.
    with pytest.raises(SurroundingsError, match="BucketNotEmpty"):
        stack.destroy()
    bucket = stack.output("lists", "bucket")
    objects = stack.aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    for item in objects:
        stack.aws.client("s3").delete_object(Bucket=bucket, Key=item["Key"])
    stack.destroy()


def test_a_ca_is_made_enabled_whatever_the_program_says(stack: Stack) -> None:
    # hashicorp/terraform-provider-aws#28998
    stack.up("authority('ca', enabled=False)")
    assert described(stack, "ca")["Status"] == "PENDING_CERTIFICATE"
    with pytest.raises(SurroundingsError, match="InvalidStateException"):
        stack.up("authority('ca', enabled=True)")


def test_a_disabled_ca_is_enabled_again(stack: Stack) -> None:
    stack.up(hierarchy(signed=False))
    for enabled, status in ((False, "DISABLED"), (True, "ACTIVE")):
        done = stack.up(hierarchy(signed=False).replace('type="ROOT"', f'type="ROOT", enabled={enabled}'))
        assert operations(done) == [("update", "root")]
        assert described(stack, "root")["Status"] == status


def other_account(stack: Stack, account: str = OTHER, external: str | None = None) -> str:
    """A role of another account that the stack's may take."""
    iam, name = World(stack.aws).iam(account), "deployer"
    trust: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "sts:AssumeRole",
    }
    if external:
        trust["Condition"] = {"StringEquals": {"sts:ExternalId": external}}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(everything))
    stack.aws.on_cleanup(lambda: iam.delete_role(RoleName=name))
    stack.aws.on_cleanup(lambda: iam.delete_role_policy(RoleName=name, PolicyName="p"))
    return arn


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def elsewhere(role: str, *, allowed: str = OTHER, region: str = "eu-west-1", more: str = "", then: str = "") -> str:
    return f"""
        there = aws.Provider(
            "there",
            region="{region}",
            assume_roles=[aws.ProviderAssumeRoleArgs(role_arn="{role}", session_name="test"{more})],
            allowed_account_ids=["{allowed}"],
        )
        {then or "role('one', opts=Options(provider=there)); sns.Topic('topic', opts=Options(provider=there))"}
    """


def test_an_explicit_provider_works_in_its_account_and_region(stack: Stack) -> None:
    body = elsewhere(other_account(stack))
    stack.up(body)
    assert stack.output("one", "arn").startswith(f"arn:aws:iam::{OTHER}:role/one-")
    assert stack.output("topic", "arn").startswith(f"arn:aws:sns:eu-west-1:{OTHER}:topic-")
    name = stack.output("one", "name")
    assert World(stack.aws).iam(OTHER).get_role(RoleName=name)
    assert operations(stack.up(body)) == []
    # Also when nothing is left in the program that says which provider it was.
    assert {name for _, name in operations(stack.up("pass"))} == {"one", "topic"}
    assert name not in [item["RoleName"] for item in World(stack.aws).iam(OTHER).list_roles()["Roles"]]


def test_a_function_is_asked_with_an_explicit_provider(stack: Stack) -> None:
    look = "aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=there)).account_id"
    region = "aws.get_region(opts=pulumi.InvokeOptions(provider=there)).region"
    then = f"pulumi.export('account', {look}); pulumi.export('region', {region})"
    body = elsewhere(other_account(stack), then=then)
    assert stack.up(body).outputs == {"account": OTHER, "region": "eu-west-1"}


@pytest.mark.parametrize("attempt", ["preview", "up"])
def test_a_provider_in_an_account_that_is_not_allowed_is_refused(stack: Stack, attempt: str) -> None:
    body = elsewhere(other_account(stack), allowed="111111111111")
    with pytest.raises(SurroundingsError, match=f"provider there: the account is {OTHER}, and allowed is 111111111111"):
        getattr(stack, attempt)(body)
    assert stack.state.real() == []


def test_a_provider_that_can_not_take_its_role_is_refused_in_the_preview(stack: Stack) -> None:
    role = other_account(stack, external="secret")
    with pytest.raises(SurroundingsError, match=r"provider there: can't take .*AccessDenied"):
        stack.preview(elsewhere(role))
    found = stack.preview(elsewhere(role, more=", external_id='secret'"))
    assert set(operations(found)) == {("create", "one"), ("create", "topic")}
    with pytest.raises(SurroundingsError, match=r"provider there: can't take .*no-such-role"):
        stack.preview(elsewhere(role.replace("deployer", "no-such-role")))


def test_a_provider_with_settings_that_are_not_modelled_is_refused(stack: Stack) -> None:
    with pytest.raises(SurroundingsError, match="provider there: defaultTags is not in the sandbox"):
        stack.preview("aws.Provider('there', default_tags=aws.ProviderDefaultTagsArgs(tags={'a': 'b'}))")


def test_another_region_of_a_provider_replaces_all_that_it_made(stack: Stack) -> None:
    # pulumi/pulumi-aws#4000; so a stack that is moved to another region would have other CAs.
    stack.up("sns.Topic('one'); role('two')")
    old = stack.output("one", "arn")
    stack.region = "eu-west-1"
    done = stack.up("sns.Topic('one'); role('two')")
    assert {(change.operation, change.name) for change in done.changes if change.fields == ("provider",)} == {
        ("replace", "one"),
        ("replace", "two"),
    }
    assert stack.output("one", "arn").startswith("arn:aws:sns:eu-west-1:")
    assert old not in [topic["TopicArn"] for topic in stack.aws.client("sns").list_topics()["Topics"]]
    stack.up("sns.Topic('one', opts=Options(protect=True)); role('two')")
    stack.region = "eu-central-1"
    with pytest.raises(SurroundingsError, match="it is protected; provider would change"):
        stack.preview("sns.Topic('one', opts=Options(protect=True)); role('two')")


def test_another_account_of_a_provider_replaces_nothing(stack: Stack) -> None:
    # pulumi/pulumi-aws#6385: what is unchanged stays where it is, and what is changed is looked for in the new account.
    one = "role('one', description='{}', opts=Options(provider=there))"
    first = other_account(stack)
    stack.up(elsewhere(first, then=one.format("a")))
    arn, moved = stack.output("one", "arn"), "333333333333"
    third = other_account(stack, moved)
    assert operations(stack.up(elsewhere(third, allowed=moved, then=one.format("a")))) == []
    assert stack.output("one", "arn") == arn
    with pytest.raises(SurroundingsError, match=r"can't be updated: one \(Role\): .*NoSuchEntity"):
        stack.up(elsewhere(third, allowed=moved, then=one.format("b")))
    assert operations(stack.up(elsewhere(first, then=one.format("b")))) == [("update", "one")]


def test_a_region_of_ones_own(stack: Stack) -> None:
    stack.up("sns.Topic('one', region='eu-west-1')")
    arn = stack.output("one", "arn")
    assert arn.startswith("arn:aws:sns:eu-west-1:")
    done = stack.up("sns.Topic('one', region='us-east-1')")
    assert operations(done) == [("replace", "one"), ("delete", "one")]
    assert done.changes[0].fields == ("region",)
    assert arn not in [topic["TopicArn"] for topic in stack.aws.client("sns", "eu-west-1").list_topics()["Topics"]]
    assert operations(stack.up("pass")) == [("delete", "one")]


NO_CA = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (f"acmpca.get_certificate_authority(arn='{NO_CA}')", "ResourceNotFoundException"),
        ("iam.get_open_id_connect_provider(arn='arn:aws:iam::123456789012:oidc-provider/x')", "NoSuchEntity"),
        ("aws.get_availability_zones()", "getAvailabilityZones is not in the sandbox"),
    ],
)
def test_a_function_that_is_refused_raises_in_the_program(stack: Stack, call: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        stack.up(f"role('one'); {call}")
    assert stack.state.real() == []
    stack.up(f"""
        try:
            {call}
        except Exception as error:
            note(type(error).__name__)
    """)
    assert stack.notes() == ["Exception", "Exception"]
