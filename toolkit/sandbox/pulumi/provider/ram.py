"""AWS RAM (hashicorp/terraform-provider-aws:internal/service/ram)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from toolkit.sandbox.pulumi.provider.iam import automatic
from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Inputs, Kind, Unchangeable, retagged

if TYPE_CHECKING:
    from collections.abc import Mapping


class ResourceShare(Kind):
    """A share, empty at first."""

    replaced_by = frozenset({"permissionArns"})
    changed_by = frozenset({"allowExternalPrincipals", "name", "tags"})
    kept = frozenset({"permissionArns"})
    defaults: ClassVar[Mapping[str, Any]] = {"allowExternalPrincipals": False}

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """CreateResourceShare."""
        physical = inputs.get("name") or automatic(name)
        share = aws.client("ram").create_resource_share(
            name=physical,
            allowExternalPrincipals=inputs.get("allowExternalPrincipals", False),
            permissionArns=inputs.get("permissionArns") or [],
            tags=_tags(inputs),
        )["resourceShare"]
        arn = share["resourceShareArn"]
        return arn, {"arn": arn, "name": physical}

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """UpdateResourceShare, and its tags."""
        ram, gone = aws.client("ram"), retagged(before, after)
        ram.update_resource_share(
            resourceShareArn=identifier,
            allowExternalPrincipals=after.get("allowExternalPrincipals", False),
            **({"name": after["name"]} if after.get("name") else {}),
        )
        if gone:
            ram.untag_resource(resourceShareArn=identifier, tagKeys=gone)
        if after.get("tags"):
            ram.tag_resource(resourceShareArn=identifier, tags=_tags(after))
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the ARN says it
        """DeleteResourceShare."""
        aws.client("ram").delete_resource_share(resourceShareArn=identifier)


class Association(Unchangeable):
    """A resource in a share, or a principal."""

    def __init__(self, member: str, parameter: str) -> None:
        self._member, self._parameter = member, parameter
        self.replaced_by = frozenset({member, "resourceShareArn"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:  # noqa: ARG002 - an association has no name
        """AssociateResourceShare."""
        share, member = inputs["resourceShareArn"], inputs[self._member]
        aws.client("ram").associate_resource_share(resourceShareArn=share, **{self._parameter: [member]})
        return f"{share},{member}", {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the ID says it
        """DisassociateResourceShare."""
        share, _, member = identifier.partition(",")
        aws.client("ram").disassociate_resource_share(resourceShareArn=share, **{self._parameter: [member]})


def _tags(inputs: Inputs) -> list[dict[str, str]]:
    """RAM writes them small."""
    return [{"key": key, "value": text} for key, text in (inputs.get("tags") or {}).items()]


KINDS: dict[str, Kind] = {
    "aws:ram/resourceShare:ResourceShare": ResourceShare(),
    "aws:ram/resourceAssociation:ResourceAssociation": Association("resourceArn", "resourceArns"),
    "aws:ram/principalAssociation:PrincipalAssociation": Association("principal", "principals"),
}
