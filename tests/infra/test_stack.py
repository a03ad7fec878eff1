from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

import pytest

from tests.infra.conftest import ACCOUNT, Graph, RunProgram
from toolkit import contract
from toolkit.files import find_project_root
from toolkit.infra.settings import SettingsError
from toolkit.pki import pem
from toolkit.sandbox.pulumi.program import StackConfig, read_stack


def stack(name: str, changes: Mapping[str, object] | None = None) -> StackConfig:
    config = read_stack(find_project_root(), name)
    changed = {
        f"kong-mesh-pca:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in (changes or {}).items()
    }
    return dataclasses.replace(config, values={**config.values, **changed})


@pytest.fixture
def prod(run_program: RunProgram) -> Graph:
    return run_program(stack("prod"))


def test_prod_is_a_root_an_intermediate_and_two_roles_a_zone(prod: Graph) -> None:
    authorities = prod.of_type("CertificateAuthority")
    assert {name: item.inputs["type"] for name, item in authorities.items()} == {
        "root-ca": "ROOT",
        "issuing-ca": "SUBORDINATE",
    }
    zones = ["frankfurt-1", "frankfurt-2", "ireland-1"]
    assert set(prod.of_type("Role")) == {f"{kind}-{zone}" for kind in ("zone", "verifier") for zone in zones}
    assert len(prod.of_type("RolePolicy")) == 6


def test_dev_is_one_root_in_short_lived_mode(run_program: RunProgram) -> None:
    graph = run_program(stack("dev"))
    (root,) = graph.of_type("CertificateAuthority").values()
    assert root.inputs["type"] == "ROOT"
    assert root.inputs["usageMode"] == "SHORT_LIVED_CERTIFICATE"
    outputs = contract.parse(json.dumps(graph.exports))
    assert outputs.certificate_authority.type == "ROOT"
    assert outputs.certificate_chain == outputs.root_certificate


def test_the_certificates_carry_what_the_stack_asked_for(run_program: RunProgram) -> None:
    wanted = {"rootValidityYears": 12, "intermediateValidityYears": 7, "intermediatePathLength": 2}
    graph = run_program(stack("prod", {**wanted, "keyAlgorithm": "RSA_4096"}))
    certificates = graph.of_type("Certificate")
    root, issuing = certificates["root-ca-certificate"], certificates["issuing-ca-certificate"]
    assert root.inputs["validity"] == {"type": "YEARS", "value": "12"}
    assert issuing.inputs["validity"] == {"type": "YEARS", "value": "7"}
    assert root.inputs["templateArn"] == "arn:aws:acm-pca:::template/RootCACertificate/V1"
    assert issuing.inputs["templateArn"] == "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen2/V1"
    for authority in graph.of_type("CertificateAuthority").values():
        configuration = authority.inputs["certificateAuthorityConfiguration"]
        assert configuration["keyAlgorithm"] == "RSA_4096"
        assert configuration["signingAlgorithm"] == "SHA384WITHRSA"


def test_each_step_waits_for_the_one_before_it(prod: Graph) -> None:
    by_name = {item.name: item for item in prod.resources}
    assert by_name["root-ca-certificate"].dependencies == {"root-ca"}
    assert by_name["root-ca-activation"].dependencies >= {"root-ca", "root-ca-certificate"}
    # Signed only by a root that is active, not by one that merely exists.
    assert by_name["issuing-ca-certificate"].dependencies >= {"root-ca-activation", "issuing-ca"}
    assert by_name["issuing-ca-activation"].dependencies >= {"issuing-ca", "issuing-ca-certificate"}
    for name, policy in prod.of_type("RolePolicy").items():
        assert "issuing-ca-activation" in policy.dependencies, name


def test_a_root_is_imported_without_a_chain_and_an_intermediate_with_it(prod: Graph) -> None:
    activations = prod.of_type("CertificateAuthorityCertificate")
    assert "certificateChain" not in activations["root-ca-activation"].inputs
    assert activations["issuing-ca-activation"].inputs["certificateChain"].startswith("-----BEGIN CERTIFICATE-----")


