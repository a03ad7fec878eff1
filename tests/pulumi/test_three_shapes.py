"""Three stacks of docs/provisioning.md under the real Pulumi engine, from the first preview to the last destroy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.e2e.shapes_world import accept_invitations
from tests.infra.shapes import ELSEWHERE, HOME, changed, setting, shape, signed_for_the_stack
from tests.pulumi.inventory import inventory
from tests.pulumi.steps import comes_up, proves_every_zone, toolkit
from toolkit.files import project_root
from toolkit.sandbox.pulumi.prerequisites import provide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import TestSandbox
    from tests.pulumi.command_line import Stack
    from toolkit.sandbox.pulumi.stack_file import StackConfig

EXTERNAL_ID = "an-external-id-that-nobody-may-read"
TAGS: dict[str, Any] = {"tags": {"owner": "mesh"}}


def test_a_root_that_issues(aws: TestSandbox, new_stack: Callable[[StackConfig], Stack], tmp_path: Path) -> None:
    stack = new_stack(changed(shape("root"), usageMode="GENERAL_PURPOSE", intermediateValidityYears=1))
    comes_up(aws, stack)
    keeps_what_it_has(aws, stack)
    proves_every_zone(aws, stack, tmp_path)
    goes_and_comes_again(stack)


def test_an_intermediate_with_three_zones_in_two_accounts(
    aws: TestSandbox, new_stack: Callable[[StackConfig], Stack], tmp_path: Path
) -> None:
    stack = new_stack(three_zones_in_two_accounts(aws))
    # The role in the other account wants its external ID.
    assert "AccessDenied" in stack.preview().error
    stack.set_secret("zones[1].externalId", EXTERNAL_ID)
    comes_up(aws, stack)
    assert EXTERNAL_ID not in stack.exported()
    assert EXTERNAL_ID not in json.dumps(stack.outputs())
    accept_invitations(aws, ELSEWHERE)
    proves_every_zone(aws, stack, tmp_path)


def test_below_an_external_ca(aws: TestSandbox, new_stack: Callable[[str], Stack], tmp_path: Path) -> None:
    stack = new_stack("under-external-ca")
    assert stack.up().changes == {"issuing-ca": "create"}
    assert stack.up().changes == {}
    contract_file = tmp_path / "contract.json"
    contract_file.write_text(json.dumps(stack.outputs()))
    request = toolkit(tmp_path, aws, "outputs", "--outputs", str(contract_file), "--csr").stdout
    certificate, above = signed_for_the_stack(request)
    given: dict[str, Any] = {"issuedCertificate": certificate, "issuedCertificateChain": above}
    activated = stack.up(**given)
    assert activated.changes["issuing-ca-activation"] == "create"
    assert "issuing-ca" not in activated.changes
    assert stack.outputs()["rootCertificate"] == above
    # Lost settings don't take the zones' roles with them.
    before = inventory(aws)
    assert "issuedCertificate: is missing, but the CA has its certificate" in stack.up().error
    assert inventory(aws) == before
    assert not stack.refresh(**given).error
    assert stack.up(**given).changes == {}
    proves_every_zone(aws, stack, tmp_path)
    # A new certificate is imported by itself.
    another, other_root = signed_for_the_stack(request)
    assert stack.up(issuedCertificate=another, issuedCertificateChain=other_root).changes == {
        "issuing-ca-activation": "replace"
    }


def three_zones_in_two_accounts(aws: TestSandbox) -> StackConfig:
    """Return a configuration without the external ID of the second zone, and make the role that asks for it."""
    config = shape("accounts-ram")
    frankfurt, paris = setting(config, "zones")
    issuer = "oidc.eks.eu-west-1.amazonaws.com/id/3C4D5E6F708192A3B4C5D6E7F8091A2B"
    third = {"name": "third", "region": "eu-west-1", "oidcProviderArn": f"arn:aws:iam::{HOME}:oidc-provider/{issuer}"}
    provide(changed(config, zones=[{**paris, "externalId": EXTERNAL_ID}]), aws, project_root())
    without = {key: value for key, value in paris.items() if key != "externalId"}
    return changed(config, zones=[frankfurt, without, third])


def keeps_what_it_has(aws: TestSandbox, stack: Stack) -> None:
    """Check that a setting changes in place, and that what would hurt a mesh is rejected."""
    tagged = stack.up(**TAGS)
    assert not tagged.error
    assert set(tagged.changes.values()) == {"update"}
    assert {"root-ca", "zone-dev"} <= set(tagged.changes)
    before = inventory(aws)
    refused = stack.preview(keyAlgorithm="RSA_4096", **TAGS)
    assert "kong-mesh-pca:keyAlgorithm: RSA_4096 is asked for, but root-ca was made with EC_prime256v1" in refused.error
    assert "protected" in stack.destroy(**TAGS).error
    # Without a preview the other CA is made, before it is known that it is another.
    moved = stack.up(skip_preview=True, topology="intermediate", **TAGS)
    assert "formerAuthorityArns: does not name arn:aws:acm-pca:" in moved.error
    after = inventory(aws)
    assert before["authorities"].items() <= after["authorities"].items()
    assert [after[key] for key in ("policies", "profiles", "providers")] == [
        before[key] for key in ("policies", "profiles", "providers")
    ]
    # Put back, only that one is in the way, because it is protected too.
    again = stack.up(**TAGS)
    assert ("issuing-ca" in again.error, "protected" in again.error) == (True, True)
    assert not {name: how for name, how in again.attempted.items() if how in {"update", "replace"}}
    stack.unprotect()
    gone = stack.up(**TAGS)
    assert gone.changes["issuing-ca"] == "delete"
    assert all(name.startswith("issuing-ca") for name in gone.changes)
    assert inventory(aws)["policies"] == before["policies"]


def goes_and_comes_again(stack: Stack) -> None:
    """Check that a stack that was destroyed on purpose can be created again under the same names."""
    assert not stack.up(protect=False).error
    gone = stack.destroy(protect=False)
    assert not gone.error
    assert {"root-ca", "zone-dev"} <= {name for name, how in gone.changes.items() if how == "delete"}
    # Certificates are never revoked by the way.
    assert {how for name, how in gone.changes.items() if name.endswith("-certificate")} == {"forget"}
    assert stack.resources() == {}
    again = stack.up(protect=False)
    assert not again.error
    assert set(again.changes.values()) == {"create"}
