"""Contracts are built from options and from the outputs of other tools, without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import AUTHORITY_ARN, contract_document, hierarchy, zone_document
from toolkit import contract
from toolkit.cli import main
from toolkit.contract import creating
from toolkit.contract.creating import Choices
from toolkit.contract.foreign_outputs import read_cloudformation, read_terraform
from toolkit.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = contract_document(hierarchy())
CHAIN = DOCUMENT["certificateChain"]
ROLE, VERIFIER = "arn:aws:iam::123456789012:role/zone,a", "arn:aws:iam::123456789012:role/verifier"
ZONE = f"a=eu-west-1,{ROLE}"
CHOICES = Choices(arn=AUTHORITY_ARN, chain=CHAIN, zones=(ZONE,))


def made(choices: Choices, outputs: dict[str, Any] | None = None, mapped: Sequence[str] = ()) -> dict[str, Any]:
    return creating.make_draft(choices, outputs, mapped).validate().to_exports()


def problems(choices: Choices, outputs: dict[str, Any] | None = None, mapped: Sequence[str] = ()) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        creating.make_draft(choices, outputs, mapped).validate()
    return {problem.path: problem.message for problem in caught.value.problems}


def test_from_options_alone() -> None:
    draft = creating.make_draft(CHOICES)
    found = draft.validate().to_exports()
    assert found["zones"] == [
        {
            "name": "a",
            "region": "eu-west-1",
            "accountId": "123456789012",
            "namespace": "kong-mesh-system",
            "serviceAccount": "kong-mesh-control-plane",
            "identity": "irsa",
            "roleArn": ROLE,
        }
    ]
    assert (found["meshes"], found["dataPlaneLifetime"]) == (["default"], "24h")
    assert draft.assumed == [
        "assumed meshes: default (--mesh)",
        "assumed dataPlaneLifetime: 24h (--lifetime)",
        "assumed namespace of a: kong-mesh-system (--namespace)",
        "assumed serviceAccount of a: kong-mesh-control-plane (--service-account)",
        "assumed identity of a: irsa (--zone-identity)",
        "no verifierRoleArn for a: toolkit verify assumes roleArn (--role zone)",
    ]
    assert contract.parse(json.dumps(found)).to_exports() == found


def test_nothing_is_assumed_where_all_is_said() -> None:
    choices = Choices(AUTHORITY_ARN, CHAIN, ("m1", "m2"), "2h", (f"{ZONE},{VERIFIER}",), "ns", "sa", "ambient")
    draft = creating.make_draft(choices)
    assert draft.assumed == []
    found = draft.validate().to_exports()
    assert (found["meshes"], found["dataPlaneLifetime"]) == (["m1", "m2"], "2h")
    (zone,) = found["zones"]
    assert (zone["roleArn"], zone["verifierRoleArn"]) == (ROLE, VERIFIER)
    assert (zone["namespace"], zone["serviceAccount"], zone["identity"]) == ("ns", "sa", "ambient")


@pytest.mark.parametrize(
    "written", ["", "a", "a=", "a=eu-west-1", "=eu-west-1," + ROLE, f"{ZONE},{ROLE},{ROLE}", "a,b=c"]
)
def test_a_zone_in_another_form(written: str) -> None:
    (path,) = problems(Choices(AUTHORITY_ARN, CHAIN, zones=(written, ZONE)))
    assert path.startswith("--add-zone ")


def test_every_problem_is_named_with_the_option_it_comes_from() -> None:
    choices = Choices("x", "y", ("M",), "0h", ("A=eu,arn:aws:s3:::b", ZONE, ZONE), "N", "s a", "ambient")
    assert set(problems(choices)) == {
        "certificateAuthority.arn (--arn)",
        "certificateChain (--chain)",
        "meshes[0] (--mesh)",
        "dataPlaneLifetime (--lifetime)",
        "zones[0].name (--add-zone)",
        "zones[0].region (--add-zone)",
        "zones[0].roleArn (--add-zone)",
        *(f"zones[{number}].namespace (--namespace)" for number in range(3)),
        *(f"zones[{number}].serviceAccount (--service-account)" for number in range(3)),
    }
    assert "a more than once" in problems(Choices(AUTHORITY_ARN, CHAIN, zones=(ZONE, ZONE)))["zones"]
    assert problems(Choices(AUTHORITY_ARN, CHAIN))["zones"] == "must name at least one"


OUTPUTS = {
    "ca_arn": AUTHORITY_ARN,
    "chain": CHAIN,
    "zones": [zone_document("zone-1", "eu-central-1")],
    "role": ROLE,
    "region": "eu-west-2",
    "dataPlaneLifetime": "12h",
}
MAP = ("certificateAuthority.arn=ca_arn", "certificateChain=chain")


def test_outputs_by_their_own_names_and_mapped() -> None:
    mapped = (*MAP, "zones[b].roleArn=role", "zones[b].region=region", "zones[zone-1].region=region")
    outputs = OUTPUTS | {"zones": [{"name": "zone-1", "role_arn": ROLE}]}
    found = made(Choices(zones=(ZONE,)), outputs, mapped)
    assert [(zone["name"], zone["region"]) for zone in found["zones"]] == [
        ("zone-1", "eu-west-2"),
        ("b", "eu-west-2"),
        ("a", "eu-west-1"),
    ]
    assert found["dataPlaneLifetime"] == "12h"


def test_a_map_goes_before_an_output_of_that_name() -> None:
    outputs = OUTPUTS | {"certificateChain": "of another CA", "lifetime": "3h"}
    found = made(Choices(), outputs, [*MAP, "dataPlaneLifetime=lifetime"])
    assert (found["certificateChain"], found["dataPlaneLifetime"]) == (CHAIN, "3h")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("zones", "must be FIELD=OUTPUT"),
        ("zones=", "must be FIELD=OUTPUT"),
        ("=chain", "must be FIELD=OUTPUT"),
        ("zones=nope", "unknown output nope; there are ca_arn, chain, dataPlaneLifetime, region, role, zones"),
        ("zone=zones", "zone is not a field; a contract has schemaVersion, certificateAuthority"),
        ("certificateAuthority.name=role", "certificateAuthority. has arn, type"),
        ("zones[a].role=role", "zones[a]. has name, region"),
        ("zones[].roleArn=role", "is not a field"),
        ("certificateChain=role", "certificateChain is already chain"),
    ],
)
def test_a_map_that_can_not_be(entry: str, words: str) -> None:
    assert words in problems(Choices(), OUTPUTS, (*MAP, entry))[f"--map {entry}"]


def test_two_sources_that_say_different_things() -> None:
    other = AUTHORITY_ARN.replace("1111", "2222")
    found = problems(Choices(other, CHAIN, lifetime="3h", namespace="elsewhere"), OUTPUTS, MAP)
    assert found["certificateAuthority.arn (output ca_arn)"] == (
        f"output ca_arn says {AUTHORITY_ARN}, but --arn says {other}"
    )
    assert "output dataPlaneLifetime says 12h, but --lifetime says 3h" in found.values()
    assert "output zones says kong-mesh-system, but --namespace says elsewhere" in found.values()
    # The same chain in another spelling is the same.
    assert made(Choices(AUTHORITY_ARN, "# issuing\n" + CHAIN.replace("\n", "\r\n")), OUTPUTS, MAP)
    assert "certificateChain (output chain)" in problems(Choices(AUTHORITY_ARN, "x"), OUTPUTS, MAP)


def test_what_aws_says_against_an_output() -> None:
    outputs = OUTPUTS | {"certificateAuthority": {"arn": AUTHORITY_ARN, "usageMode": "SHORT_LIVED_CERTIFICATE"}}
    del outputs["chain"]
    draft = creating.make_draft(Choices(), outputs)
    assert creating.lacks_chain(draft)
    draft.require_rest()
    creating.add_authority(draft, {"type": "SUBORDINATE", "usageMode": "GENERAL_PURPOSE"}, CHAIN)
    with pytest.raises(InvalidInputError) as caught:
        draft.validate()
    (problem,) = caught.value.problems
    assert problem.path == "certificateAuthority.usageMode (output certificateAuthority)"
    assert problem.message.startswith("output certificateAuthority says SHORT_LIVED_CERTIFICATE, but AWS says GENERAL")


def test_texts_of_cloudformation_become_lists() -> None:
    outputs = {
        "Arn": AUTHORITY_ARN,
        "certificateChain": CHAIN,
        "schemaVersion": "1",
        "meshes": "one, two",
        "zones": json.dumps(OUTPUTS["zones"]),
    }
    found = made(Choices(), outputs, ["certificateAuthority.arn=Arn"])
    assert (found["meshes"], found["zones"]) == (["one", "two"], OUTPUTS["zones"])
    assert made(Choices(), outputs | {"meshes": '["x"]'}, ["certificateAuthority.arn=Arn"])["meshes"] == ["x"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("{}", "has no outputs"),
        ("[]", "one key for each output"),
        ('{"a": 1}', "a: must be an object with value, type and sensitive"),
        ('{"format_version": "1.0", "values": {}}', "terraform output -json > outputs.json"),
    ],
)
def test_what_terraform_does_not_print(text: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_terraform(text, "outputs.json")
    assert words in "\n".join(caught.value.lines())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "Outputs: must be the list"),
        ({"Stacks": []}, "has 0 stacks"),
        ({"Stacks": [{}, {}]}, "has 2 stacks, but exactly one is needed"),
        ({"Stacks": 1}, "is not a list"),
        ({"Stacks": [{"StackName": "s"}]}, "the stack has no outputs"),
        ({"Stacks": [{"Outputs": [{"OutputKey": "a"}]}]}, "Outputs[0]: must be"),
        ({"Stacks": [{"Outputs": [{"OutputKey": "a", "OutputValue": 1}]}]}, "Outputs[0]: must be"),
    ],
)
def test_what_describe_stacks_does_not_print(document: object, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_cloudformation(json.dumps(document), "stack.json")
    assert words in "\n".join(caught.value.lines())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([AUTHORITY_ARN, CHAIN, ROLE]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*DOCUMENT, "certificate_authority", "ca_arn", "chain"]) | st.text(max_size=4)
fields = st.sampled_from([*DOCUMENT["certificateAuthority"], *DOCUMENT["zones"][0], "role_arn"]) | st.text(max_size=4)
parts = json_values | st.dictionaries(fields, json_values, max_size=4)
values = parts | st.lists(parts, max_size=3) | st.sampled_from([json.dumps(DOCUMENT["zones"]), *DOCUMENT.values()])
terraform_documents = st.dictionaries(
    names, st.fixed_dictionaries({"value": values, "type": st.just("x"), "sensitive": st.booleans()}), max_size=6
)
cloudformation_outputs = st.lists(
    st.fixed_dictionaries({"OutputKey": names, "OutputValue": st.text() | values.map(json.dumps)}) | json_values,
    max_size=6,
)
maps = st.lists(
    st.tuples(
        names | st.builds("certificateAuthority.{}".format, fields) | st.builds("zones[{}].{}".format, names, fields),
        names,
    )
    .map("=".join)
    .filter(lambda text: not any(0xD800 <= ord(character) < 0xE000 or character == "\0" for character in text)),
    max_size=3,
)


def judge(tmp_path: Path, option: str, document: object, mapped: Sequence[str], more: Sequence[str]) -> None:
    """A contract that the toolkit reads, or a clear error: exit code 0 or 2, and never a traceback."""
    file = tmp_path / "document.json"
    file.write_text(json.dumps(document))
    words = ["contract", "create", option, str(file), *(word for each in mapped for word in ("--map", each)), *more]
    result = CliRunner().invoke(main, words)
    assert result.exit_code in (0, 2), (result.stderr, result.exception)
    assert not isinstance(result.exception, Exception)
    if result.exit_code:
        assert result.stdout == ""
        assert result.stderr.startswith(("Error: ", "Usage: "))
    else:
        assert contract.parse(result.stdout).to_json() == result.stdout


@pytest.fixture(scope="module")
def chain_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("chain") / "chain.pem"
    file.write_text(CHAIN)
    return file


FIXED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@FIXED
@given(document=json_values | terraform_documents, mapped=maps, with_zone=st.booleans())
def test_any_json_as_the_outputs_of_terraform(
    tmp_path: Path, chain_file: Path, document: object, mapped: list[str], *, with_zone: bool
) -> None:
    zone = ["--arn", AUTHORITY_ARN, "--add-zone", ZONE] if with_zone else []
    judge(tmp_path, "--from-terraform", document, mapped, ["--chain", str(chain_file), *zone])


@FIXED
@given(
    document=json_values
    | cloudformation_outputs
    | st.builds(
        lambda outputs: {"Stacks": [{"StackName": "s", "Outputs": outputs}]}, cloudformation_outputs | json_values
    ),
    mapped=maps,
    with_zone=st.booleans(),
)
def test_any_json_as_the_description_of_a_stack(
    tmp_path: Path, chain_file: Path, document: object, mapped: list[str], *, with_zone: bool
) -> None:
    zone = ["--arn", AUTHORITY_ARN, "--add-zone", ZONE] if with_zone else []
    judge(tmp_path, "--from-cloudformation", document, mapped, ["--chain", str(chain_file), *zone])


@FIXED
@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_as_a_document(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "document"
    file.write_bytes(content)
    for option in ("--from-terraform", "--from-cloudformation"):
        assert CliRunner().invoke(main, ["contract", "create", option, str(file)]).exit_code == 2
    words = ["--arn", AUTHORITY_ARN, "--chain", str(file), "--add-zone", ZONE]
    assert CliRunner().invoke(main, ["contract", "create", *words]).exit_code == 2


def test_a_key_in_the_wrong_place_is_not_repeated() -> None:
    secret = "CANARYsecret/KEY+bPxRfiCYzEXAMPLEKEY4711"
    outputs = dict.fromkeys(DOCUMENT, secret) | {"zones": [dict.fromkeys(DOCUMENT["zones"][0], secret)]}
    for document in (outputs, OUTPUTS | {"ca_arn": secret, "chain": secret, "dataPlaneLifetime": secret}):
        with pytest.raises(InvalidInputError) as caught:
            creating.make_draft(Choices(AUTHORITY_ARN, CHAIN, lifetime="2h"), document, ()).validate()
        assert "CANARYsecret/KEY" + "+b" not in "\n".join(caught.value.lines())