def test_nothing_that_a_live_mesh_needs_goes_by_accident(prod: Graph) -> None:
    for authority in prod.of_type("CertificateAuthority").values():
        assert authority.request.protect
        assert set(authority.request.ignoreChanges) == {
            "certificateAuthorityConfiguration",
            "enabled",
            "keyStorageSecurityStandard",
            "permanentDeletionTimeInDays",
            "type",
            "usageMode",
        }
        assert not authority.request.deleteBeforeReplace
    for certificate in prod.of_type("Certificate").values():
        assert certificate.request.retainOnDelete


def test_protection_is_the_stacks_choice(run_program: RunProgram) -> None:
    graph = run_program(stack("prod", {"protect": False}))
    assert not any(item.request.protect for item in graph.of_type("CertificateAuthority").values())


def test_the_contract_comes_from_the_certificates_and_reads_back(prod: Graph) -> None:
    outputs = contract.parse(json.dumps(prod.exports))
    assert outputs.to_exports() == prod.exports
    issuing, root = pem.load_certificates(outputs.certificate_chain)
    assert pem.write([root]) == outputs.root_certificate
    assert outputs.certificate_authority.not_after == issuing.not_valid_after_utc
    assert [(zone.name, zone.region, zone.account_id) for zone in outputs.zones] == [
        ("frankfurt-1", "eu-central-1", ACCOUNT),
        ("frankfurt-2", "eu-central-1", ACCOUNT),
        ("ireland-1", "eu-west-1", ACCOUNT),
    ]
    assert outputs.zones[2].role_arn == f"arn:aws:iam::{ACCOUNT}:role/zone-ireland-1-0a1b2c3"
    assert outputs.zones[2].verifier_role_arn == f"arn:aws:iam::{ACCOUNT}:role/verifier-ireland-1-0a1b2c3"


def test_adding_a_zone_touches_no_other(run_program: RunProgram, prod: Graph) -> None:
    zones = json.loads(stack("prod").values["kong-mesh-pca:zones"])
    more = run_program(stack("prod", {"zones": [{**zones[0], "name": "paris-1", "namespace": "paris"}, *zones]}))
    before = {item.name: item.inputs for item in prod.resources}
    after = {item.name: item.inputs for item in more.resources}
    assert {name: after[name] for name in before} == before
    assert {name for name in after if name not in before} == {
        "paris-1",
        *(f"{kind}-paris-1{suffix}" for kind in ("zone", "verifier") for suffix in ("", "-private-ca")),
    }


def test_zones_of_another_account_are_refused_before_anything_is_made(run_program: RunProgram) -> None:
    with pytest.raises(SettingsError) as caught:
        run_program(stack("prod"), account="210987654321")
    assert [problem.path for problem in caught.value.problems] == [
        f"kong-mesh-pca:zones[{index}].oidcProviderArn" for index in range(3)
    ]
    assert "nothing was changed" in str(caught.value)


def test_every_wrong_setting_is_named_at_once(run_program: RunProgram) -> None:
    zone = {"name": "Not A Label", "region": "mars", "oidcProviderArn": "arn:aws:s3:::x"}
    changes = {
        "topology": "star",
        "rootValidityYears": "many",
        "keyAlgorithm": "ML_DSA_44",
        "deletionWindowDays": 3,
        "meshes": [],
        "zones": [zone],
        "verifierPrincipals": "not json",
    }
    with pytest.raises(SettingsError) as caught:
        run_program(stack("prod", changes))
    assert {problem.path.removeprefix("kong-mesh-pca:") for problem in caught.value.problems} == {
        "topology",
        "rootValidityYears",
        "keyAlgorithm",
        "deletionWindowDays",
        "meshes",
        "zones[0].name",
        "zones[0].region",
        "zones[0].oidcProviderArn",
        "verifierPrincipals",
    }


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"rootValidityYears": 5, "intermediateValidityYears": 5}, "intermediateValidityYears", "outlive"),
        (
            {"usageMode": "SHORT_LIVED_CERTIFICATE", "intermediatePathLength": 1},
            "intermediatePathLength",
            "short-lived",
        ),
        ({"caName": "x" * 60}, "caName", "at most 53"),
        ({"organization": "Two\nlines"}, "organization", "without line ends"),
    ],
)
def test_settings_that_can_not_work(run_program: RunProgram, changes: dict[str, object], path: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        run_program(stack("prod", changes))
    (problem,) = caught.value.problems
    assert problem.path == f"kong-mesh-pca:{path}"
    assert words in problem.message
