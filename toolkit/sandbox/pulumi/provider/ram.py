"""Create AWS RAM resources (hashicorp/terraform-provider-aws:internal/service/ram)."""

from __future__ import annotations

from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Inputs, Kind, choose_name


def _create_share(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical = choose_name(name, inputs)
    share = aws.client("ram").create_resource_share(
        name=physical,
        allowExternalPrincipals=inputs.get("allowExternalPrincipals", False),
        permissionArns=inputs.get("permissionArns") or [],
        # RAM has lower-case keys in tags.
        tags=[{"key": key, "value": text} for key, text in (inputs.get("tags") or {}).items()],
    )["resourceShare"]
    arn = share["resourceShareArn"]
    return arn, {"arn": arn, "name": physical}


def _associate(aws: Aws, inputs: Inputs, member: str, parameter: str) -> Created:
    share = inputs["resourceShareArn"]
    aws.client("ram").associate_resource_share(resourceShareArn=share, **{parameter: [inputs[member]]})
    return f"{share},{inputs[member]}", {}


KINDS = {
    "aws:ram/resourceShare:ResourceShare": Kind(
        _create_share, frozenset({"permissionArns", "allowExternalPrincipals", "name", "tags"})
    ),
    "aws:ram/resourceAssociation:ResourceAssociation": Kind(
        lambda aws, _, inputs: _associate(aws, inputs, "resourceArn", "resourceArns"),
        frozenset({"resourceArn", "resourceShareArn"}),
    ),
    "aws:ram/principalAssociation:PrincipalAssociation": Kind(
        lambda aws, _, inputs: _associate(aws, inputs, "principal", "principals"),
        frozenset({"principal", "resourceShareArn"}),
    ),
}
