"""Sharing a stack's CA with other accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.shapes import ELSEWHERE, HOME, changed, shape
from toolkit.infra.settings import SettingsError
from toolkit.pki import templates
from toolkit.policy.evaluation import Decision, Request, evaluate

if TYPE_CHECKING:
    from tests.infra.conftest import Graph, Registered, RunProgram

PCA = "acm-pca.amazonaws.com"


def one(graph: Graph, kind: str) -> Registered:
    (found,) = graph.of_type(kind).values()
    return found


def test_a_share_has_the_ca_the_default_permission_and_each_principal(run_program: RunProgram) -> None:
    graph = run_program(shape("accounts-ram"))
    share = one(graph, "ResourceShare")
    assert share.inputs["permissionArns"] == ["arn:aws:ram::aws:permission/AWSRAMDefaultPermissionCertificateAuthority"]
    assert share.inputs["allowExternalPrincipals"] is True
    association = one(graph, "ResourceAssociation")
    assert association.dependencies >= {"issuing-ca-activation", "issuing-ca-share"}
    assert one(graph, "PrincipalAssociation").inputs["principal"] == ELSEWHERE
    unit = run_program(shape("organization-ram"))
    assert one(unit, "ResourceShare").inputs["allowExternalPrincipals"] is False
    assert one(unit, "PrincipalAssociation").inputs["principal"].endswith("ou/o-a1b2c3d4e5/ou-f6a7-b8c9d0e1")
    assert one(unit, "PrincipalAssociation").name == "issuing-ca-share-ou-f6a7-b8c9d0e1"


UNIT = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-f6a7-b8c9d0e1"


@pytest.mark.parametrize(
    ("sharing", "answer", "path"),
    [
        ({"accounts": [ELSEWHERE]}, None, "sharing.accounts"),
        ({"accounts": [ELSEWHERE]}, {"accounts": [{"id": HOME}]}, "sharing.accounts"),
        ({"organizationalUnits": [UNIT], "allowExternalAccounts": True}, None, "sharing.organizationalUnits"),
        ({"accounts": [ELSEWHERE]}, {"accounts": [{"id": HOME}, {"id": ELSEWHERE}]}, None),
        ({"accounts": [ELSEWHERE]}, {"accounts": []}, None),
        ({"accounts": [ELSEWHERE], "allowExternalAccounts": True}, None, None),
    ],
)
def test_ram_is_only_asked_for_what_it_can_share(
    run_program: RunProgram, sharing: dict[str, Any], answer: dict[str, Any] | None, path: str | None
) -> None:
    def organization(_: dict[str, Any]) -> dict[str, Any]:
        if answer is None:
            raise LookupError("AWSOrganizationsNotInUseException: Your account is not a member of an organization.")
        return {"id": "o-a1b2c3d4e5", **answer}

    config = changed(shape("accounts-ram"), sharing={"method": "ram", **sharing})
    if path is None:
        run_program(config, functions={"getOrganization": organization})
        return
    with pytest.raises(SettingsError) as caught:
        run_program(config, functions={"getOrganization": organization})
    assert [problem.path for problem in caught.value.problems] == [f"kong-mesh-pca:{path}"]


def test_who_may_not_look_at_the_organization_is_not_refused(run_program: RunProgram) -> None:
    def denied(_: dict[str, Any]) -> dict[str, Any]:
        raise LookupError("AccessDeniedException")

    run_program(shape("organization-ram"), functions={"getOrganization": denied})


def test_the_resource_policy_has_the_form_that_aws_demands(run_program: RunProgram) -> None:
    policy = one(run_program(shape("accounts-policy")), "Policy")
    authority, document = policy.inputs["resourceArn"], json.loads(policy.inputs["policy"])
    assert policy.dependencies >= {"issuing-ca-activation"}
    assert [sorted(statement) for statement in document["Statement"]] == [
        ["Action", "Effect", "Principal", "Resource", "Sid"],
        ["Action", "Condition", "Effect", "Principal", "Resource", "Sid"],
        ["Action", "Condition", "Effect", "Principal", "Resource", "Sid"],
        ["Action", "Condition", "Effect", "Principal", "Resource", "Sid"],
    ]

    def may(action: str, account: str, template: str | None = None, **context: str) -> bool:
        if template:
            context["acm-pca:TemplateArn"] = templates.build_arn(template)
        request = Request(action, authority, context, principals={"AWS": frozenset({account})})
        return evaluate([document], request) is Decision.ALLOWED

    for account, context in ((ELSEWHERE, {}), ("999999999999", {"aws:PrincipalOrgID": "o-a1b2c3d4e5"})):
        assert may("acm-pca:GetCertificate", account, **context)
        assert may("acm-pca:IssueCertificate", account, templates.END_ENTITY, **context)
        assert not may("acm-pca:IssueCertificate", account, templates.name_subordinate_ca(0), **context)
        assert not may("acm-pca:IssueCertificate", account, None, **context)
        assert not may("acm-pca:RevokeCertificate", account, **context)
    assert not may("acm-pca:GetCertificate", "999999999999")
    assert not may("acm-pca:GetCertificate", "999999999999", **{"aws:PrincipalOrgID": "o-z9y8x7w6v5"})


def test_nothing_is_shared_unless_asked_for(run_program: RunProgram) -> None:
    graph = run_program(shape("intermediate"))
    assert not [item for item in graph.resources if item.type.startswith("aws:ram/")]
    assert not graph.of_type("Policy")
