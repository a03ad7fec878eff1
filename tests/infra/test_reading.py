"""Errors in a configuration are described in words, all at once, and without Pulumi's prefixes."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from tests.infra.shapes import changed, functions, setting, shape
from toolkit.infra import lookups
from toolkit.infra.reading import check_settings
from toolkit.infra.settings import Settings, SettingsError

if TYPE_CHECKING:
    from tests.infra.conftest import RunProgram

ZONE = {"name": "quay", "region": "eu-central-1", "identity": "ambient"}
# What only regular expressions look like.
PATTERN = ("pattern", "[a-z", "\\x", "(?:", "^[", "]{", "+$")


def problems(values: dict[str, Any]) -> dict[str, str]:
    try:
        check_settings({"zones": [ZONE], **values}, "p")
    except SettingsError as error:
        return {problem.path.removeprefix("p:"): problem.message for problem in error.problems}
    return {}


@pytest.mark.parametrize(
    ("values", "path", "message"),
    [
        ({"meshes": "default"}, "meshes", "must be a list, and it is text"),
        ({"meshes": {"a": 1}}, "meshes", "must be a list, and it is an object"),
        ({"verifierPrincipals": 7}, "verifierPrincipals", "must be a list, and it is a number"),
        ({"zones": "quay"}, "zones", "must be a list, and it is text"),
        ({"zones": ["quay"]}, "zones[0]", "must be an object with keys, and it is text"),
        ({"parent": "arn", "topology": "under-aws-ca"}, "parent", "must be an object with keys, and it is text"),
        ({"tags": ["a"]}, "tags", "must be an object with keys, and it is a list"),
        ({"zones": [{**ZONE, "name": 7}]}, "zones[0].name", "must be text, and it is a number; quote it"),
        ({"zones": [{"name": "quay"}]}, "zones[0].region", "is missing"),
        ({"rootValidityYears": "ten"}, "rootValidityYears", "must be a whole number, and it is text"),
        ({"protect": "perhaps"}, "protect", "must be true or false, and it is text"),
        ({"country": "Germany"}, "country", "must be a code of two letters, such as DE"),
        (
            {"namePrefix": "a b"},
            "namePrefix",
            "must be 1 to 40 letters, digits and any of _ + = , . @ -, as IAM names roles",
        ),
        (
            {"revocation": {"crl": {"bucket": "Upper"}}},
            "revocation.crl.bucket",
            "must be 3 to 63 lower-case letters, digits, hyphens and single dots, as S3 names buckets",
        ),
        (
            {"zones": [{**ZONE, "serviceAccount": "Upper"}]},
            "zones[0].serviceAccount",
            "must be 1 to 253 lower-case letters, digits, hyphens and dots",
        ),
        ({"zones": [{**ZONE, "accountId": "12"}]}, "zones[0].accountId", "must be 12 digits"),
        ({"organization": "a\tb"}, "organization", "must be text without line ends and control characters"),
        ({"caName": " "}, "caName", "must be text without line ends and control characters"),
    ],
)
def test_reasons_are_words(values: dict[str, Any], path: str, message: str) -> None:
    assert problems(values) == {path: message}


@given(
    st.sampled_from([to_camel(name) for name in Settings.model_fields]),
    st.text(max_size=70)
    | st.integers()
    | st.lists(st.text(max_size=5), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
def test_no_reason_is_a_regular_expression(key: str, value: object) -> None:
    for message in problems({key: value}).values():
        # What the user wrote is quoted, whatever it looks like.
        said = message if not isinstance(value, str) else message.replace(repr(value), "")
        assert "should match" not in said
        assert isinstance(value, list | dict | str) or not any(part in said for part in PATTERN)


@pytest.mark.parametrize("number", [12345678901, 1234, 0, 1.2345678901e10])
def test_an_account_that_is_a_number_is_to_be_quoted(number: float) -> None:
    found = problems({"zones": [{**ZONE, "accountId": number}]})
    assert found == {"zones[0].accountId": "is read as a number, without its leading zeros; quote it: '012345678901'"}
    shared = problems({"sharing": {"method": "ram", "accounts": [number]}})
    assert list(shared) == ["sharing.accounts[0]"]
    # Twelve digits have lost nothing.
    assert problems({"sharing": {"method": "ram", "accounts": [210987654321]}}) == {}


@pytest.mark.parametrize(
    "values",
    [
        {"organization": "Fährverein Küste e.V."},
        {"organization": "渡し船株式会社", "locality": "東京"},
        {"state": "Île-de-France", "organizationalUnit": "Plattform (Küste) & Häfen"},
        {"caName": "Mesh für Fähren"},
        {"country": "de"},
        {"revocation": {"crl": {"bucket": "crl.brookline.example", "customCname": "crl.brookline.example"}}},
    ],
)
def test_what_aws_takes_is_taken(values: dict[str, Any]) -> None:
    assert problems(values) == {}


@pytest.mark.parametrize("bucket", ["ab", "a..b", ".abc", "abc-", "1.2.3.4", "a_b", "x" * 64, "abc/def"])
def test_what_s3_names_no_bucket(bucket: str) -> None:
    assert list(problems({"revocation": {"crl": {"bucket": bucket}}})) == ["revocation.crl.bucket"]


def test_typed_keys_are_named_all_at_once(run_program: RunProgram) -> None:
    config = changed(
        shape("root"), rootValidityYears="ten", protect="perhaps", deletionWindowDays="soon", meshes="default"
    )
    with pytest.raises(SettingsError) as caught:
        run_program(config)
    assert {problem.path.removeprefix("kong-mesh-pca:") for problem in caught.value.problems} == {
        "rootValidityYears",
        "protect",
        "deletionWindowDays",
        "meshes",
    }


FAILED = "invoke of aws:iam/getPolicy:getPolicy failed: "
INVOCATION = "invocation of aws:iam/getPolicy:getPolicy returned an error: "
INVOKING = "invoking aws:iam/getPolicy:getPolicy: "
REASON = "reading IAM Policy (arn:aws:iam::123456789012:policy/b): couldn't find resource"


@pytest.mark.parametrize(
    "wrapped",
    [
        REASON,
        f"{FAILED}{REASON} ()",
        f"{FAILED}{INVOCATION}{INVOKING}1 error occurred:\n\t* {REASON}\n\n",
        f"rpc error: code = Unknown desc = {INVOCATION}{REASON}",
    ],
)
def test_look_ups_fail_without_the_engines_wrappers(wrapped: str) -> None:
    assert lookups.extract_reason(Exception(wrapped)) == REASON


def test_a_failure_without_words_has_a_name() -> None:
    assert lookups.extract_reason(ValueError("")) == "ValueError"


@pytest.fixture
def encrypted(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Keys whose values the stack's file has encrypted, as Pulumi tells the program."""
    keys: set[str] = set()
    monkeypatch.setattr(pulumi.runtime, "is_config_secret", lambda key: key in keys)
    return keys


