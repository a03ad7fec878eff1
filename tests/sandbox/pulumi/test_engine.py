"""The sandbox's engine creates the resources that a program registers, and rejects those that it can't create."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.conformance.world import World
from tests.sandbox.programs import configuration, write_program
from toolkit.errors import ExternalError
from toolkit.sandbox.pulumi import program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

OTHER = "210987654321"
NO_CA = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"


class Runner:
    """Runs small programs, each as a stack of its own."""

    def __init__(self, aws: TestSandbox, directory: Path) -> None:
        self.aws = aws
        self._directory = directory
        self.made: list[tuple[str, str]] = []

    def __call__(self, body: str) -> dict[str, Any]:
        write_program(self._directory, body)
        self.made.clear()
        return program.run(self._directory, configuration(), self.aws, lambda *what: self.made.append(what))

    def role(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.client("iam").get_role(RoleName=name)["Role"]
        return found


@pytest.fixture
def run(aws: TestSandbox, tmp_path: Path) -> Runner:
    return Runner(aws, tmp_path)


def test_resources_are_made_with_what_others_told(run: Runner) -> None:
    outputs = run("""
        first = role("first", description="said", tags={"a": "b"})
        attached = iam.RolePolicy("attached", role=first.name, policy=POLICY)
        pulumi.export("arn", first.arn)
        pulumi.export("name", first.name)
        pulumi.export("policy", attached.name)
    """)
    assert run.made == [("aws:iam/role:Role", "first"), ("aws:iam/rolePolicy:RolePolicy", "attached")]
    found = run.role(outputs["name"])
    assert (found["Arn"], found["Description"]) == (outputs["arn"], "said")
    assert found["Tags"] == [{"Key": "a", "Value": "b"}]
    names = run.aws.client("iam").list_role_policies(RoleName=outputs["name"])["PolicyNames"]
    assert names == [outputs["policy"]]


def test_outputs_that_are_empty_are_outputs(run: Runner) -> None:
    done = run("for name, value in {'a': '', 'b': 0, 'c': False, 'd': []}.items(): pulumi.export(name, value)")
    assert done == {"a": "", "b": 0, "c": False, "d": []}


def test_each_message_is_logged_once(run: Runner, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("pulumi-program")
    body = """
        pulumi.log.warn("said in both")
        pulumi.log.warn("said in the preview" if pulumi.runtime.is_dry_run() else "said in the creation")
    """
    for _ in range(2):
        with caplog.at_level(logging.WARNING, logger.name):
            run(body)
        texts = [record.getMessage() for record in caplog.records if record.name == logger.name]
        assert sorted(texts) == ["said in both", "said in the creation", "said in the preview"]
        assert (logger.filters, logger.disabled) == ([], False)
        caplog.clear()


def test_a_failed_program_leaves_no_filter(run: Runner) -> None:
    with pytest.raises(ValueError, match="wrong"):
        run("raise ValueError('wrong')")
    assert logging.getLogger("pulumi-program").filters == []


@pytest.mark.parametrize(("given", "allowed"), [("", False), ("allow_external_principals=True", True)])
def test_a_share_allows_no_external_principals_by_default(run: Runner, given: str, allowed: bool) -> None:
    arn = run(f"pulumi.export('arn', aws.ram.ResourceShare('shared', {given}).arn)")["arn"]
    ram = run.aws.client("ram")
    run.aws.on_cleanup(lambda: ram.delete_resource_share(resourceShareArn=arn))
    (share,) = ram.get_resource_shares(resourceOwner="SELF", resourceShareArns=[arn])["resourceShares"]
    assert share["allowExternalPrincipals"] is allowed


def test_a_stack_has_exported_nothing_before(run: Runner) -> None:
    before = "pulumi.StackReference('organization/small/test').outputs"
    assert run(f"pulumi.export('before', {before})") == {"before": {}}


def test_a_refused_resource_is_named(run: Runner) -> None:
    iam = run.aws.client("iam")
    iam.create_role(RoleName="taken", AssumeRolePolicyDocument="{}")
    run.aws.on_cleanup(lambda: iam.delete_role(RoleName="taken"))
    with pytest.raises(ExternalError, match=r"can't be created: second \(Role\): .*EntityAlreadyExists"):
        run("""
            first = role("first")
            second = role("second", name="taken", opts=Options(depends_on=[first]))
            role("third", opts=Options(depends_on=[second]))
        """)
    assert run.made == [("aws:iam/role:Role", "first")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("role('one', max_session_duration=3600)", "one: maxSessionDuration is not in the sandbox"),
        ("aws.sqs.Queue('one')", "one: aws:sqs/queue:Queue is not in the sandbox"),
        ("role('one', opts=Options(import_='there'))", "one: importing there is not in the sandbox"),
        ("iam.Role.get('one', 'there')", "one: reading a aws:iam/role:Role is not in the sandbox"),
        (
            "aws.Provider('one', default_tags=aws.ProviderDefaultTagsArgs(tags={'a': 'b'}))",
            "provider one: defaultTags is not in the sandbox",
        ),
    ],
)
def test_what_the_sandbox_lacks_is_refused(run: Runner, body: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        run(body)
    assert run.made == []


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('wrong')",
        "pulumi.Output.from_input(1).apply(lambda _: 1 // 0)",
        "role('one').arn.apply(lambda _: 1 // 0)",
        "pulumi.export('one', role('one').arn.apply(lambda _: 1 // 0))",
        "role('two', description=role('one').arn.apply(lambda _: 1 // 0))",
    ],
)
def test_an_exception_in_the_program_fails_the_run(run: Runner, body: str) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        run(body)
    assert "two" not in [name for _, name in run.made]


def test_two_resources_of_one_name_are_refused(run: Runner) -> None:
    with pytest.raises(ExternalError, match="two resources have the URN urn:pulumi:test::small::aws:iam/role:Role::x"):
        run("role('x'); role('x')")


def test_a_urn_has_the_types_of_all_parents(run: Runner) -> None:
    group = "pulumi.ComponentResource('small:index:{0}', '{0}', None, {1})"
    below = group.format("Below", "Options(parent=above)")
    outputs = run(f"""
        above = {group.format("Above", None)}
        for number, parent in enumerate([None, {below}]):
            pulumi.export(str(number), role("x", opts=Options(parent=parent)).urn)
    """)
    kinds = "small:index:Above$small:index:Below$aws:iam/role:Role"
    assert outputs == {
        "0": "urn:pulumi:test::small::aws:iam/role:Role::x",
        "1": f"urn:pulumi:test::small::{kinds}::x",
    }


@pytest.fixture
def deployer(aws: TestSandbox) -> Callable[..., str]:
    """Make a role of another account that the stack's may assume, and return its ARN."""

    def make(external: str | None = None) -> str:
        iam, trust = World(aws).iam(OTHER), _trust(external)
        arn: str = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=_document(trust))["Role"]["Arn"]
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        iam.put_role_policy(RoleName="deployer", PolicyName="p", PolicyDocument=_document(everything))
        aws.on_cleanup(lambda: iam.delete_role(RoleName="deployer"))
        aws.on_cleanup(lambda: iam.delete_role_policy(RoleName="deployer", PolicyName="p"))
        return arn

    return make


