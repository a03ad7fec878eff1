"""Define the types of resources that the sandbox can create for a program."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, NamedTuple

from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.provider.clients import Aws

Inputs = Object
# The ID, and the outputs that are not inputs.
Created = tuple[str, Object]


class Kind(NamedTuple):
    """One type of resource. An unknown input is rejected: if it were ignored, it would seem to work.

    Attributes:
        create: creates a resource from the clients, its logical name and its inputs.
        inputs: the names of the known inputs, besides ``region``.
        is_regional: whether it has an input ``region``; IAM is the same in every region.
    """

    create: Callable[[Aws, str, Inputs], Created]
    inputs: AbstractSet[str]
    is_regional: bool = True

    def find_unknown(self, inputs: Inputs) -> list[str]:
        """Return the names of the unknown inputs."""
        return sorted(set(inputs) - self.inputs - ({"region"} if self.is_regional else set()))


def choose_name(name: str, inputs: Inputs, property_: str = "name") -> str:
    """Return the physical name of a resource.

    Args:
        name: the logical name.
        inputs: the program's inputs.
        property_: the input that sets the name, if the program sets it.
    """
    # pulumi/pulumi-terraform-bridge, pkg/tfbridge/names.go: a hyphen and seven hexadecimal digits.
    return str(inputs.get(property_) or f"{name}-{secrets.token_hex(4)[:7]}")


def list_tags(inputs: Mapping[str, object]) -> list[dict[str, str]]:
    """Return the tags of inputs in the format that most AWS APIs accept."""
    tags = inputs.get("tags")
    return [{"Key": key, "Value": text} for key, text in tags.items()] if isinstance(tags, dict) else []


def read_tags(described: Object) -> dict[str, str]:
    """Return tags as an input, from the format that most AWS APIs return."""
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags") or ()}
