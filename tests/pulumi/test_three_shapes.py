"""Three stacks of provisioning.md under the real Pulumi engine, from the first preview to the last destroy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.e2e.shapes_world import accept_invitations
from tests.infra.shapes import ELSEWHERE, HOME, changed, setting, shape, signed_for_the_stack
from tests.pulumi.inventory import inventory
from tests.pulumi.steps import comes_up, proves_every_zone, toolkit
from toolkit.files import find_project_root
from toolkit.sandbox.pulumi.prerequisites import provide

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from tests.pulumi.command_line import Stack
    from toolkit.sandbox.pulumi.stack_file import StackConfig

EXTERNAL_ID = "an-external-id-that-nobody-may-read"


def test_a_root_that_issues(aws: TestSandbox, new_stack: Callable[[StackConfig], Stack], tmp_path: Path) -> None:
    stack = new_stack(changed(shape("root"), usageMode="GENERAL_PURPOSE", intermediateValidityYears=1))
    comes_up(aws, stack)
    changes_in_place(stack)
    keeps_what_it_has(aws, stack, topology="intermediate")
    proves_every_zone(aws, stack, tmp_path)
    is_destroyed_on_purpose(stack)
    assert set(stack.up(protect=False).changes.values()) == {"create"}


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
    # From here on in the stack's file, for the settings change.
    frankfurt, paris, third = stack.setting("zones")
    stack.configure(zones=[frankfurt, {**paris, "externalId": EXTERNAL_ID}, third])
    changes_in_place(stack)
    keeps_what_it_has(aws, stack, topology="root")
    is_destroyed_on_purpose(stack)
    assert set(stack.up(protect=False).changes.values()) == {"create"}


def test_below_an_external_ca(aws: TestSandbox, new_stack: Callable[[str], Stack], tmp_path: Path) -> None:
    stack = new_stack("under-external-ca")
    comes_up(aws, stack)
    assert set(stack.resources()) == {"issuing-ca"}
    (tmp_path / "contract.json").write_text(json.dumps(stack.outputs()))
    request = toolkit(tmp_path, aws, "contract", "csr", "--contract", "contract.json").stdout
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
    stack.configure(**given)
    assert not stack.refresh().error
    assert stack.up().changes == {}
    changes_in_place(stack)
    keeps_what_it_has(aws, stack, topology="root", issuedCertificate=None, issuedCertificateChain=None)
    proves_every_zone(aws, stack, tmp_path)
    # A new certificate is imported by itself.
    another, other_root = signed_for_the_stack(request)
    stack.configure(issuedCertificate=another, issuedCertificateChain=other_root)
    assert stack.up().changes == {"issuing-ca-activation": "replace"}
    is_destroyed_on_purpose(stack)
    # The certificates were for the CA that is gone.
    again = stack.up(protect=False, issuedCertificate=None, issuedCertificateChain=None)
    assert again.changes == {"issuing-ca": "create"}


def three_zones_in_two_accounts(aws: TestSandbox) -> StackConfig:
    """Return a configuration without the external ID of the second zone, and make the role that asks for it."""
    config = shape("accounts-ram")
    frankfurt, paris = setting(config, "zones")
    issuer = "oidc.eks.eu-west-1.amazonaws.com/id/3C4D5E6F708192A3B4C5D6E7F8091A2B"
    third = {"name": "third", "region": "eu-west-1", "oidcProviderArn": f"arn:aws:iam::{HOME}:oidc-provider/{issuer}"}
    provide(changed(config, zones=[{**paris, "externalId": EXTERNAL_ID}]), aws, find_project_root())
    without = {key: value for key, value in paris.items() if key != "externalId"}
    return changed(config, zones=[frankfurt, without, third])


def changes_in_place(stack: Stack) -> None:
    """Check that tags change on what exists, and keep them."""
    stack.configure(tags={"owner": "mesh"})
    tagged = stack.up().changes
    assert set(tagged.values()) == {"update"}
    assert any(name.endswith("-ca") for name in tagged)
    assert any(name.startswith("zone-") for name in tagged)


def keeps_what_it_has(aws: TestSandbox, stack: Stack, **another_topology: Any) -> None:
    """Check that what would hurt a mesh is rejected, and that nothing of the mesh's has changed."""
    before, resources = inventory(aws), stack.resources()
    refused = stack.preview(keyAlgorithm="RSA_4096")
    assert "kong-mesh-pca:keyAlgorithm: is RSA_4096, but " in refused.error
    for skip_preview in (False, True):
        assert "protected" in stack.destroy(skip_preview=skip_preview).error
        assert inventory(aws) == before
        # Nothing is gone from the state either.
        assert stack.resources() == resources
    # Without a preview another CA may be made, before it is known that it is another.
    moved = stack.up(skip_preview=True, **another_topology)
    assert "formerAuthorityArns: does not name arn:aws:acm-pca:" in moved.error
    after = inventory(aws)
    assert before["authorities"].items() <= after["authorities"].items()
    kept = ("policies", "profiles", "providers")
    assert [after[key] for key in kept] == [before[key] for key in kept]
    # Put back, only that one can be in the way, because it is protected too; Pulumi says how to let it go.
    again = stack.up()
    assert not again.error or "protected" in again.error
    assert not {"update", "replace"} & set(again.attempted.values())
    stack.unprotect()
    assert set(stack.up().changes.values()) <= {"delete", "forget"}
    assert inventory(aws)["policies"] == before["policies"]


def is_destroyed_on_purpose(stack: Stack) -> None:
    """Destroy a stack that is not protected; no certificate is revoked."""
    assert not stack.up(protect=False).error
    gone = stack.destroy(protect=False).changes
    assert any(name.endswith("-ca") and how == "delete" for name, how in gone.items())
    assert any(name.startswith("zone-") and how == "delete" for name, how in gone.items())
    assert {how for name, how in gone.items() if name.endswith("-ca-certificate")} <= {"forget"}
    assert stack.resources() == {}