def _trust(external: str | None) -> dict[str, Any]:
    principal = {"AWS": "arn:aws:iam::123456789012:root"}
    trust: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {**trust, "Condition": {"StringEquals": {"sts:ExternalId": external}}} if external else trust


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def elsewhere(role: str, then: str, *, allowed: str = OTHER, more: str = "") -> str:
    return f"""
        there = aws.Provider(
            "there",
            region="eu-west-1",
            assume_roles=[aws.ProviderAssumeRoleArgs(role_arn="{role}", session_name="test"{more})],
            allowed_account_ids=["{allowed}"],
        )
        {then}
    """


def test_an_explicit_provider_works_in_its_account_and_region(run: Runner, deployer: Callable[..., str]) -> None:
    then = (
        "one = role('one', opts=Options(provider=there)); topic = sns.Topic('topic', opts=Options(provider=there))"
        "; mine = sns.Topic('mine', region='us-east-1')"
        "; [pulumi.export(str(n), item.arn) for n, item in enumerate([one, topic, mine])]"
    )
    made = run(elsewhere(deployer(), then))
    assert made["0"].startswith(f"arn:aws:iam::{OTHER}:role/one-")
    assert made["1"].startswith(f"arn:aws:sns:eu-west-1:{OTHER}:topic-")
    assert made["2"].startswith("arn:aws:sns:us-east-1:123456789012:mine-")
    assert World(run.aws).iam(OTHER).get_role(RoleName=made["0"].rpartition("/")[2])


def test_a_function_is_asked_with_an_explicit_provider(run: Runner, deployer: Callable[..., str]) -> None:
    look = "aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=there)).account_id"
    region = "aws.get_region(opts=pulumi.InvokeOptions(provider=there)).region"
    then = f"pulumi.export('account', {look}); pulumi.export('region', {region})"
    assert run(elsewhere(deployer(), then)) == {"account": OTHER, "region": "eu-west-1"}


def test_a_provider_in_an_account_that_is_not_allowed_is_refused(run: Runner, deployer: Callable[..., str]) -> None:
    body = elsewhere(deployer(), "role('one', opts=Options(provider=there))", allowed="111111111111")
    with pytest.raises(
        ExternalError, match=f"provider there: the account is {OTHER}, but only 111111111111 is allowed"
    ):
        run(body)
    assert run.made == []


def test_a_provider_that_can_not_assume_its_role_is_refused(run: Runner, deployer: Callable[..., str]) -> None:
    role = deployer("secret")
    with pytest.raises(ExternalError, match=r"provider there: can't assume .*AccessDenied"):
        run(elsewhere(role, ""))
    with pytest.raises(ExternalError, match=r"provider there: can't assume .*no-such-role"):
        run(elsewhere(role.replace("deployer", "no-such-role"), ""))
    run(elsewhere(role, "role('one', opts=Options(provider=there))", more=", external_id='secret'"))
    assert run.made == [("aws:iam/role:Role", "one")]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (f"acmpca.get_certificate_authority(arn='{NO_CA}')", "ResourceNotFoundException"),
        ("iam.get_open_id_connect_provider(arn='arn:aws:iam::123456789012:oidc-provider/x')", "NoSuchEntity"),
        ("aws.get_availability_zones()", "getAvailabilityZones is not in the sandbox"),
    ],
)
def test_a_function_that_is_refused_raises_in_the_program(run: Runner, call: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        run(call)
    caught = run(f"""
        try:
            {call}
        except Exception as error:
            pulumi.export("caught", str(error))
    """)
    assert words in caught["caught"]
