"""Validate names and labels of resources, and compute the labels that a control plane adds.

Sources: kumahq/kuma:pkg/api-server/resource_endpoints.go, pkg/core/resources/apis/mesh/meta_validator.go,
pkg/core/resources/labels/labels.go; kubernetes/apimachinery:pkg/util/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from toolkit.errors import Problem
from toolkit.mesh.schema.secret import MESH_LABEL, find_name_problem
from toolkit.values import Object

Mode = Literal["zone", "global", "read-only"]
ZONE = "z1"
ORIGIN, ZONE_LABEL, _ENV, DISPLAY_NAME = "kuma.io/origin", "kuma.io/zone", "kuma.io/env", "kuma.io/display-name"
_ORIGINS = ("global", "zone")
_IMMUTABLE = (ORIGIN, ZONE_LABEL, DISPLAY_NAME)
_MAX_NAME, _MAX_MESH, _MAX_PART = 253, 63, 63
_LABEL_NAME = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_RFC_1035 = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


def list_meta_violations(
    meta: Object, kind: str, mesh: str, name: str, mode: Mode, *, is_federated: bool = False
) -> list[Problem]:
    """Return every violation of a resource's type, name, mesh and labels.

    Args:
        meta: metadata that was read as :class:`toolkit.mesh.schema.messages.Meta`.
        kind: from the request's path.
        mesh: the mesh in the request's path.
        name: the name in the request's path.
        mode: the control plane's mode.
        is_federated: whether it is a zone's, and connected to a global one.
    """
    expected = {"name": name, "type": kind} | ({} if kind == "Mesh" else {"mesh": mesh})
    violations = [
        Problem(field, f"{field} from the URL has to be the same as in body")
        for field, value in expected.items()
        if value != meta.get(field, "")
    ]
    if is_federated and meta.get("labels", {}).get(ORIGIN) != "zone":
        violations.append(_at_label(ORIGIN, "the origin label must be set to 'zone'"))
    violations += _label_violations(meta, mode)
    violations += _name_violations("name", meta.get("name", ""))
    if kind != "Mesh":
        violations += _name_violations("mesh", meta.get("mesh", ""))
    return violations


def check_mesh_name(name: str) -> list[Problem]:
    """Return a violation if a Mesh's name is too long.

    Source: kumahq/kuma:pkg/core/managers/apis/mesh/mesh_manager.go.
    """
    return [Problem("name", f"cannot be longer than {_MAX_MESH} characters")] if len(name) > _MAX_MESH else []


def list_warnings(name: str) -> list[str]:
    """Return the warnings of a control plane on a valid name."""
    if _RFC_1035.fullmatch(name):
        return []
    return [f'name: "{name}" is not an RFC 1035 label, which a later version may require']


def compute_labels(meta: Object, kind: str, mode: Mode) -> dict[str, str]:
    """Return the labels of a resource with those that the control plane adds. It adds none to a Mesh."""
    labels = dict(meta.get("labels", {}))
    if kind != "Mesh":
        added = {MESH_LABEL: meta["mesh"]}
        if mode != "global":
            added[ORIGIN] = "zone"
            if labels.get(ORIGIN) != "global":
                added |= {ZONE_LABEL: ZONE, _ENV: "universal"}
        labels = {**added, **labels}
    return dict(sorted(labels.items()))


def list_change_violations(before: dict[str, str], after: dict[str, str]) -> list[Problem]:
    """Return the violations of immutable labels that were changed or removed."""
    violations = []
    for label in _IMMUTABLE:
        if label in before and label not in after:
            violations.append(_at_label(label, f'is immutable, cannot be removed (was "{before[label]}")'))
        elif label in before and before[label] != after[label]:
            violations.append(
                _at_label(label, f'is immutable, cannot be changed from "{before[label]}" to "{after[label]}"')
            )
    return violations


def _at_label(label: str, reason: str) -> Problem:
    return Problem(f'labels["{label}"]', reason)


def _name_violations(field: str, name: str) -> Iterator[Problem]:
    if not name:
        yield Problem(field, "cannot be empty")
    elif len(name) > _MAX_NAME:
        yield Problem(field, f"value length must less or equal {_MAX_NAME}")
    elif find_name_problem(name, "universal"):
        valid = "Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols."
        yield Problem(field, f"invalid characters. {valid}")


def _label_violations(meta: Object, mode: Mode) -> Iterator[Problem]:
    labels = meta.get("labels", {})
    origin = labels.get(ORIGIN, "")
    if origin and origin not in _ORIGINS:
        yield _at_label(ORIGIN, f'unknown resource origin "{origin}"')
    if mode == "global" and origin and origin != "global":
        yield _at_label(ORIGIN, "the origin label must be set to 'global'")
    if mode != "global" and origin != "global":
        if labels.get(ZONE_LABEL, ZONE) != ZONE:
            yield _at_label(ZONE_LABEL, f"{ZONE_LABEL} label should have {ZONE} value")
        if labels.get(MESH_LABEL, meta.get("mesh", "")) != meta.get("mesh", ""):
            yield _at_label(MESH_LABEL, f"{MESH_LABEL} label must not differ from mesh set on resource")
    for label, value in labels.items():
        if not _is_qualified(label):
            yield _at_label(label, "is not a name of letters, digits, '-', '_' and '.', after a DNS prefix and '/'")
        if value and (len(value) > _MAX_PART or not _LABEL_NAME.fullmatch(value)):
            yield _at_label(label, f"is not a label value: letters, digits, '-', '_' and '.', at most {_MAX_PART}")


def _is_qualified(label: str) -> bool:
    prefix, slash, name = label.rpartition("/")
    if slash and find_name_problem(prefix, "kubernetes"):
        return False
    return len(name) <= _MAX_PART and _LABEL_NAME.fullmatch(name) is not None
