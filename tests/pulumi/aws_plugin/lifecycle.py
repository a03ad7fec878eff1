"""What becomes of resources after they were created, as the bridged provider has it: changes, readings, deletions.

The sandbox's own engine only creates. For the real one, each of the sandbox's kinds has a lifecycle here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from toolkit.sandbox.pulumi.provider import KINDS

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.provider.clients import Aws
    from toolkit.sandbox.pulumi.provider.kind import Inputs


class Found(NamedTuple):
    """What AWS has of a resource.

    Attributes:
        inputs: what the program may set.
        outputs: what only AWS knows.
    """

    inputs: Inputs
    outputs: dict[str, Any]


class Lifecycle(ABC):
    """What becomes of one type of resource.

    Args:
        type_: for example `aws:iam/role:Role`.

    Attributes:
        replaced_by: the inputs whose change makes a new resource (ForceNew in the bridged provider).
        kept: those that stay as they are where the program does not say them (Optional and Computed, or
            SuppressMissingOptionalConfigurationBlock).
        defaults: what the others are where the program does not say them.
    """

    replaced_by: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, type_: str) -> None:
        self.kind = KINDS[type_]

    def read(self, _aws: Aws, _identifier: str) -> Found | None:
        """Return one that exists, to import or to refresh it; None where the sandbox can't read this type.

        Raises:
            botocore.exceptions.ClientError: it does not exist.
        """
        return None

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """Change it; return the outputs that changed and are not inputs."""
        raise AssertionError(f"{type(self).__name__} {identifier} of {aws.region} can't change {before} to {after}")

    @abstractmethod
    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:
        """Delete it."""

    def settle(self, before: Inputs, inputs: Inputs) -> Inputs:
        """Return the inputs, with those of before where leaving them out changes nothing."""
        return {**{name: before[name] for name in self.kept if name in before}, **inputs}


class Setting(Lifecycle):
    """A setting of something else, which is put as a whole, the first time or again."""

    def update(self, aws: Aws, _identifier: str, _before: Inputs, after: Inputs) -> dict[str, Any]:
        """Put it again."""
        return self.kind.create(aws, "", after)[1]


def retagged(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the keys of the tags that are gone."""
    return sorted(set(before.get("tags") or {}) - set(after.get("tags") or {}))
