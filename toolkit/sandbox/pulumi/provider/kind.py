"""What every type of resource can do, and the clients that it does it with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    import boto3

Inputs = dict[str, Any]
Created = tuple[str, dict[str, Any]]


class Found(NamedTuple):
    """What AWS has of a resource.

    Attributes:
        inputs: what the program may set.
        outputs: what only AWS knows.
    """

    inputs: Inputs
    outputs: dict[str, Any]


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

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """A client of that service."""
        untyped: Any = self.session
        return untyped.client(service, region_name=self.region, endpoint_url=self.endpoint_url)


class Kind(ABC):
    """One type of resource. What it has no input for is refused: passed over, it would be thought to work.

    Attributes:
        replaced_by: the inputs whose change makes a new resource (ForceNew in the bridged provider).
        changed_by: those that can be changed.
        kept: those that stay as they are where the program does not say them (Optional and Computed, or
            SuppressMissingOptionalConfigurationBlock).
        defaults: what the others are where the program does not say them.
        is_regional: whether it has an input ``region``; IAM is the same in every region.
    """

    replaced_by: frozenset[str] = frozenset()
    changed_by: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    defaults: ClassVar[Mapping[str, Any]] = {}
    is_regional = True

    @abstractmethod
    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """Make it.

        Args:
            aws: clients.
            name: logical name.
            inputs: as the program gave them.

        Returns:
            Its ID, and the outputs that are not inputs.
        """

    def read(self, aws: Aws, identifier: str) -> Found | None:  # noqa: ARG002 - for those who can
        """Return one that exists, to import or to refresh it; None where the sandbox can't read this type.

        Raises:
            botocore.exceptions.ClientError: it does not exist.
        """
        return None

    @abstractmethod
    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """Change it; the outputs that changed and are not inputs."""

    @abstractmethod
    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:
        """Delete it."""

    def unknown(self, inputs: Inputs) -> list[str]:
        """The inputs that are not modelled."""
        modelled = self.replaced_by | self.changed_by | ({"region"} if self.is_regional else set())
        return sorted(set(inputs) - modelled)

    def settled(self, before: Inputs, inputs: Inputs) -> Inputs:
        """The inputs, with those of before where leaving them out changes nothing."""
        return {**{name: before[name] for name in self.kept if name in before}, **inputs}


class Unchangeable(Kind):
    """What is only made and deleted: every input replaces it."""

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:  # noqa: ARG002 - for those who can
        """Never asked for."""
        raise AssertionError(f"{type(self).__name__} {identifier} can't be changed")


class Setting(Kind):
    """A setting of something else, which is put as a whole and removed again."""

    @abstractmethod
    def put(self, aws: Aws, inputs: Inputs) -> Created:
        """Put it, the first time or again."""

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:  # noqa: ARG002 - it has no name of its own
        """Put it."""
        return self.put(aws, inputs)

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:  # noqa: ARG002 - same
        """Put it again."""
        return self.put(aws, after)[1]


def tag_list(inputs: Mapping[str, Any]) -> list[dict[str, str]]:
    """Tags as most of AWS's APIs take them."""
    return [{"Key": key, "Value": text} for key, text in (inputs.get("tags") or {}).items()]


def tags_of(found: Mapping[str, Any]) -> dict[str, str]:
    """Tags as most of AWS's APIs return them, as an input."""
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags") or ()}


def retagged(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys that are gone."""
    return sorted(set(before.get("tags") or {}) - set(after.get("tags") or {}))


def upper(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs under the names that AWS gives them: the same, beginning with a capital letter."""
    return {key[0].upper() + key[1:]: value for key, value in fields.items() if value is not None}


def lower(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return AWS's fields under the names of inputs: the same, beginning with a small letter."""
    return {key[0].lower() + key[1:]: value for key, value in fields.items()}
