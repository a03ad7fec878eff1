"""What the bridged provider makes of a resource's inputs: automatic names, differences, replacements, refreshed inputs.

Source: pulumi/pulumi-terraform-bridge, pkg/tfbridge (schema.go, provider.go, names.go).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.pulumi.aws_plugin.values import Values, has_unknown

if TYPE_CHECKING:
    from tests.pulumi.aws_plugin.lifecycle import Lifecycle

# Among the inputs, the names of those that the provider chose (tfbridge/schema.go).
DEFAULTS = "__defaults"


class Name(NamedTuple):
    """The property with which a resource is named automatically, and its greatest length."""

    property: str
    longest: int


# pulumi/pulumi-aws, provider/resources.go
NAMED = {
    "aws:iam/role:Role": Name("name", 64),
    "aws:iam/rolePolicy:RolePolicy": Name("name", 128),
    "aws:iam/instanceProfile:InstanceProfile": Name("name", 128),
    "aws:s3/bucket:Bucket": Name("bucket", 63),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Name("name", 255),
    "aws:sns/topic:Topic": Name("name", 256),
    "aws:scheduler/schedule:Schedule": Name("name", 64),
    "aws:ram/resourceShare:ResourceShare": Name("name", 255),
}


class Difference(NamedTuple):
    """What an update would change.

    Attributes:
        changed: the inputs that differ.
        replacing: those of them that make a new resource.
        deletes_first: whether the old resource must go before the new one is made.
    """

    changed: list[str]
    replacing: list[str]
    deletes_first: bool


def automatic_name(name: str, seed: bytes) -> str:
    """Return a logical name, a hyphen and seven hexadecimal digits, the same for the same seed (names.go)."""
    return f"{name}-{hashlib.sha256(seed).hexdigest()[:7]}"


def chosen(inputs: Values) -> Values:
    """Return the inputs without the provider's own note."""
    return {name: value for name, value in inputs.items() if name != DEFAULTS}


def before(lifecycle: Lifecycle, state: Values, old: Values) -> Values:
    """Return what an update begins with: the inputs, and of what the provider keeps by itself the state.

    An update that changes nothing leaves the new inputs in the stack, also where they no longer set what stays.
    """
    return lifecycle.settle({name: state[name] for name in lifecycle.kept if name in state}, chosen(old))


def differ(
    lifecycle: Lifecycle, type_: str, state: Values, old: Values, new: Values, ignored: Iterable[str]
) -> Difference:
    """Compare a resource with what the program wants.

    Args:
        lifecycle: the rules of its type.
        type_: for example `aws:iam/role:Role`.
        state: its outputs.
        old: its inputs, as `Check` returned them.
        new: those that are wanted.
        ignored: paths of `ignoreChanges`.
    """
    known = before(lifecycle, state, old)
    wanted = lifecycle.settle(known, chosen(new))
    one, other = {**lifecycle.defaults, **known}, {**lifecycle.defaults, **wanted}
    names = {*one, *other} - {path.partition(".")[0].partition("[")[0] for path in ignored}
    changed = sorted(name for name in names if has_unknown(other.get(name)) or one.get(name) != other.get(name))
    replacing = [name for name in changed if name in lifecycle.replaced_by or name == "region"]
    return Difference(changed, replacing, bool(replacing) and _keeps_exact_name(type_, old, new))


def refreshed(inputs: Any, found: Any) -> Any:
    """Return the inputs with the values that were found; what the program does not set stays unset (schema.go).

    A policy document that says the same keeps its text, as for Terraform (SuppressEquivalentPolicyDiffs).
    """
    if isinstance(inputs, dict) and isinstance(found, dict):
        return {name: refreshed(value, found[name]) if name in found else value for name, value in inputs.items()}
    return inputs if _is_same_document(inputs, found) else found


def _keeps_exact_name(type_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether both have a name that the program chose: two can't have it at the same time.

    Source: provider.go, nameRequiresDeleteBeforeReplace.
    """
    named = NAMED.get(type_, Name("name", 0)).property
    return named in new and new[named] == old.get(named) and named not in new.get(DEFAULTS, ())


def _is_same_document(one: object, other: object) -> bool:
    try:
        return isinstance(one, str) and isinstance(other, str) and bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False
