"""A contract may leave out derived values, and may come from tools other than Pulumi."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.support import AUTHORITY_ARN, Authority, contract_document, hierarchy, pending_document, zone_document
from toolkit import contract
from toolkit.contract.completing import DERIVED, complete
from toolkit.contract.json_schema import build_json_schema
from toolkit.errors import InvalidInputError
from toolkit.infra.settings import ZoneSettings
from toolkit.pki import pem

ISSUING = hierarchy()
DOCUMENT = contract_document(ISSUING)
# What can be left out, and comes back.
RESTORED = [
    ("rootCertificate",),
    ("dataPlaneLifetime",),
    *(("certificateAuthority", name) for name in ("type", "region", "keyAlgorithm", "signingAlgorithm", "notAfter")),
    *(("zones", 1, name) for name in ("accountId", "namespace", "serviceAccount", "identity")),
]
UNKNOWN = [("certificateAuthority", "usageMode"), ("zones", 0, "verifierRoleArn")]


def without(places: Iterable[tuple[str | int, ...]]) -> dict[str, Any]:
    document = deepcopy(DOCUMENT)
    for place in places:
        holder: Any = document
        for part in place[:-1]:
            holder = holder[part]
        del holder[place[-1]]
    return document


def terraform(document: dict[str, Any]) -> dict[str, Any]:
    """As `terraform output -json` prints it; tests/cli/test_contract_create.py asks Terraform itself."""
    return {name: {"sensitive": False, "type": "dynamic", "value": value} for name, value in document.items()}


def problems(document: object) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        contract.parse(json.dumps(document), "outputs.json")
    return {problem.path: problem.message for problem in caught.value.problems}


@given(st.lists(st.sampled_from(RESTORED), unique=True))
def test_what_can_be_derived_comes_back(places: list[tuple[str | int, ...]]) -> None:
    assert contract.parse(json.dumps(without(places))).to_exports() == DOCUMENT


@given(st.lists(st.sampled_from([*RESTORED, *UNKNOWN]), unique=True))
def test_what_is_not_known_stays_out_of_what_is_written(places: list[tuple[str | int, ...]]) -> None:
    document = without(places)
    loaded = contract.parse(json.dumps(document))
    assert loaded.to_exports() == without(place for place in places if place in UNKNOWN)
    assert contract.parse(loaded.to_json()) == loaded
    assert loaded.certificate_authority.priced_mode == "GENERAL_PURPOSE"
    zone = loaded.zones[0]
    assert zone.verifying_role_arn == (zone.verifier_role_arn or zone.role_arn) == zone.role_arns[-1]


def test_the_defaults_are_those_of_a_stack() -> None:
    settings = ZoneSettings(name="a", region="eu-west-1")
    assert (settings.namespace, settings.service_account, settings.identity) == (
        contract.DEFAULT_NAMESPACE,
        contract.DEFAULT_SERVICE_ACCOUNT,
        contract.DEFAULT_IDENTITY,
    )


def test_a_root_alone_is_of_type_root() -> None:
    document = contract_document(Authority("Test Root CA"))
    del document["certificateAuthority"]["type"]
    assert contract.parse(json.dumps(document)).certificate_authority.type == "ROOT"


def test_an_rsa_key_signs_with_sha_256() -> None:
    authority = complete(without(RESTORED) | {"certificateAuthority": {"keyAlgorithm": "RSA_4096"}})[
        "certificateAuthority"
    ]
    assert authority["signingAlgorithm"] == "SHA256WITHRSA"
    # The key is read from the certificate, not from its signature.
    key: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    chain = pem.write(Authority("Test RSA CA", ISSUING, key=key).chain())
    found = complete({"certificateChain": chain, "certificateAuthority": {"arn": AUTHORITY_ARN}})
    assert found["certificateAuthority"]["keyAlgorithm"] == "RSA_2048"
    assert found["certificateAuthority"]["signingAlgorithm"] == "SHA256WITHRSA"


@pytest.mark.parametrize(
    ("place", "value", "path", "words"),
    [
        ("region", "eu-west-1", "certificateAuthority.region", "is eu-west-1, but the CA's ARN says eu-central-1"),
        ("type", "ROOT", "certificateChain", "has 2 certificates, which a CA of type ROOT can't have"),
        ("keyAlgorithm", "EC_secp384r1", "certificateChain", "key of EC_prime256v1, but certificateAuthority"),
        ("notAfter", "2027-01-01T00:00:00Z", "certificateChain", "notAfter is 2027-01-01T00:00:00Z"),
        ("signingAlgorithm", "SHA256WITHRSA", "certificateAuthority.signingAlgorithm", "with a key of EC_prime256v1"),
    ],
)
def test_what_contradicts_what_is_derived_names_both(place: str, value: str, path: str, words: str) -> None:
    document = without(RESTORED)
    document["certificateAuthority"][place] = value
    assert words in problems(document)[path]


def test_a_zone_whose_roles_are_in_two_accounts() -> None:
    document = without(RESTORED)
    document["zones"][0]["accountId"] = "210987654321"
    message = "is in account 123456789012, but the zone is in 210987654321"
    assert problems(document) == {"zones[0].roleArn": message, "zones[0].verifierRoleArn": message}
    document = without(RESTORED)
    document["zones"][1]["verifierRoleArn"] = "arn:aws:iam::210987654321:role/other"
    found = problems(document)
    assert found == {"zones[1].verifierRoleArn": "is in account 210987654321, but the zone is in 123456789012"}


def test_what_could_not_be_derived_is_no_problem_of_its_own() -> None:
    document = without(RESTORED)
    document["certificateAuthority"]["arn"] = "arn:aws:s3:::bucket"
    document["certificateChain"] = "nonsense"
    document["zones"][1]["roleArn"] = "role"
    assert set(problems(document)) == {"certificateAuthority.arn", "certificateChain", "zones[1].roleArn"}
    del document["certificateChain"]
    assert problems(document)["certificateChain"] == "is missing"
    assert "rootCertificate" not in problems(document)


@pytest.mark.parametrize(
    "document", [DOCUMENT, without([*RESTORED, *UNKNOWN])], ids=["complete", "with what is needed alone"]
)
def test_outputs_of_terraform_are_read(document: dict[str, Any]) -> None:
    read = contract.parse(json.dumps(terraform(document | {"vpcId": "vpc-1"})))
    assert read == contract.parse(json.dumps(document))


def test_what_terraform_has_as_null_is_left_out() -> None:
    zone = zone_document("a", "eu-west-1") | {"verifierRoleArn": None, "namespace": None}
    loaded = contract.parse(json.dumps(terraform(DOCUMENT | {"zones": [zone]})))
    assert loaded.zones[0].verifier_role_arn is None
    assert loaded.zones[0].namespace == contract.DEFAULT_NAMESPACE
    # In a contract itself null is no text.
    assert "zones[0].namespace" in problems(DOCUMENT | {"zones": [zone]})


def test_problems_of_terraform_outputs_have_the_paths_of_the_contract() -> None:
    document = without([("zones", 1, "roleArn"), ("meshes",)])
    found = problems(terraform(document))
    assert found == {"zones[1].roleArn": "is missing", "meshes": "is missing"}


def test_names_as_terraform_has_them_are_completed_too() -> None:
    zone = {"name": "a", "region": "eu-west-1", "role_arn": "arn:aws:iam::123456789012:role/a"}
    loaded = contract.parse(json.dumps(terraform(without(RESTORED) | {"zones": [zone]})))
    assert loaded.zones[0].account_id == "123456789012"
    both = zone | {"roleArn": zone["role_arn"]}
    assert problems(terraform(DOCUMENT | {"zones": [both]}))["zones[0].role_arn"]


def test_a_pending_stack_in_terraform() -> None:

    document = pending_document()
    assert contract.read(json.dumps(terraform(document))).to_exports() == document


def test_the_schema_asks_for_what_a_reader_asks_for() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(build_json_schema())
    assert validator.is_valid(without([*RESTORED, *UNKNOWN]))
    required = [("zones", 0, "roleArn"), ("zones", 0, "region"), ("certificateAuthority", "arn"), ("certificateChain",)]
    for place in required:
        assert not validator.is_valid(without([place]))
        assert problems(without([place]))
    for model, names in DERIVED.items():
        assert names <= {str(field.alias) for field in model.model_fields.values()}


def test_deep_nesting_within_an_output_of_terraform() -> None:
    deep = "[" * 700 + "]" * 700
    text = f'{{"x": {{"value": {deep}, "type": "x", "sensitive": false}}}}'
    with pytest.raises(InvalidInputError):
        contract.parse(text)
