"""Every stack of docs/reference/provisioning.md under the real Pulumi engine, and one with a hundred zones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra import shapes
from tests.pulumi.steps import comes_up, proves_every_zone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from tests.pulumi.command_line import Stack
    from toolkit.sandbox.pulumi.stack_file import StackConfig

pytestmark = pytest.mark.exhaustive


@pytest.mark.parametrize("name", shapes.AT_ONCE)
def test_a_stack_comes_up_and_gets_another_zone(aws: TestSandbox, new_stack: Callable[[str], Stack], name: str) -> None:
    stack = new_stack(name)
    comes_up(aws, stack)
    zones = stack.setting("zones")
    more: dict[str, Any] = {"name": "another", "region": "eu-south-2", "identity": "ambient"}
    roles = {f"{kind}-another{suffix}" for kind in ("zone", "verifier") for suffix in ("", "-private-ca")}
    added = stack.up(zones=[more, *zones])
    assert added.changes == dict.fromkeys({*roles, "zone-another-profile"}, "create")
    # A zone that is protected stays, and so does everything else.
    assert "protected" in stack.up(zones=zones).error
    assert stack.up(zones=[{**more, "protect": False}, *zones]).changes == {}
    removed = stack.up(zones=zones)
    assert removed.changes == dict.fromkeys({*roles, "zone-another-profile"}, "delete")


def test_a_hundred_zones(aws: TestSandbox, new_stack: Callable[[StackConfig], Stack], tmp_path: Path) -> None:
    issuer = "oidc.eks.eu-central-1.amazonaws.com/id/{:032X}"
    zones = [
        {
            "name": f"zone-{number}",
            "region": "eu-central-1",
            "oidcProviderArn": f"arn:aws:iam::{shapes.HOME}:oidc-provider/{issuer.format(number)}",
        }
        for number in range(100)
    ]
    stack = new_stack(shapes.changed(shapes.shape("root"), zones=zones))
    comes_up(aws, stack)
    proves_every_zone(aws, stack, tmp_path)
