"""The engine does what Pulumi does, in the AWS of the sandbox and not only in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.programs import Stack, operations
from toolkit.errors import SurroundingsError
from toolkit.sandbox.engine import Change

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import TestSandbox


@pytest.fixture
def stack(aws: TestSandbox, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, aws)
    before = made.roles()
    yield made
    made.clean_up()
    assert made.roles() == before


def test_what_is_new_is_made_and_what_is_the_same_is_left(stack: Stack) -> None:
    one = "role('one', description='first')"
    assert operations(stack.up(one)) == [("create", "one")]
    arn = stack.output("one", "arn")
    name = stack.output("one", "name")
    assert stack.aws.client("iam").get_role(RoleName=name)["Role"]["Arn"] == arn
    again = stack.up(one)
    assert again.changes == (Change("same", "aws:iam/role:Role", "one"),)
    assert again.of("same") == {"one": "same"}
    assert stack.output("one", "arn") == arn


def test_what_differs_is_changed_in_its_place(stack: Stack) -> None:
    stack.up("role('one', description='first', tags={'a': '1', 'b': '2'})")
    name = stack.output("one", "name")
    done = stack.up("role('one', description='second', tags={'b': '3'})")
    assert done.changes == (Change("update", "aws:iam/role:Role", "one", ("description", "tags")),)
    found = stack.aws.client("iam").get_role(RoleName=name)["Role"]
    assert found["Description"] == "second"
    assert found["Tags"] == [{"Key": "b", "Value": "3"}]
    assert stack.output("one", "description") == "second"
    # An input that is gone is no output any more.
    stack.up("role('one', description='second')")
    (resource,) = stack.state.real()
    assert "tags" not in resource.outputs
    assert resource.outputs["name"] == name


def test_what_is_gone_from_the_program_is_deleted(stack: Stack) -> None:
    stack.up("role('one'); role('two')")
    name = stack.output("two", "name")
    assert operations(stack.up("role('one')")) == [("delete", "two")]
    with pytest.raises(ClientError, match="NoSuchEntity"):
        stack.aws.client("iam").get_role(RoleName=name)
    assert [resource.name for resource in stack.state.real()] == ["one"]
    assert operations(stack.destroy()) == [("delete", "one")]
    assert stack.state.resources == {}


def test_what_somebody_else_deleted_is_deleted(stack: Stack) -> None:
    stack.up("role('one'); sns.Topic('two')")
    stack.aws.client("iam").delete_role(RoleName=stack.output("one", "name"))
    stack.aws.client("sns").delete_topic(TopicArn=stack.output("two", "arn"))
    stack.destroy()
    assert stack.state.resources == {}


def test_a_replacement_is_made_before_the_old_one_is_deleted(stack: Stack) -> None:
    stack.up("role('one', path='/a/')")
    old = stack.output("one", "arn")
    done = stack.up("role('one', path='/b/')")
    assert operations(done) == [("replace", "one"), ("delete", "one")]
    assert done.changes[0].fields == ("path",)
    found = [item["Arn"] for item in stack.aws.client("iam").list_roles()["Roles"]]
    assert stack.output("one", "arn") in found
    assert old not in found
    assert stack.state.replaced == []


def test_a_replacement_that_can_not_be_made_deletes_nothing(stack: Stack) -> None:
    stack.aws.client("iam").create_role(RoleName="taken", AssumeRolePolicyDocument="{}")
    stack.aws.on_cleanup(lambda: stack.aws.client("iam").delete_role(RoleName="taken"))
    stack.up("role('one')")
    with pytest.raises(SurroundingsError, match=r"can't be created: one \(Role\): .*EntityAlreadyExists"):
        stack.up("role('one', name='taken')")
    assert stack.aws.client("iam").get_role(RoleName=stack.output("one", "name"))
    assert stack.state.replaced == []


def test_a_preview_changes_nothing_and_says_what_an_update_would(stack: Stack) -> None:
    stack.up("role('kept', description='a'); role('gone'); role('moved', path='/a/')")
    before = dict(stack.state.resources)
    roles = stack.aws.client("iam").list_roles()["Roles"]
    body = "role('kept', description='b'); role('new'); role('moved', path='/b/')"
    found = stack.preview(body)
    wanted = {("update", "kept"), ("create", "new"), ("replace", "moved"), ("delete", "moved"), ("delete", "gone")}
    assert set(operations(found)) == wanted
    assert stack.state.resources == before
    assert stack.state.replaced == []
    assert stack.aws.client("iam").list_roles()["Roles"] == roles
    assert set(operations(stack.up(body))) == wanted


def test_a_preview_knows_no_outputs_of_what_is_new(stack: Stack) -> None:
    body = """
        new = role("new", description="said")
        saw("arn", new.arn)
        saw("id", new.id)
        saw("description", new.description)
        pulumi.export("arn", new.arn)
        pulumi.export("description", new.description)
    """
    found = stack.preview(body)
    assert sorted(stack.notes()) == [
        "arn known False",
        "description = said",
        "description known True",
        "id known False",
    ]
    assert found.outputs == {"description": "said"}
    done = stack.up(body)
    # The preview before the update has noted the same; the update notes the rest.
    arn, name = stack.output("new", "arn"), stack.output("new", "name")
    assert {f"arn = {arn}", "arn known True", f"id = {name}", "id known True"} <= set(stack.notes())
    assert done.outputs == {"arn": arn, "description": "said"}


def test_a_preview_knows_the_outputs_of_what_is_there(stack: Stack) -> None:
    stack.up("role('one', description='a')")
    arn, name = stack.output("one", "arn"), stack.output("one", "name")
    for body in ("one = role('one', description='a')", "one = role('one', description='b')"):
        stack.preview(f"{body}\nsaw('arn', one.arn)\nsaw('id', one.id)")
        assert set(stack.notes()) == {"arn known True", f"arn = {arn}", "id known True", f"id = {name}"}


def test_a_preview_does_not_know_what_a_replacement_will_be(stack: Stack) -> None:
    def program(path: str) -> str:
        return f"""
            one = role("one", path="{path}")
            iam.RolePolicy("attached", role=one.name, policy=POLICY)
            saw("arn", one.arn)
        """

    stack.up(program("/a/"))
    stack.notes()
    found = stack.preview(program("/b/"))
    assert stack.notes() == ["arn known False"]
    # What takes its role from the replaced one is replaced with it.
    assert {("replace", "one"), ("replace", "attached")} <= set(operations(found))
    stack.up(program("/b/"))
    name = stack.output("one", "name")
    assert stack.aws.client("iam").list_role_policies(RoleName=name)["PolicyNames"]


def test_a_value_that_is_not_known_yet_may_be_a_change(stack: Stack) -> None:
    stack.up("role('one', description='a')")
    found = stack.preview("new = role('new'); saw('d', role('one', description=new.arn).description)")
    assert Change("update", "aws:iam/role:Role", "one", ("description",)) in found.changes
    assert stack.notes() == ["d known False"]


def test_outputs_that_are_empty_are_outputs(stack: Stack) -> None:
    done = stack.up("for name, value in {'a': '', 'b': 0, 'c': False, 'd': []}.items(): pulumi.export(name, value)")
    assert done.outputs == {"a": "", "b": 0, "c": False, "d": []}


@pytest.mark.parametrize("then", ["pass", "role('one', path='/b/', opts=Options(protect=True))"])
def test_what_is_protected_is_neither_deleted_nor_replaced(stack: Stack, then: str) -> None:
    stack.up("role('one', path='/a/', opts=Options(protect=True))")
    arn, roles = stack.output("one", "arn"), stack.roles()
    words = r"^one \(Role\) can't be (deleted: it is protected|replaced: it is protected; path would change)$"
    for attempt in (stack.preview, stack.up):
        with pytest.raises(SurroundingsError, match=words):
            attempt(f"role('other')\n{then}")
    with pytest.raises(SurroundingsError, match=r"one \(Role\) can't be deleted: it is protected"):
        stack.destroy()
    # The preview that comes before every update has kept the other role from being made.
    assert stack.roles() == roles
    assert stack.output("one", "arn") == arn


def test_protection_is_inherited_and_can_be_taken_away(stack: Stack) -> None:
    def program(path: str, *, protect: bool) -> str:
        return f"""
            group = pulumi.ComponentResource("small:index:Group", "group", None, Options(protect={protect}))
            role("one", path="{path}", opts=Options(parent=group))
        """

    stack.up(program("/a/", protect=True))
    with pytest.raises(SurroundingsError, match="it is protected"):
        stack.preview(program("/b/", protect=True))
    # One update may do both (pulumi/pulumi:pkg/resource/deploy/step_generator.go).
    assert operations(stack.up(program("/b/", protect=False))) == [("replace", "one"), ("delete", "one")]
    assert operations(stack.up("pass")) == [("delete", "one")]


def test_what_is_retained_is_forgotten(stack: Stack) -> None:
    stack.up("role('one', opts=Options(retain_on_delete=True))")
    name = stack.output("one", "name")
    assert operations(stack.preview("pass")) == [("forget", "one")]
    assert operations(stack.up("pass")) == [("forget", "one")]
    assert stack.state.resources == {}
    assert stack.aws.client("iam").get_role(RoleName=name)
    stack.aws.client("iam").delete_role(RoleName=name)


def test_that_something_is_retained_is_inherited_and_can_be_taken_back(stack: Stack) -> None:
    def program(*, retain: bool) -> str:
        return f"""
            group = pulumi.ComponentResource("small:index:Group", "group", None, Options(retain_on_delete={retain}))
            role("one", opts=Options(parent=group))
        """

    stack.up(program(retain=True))
    assert operations(stack.preview("pass")) == [("forget", "one")]
    assert operations(stack.up(program(retain=False))) == []
    assert operations(stack.up("pass")) == [("delete", "one")]


def test_changes_that_are_ignored(stack: Stack) -> None:
    options = "opts=Options(ignore_changes=['path', 'description'])"
    stack.up(f"role('one', path='/a/', description='a', {options})")
    assert operations(stack.up(f"role('one', path='/b/', {options})")) == []
    done = stack.up(f"saw('path', role('one', path='/b/', tags={{'a': 'b'}}, {options}).path)")
    assert done.changes == (Change("update", "aws:iam/role:Role", "one", ("tags",)),)
    assert "path = /a/" in stack.notes()
    found = stack.aws.client("iam").get_role(RoleName=stack.output("one", "name"))["Role"]
    assert (found["Path"], found["Description"]) == ("/a/", "a")
    # No longer ignored, the value of the program counts again.
    assert operations(stack.preview("role('one', path='/b/')")) == [("replace", "one"), ("delete", "one")]


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("delete_before_replace=True", "deleteBeforeReplace"),
        ("replace_on_changes=['path']", "replaceOnChanges"),
        ("aliases=[pulumi.Alias(name='two')]", "aliases"),
        ("ignore_changes=['tags.a']", r"ignoreChanges of tags\.a"),
    ],
)
def test_options_that_are_not_modelled_are_refused(stack: Stack, option: str, named: str) -> None:
    with pytest.raises(SurroundingsError, match=rf"^one: {named}: not in the sandbox$"):
        stack.preview(f"role('one', opts=Options({option}))")


def test_inputs_that_are_not_modelled_are_refused(stack: Stack) -> None:
    with pytest.raises(SurroundingsError, match=r"one: maxSessionDuration is not in the sandbox"):
        stack.preview("role('one', max_session_duration=3600)")


def test_dependents_are_deleted_first(stack: Stack) -> None:
    stack.up("""
        first = role("first")
        second = role("second", opts=Options(depends_on=[first]))
        attached = iam.RolePolicy("attached", role=first.name, policy=POLICY, opts=Options(depends_on=[second]))
    """)
    # The same resources in the other order, and first on second.
    stack.up("""
        second = role("second")
        first = role("first", opts=Options(depends_on=[second]))
        attached = iam.RolePolicy("attached", role=first.name, policy=POLICY)
    """)
    assert operations(stack.destroy()) == [("delete", "attached"), ("delete", "first"), ("delete", "second")]


def test_children_are_deleted_before_their_parents(stack: Stack) -> None:
    stack.up("role('child', opts=Options(parent=role('parent')))")
    assert operations(stack.up("pass")) == [("delete", "child"), ("delete", "parent")]


def test_an_update_that_fails_halfway_keeps_what_it_made(stack: Stack) -> None:
    body = """
        first = role("first")
        second = role("second", name="taken", opts=Options(depends_on=[first]))
        role("third", opts=Options(depends_on=[second]))
        pulumi.export("third", "there")
    """
    iam = stack.aws.client("iam")
    iam.create_role(RoleName="taken", AssumeRolePolicyDocument="{}")
    with pytest.raises(SurroundingsError, match=r"can't be created: second \(Role\): .*EntityAlreadyExists"):
        stack.up(body)
    assert [resource.name for resource in stack.state.real()] == ["first"]
    first = stack.output("first", "arn")
    iam.delete_role(RoleName="taken")
    assert operations(stack.up(body)) == [("create", "second"), ("create", "third")]
    assert stack.output("first", "arn") == first


def test_what_was_replaced_by_an_update_that_failed_is_deleted_by_the_next(stack: Stack) -> None:
    def program(path: str, name: str) -> str:
        return f"""
            first = role("first", path="{path}")
            role("second", name="{name}", opts=Options(depends_on=[first]))
        """

    iam = stack.aws.client("iam")
    stack.up(program("/a/", "free"))
    old = stack.output("first", "name")
    iam.create_role(RoleName="taken", AssumeRolePolicyDocument="{}")
    with pytest.raises(SurroundingsError, match="EntityAlreadyExists"):
        stack.up(program("/b/", "taken"))
    assert [resource.outputs["name"] for resource in stack.state.replaced] == [old]
    assert iam.get_role(RoleName=old)
    iam.delete_role(RoleName="taken")
    assert ("delete", "first") in operations(stack.up(program("/b/", "taken")))
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName=old)
    assert stack.state.replaced == []


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
def test_an_exception_in_the_program_fails_the_run(stack: Stack, body: str) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        stack.up(body)
    assert "two" not in [resource.name for resource in stack.state.real()]


def test_two_resources_of_one_name_are_refused(stack: Stack) -> None:
    with pytest.raises(
        SurroundingsError, match="two resources have the URN urn:pulumi:test::small::aws:iam/role:Role::x"
    ):
        stack.up("role('x'); role('x')")
    group = "pulumi.ComponentResource('small:index:{0}', '{0}', None, {1})"
    below = group.format("Below", "Options(parent=above)")
    stack.up(f"role('x')\nabove = {group.format('Above', None)}\nrole('x', opts=Options(parent={below}))")
    urns = {resource.urn for resource in stack.state.real()}
    kinds = "small:index:Above$small:index:Below$aws:iam/role:Role"
    assert urns == {"urn:pulumi:test::small::aws:iam/role:Role::x", f"urn:pulumi:test::small::{kinds}::x"}
