"""The identities of every kind as the program registers them; IAM documents are evaluated, not compared as text."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest

from tests.infra.conftest import Graph, RunProgram, secret
from tests.infra.shapes import ELSEWHERE, HOME, changed, functions, setting, shape
from toolkit.infra.settings import SettingsError
from toolkit.pki import templates
from toolkit.policy.evaluation import Decision, Request, evaluate

CLUSTER = f"arn:aws:eks:eu-west-3:{HOME}:cluster/paris"
TAGS = {
    "aws:RequestTag/eks-cluster-arn": CLUSTER,
    "aws:RequestTag/kubernetes-namespace": "kong-mesh-system",
    "aws:RequestTag/kubernetes-service-account": "kong-mesh-control-plane",
}


@pytest.fixture
def identities(run_program: RunProgram) -> Graph:
    return run_program(shape("identities"))


def trusts(graph: Graph, role: str, action: str, principal: tuple[str, str], **context: str) -> bool:
    kind, name = principal
    document = json.loads(graph.of_type("Role")[role].inputs["assumeRolePolicy"])
    request = Request(action, context=context, principals={kind: frozenset({name})})
    return evaluate([document], request) is Decision.ALLOWED


def policy(graph: Graph, role: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(graph.of_type("RolePolicy")[f"{role}-private-ca"].inputs["policy"])
    return document


def issues(document: dict[str, Any], template: str | None) -> bool:
    resource = document["Statement"][0]["Resource"]
    context = {"acm-pca:TemplateArn": templates.build_arn(template)} if template else {}
    return evaluate([document], Request("acm-pca:IssueCertificate", resource, context)) is Decision.ALLOWED


@pytest.mark.parametrize(
    ("zone", "issuer", "subject"),
    [
        (
            "by-arn",
            "oidc.eks.eu-central-1.amazonaws.com/id/1F2E3D4C5B6A79880716253443526170",
            "kong-mesh-system:kong-mesh-control-plane",
        ),
        (
            "by-issuer",
            "oidc.eks.eu-west-1.amazonaws.com/id/3C4D5E6F708192A3B4C5D6E7F8091A2B",
            "kong-mesh-system:kong-mesh-control-plane",
        ),
        ("new-provider", "oidc.eks.eu-north-1.amazonaws.com/id/4D5E6F708192A3B4C5D6E7F8091A2B3C", "mesh:control-plane"),
    ],
)
def test_irsa_trusts_one_service_account_of_one_cluster(
    identities: Graph, zone: str, issuer: str, subject: str
) -> None:
    provider = ("Federated", f"arn:aws:iam::{HOME}:oidc-provider/{issuer}")
    action = "sts:AssumeRoleWithWebIdentity"
    claims = {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": f"system:serviceaccount:{subject}"}
    assert trusts(identities, f"zone-{zone}", action, provider, **claims)
    for key in claims:
        assert not trusts(identities, f"zone-{zone}", action, provider, **{**claims, key: "other"})
        assert not trusts(identities, f"zone-{zone}", action, provider, **{k: v for k, v in claims.items() if k != key})
    assert not trusts(identities, f"zone-{zone}", action, ("Federated", "accounts.google.com"), **claims)


def test_a_new_provider_has_no_thumbprint_and_the_one_audience(identities: Graph) -> None:
    (provider,) = identities.of_type("OpenIdConnectProvider").values()
    assert provider.inputs["url"] == "https://oidc.eks.eu-north-1.amazonaws.com/id/4D5E6F708192A3B4C5D6E7F8091A2B3C"
    assert provider.inputs["clientIdLists"] == ["sts.amazonaws.com"]
    assert "thumbprintLists" not in provider.inputs
    assert "new-provider" not in provider.name
    # All of the cluster's workloads may live by it.
    assert provider.request.retainOnDelete


def test_zones_of_one_issuer_share_its_provider(run_program: RunProgram) -> None:
    zones = setting(shape("identities"), "zones")
    (created,) = [zone for zone in zones if zone.get("createOidcProvider")]
    second = {**created, "name": "second", "createOidcProvider": False, "serviceAccount": "second"}
    graph = run_program(changed(shape("identities"), zones=[*zones, second]))
    (provider,) = graph.of_type("OpenIdConnectProvider")
    for name in ("zone-new-provider", "zone-second"):
        assert provider in graph.of_type("Role")[name].dependencies
    before = run_program(shape("identities"))
    assert set(before.of_type("OpenIdConnectProvider")) == {provider}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"clientIdLists": ["sigstore"]}, "accepts the audiences sigstore"),
        (None, "to create it, set createOidcProvider: true"),
    ],
)
def test_a_provider_that_is_not_there_or_for_others_is_refused(
    run_program: RunProgram, answer: dict[str, Any] | None, words: str
) -> None:
    def look_up(args: dict[str, Any]) -> dict[str, Any]:
        if answer is None or "eu-north-1" in args["arn"]:
            raise LookupError("NoSuchEntity")
        return answer

    with pytest.raises(SettingsError) as caught:
        run_program(shape("identities"), functions={"getOpenIdConnectProvider": look_up})
    assert [problem.path for problem in caught.value.problems] == [
        "kong-mesh-pca:zones[0].oidcProviderArn",
        "kong-mesh-pca:zones[1].oidcIssuer",
    ]
    assert all(words in problem.message for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("name", "function", "paths"),
    [
        ("organization-ram", "getCluster", ["zones[0].clusterName"]),
        ("governed", "getPolicy", ["permissionsBoundaryArn"]),
        ("crl-existing-bucket", "getBucket", ["revocation.crl.bucket"]),
        ("alarms", "getTopic", ["alarms.topicArn"]),
    ],
)
def test_what_a_stack_counts_on_is_looked_up_first(
    run_program: RunProgram, name: str, function: str, paths: list[str]
) -> None:
    asked: list[dict[str, Any]] = []

    def missing(args: dict[str, Any]) -> dict[str, Any]:
        asked.append(args)
        raise LookupError("NotFound")

    with pytest.raises(SettingsError) as caught:
        run_program(shape(name), functions={function: missing})
    assert [problem.path.removeprefix("kong-mesh-pca:") for problem in caught.value.problems] == paths
    assert len(asked) == 1
    assert "NotFound" in caught.value.problems[0].message


def test_a_topic_of_another_account_is_taken_as_it_is(run_program: RunProgram) -> None:
    def missing(_: dict[str, Any]) -> dict[str, Any]:
        raise LookupError("NotFound")

    alarms = {"topicArn": f"arn:aws:sns:eu-central-1:{ELSEWHERE}:on-call"}
    run_program(changed(shape("alarms"), alarms=alarms), functions={"getTopic": missing})


def test_pod_identity_trusts_one_service_account_of_one_cluster(identities: Graph) -> None:
    pods = ("Service", "pods.eks.amazonaws.com")
    for action in ("sts:AssumeRole", "sts:TagSession"):
        assert trusts(identities, "zone-pods", action, pods, **TAGS)
        for key in TAGS:
            assert not trusts(identities, "zone-pods", action, pods, **{**TAGS, key: "other"})
            assert not trusts(identities, "zone-pods", action, pods, **{k: v for k, v in TAGS.items() if k != key})
    assert not trusts(identities, "zone-pods", "sts:AssumeRole", ("Service", "ec2.amazonaws.com"), **TAGS)
    (association,) = identities.of_type("PodIdentityAssociation").values()
    assert association.inputs["clusterName"] == "paris"
    assert association.inputs["region"] == "eu-west-3"
    assert association.inputs["serviceAccount"] == "kong-mesh-control-plane"
    # It links the role only once the role may issue, and stays what it is when the zone is renamed.
    assert "zone-pods-private-ca" in association.dependencies
    assert association.name == f"pod-{HOME}-eu-west-3-paris-kong-mesh-system-kong-mesh-control-plane"


def test_machines_and_tasks_take_their_roles_as_aws_gives_them(identities: Graph) -> None:
    assert trusts(identities, "zone-machines", "sts:AssumeRole", ("Service", "ec2.amazonaws.com"))
    assert not trusts(identities, "zone-machines", "sts:AssumeRole", ("Service", "ecs-tasks.amazonaws.com"))
    (profile,) = identities.of_type("InstanceProfile").values()
    assert profile.name == "zone-machines-profile"
    assert profile.inputs["role"] == profile.inputs["name"]
    tasks = ("Service", "ecs-tasks.amazonaws.com")
    source = {"aws:SourceAccount": HOME, "aws:SourceArn": f"arn:aws:ecs:eu-central-1:{HOME}:task/1"}
    assert trusts(identities, "zone-tasks", "sts:AssumeRole", tasks, **source)
    assert not trusts(identities, "zone-tasks", "sts:AssumeRole", tasks)
    assert not trusts(identities, "zone-tasks", "sts:AssumeRole", tasks, **{**source, "aws:SourceAccount": ELSEWHERE})
    elsewhere = {**source, "aws:SourceArn": f"arn:aws:ecs:us-east-1:{HOME}:task/1"}
    assert not trusts(identities, "zone-tasks", "sts:AssumeRole", tasks, **elsewhere)


def test_every_role_issues_end_entities_and_mints_no_ca(identities: Graph) -> None:
    for name in identities.of_type("Role"):
        document = policy(identities, name)
        assert issues(document, templates.END_ENTITY)
        for length in range(4):
            assert not issues(document, templates.name_subordinate_ca(length))
        assert issues(document, None) == name.startswith("zone-")


def test_a_zone_of_another_account_is_made_with_its_own_provider(run_program: RunProgram) -> None:
    graph = run_program(shape("accounts-ram"))
    provider = graph.of_type("aws")["zone-paris"]
    assert provider.inputs["region"] == "eu-west-3"
    assert json.loads(provider.inputs["allowedAccountIds"]) == [ELSEWHERE]
    (role,) = json.loads(secret(provider.inputs["assumeRoles"]))
    assert (role["roleArn"], role["externalId"]) == (f"arn:aws:iam::{ELSEWHERE}:role/deploy", "mesh-team")
    for item in graph.resources:
        if item.type.startswith("aws:"):
            assert ("::zone-paris::" in item.request.provider) == ("paris" in item.name), item.name
    accounts = {zone["name"]: zone["accountId"] for zone in graph.exports["zones"]}
    assert accounts == {"frankfurt": HOME, "paris": ELSEWHERE}


def test_a_profile_opens_one_account_and_no_other(run_program: RunProgram) -> None:
    graph = run_program(shape("organization-ram"))
    provider = graph.of_type("aws")["zone-paris"]
    assert provider.inputs["profile"] == "paris"
    assert json.loads(provider.inputs["allowedAccountIds"]) == [ELSEWHERE]
    assert "assumeRoles" not in provider.inputs


@pytest.mark.parametrize("name", ["accounts-ram", "organization-ram", "accounts-policy"])
def test_a_role_of_another_account_has_what_is_shared_with_it_and_no_more(run_program: RunProgram, name: str) -> None:
    document = policy(run_program(shape(name)), "zone-paris")
    assert issues(document, templates.END_ENTITY)
    assert not issues(document, None)
    assert not issues(document, "EndEntityServerAuthCertificate/V1")


def test_a_permission_of_the_customers_is_not_second_guessed(run_program: RunProgram) -> None:
    sharing = {
        "method": "ram",
        "accounts": [ELSEWHERE],
        "permissionArn": f"arn:aws:ram:eu-central-1:{HOME}:permission/mesh-v2",
    }
    graph = run_program(changed(shape("accounts-ram"), sharing=sharing))
    assert issues(policy(graph, "zone-paris"), None)
    (share,) = graph.of_type("ResourceShare").values()
    assert share.inputs["permissionArns"] == [sharing["permissionArn"]]


def test_a_zone_of_another_account_is_verified_from_either(run_program: RunProgram) -> None:
    graph = run_program(shape("accounts-ram"))
    for account, trusted in ((HOME, True), (ELSEWHERE, True), ("999999999999", False)):
        root = ("AWS", f"arn:aws:iam::{account}:root")
        assert trusts(graph, "verifier-paris", "sts:AssumeRole", root) == trusted
    assert not trusts(graph, "verifier-frankfurt", "sts:AssumeRole", ("AWS", f"arn:aws:iam::{ELSEWHERE}:root"))


def test_an_organizations_rules_are_kept(run_program: RunProgram) -> None:
    graph = run_program(shape("governed"))
    roles = graph.of_type("Role")
    assert {role.inputs["name"] for role in roles.values()} == {
        "acme-mesh-zone-frankfurt",
        "acme-mesh-verifier-frankfurt",
    }
    for role in roles.values():
        assert role.inputs["permissionsBoundary"] == f"arn:aws:iam::{HOME}:policy/workload-boundary"
        assert role.inputs["tags"]["owner"] == "platform"
        assert role.inputs["tags"]["kong-mesh-zone"] == "frankfurt"
    ci = ("AWS", f"arn:aws:iam::{HOME}:role/ci")
    assert trusts(graph, "verifier-frankfurt", "sts:AssumeRole", ci)
    assert not trusts(graph, "verifier-frankfurt", "sts:AssumeRole", ("AWS", f"arn:aws:iam::{HOME}:root"))


def test_a_pinned_template_is_the_only_one(run_program: RunProgram) -> None:
    document = policy(run_program(shape("governed")), "zone-frankfurt")
    assert issues(document, templates.END_ENTITY)
    assert not issues(document, None)
    assert not issues(document, "BlankEndEntityCertificate_CSRPassthrough/V1")
    resource = document["Statement"][0]["Resource"]
    assert evaluate([document], Request("acm-pca:GetCertificate", resource)) is Decision.ALLOWED


def test_while_meshes_move_a_zone_may_use_both_cas(run_program: RunProgram) -> None:
    former = f"arn:aws:acm-pca:eu-central-1:{HOME}:certificate-authority/99999999-2222-3333-4444-555555555555"
    for name in ("identities", "governed"):
        graph = run_program(changed(shape(name), formerAuthorityArns=[former]))
        zone = next(role for role in graph.of_type("Role") if role.startswith("zone-"))
        document = policy(graph, zone)
        own = graph.exports["certificateAuthority"]["arn"]
        context = {"acm-pca:TemplateArn": templates.build_arn(templates.END_ENTITY)}
        minting = {"acm-pca:TemplateArn": templates.build_arn(templates.name_subordinate_ca(0))}
        for authority in (own, former):
            assert evaluate([document], Request("acm-pca:IssueCertificate", authority, context)) is Decision.ALLOWED
            assert evaluate([document], Request("acm-pca:GetCertificate", authority)) is Decision.ALLOWED
            denied = evaluate([document], Request("acm-pca:IssueCertificate", authority, minting))
            assert denied is Decision.EXPLICITLY_DENIED
        verifying = Request("acm-pca:IssueCertificate", former, context)
        assert evaluate([policy(graph, zone.replace("zone-", "verifier-", 1))], verifying) is Decision.NOT_ALLOWED


def test_who_may_not_look_is_warned_and_goes_on(run_program: RunProgram, warnings: list[str]) -> None:
    def denied(_: dict[str, Any]) -> dict[str, Any]:
        raise LookupError("AccessDenied: User: ci is not authorized to perform: iam:GetOpenIDConnectProvider")

    names = ("getOpenIdConnectProvider", "getCluster", "getPolicy")
    run_program(shape("identities"), functions=dict.fromkeys(names, denied))
    found = [re.fullmatch(r"Can't check whether (.+?) exists: AccessDenied: .*", warning) for warning in warnings]
    looked_up = [match[1].partition("/")[0] for match in found if match]
    assert sorted(looked_up) == [*[f"arn:aws:iam::{HOME}:oidc-provider"] * 3, "paris"]
    assert len(warnings) == len(looked_up)


def test_the_stacks_profile_is_where_roles_elsewhere_are_taken_from(run_program: RunProgram) -> None:
    config = shape("accounts-ram")
    graph = run_program(dataclasses.replace(config, values={**config.values, "aws:profile": "prod"}))
    assert graph.of_type("aws")["zone-paris"].inputs["profile"] == "prod"


def test_a_zones_own_boundary_wins(run_program: RunProgram) -> None:
    (zone,) = setting(shape("governed"), "zones")
    own = f"arn:aws:iam::{HOME}:policy/stricter"
    graph = run_program(changed(shape("governed"), zones=[{**zone, "permissionsBoundaryArn": own}]))
    assert {role.inputs["permissionsBoundary"] for role in graph.of_type("Role").values()} == {own}


def test_adding_and_removing_a_zone_touches_no_other(run_program: RunProgram) -> None:
    zones = setting(shape("identities"), "zones")
    whole = {item.name: item.inputs for item in run_program(shape("identities")).resources}
    for index, zone in enumerate(zones):
        less = run_program(changed(shape("identities"), zones=zones[:index] + zones[index + 1 :]))
        left = {item.name: item.inputs for item in less.resources}
        assert {name: whole[name] for name in left} == left
        gone = set(whole) - set(left)
        assert all(zone["name"] in name or name.startswith(("oidc-", "pod-")) for name in gone), gone


def test_a_zone_may_name_the_ca_that_the_stack_adopts(run_program: RunProgram) -> None:
    config = shape("adopt")
    (zone,) = setting(config, "zones")
    own = config.values["kong-mesh-pca:adoptArn"]
    run_program(changed(config, zones=[{**zone, "authorityArn": own}]), functions=functions())
    other = own.replace("1111", "9999")
    with pytest.raises(SettingsError, match="a Mesh names one ARN for all its zones"):
        run_program(changed(config, zones=[{**zone, "authorityArn": other}]), functions=functions())


def test_whether_an_adopted_ca_is_shared_with_a_zones_account_is_not_known(
    run_program: RunProgram, warnings: list[str]
) -> None:
    config = shape("adopt")
    own = setting(config, "zones")
    other = {"name": "paris", "region": "eu-west-3", "identity": "ambient", "accountId": ELSEWHERE, "profile": "paris"}
    run_program(changed(config, zones=[*own, other]), functions=functions())
    (warning,) = warnings
    assert warning.startswith(
        f"zones[{len(own)}].accountId: is {ELSEWHERE}, and the adopted CA is in account {HOME}; it"
    )
