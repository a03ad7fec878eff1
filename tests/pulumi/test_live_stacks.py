"""Reject changes that would break running meshes, before any resource changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.shapes import HOME
from tests.pulumi.inventory import inventory
from tests.sandbox.conformance.world import World

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from tests.pulumi.command_line import Stack

pytestmark = pytest.mark.exhaustive
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/{}"
TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "pods.eks.amazonaws.com"},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})


@pytest.mark.parametrize("name", ["identities", "intermediate", "alarms", "accounts-policy", "adopt", "crl"])
def test_a_live_stack_is_not_destroyed(aws: TestSandbox, new_stack: Callable[[str], Stack], name: str) -> None:
    stack = new_stack(name)
    assert not stack.up().error
    before = inventory(aws)
    for skip_preview in (False, True):
        assert "protected" in stack.destroy(skip_preview=skip_preview).error
        assert inventory(aws) == before
    # Nothing is gone from the state either.
    assert stack.up().changes == {}


@pytest.mark.parametrize(("name", "topology"), [("intermediate", "root"), ("ocsp", "root")])
def test_another_topology_takes_nothing_from_a_live_mesh(
    aws: TestSandbox, new_stack: Callable[[str], Stack], name: str, topology: str
) -> None:
    stack = new_stack(name)
    kept: dict[str, Any] = {"usageMode": "GENERAL_PURPOSE", "intermediateValidityYears": 1}
    assert not stack.up(**kept).error
    before = inventory(aws)
    for skip_preview in (False, True):
        refused = stack.up(**kept, topology=topology, skip_preview=skip_preview)
        assert "formerAuthorityArns: does not name arn:aws:acm-pca:" in refused.error
        after = inventory(aws)
        assert {key: after[key] for key in ("policies", "profiles", "providers")} == {
            key: before[key] for key in ("policies", "profiles", "providers")
        }
        assert before["authorities"].items() <= after["authorities"].items()
    # Put back, nothing of the mesh's changes.
    again = stack.up(**kept)
    assert not {name: how for name, how in again.attempted.items() if how in {"update", "replace"}}
    assert {key: inventory(aws)[key] for key in ("policies", "profiles")} == {
        key: before[key] for key in ("policies", "profiles")
    }


def test_a_mesh_moves_to_another_topology_with_both_cas(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack = new_stack("intermediate")
    known = set(aws.private_ca.registry.authorities)
    stack.up()
    made = {arn: found for arn, found in aws.private_ca.registry.authorities.items() if arn not in known}
    issuing = next(arn for arn, found in made.items() if found.kind == "SUBORDINATE")
    refused = stack.up(topology="root", formerAuthorityArns=[issuing], skip_preview=True)
    # The zones have both now; the CA that the meshes are leaving is protected all the same, with its certificate.
    assert "issuing-ca" in refused.error
    assert "protected" in refused.error
    assert World(aws).status(issuing) == "ACTIVE"
    policies = [policy for role in inventory(aws)["policies"].values() for policy in role.values()]
    assert any(issuing in json.dumps(policy) for policy in policies)


@pytest.mark.parametrize("name", ["identities", "governed"])
def test_up_destroy_up(new_stack: Callable[[str], Stack], name: str) -> None:
    stack = new_stack(name)
    assert not stack.up(protect=False).error
    assert stack.up(protect=False).changes == {}
    gone = stack.destroy()
    assert not gone.error
    again = stack.up(protect=False)
    assert not again.error
    # Its own OIDC provider was left for the cluster's other workloads, and is used again.
    kept = {name for name, how in gone.changes.items() if name.startswith("oidc-") and how == "forget"}
    assert {name for name, how in again.changes.items() if how == "import"} == kept
    assert stack.up(protect=False).changes == {}
    stack.destroy()
    # Also with other tags than it was left with.
    assert not stack.up(protect=False, tags={"owner": "mesh"}).error
    assert stack.up(protect=False, tags={"owner": "mesh"}).changes == {}
    stack.destroy()


MACHINE = [{"name": "hall", "region": "eu-central-1", "identity": "ambient"}]
PREFIXED: dict[str, Any] = {"namePrefix": "own-", "zones": MACHINE, "alarms": True}
CREATED: dict[str, Any] = {
    "zones": [{"name": "hall", "region": "eu-central-1", "oidcIssuer": "", "createOidcProvider": True}]
}


def created(number: int) -> dict[str, Any]:
    (zone,) = CREATED["zones"]
    return {"zones": [{**zone, "oidcIssuer": f"https://{ISSUER.format(f'A{number:031}')}"}]}


@pytest.mark.parametrize("settings", [PREFIXED, created(1)])
def test_what_a_stack_made_before_its_state_was_lost_is_used(
    new_stack: Callable[[str], Stack], settings: dict[str, Any]
) -> None:
    stack = new_stack("root")
    first = stack.up(protect=False, **settings)
    assert not first.error
    stack.lose_state()
    found = stack.preview(protect=False, **settings)
    assert not found.error
    again = stack.up(protect=False, **settings)
    imported = {name for name, how in again.changes.items() if how == "import"}
    # All whose names are not made unique; inline policies are of their roles.
    expected = {"zone-hall", "verifier-hall", "zone-hall-profile", "issuing-ca-alarms-not-after (Role)"}
    assert imported == (expected if settings is PREFIXED else {name for name in first.changes if "oidc-" in name})
    assert stack.up(protect=False, **settings).changes == {}
    stack.destroy()


def test_an_oidc_provider_of_somebody_else(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack, settings = new_stack("root"), created(2)
    issuer = settings["zones"][0]["oidcIssuer"]
    provider = World(aws).iam().create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"])
    for command in (stack.preview, stack.up):
        refused = command(**settings)
        assert (
            "zones[0].createOidcProvider: the OIDC provider arn:aws:iam::123456789012:oidc-provider/" in refused.error
        )
        assert "adoptExisting: true" in refused.error
    assert stack.up(protect=False, adoptExisting=True, **settings).changes["zone-hall"] == "create"
    assert stack.up(protect=False, adoptExisting=True, **settings).changes == {}
    gone = stack.destroy()
    assert not gone.error
    assert not any(name.startswith("oidc-") for name in gone.changes)
    left = World(aws).iam().list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert provider["OpenIDConnectProviderArn"] in {found["Arn"] for found in left}


def test_an_adopted_provider_must_take_the_tokens(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack, settings = new_stack("root"), created(3)
    World(aws).iam().create_open_id_connect_provider(Url=settings["zones"][0]["oidcIssuer"], ClientIDList=["sigstore"])
    refused = stack.up(adoptExisting=True, **settings)
    assert "zones[0].createOidcProvider" in refused.error
    assert "accepts the audiences sigstore" in refused.error


def test_roles_of_somebody_else(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack, iam = new_stack("root"), World(aws).iam()
    settings: dict[str, Any] = {"namePrefix": "theirs-", "zones": MACHINE}
    for kind in ("zone", "verifier"):
        iam.create_role(RoleName=f"theirs-{kind}-hall", AssumeRolePolicyDocument=DOCUMENT)
    iam.create_instance_profile(InstanceProfileName="theirs-zone-hall")
    refused = stack.preview(**settings)
    for what in ("role/theirs-zone-hall", "role/theirs-verifier-hall", "instance-profile/theirs-zone-hall"):
        assert f"arn:aws:iam::123456789012:{what} already exists and does not belong to this stack" in refused.error
    done = stack.up(protect=False, adoptExisting=True, **settings)
    assert not done.error
    assert not {name for name in done.changes if name.startswith(("zone-", "verifier-"))}
    assert stack.up(protect=False, adoptExisting=True, **settings).changes == {}
    assert not stack.destroy().error
    # As they were: no policy, no other trust, no tag.
    for kind in ("zone", "verifier"):
        role = iam.get_role(RoleName=f"theirs-{kind}-hall")["Role"]
        assert role["AssumeRolePolicyDocument"] == json.loads(DOCUMENT)
        assert not role.get("Tags")
        assert iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"] == []


@pytest.mark.parametrize("adopt", [False, True])
def test_a_role_of_another_stack_is_never_taken(new_stack: Callable[[str], Stack], adopt: bool) -> None:
    first, second = new_stack("root"), new_stack("ocsp")
    settings: dict[str, Any] = {"namePrefix": "one-", "zones": MACHINE, "protect": False}
    assert not first.up(**settings).error
    refused = second.preview(**settings, adoptExisting=adopt)
    assert "the role arn:aws:iam::123456789012:role/one-zone-hall belongs to stack root" in refused.error
    assert "aws iam tag-role --role-name one-zone-hall --tags Key=kong-mesh-stack,Value=ocsp" in refused.error


def test_a_pod_identity_association_of_somebody_else(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack, world = new_stack("root"), World(aws)
    zone = {"name": "hall", "region": "eu-west-3", "identity": "pod-identity", "clusterName": "others"}
    role = world.iam().create_role(RoleName="somebody", AssumeRolePolicyDocument=DOCUMENT)["Role"]["Arn"]
    eks = aws.session("eu-west-3").client("eks", endpoint_url=aws.endpoint_url)
    cluster = {"subnetIds": ["subnet-1", "subnet-2"]}
    eks.create_cluster(name="others", roleArn=f"arn:aws:iam::{HOME}:role/cluster", resourcesVpcConfig=cluster)
    named = {"clusterName": "others", "namespace": "kong-mesh-system", "serviceAccount": "kong-mesh-control-plane"}
    made = eks.create_pod_identity_association(**named, roleArn=role)["association"]["associationId"]
    for adopt in (False, True):
        refused = stack.up(zones=[zone], adoptExisting=adopt)
        assert f"is associated with {role} already ({made})" in refused.error
        assert "kong-mesh-pca:zones[0].serviceAccount" in refused.error
    eks.delete_pod_identity_association(clusterName="others", associationId=made)
    assert not stack.up(zones=[zone], protect=False).error
    assert stack.up(zones=[zone], protect=False).changes == {}
    # The same stack without its state would make a second role for the service account.
    stack.lose_state()
    for command in (stack.preview, stack.up):
        refused = command(zones=[zone], protect=False)
        assert "of this one before its state was lost" in refused.error


def test_an_association_with_an_adopted_role_is_used(aws: TestSandbox, new_stack: Callable[[str], Stack]) -> None:
    stack, world = new_stack("root"), World(aws)
    zone = {"name": "hall", "region": "eu-west-3", "identity": "pod-identity", "clusterName": "given"}
    for kind in ("zone", "verifier"):
        world.iam().create_role(RoleName=f"given-{kind}-hall", AssumeRolePolicyDocument=DOCUMENT)
    eks = aws.session("eu-west-3").client("eks", endpoint_url=aws.endpoint_url)
    cluster = {"subnetIds": ["subnet-1", "subnet-2"]}
    eks.create_cluster(name="given", roleArn=f"arn:aws:iam::{HOME}:role/cluster", resourcesVpcConfig=cluster)
    named = {"clusterName": "given", "namespace": "kong-mesh-system", "serviceAccount": "kong-mesh-control-plane"}
    eks.create_pod_identity_association(**named, roleArn=f"arn:aws:iam::{HOME}:role/given-zone-hall")
    settings: dict[str, Any] = {"namePrefix": "given-", "zones": [zone], "protect": False, "adoptExisting": True}
    done = stack.up(**settings)
    assert not done.error
    assert not any(name.startswith("pod-") for name in done.changes)
    assert stack.up(**settings).changes == {}
    assert not stack.destroy().error
    assert eks.list_pod_identity_associations(clusterName="given")["associations"]


def test_a_zone_is_removed_once_it_is_no_longer_protected(new_stack: Callable[[str], Stack]) -> None:
    stack = new_stack("identities")
    zones = stack.setting("zones")
    assert not stack.up().error
    without = [zone for zone in zones if zone["name"] != "tasks"]
    for command in (stack.preview, stack.up):
        assert "tasks" in command(zones=without).error
    marked = [{**zone, "protect": False} if zone["name"] == "tasks" else zone for zone in zones]
    assert stack.up(zones=marked).changes == {}
    removed = stack.up(zones=without)
    assert set(removed.changes.values()) == {"delete"}
    assert all("tasks" in name for name in removed.changes)