def test_what_would_become_public_is_not_taken_encrypted(run_program: RunProgram, encrypted: set[str]) -> None:
    encrypted |= {"kong-mesh-pca:organization", "kong-mesh-pca:verifierPrincipals", "kong-mesh-pca:zones"}
    with pytest.raises(SettingsError) as caught:
        run_program(shape("root"))
    assert {problem.path for problem in caught.value.problems} == {
        "kong-mesh-pca:organization",
        "kong-mesh-pca:verifierPrincipals",
    }
    assert all("set it without --secret" in problem.message for problem in caught.value.problems)


@pytest.mark.parametrize("is_encrypted", [True, False])
@pytest.mark.parametrize("name", ["accounts-ram", "under-aws-ca-elsewhere"])
def test_an_external_id_is_nowhere_in_plain_text(
    run_program: RunProgram, encrypted: set[str], name: str, is_encrypted: bool
) -> None:

    if is_encrypted:
        encrypted |= {"kong-mesh-pca:zones", "kong-mesh-pca:parent"}
    graph = run_program(shape(name), functions=functions())
    found = [item for item in graph.resources if "mesh-team" in json.dumps(item.inputs, default=str)]
    assert found
    for item in found:
        assert item.type == "pulumi:providers:aws"
        plain = {key: value for key, value in item.inputs.items() if not _is_secret(value)}
        assert "mesh-team" not in json.dumps(plain, default=str)
    # Outputs stay as readable as they were.
    assert "mesh-team" not in json.dumps(graph.exports)
    assert graph.exports["zones"][0]["name"]


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and "4dabf18193072939515e22adb298388d" in value


def test_providers_of_other_accounts_get_the_settings_of_the_stack(
    run_program: RunProgram, encrypted: set[str]
) -> None:
    encrypted |= {"aws:accessKey"}
    endpoints = [{"iam": "http://127.0.0.1:4599", "sts": "http://127.0.0.1:4599"}]
    own = {
        "aws:accessKey": "123",
        "aws:secretKey": "sandbox",
        "aws:skipCredentialsValidation": "true",
        "aws:s3UsePathStyle": "true",
        "aws:maxRetries": "7",
        "aws:stsRegion": "eu-west-1",
        "aws:endpoints": json.dumps(endpoints),
        "aws:assumeRoles": json.dumps([{"roleArn": "arn:aws:iam::123456789012:role/first"}]),
        "aws:allowedAccountIds": json.dumps(["123456789012"]),
        "aws:profile": "stack",
    }
    config = shape("accounts-ram")
    graph = run_program(dataclasses.replace(config, values={**config.values, **own}))
    inputs = graph.of_type("aws")["zone-paris"].inputs
    assert json.loads(inputs["endpoints"]) == endpoints
    assert (inputs["skipCredentialsValidation"], inputs["maxRetries"], inputs["stsRegion"]) == (
        "true",
        "7",
        "eu-west-1",
    )
    assert (inputs["region"], inputs["profile"]) == ("eu-west-3", "stack")
    assert json.loads(inputs["allowedAccountIds"]) == ["210987654321"]
    assert all(_is_secret(inputs[key]) for key in ("accessKey", "secretKey", "assumeRoles"))
    assert inputs["accessKey"]["value"] == "123"
    assert [role["roleArn"] for role in json.loads(inputs["assumeRoles"]["value"])] == [
        "arn:aws:iam::123456789012:role/first",
        "arn:aws:iam::210987654321:role/deploy",
    ]
    # A profile of the zone's own has its own credentials.
    config = shape("organization-ram")
    graph = run_program(dataclasses.replace(config, values={**config.values, **own}))
    inputs = graph.of_type("aws")["zone-paris"].inputs
    assert inputs["profile"] == setting(config, "zones")[0]["profile"]
    assert not {"accessKey", "secretKey", "assumeRoles"} & set(inputs)
    assert json.loads(inputs["endpoints"]) == endpoints
