"""MeshIdentities verified in the sandbox: what each zone's proxies get, and whether all zones trust it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.mesh.documents.applied_documents import changed, chosen, identity, trust
from tests.support import contract, hierarchy
from tests.verify.world import failures, source, verify, without
from toolkit.errors import InvalidInputError
from toolkit.pki import pem
from toolkit.verify import runner
from toolkit.verify.mesh_identity import AUTHORITY_CERTIFICATE, TRUST_DOMAIN, TRUST_ROOT
from toolkit.verify.plan import Plan, PlanOptions, make_plan
from toolkit.verify.report.junit import render as render_junit
from toolkit.verify.report.prometheus import render as render_prometheus
from toolkit.verify.report.table import render as render_table
from toolkit.verify.zone import list_checks

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs
    from toolkit.mesh.schema.mesh import Form
    from toolkit.verify.results import Check, Report

NOBODYS = contract(hierarchy())


def planned(outputs: StackOutputs, *trusts: object, service: str = "web", **config: Any) -> Plan:
    """With a MeshTrust for each zone, unless others are given."""
    arn = outputs.certificate_authority.arn
    given = trusts or tuple(trust(domain_of(zone.name), outputs.certificate_chain) for zone in outputs.zones)
    found = chosen(identity(arn=arn, **config), *given)
    return make_plan(outputs, outputs.zones, PlanOptions(service=service), found)


def domain_of(zone: str) -> str:
    return f"default.{zone}.mesh.local"


def run(aws: TestSandbox, outputs: StackOutputs, plan: Plan) -> Report:
    return runner.verify(outputs, plan, source(aws)).report


def failed(report: Report) -> dict[str, list[str]]:
    return {zone: [check.name for check in checks] for zone, checks in failures(report).items()}


def check(report: Report, zone: str, name: str) -> Check:
    (found,) = [each for each in report.zones if each.zone == zone]
    return next(each for each in found.checks if each.name == name)


def test_every_zone_gets_one_critical_spiffe_id_and_nothing_else(aws: TestSandbox, outputs: StackOutputs) -> None:
    plan = planned(outputs, certificateParameters={"expiry": "90m"})
    made = runner.verify(outputs, plan, source(aws))
    assert failures(made.report) == {}
    assert made.report.passed
    for proxy in made.proxies:
        leaf = proxy.issued.leaf
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert [str(name.value) for name in names.value] == [f"spiffe://{domain_of(proxy.zone)}/ns/web/sa/web"]
        assert names.critical
        assert list(leaf.subject) == []
        left = leaf.not_valid_after_utc - made.report.finished_at
        assert timedelta(minutes=89) < left <= timedelta(minutes=90)
    for zone in made.report.zones:
        assert tuple(each.name for each in zone.checks) == list_checks(plan)
    assert {AUTHORITY_CERTIFICATE, TRUST_DOMAIN, TRUST_ROOT} < set(list_checks(plan))
    assert made.report.calls["GetCertificateAuthorityCertificate"] == 3


def test_a_mesh_has_the_checks_that_it_had(aws: TestSandbox, outputs: StackOutputs) -> None:
    report = verify(aws, outputs)
    assert report.passed
    assert "GetCertificateAuthorityCertificate" not in report.calls
    assert not {AUTHORITY_CERTIFICATE, TRUST_DOMAIN, TRUST_ROOT} & {each.name for each in report.zones[0].checks}


def test_a_zone_that_may_not_read_the_chain(aws: TestSandbox, outputs: StackOutputs) -> None:
    without(aws, outputs.zones[1], "acm-pca:GetCertificateAuthorityCertificate")
    report = run(aws, outputs, planned(outputs))
    assert failed(report) == {"frankfurt-2": [AUTHORITY_CERTIFICATE]}
    found = check(report, "frankfurt-2", AUTHORITY_CERTIFICATE)
    assert "Allow acm-pca:GetCertificateAuthorityCertificate" in found.advice
    assert "of which the zone's control plane creates the MeshTrust" in found.expected
    # Without meshTrustCreation, nobody reads it.
    assert run(aws, outputs, planned(outputs, meshTrustCreation="Disabled")).passed


@pytest.mark.parametrize("creation", ["Enabled", "Disabled"])
def test_a_zone_without_a_meshtrust(aws: TestSandbox, outputs: StackOutputs, creation: str) -> None:
    trusts = [trust(domain_of(zone.name), outputs.certificate_chain) for zone in outputs.zones[1:]]
    report = run(aws, outputs, planned(outputs, *trusts, meshTrustCreation=creation))
    # Nothing is in the bundle if nobody creates it.
    expected = [TRUST_DOMAIN] if creation == "Enabled" else [TRUST_DOMAIN, "chain"]
    assert failed(report) == {"frankfurt-1": expected}
    found = check(report, "frankfurt-1", TRUST_DOMAIN)
    assert f"the trust domain {domain_of('frankfurt-1')}" in found.advice
    assert ("only the zone's own proxies" in found.found) == (creation == "Enabled")
    assert check(report, "frankfurt-1", TRUST_ROOT).outcome == "skipped"


@pytest.mark.parametrize("creation", ["Enabled", "Disabled"])
def test_one_trust_domain_for_all_needs_no_document_if_it_is_created(
    aws: TestSandbox, outputs: StackOutputs, creation: str
) -> None:
    arn = outputs.certificate_authority.arn
    document = identity(arn=arn, meshTrustCreation=creation)
    found = chosen(changed(("spec", "spiffeID", "trustDomain"), "mesh.example", document))
    plan = make_plan(outputs, outputs.zones, PlanOptions(), found)
    report = run(aws, outputs, plan)
    assert report.passed == (creation == "Enabled")
    assert plan.mesh_identity
    known = {"mesh.example": outputs.certificate_chain} if creation == "Enabled" else {}
    assert plan.mesh_identity.known_bundles == known


def test_a_meshtrust_without_a_root(aws: TestSandbox, outputs: StackOutputs) -> None:
    chain = pem.load_certificates(outputs.certificate_chain)
    trusts = [trust(domain_of(zone.name), outputs.certificate_chain) for zone in outputs.zones[1:]]
    alone = trust(domain_of("frankfurt-1"), pem.write(chain[:1]), name="first")
    report = run(aws, outputs, planned(outputs, alone, *trusts))
    assert failed(report) == {"frankfurt-1": [TRUST_ROOT, "chain"]}
    assert domain_of("frankfurt-1") in check(report, "frankfurt-1", TRUST_ROOT).found
    # That of an old CA, which is nobody's trust domain, is everybody's problem.
    whole = trust(domain_of("frankfurt-1"), outputs.certificate_chain, name="first")
    report = run(aws, outputs, planned(outputs, whole, *trusts, trust("default", pem.write(chain[:1]))))
    assert failed(report) == {zone.name: [TRUST_ROOT] for zone in outputs.zones}


def test_a_meshtrust_with_the_root_alone_is_remarked(aws: TestSandbox, outputs: StackOutputs) -> None:
    root = pem.write(pem.load_certificates(outputs.certificate_chain)[-1:])
    report = run(aws, outputs, planned(outputs, *(trust(domain_of(zone.name), root) for zone in outputs.zones)))
    assert report.passed
    assert "does not contain the issuing CA" in check(report, "ireland-1", TRUST_ROOT).note
    assert check(run(aws, outputs, planned(outputs)), "ireland-1", TRUST_ROOT).note == ""


def test_the_meshtrust_of_another_ca(aws: TestSandbox, outputs: StackOutputs) -> None:
    other = pem.write(hierarchy().chain())
    report = run(aws, outputs, planned(outputs, *(trust(domain_of(zone.name), other) for zone in outputs.zones)))
    assert failed(report) == {zone.name: ["chain"] for zone in outputs.zones}
    assert "MeshTrust" in check(report, "ireland-1", "chain").advice


def test_every_form_of_the_report_shows_the_checks(aws: TestSandbox, outputs: StackOutputs) -> None:
    without(aws, outputs.zones[1], "acm-pca:GetCertificateAuthorityCertificate")
    report = run(aws, outputs, planned(outputs))
    for render in (render_table, render_junit, render_prometheus):
        assert AUTHORITY_CERTIFICATE in render(report)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("spec", "spiffeID", "trustDomain"), "{{ .Region }}", "spec.spiffeID.trustDomain: has unknown parts: .Region"),
        (("spec", "spiffeID", "trustDomain"), '{{ label "team" }}', 'has unknown parts: label "team"'),
        (("spec", "spiffeID", "trustDomain"), "{{" * 10_000, f"has unknown parts: {'{{' * 60}…"),
        (("spec", "spiffeID", "trustDomain"), "Mesh.Local", "has capital letters"),
        (("spec", "spiffeID", "path"), "no-slash", "must begin with a slash"),
        (("spec", "provider", "extension", "config", "certificateParameters", "expiry"), "90000h", "lasts longer than"),
        (("spec", "provider", "extension", "config", "arn"), "arn:aws:other", "x.yaml:1:1: config.arn"),
    ],
)
def test_what_can_not_be_requested_is_said_before_anything_is(path: tuple[str, ...], value: str, words: str) -> None:
    found = chosen(changed(path, value, identity(arn=NOBODYS.certificate_authority.arn)))
    with pytest.raises(InvalidInputError) as caught:
        make_plan(NOBODYS, NOBODYS.zones, PlanOptions(), found)
    assert words in "\n".join(caught.value.lines())


def test_the_path_is_that_of_where_the_zone_runs() -> None:
    kubernetes, ambient = (
        NOBODYS.zones[0].model_copy(update={"name": name, "identity": name}) for name in ("pod-identity", "ambient")
    )
    outputs = NOBODYS.model_copy(update={"zones": (kubernetes, ambient)})
    paths: dict[Form, str] = {"universal": "/workload/web", "kubernetes": "/ns/web/sa/web"}
    for form, path in paths.items():
        found = chosen(identity(form=form, arn=outputs.certificate_authority.arn))
        plan = make_plan(outputs, outputs.zones, PlanOptions(service="web"), found)
        assert plan.list_uris("pod-identity") == (f"spiffe://{domain_of('pod-identity')}/ns/web/sa/web",)
        assert plan.list_uris("ambient") == (f"spiffe://{domain_of('ambient')}{path}",)


def test_a_service_that_is_no_part_of_a_path_is_said_at_its_option() -> None:
    found = chosen(identity(arn=NOBODYS.certificate_authority.arn))
    with pytest.raises(InvalidInputError) as caught:
        make_plan(NOBODYS, NOBODYS.zones, PlanOptions(service="a b"), found)
    assert [problem.path for problem in caught.value.problems] == ["--service spec.spiffeID.path"]
