"""Convert MeshTrafficPermissions so that they allow the SPIFFE IDs of ``Mesh.mtls`` and of a MeshIdentity.

With ``rules``, Kuma ignores ``from``. So a permission with rules must name old and new SPIFFE IDs: with only the new
ones, it denies old certificates at once (measured with Kuma 2.14.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from toolkit.mesh.schema.traffic_policies import MeshTrafficPermissionSpec
from toolkit.values import Object, without_nulls
from toolkit.yamltext.plain import at, items, mapping, text

if TYPE_CHECKING:
    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.yamltext.nodes import Path

_SCHEME = "spiffe://"
# The list of `rules` for each action of `from`.
_LISTS = {"Allow": "allow", "Deny": "deny", "AllowWithShadowDeny": "allowWithShadowDeny"}
# The allowed kinds of the top-level targetRef of a policy with rules
# (kumahq/kuma:pkg/plugins/policies/meshtrafficpermission/api/v1alpha1/validator.go).
_TARGETS = ("", "Mesh", "Dataplane")


@dataclass(frozen=True)
class Doubt:
    """A part of a permission that only a person can convert.

    Attributes:
        path: its path within the document.
        message: why.
    """

    path: Path
    message: str


@dataclass(frozen=True)
class Converted:
    """A permission for old and new SPIFFE IDs.

    Attributes:
        spec: the new spec; None if no change is needed or possible.
        doubts: what a person must decide.
    """

    spec: Object | None
    doubts: tuple[Doubt, ...]


def convert(permission: ScopedDocument, domains: Sequence[str]) -> Converted:
    """Return a permission that handles old and new SPIFFE IDs in the same way.

    Args:
        permission: a MeshTrafficPermission.
        domains: the trust domains of the MeshIdentity, one per zone.
    """
    doubts: list[Doubt] = []
    made: Object | None = None
    if "rules" in permission.spec:
        made = _extend_rules(permission, domains, doubts)
    elif "from" in permission.spec:
        made = _convert_from(permission, domains, doubts)
    if doubts or made is None:
        return Converted(None, tuple(doubts))
    spec = mapping(without_nulls(made))
    try:
        MeshTrafficPermissionSpec.model_validate(spec)
    except ValidationError as error:
        first = error.errors()[0]
        # The path is in the new spec, whose fields differ from the given one's.
        where = ".".join(map(str, first["loc"]))
        return Converted(None, (Doubt(("spec",), f"can't be converted: {where}: {first['msg']}"),))
    return Converted(spec, ())


def _convert_from(permission: ScopedDocument, domains: Sequence[str], doubts: list[Doubt]) -> Object | None:
    """Return a spec with ``rules`` instead of ``from``; None if there is nothing to convert."""
    spec = permission.spec
    kind = text(mapping(spec.get("targetRef")).get("kind"))
    if kind not in _TARGETS:
        message = f"kind is {kind}, but a permission with rules needs Mesh or Dataplane: select the proxies by labels"
        doubts.append(Doubt(("spec", "targetRef"), message))
    default: dict[str, list[Object]] = {}
    # Of several entries for the whole mesh, only the last one is effective.
    for index, entry in enumerate(items(spec.get("from"))):
        path: Path = ("spec", "from", index)
        target, action = mapping(at(entry, ("targetRef",))), text(at(entry, ("default", "action")))
        if target.get("kind") != "Mesh" or len(target) > 1:
            doubts.append(Doubt(path, _name_clients(permission.mesh, target)))
        elif action not in _LISTS:
            doubts.append(Doubt((*path, "default", "action"), "has no action that can be converted"))
        else:
            default = {_LISTS[action]: _prefixes([permission.mesh, *domains])}
    if _LISTS["Deny"] in default:
        doubts.append(Doubt(("spec", "from"), _DENIES_ALL))
    kept = {name: value for name, value in spec.items() if name != "from"}
    return {**kept, "rules": [{"default": default}]} if default else None


# Kong/developer.konghq.com:app/mesh/policies/meshtrafficpermission_experimental: first deny, then allow.
_DENIES_ALL = (
    "denies all clients. With from, another permission can allow some of them again. With rules, a deny wins over "
    "every allow. Delete this permission: requests that no permission allows are denied anyway"
)


def _name_clients(mesh: str, target: Object) -> str:
    """Return why a selection of clients other than the whole mesh can't be converted."""
    service = text(mapping(target.get("tags")).get("kuma.io/service")) or text(target.get("name"))
    old = f"; its old SPIFFE ID is {_SCHEME}{mesh}/{service}" if service else ""
    return (
        f"names clients by {text(target.get('kind')) or 'an unknown kind'}, which a MeshIdentity doesn't know{old}. "
        "Write rules that allow the old and the new SPIFFE ID. The new one has the namespace and the service account "
        "(Universal: the workload)"
    )


def _extend_rules(permission: ScopedDocument, domains: Sequence[str], doubts: list[Doubt]) -> Object | None:
    """Return a spec whose rules name old and new SPIFFE IDs; None if they do already."""
    changed = False
    rules: list[object] = []
    for index, rule in enumerate(items(permission.spec.get("rules"))):
        default = dict(mapping(mapping(rule).get("default")))
        for name in _LISTS.values():
            path: Path = ("spec", "rules", index, "default", name)
            more, doubt = _extend(items(default.get(name)), name, permission.mesh, domains)
            if doubt:
                doubts.append(Doubt(path, doubt))
            if more:
                default[name], changed = [*items(default.get(name)), *more], True
        rules.append({**mapping(rule), "default": default})
    return {**permission.spec, "rules": rules} if changed else None


def _extend(matches: Sequence[object], name: str, mesh: str, domains: Sequence[str]) -> tuple[list[Object], str]:
    """Return matches of new SPIFFE IDs to add to a list, and what a person must decide; empty for nothing.

    Args:
        matches: the list.
        name: of the list.
        mesh: the trust domain of the old SPIFFE IDs.
        domains: the trust domains of the new ones.
    """
    ids = [mapping(mapping(match).get("spiffeID")) for match in matches]
    values = {text(each.get("value")) for each in ids}
    old = {value for value in values if _is_of(value, mesh)}
    new = {value for value in values if any(_is_of(value, domain) for domain in domains)}
    if not old:
        doubt = f"names new SPIFFE IDs only; add the old ones, which begin with {_SCHEME}{mesh}"
        return [], doubt if new and name != "deny" else ""
    missing = [domain for domain in domains if not any(_is_of(value, domain) for value in new)]
    (whole,) = _prefixes([mesh])
    of_all = [mapping(match) for match, each in zip(matches, ids, strict=True) if each == whole["spiffeID"]]
    if of_all and (old == {_SCHEME + mesh} or whole in of_all):
        # Further conditions, such as sni, must hold for the new ones too.
        return [{**match, **prefix} for prefix in _prefixes(missing) for match in of_all], ""
    if new and not (of_all and missing):
        # New SPIFFE IDs were already added to the old ones.
        return [], ""
    named = ", ".join(sorted(old))
    message = f"names {named}; add the new SPIFFE ID of each, which has the namespace and the service account"
    return [], f"{message} (Universal: the workload)"


def _is_of(value: str, domain: str) -> bool:
    return f"{value}/".startswith(f"{_SCHEME}{domain}/")


def _prefixes(domains: Sequence[str]) -> list[Object]:
    """Return matches for all proxies of the trust domains. Kuma rejects a value that ends with a slash."""
    return [{"spiffeID": {"type": "Prefix", "value": _SCHEME + domain}} for domain in domains]
