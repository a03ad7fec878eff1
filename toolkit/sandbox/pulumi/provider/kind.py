"""What the sandbox can create for a program, and the clients that it does it with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from toolkit.values import Client, Object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import boto3

Inputs = Object
# The ID, and the outputs that are not inputs.
Created = tuple[str, Object]


@dataclass(frozen=True)
class Aws:
    """Clients of one account in one region.

    Attributes:
        session: with the account's credentials.
        region: that is called.
        endpoint_url: of the sandbox.
    """

    session: boto3.Session
    region: str
    endpoint_url: str

    def client(self, service: str) -> Client:
        """Return a client of that service."""
        # The stubs of boto3 know the names of services as literals alone.
        untyped: Client = self.session
        return untyped.client(service, region_name=self.region, endpoint_url=self.endpoint_url)


class Kind(NamedTuple):
    """One type of resource. An input that it does not have is refused: ignored, it would seem to work.

    Attributes:
        create: creates one from the clients, its logical name and its inputs.
        inputs: the names of those that it has, beside ``region``.
        is_regional: whether it has an input ``region``; IAM is the same in every region.
    """

    create: Callable[[Aws, str, Inputs], Created]
    inputs: frozenset[str]
    is_regional: bool = True

    def find_unknown(self, inputs: Inputs) -> list[str]:
        """Return the names of the inputs that are not modelled."""
        return sorted(set(inputs) - self.inputs - ({"region"} if self.is_regional else set()))


def choose_name(name: str, inputs: Inputs, property_: str = "name") -> str:
    """Return the name that a resource gets.

    Args:
        name: logical name.
        inputs: the program's.
        property_: the input with which the program chooses the name itself.
    """
    # pulumi/pulumi-terraform-bridge, pkg/tfbridge/names.go: a hyphen and seven hexadecimal digits.
    return str(inputs.get(property_) or f"{name}-{secrets.token_hex(4)[:7]}")


def list_tags(inputs: Mapping[str, object]) -> list[dict[str, str]]:
    """Return the tags of inputs as most of AWS's APIs take them."""
    tags = inputs.get("tags")
    return [{"Key": key, "Value": text} for key, text in tags.items()] if isinstance(tags, dict) else []


def read_tags(described: Object) -> dict[str, str]:
    """Return tags as an input, from the form in which most of AWS's APIs return them."""
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags") or ()}


def to_upper(fields: Mapping[str, object]) -> Object:
    """Return inputs under the names that AWS gives them: the same, beginning with a capital letter."""
    return {key[0].upper() + key[1:]: value for key, value in fields.items() if value is not None}
