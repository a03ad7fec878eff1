"""The CAs of every topology as the program registers them: inputs, order, options."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.conftest import Graph, RunProgram, secret, stack_csr
from tests.infra.shapes import ELSEWHERE, HOME, changed, functions, setting, shape, signed_for_the_stack
from tests.support import NOW, Authority
from toolkit import contract
from toolkit.contract.pending import PendingStack
from toolkit.errors import InvalidInputError
from toolkit.infra.settings import SettingsError

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.program import StackConfig


def one(graph: Graph, kind: str) -> Any:
    (found,) = graph.of_type(kind).values()
    return found


def certificates_of_aws(graph: Graph) -> set[str]:
    return {item.name for item in graph.resources if item.type.startswith("aws:acmpca/")}


def test_the_subject_and_the_key_are_what_the_stack_asked_for(run_program: RunProgram) -> None:
    graph = run_program(shape("intermediate"))
    for name, kind in (("root-ca", "Root"), ("issuing-ca", "Issuing")):
        authority = graph.of_type("CertificateAuthority")[name]
        assert authority.inputs["certificateAuthorityConfiguration"] == {
            "keyAlgorithm": "RSA_3072",
            "signingAlgorithm": "SHA384WITHRSA",
            "subject": {
                "commonName": f"Acme Mesh {kind} CA",
                "organization": "Acme Inc.",
                "organizationalUnit": "Platform",
                "country": "DE",
                "state": "Hesse",
                "locality": "Frankfurt",
            },
        }
        assert authority.inputs["keyStorageSecurityStandard"] == "FIPS_140_2_LEVEL_3_OR_HIGHER"
        own = {"managed-by": "kong-mesh-pca-toolkit", "kong-mesh-stack": "intermediate"}
        assert authority.inputs["tags"] == {"cost-center": "4711", **own}
        assert authority.request.customTimeouts.create == "10m"
        assert "enabled" not in authority.inputs


def test_a_short_lived_intermediate_has_a_general_purpose_root(run_program: RunProgram) -> None:
    graph = run_program(changed(shape("ocsp"), usageMode="SHORT_LIVED_CERTIFICATE"))
    modes = {name: item.inputs["usageMode"] for name, item in graph.of_type("CertificateAuthority").items()}
    assert modes == {"root-ca": "GENERAL_PURPOSE", "issuing-ca": "SHORT_LIVED_CERTIFICATE"}


def test_a_generation_makes_the_certificate_anew_and_keeps_the_ca(run_program: RunProgram) -> None:
    graph = run_program(changed(shape("ocsp"), rootGeneration=2, issuingGeneration=3))
    assert set(graph.of_type("Certificate")) == {"root-ca-certificate-2", "issuing-ca-certificate-3"}
    assert set(graph.of_type("CertificateAuthority")) == {"root-ca", "issuing-ca"}
    assert set(graph.of_type("CertificateAuthorityCertificate")) == {"root-ca-activation", "issuing-ca-activation"}
    assert all(item.request.retainOnDelete for item in graph.of_type("Certificate").values())


def test_a_parent_in_the_account_signs_with_its_own_algorithm(run_program: RunProgram) -> None:
    graph = run_program(shape("under-aws-ca"), functions=functions())
    assert set(graph.of_type("CertificateAuthority")) == {"issuing-ca"}
    certificate = one(graph, "Certificate")
    assert certificate.inputs["certificateAuthorityArn"] == setting(shape("under-aws-ca"), "parent")["arn"]
    assert certificate.inputs["templateArn"].endswith("SubordinateCACertificate_PathLen0/V1")
    assert certificate.inputs["signingAlgorithm"] == "SHA256WITHECDSA"
    assert certificate.inputs["validity"] == {"type": "YEARS", "value": "3"}
    assert "region" not in certificate.inputs
    assert not certificate.request.provider
    assert "certificateChain" in one(graph, "CertificateAuthorityCertificate").inputs


def test_a_parent_elsewhere_is_called_with_its_own_provider_in_its_own_region(run_program: RunProgram) -> None:
    graph = run_program(shape("under-aws-ca-elsewhere"), functions=functions())
    provider = graph.of_type("aws")["parent-ca"]
    assert provider.inputs["region"] == "eu-west-1"
    assert json.loads(provider.inputs["allowedAccountIds"]) == [ELSEWHERE]
    (role,) = json.loads(secret(provider.inputs["assumeRoles"]))
    assert role["roleArn"] == f"arn:aws:iam::{ELSEWHERE}:role/sign-mesh-cas"
    assert role["externalId"] == "mesh-team"
    certificate = one(graph, "Certificate")
    assert "::parent-ca::" in certificate.request.provider
    assert certificate.inputs["region"] == "eu-west-1"
    assert certificate.request.retainOnDelete
    assert not one(graph, "CertificateAuthority").request.provider
    assert not one(graph, "CertificateAuthorityCertificate").request.provider


TIRED = Authority("Tired CA", not_after=NOW + timedelta(days=400))
NARROW = Authority("Narrow CA", parent=Authority("Narrow Root"), path_length=0)
DEEP = Authority("D", parent=Authority("C", parent=Authority("B", parent=Authority("A", parent=Authority("Root")))))


@pytest.mark.parametrize(
    ("authority", "changes", "path", "words"),
    [
        (None, {"status": "DISABLED"}, "parent.arn", "DISABLED"),
        (None, {"usageMode": "SHORT_LIVED_CERTIFICATE"}, "parent.arn", "short-lived"),
        (TIRED, {}, "intermediateValidityYears", "outlive"),
        (NARROW, {}, "intermediatePathLength", "no CA below it"),
        (DEEP, {}, "intermediatePathLength", "levels"),
    ],
)
def test_a_parent_that_can_not_sign_is_refused_while_previewing(
    run_program: RunProgram, authority: Authority | None, changes: dict[str, str], path: str, words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        run_program(shape("under-aws-ca"), preview=True, functions=functions(authority, **changes))
    (problem,) = caught.value.problems
    assert problem.path == f"kong-mesh-pca:{path}"
    assert words in problem.message


def test_a_parent_that_rests_does_not_stop_an_update(run_program: RunProgram) -> None:
    # Outside of a preview the certificate is there; in a preview an engine that has it makes it known.
    run_program(shape("under-aws-ca"), functions=functions(status="DISABLED"))


@pytest.mark.parametrize("name", ["under-aws-ca", "adopt"])
def test_a_ca_that_can_not_be_seen_is_refused_before_anything_is_made(run_program: RunProgram, name: str) -> None:
    def unseen(_: dict[str, Any]) -> dict[str, Any]:
        raise LookupError("AccessDeniedException: no")

    graph = Graph()
    with pytest.raises(SettingsError, match="AccessDeniedException"):
        run_program(shape(name), functions={"getCertificateAuthority": unseen}, graph=graph)
    assert not [item for item in graph.resources if item.type.startswith("aws:")]
    with pytest.raises(SettingsError, match="it is PENDING_CERTIFICATE and has no certificate yet"):
        run_program(shape(name), functions=functions(certificate="", certificateChain="", status="PENDING_CERTIFICATE"))


def test_an_adopted_ca_is_not_touched(run_program: RunProgram) -> None:
    graph = run_program(shape("adopt"), functions=functions())
    assert certificates_of_aws(graph) == set()
    assert {item.type for item in graph.resources if item.type.startswith("aws:")} == {
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
    }
    outputs = contract.parse(json.dumps(graph.exports))
    assert outputs.certificate_authority.arn == shape("adopt").values["kong-mesh-pca:adoptArn"]
    assert outputs.certificate_authority.type == "SUBORDINATE"
    assert outputs.certificate_authority.key_algorithm == "EC_prime256v1"


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"status": "EXPIRED"}, "adoptArn", "EXPIRED"),
        ({"usageMode": "SHORT_LIVED_CERTIFICATE"}, "dataPlaneLifetime", "7 days"),
    ],
)
def test_a_ca_that_is_of_no_use_is_not_adopted(
    run_program: RunProgram, changes: dict[str, str], path: str, words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        run_program(changed(shape("adopt"), dataPlaneLifetime="14d"), functions=functions(None, **changes))
    (problem,) = caught.value.problems
    assert problem.path == f"kong-mesh-pca:{path}"
    assert words in problem.message


def test_an_adopted_ca_signs_with_its_own_family(run_program: RunProgram) -> None:
    signing = changed(shape("adopt"), signingAlgorithm="SHA512WITHECDSA", keyAlgorithm="RSA_2048")
    graph = run_program(signing, functions=functions())
    assert graph.exports["certificateAuthority"]["signingAlgorithm"] == "SHA512WITHECDSA"
    with pytest.raises(SettingsError, match="signingAlgorithm: SHA256WITHRSA can't be made with the adopted CA's key"):
        run_program(changed(shape("adopt"), signingAlgorithm="SHA256WITHRSA"), functions=functions())


def test_an_adopted_ca_that_ends_before_its_certificates_would(run_program: RunProgram) -> None:
    with pytest.raises(SettingsError, match=r"adoptArn: .* expires on .*, before a data plane certificate"):
        run_program(changed(shape("adopt"), dataPlaneLifetime="2y"), functions=functions(TIRED, type="ROOT"))


def pending(status: str = "PENDING_CERTIFICATE") -> dict[str, Any]:
    return {"getCertificateAuthority": lambda args: {"arn": args["arn"], "status": status}}


def test_a_ca_below_an_external_root_waits_and_nothing_else_is_made(run_program: RunProgram) -> None:
    graph = run_program(shape("under-external-ca"), functions=pending())
    assert {item.type for item in graph.resources if item.type.startswith("aws:")} == {
        "aws:acmpca/certificateAuthority:CertificateAuthority"
    }
    stack = contract.read(json.dumps(graph.exports))
    assert isinstance(stack, PendingStack)
    assert stack.pending_certificate_authority.certificate_signing_request == stack_csr()
    with pytest.raises(InvalidInputError, match="has no certificate yet"):
        contract.parse(json.dumps(graph.exports))


def signed(config: StackConfig, request: str) -> StackConfig:
    certificate, above = signed_for_the_stack(request)
    return changed(config, issuedCertificate=certificate, issuedCertificateChain=above)


def test_what_was_signed_elsewhere_is_imported_with_its_chain(run_program: RunProgram) -> None:
    config = signed(shape("under-external-ca"), stack_csr())
    graph = run_program(config)
    assert not graph.of_type("Certificate")
    activation = one(graph, "CertificateAuthorityCertificate")
    assert activation.inputs["certificate"] == config.values["kong-mesh-pca:issuedCertificate"].strip()
    assert activation.inputs["certificateChain"] == config.values["kong-mesh-pca:issuedCertificateChain"].strip()
    outputs = contract.parse(json.dumps(graph.exports))
    assert outputs.root_certificate == config.values["kong-mesh-pca:issuedCertificateChain"]
    assert [zone.name for zone in outputs.zones] == ["frankfurt"]
    for policy in graph.of_type("RolePolicy").values():
        assert "issuing-ca-activation" in policy.dependencies


def test_what_was_signed_for_somebody_else_is_not_imported(run_program: RunProgram) -> None:
    from tests.support import request_pem  # noqa: PLC0415 - for this one

    with pytest.raises(SettingsError, match="kong-mesh-pca:issuedCertificate: is for another key"):
        run_program(signed(shape("under-external-ca"), request_pem("Issuing CA")))


def test_a_certificate_that_went_missing_does_not_take_the_roles_with_it(run_program: RunProgram) -> None:
    with pytest.raises(SettingsError, match="kong-mesh-pca:issuedCertificate: is missing, but the CA has its"):
        run_program(shape("under-external-ca"), functions=pending("ACTIVE"))


@pytest.mark.parametrize("name", ["root", "intermediate", "under-aws-ca", "crl"])
def test_cas_are_protected(run_program: RunProgram, name: str) -> None:
    graph = run_program(shape(name), functions=functions())
    assert [item.request.protect for item in graph.of_type("CertificateAuthority").values()].count(False) == 0
    assert [item.name for item in graph.resources if item.request.deleteBeforeReplace] == []
    unprotected = run_program(changed(shape(name), protect=False), functions=functions())
    assert [item.name for item in unprotected.resources if item.request.protect] == []


def test_what_is_imported_is_what_aws_wrote(run_program: RunProgram) -> None:
    """A final newline of our own would be another value than the one that a refresh reads, and a new import."""
    graph = run_program(shape("intermediate"))
    for activation in graph.of_type("CertificateAuthorityCertificate").values():
        for key in ("certificate", "certificateChain"):
            assert not activation.inputs.get(key, "").endswith("\n"), activation.name


def test_resource_options_reach_what_is_inside(in_program: Any) -> None:
    """A component takes Pulumi's options and hands them on: here a provider, and protect."""
    graph: Graph = in_program(
        """
        import pulumi, pulumi_aws as aws
        from toolkit.infra.reading import check_settings
        from toolkit.infra.stack import MeshCertificates
        zones = [{"name": "z", "region": "eu-central-1", "identity": "ambient"}]
        settings = check_settings({"topology": "root", "protect": False, "zones": zones}, "p")
        other = aws.Provider("other", region="eu-west-1", allowed_account_ids=["210987654321"])
        MeshCertificates("mine", settings, pulumi.ResourceOptions(providers={"aws": other}, protect=True))
        """
    )
    resources = [item for item in graph.resources if item.type.startswith("aws:")]
    assert resources
    for item in resources:
        assert "::other::" in item.request.provider, item.name


def test_names_and_urns_stay_what_they_are(run_program: RunProgram) -> None:
    """A changed URN is another resource to Pulumi: of a CA, another CA."""
    graph = run_program(shape("intermediate"))
    urns = {
        item.name: item.request.parent.split("::")[2] + "$" + item.type
        for item in graph.resources
        if item.request.parent
    }
    index = "kong-mesh-pca:index:MeshCertificates"
    authority = f"{index}$kong-mesh-pca:authority:PrivateAuthority"
    assert urns["root-ca-certificate"].endswith(f"{authority}$aws:acmpca/certificate:Certificate")
    assert urns["issuing-ca-activation"].endswith(
        f"{authority}$aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate"
    )
    assert urns["zone-ireland"].endswith(f"{index}$kong-mesh-pca:access:ZoneAccess$aws:iam/role:Role")
    authorities = graph.of_type("CertificateAuthority")
    for name in ("root-ca", "issuing-ca"):
        assert authorities[name].request.parent.endswith(f"{authority}::{name}")


def test_the_home_account_is_the_callers(run_program: RunProgram) -> None:
    graph = run_program(shape("identities"), account=HOME)
    assert {zone["accountId"] for zone in graph.exports["zones"]} == {HOME}
