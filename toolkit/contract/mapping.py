"""Map another tool's outputs to fields of a contract: by name, or with ``--map``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from toolkit.contract.completing import with_aliases
from toolkit.contract.models import CertificateAuthority, StackOutputs, Zone
from toolkit.errors import Problem
from toolkit.text import escape, list_names, take_line
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from pydantic import BaseModel

    from toolkit.contract.draft import Draft

_IN_A_ZONE = re.compile(r"zones\[(?P<zone>[^\[\]]+)\]\.(?P<field>\w+)")
_IN_THE_AUTHORITY = re.compile(r"certificateAuthority\.(?P<field>\w+)")
_AUTHORITY, _ZONES = "certificateAuthority", "zones"
_MOST_SHOWN = 80
_MOST_NAMES = 20


def _names(model: type[BaseModel]) -> list[str]:
    return [str(field.alias) for field in model.model_fields.values()]


_TOP, _OF_AUTHORITY, _OF_ZONES = _names(StackOutputs), _names(CertificateAuthority), _names(Zone)


def take_outputs(draft: Draft, outputs: Object, mapped: Sequence[str]) -> None:
    """Add the outputs of another tool to a contract; record a problem for an output that can't be added.

    Args:
        draft: the contract that is being built.
        outputs: the outputs by name.
        mapped: ``FIELD=OUTPUT`` each. An output with a field's name needs none.
    """
    wanted = _read_map(draft, outputs, mapped)
    for name, value in with_aliases(outputs, StackOutputs).items():
        if name in _TOP and name not in wanted:
            _put_top(draft, name, value, f"output {name}")
    # Set whole objects before their fields.
    for field, output in sorted(wanted.items(), key=lambda pair: pair[0] not in _TOP):
        origin = f"output {escape(output)}"
        if field in _TOP:
            _put_top(draft, field, outputs[output], origin)
        elif within := _IN_THE_AUTHORITY.fullmatch(field):
            if (authority := draft.authority) is not None:
                draft.put(authority, f"{_AUTHORITY}.{within['field']}", outputs[output], origin)
        elif within := _IN_A_ZONE.fullmatch(field):
            _put_zone(draft, within["zone"], within["field"], outputs[output], origin)


def _read_map(draft: Draft, outputs: Object, mapped: Sequence[str]) -> dict[str, str]:
    """Return the output for each field in ``--map``; record unknown fields and outputs as problems."""
    found: dict[str, str] = {}
    for each in mapped:
        field, separator, output = each.partition("=")
        place = f"--map {_shown(each)}"
        if not separator or not field or not output:
            draft.problems.append(Problem(place, "must be FIELD=OUTPUT"))
        elif problem := _field_problem(field):
            draft.problems.append(Problem(place, problem))
        elif output not in outputs:
            known = list_names(sorted(outputs), _MOST_NAMES)
            draft.problems.append(Problem(place, f"unknown output {_shown(output)}; there are {known}"))
        elif found.setdefault(field, output) != output:
            draft.problems.append(Problem(place, f"{field} is already {_shown(found[field])}"))
    return found


def _field_problem(field: str) -> str:
    """Return why a contract has no such field; empty if it has the field."""
    if within := _IN_A_ZONE.fullmatch(field):
        names, what = _OF_ZONES, f"zones[{_shown(within['zone'])}]."
    elif within := _IN_THE_AUTHORITY.fullmatch(field):
        names, what = _OF_AUTHORITY, f"{_AUTHORITY}."
    else:
        known = f"a contract has {', '.join(_TOP)}; certificateAuthority.FIELD and zones[NAME].FIELD"
        return "" if field in _TOP else f"{_shown(field)} is not a field; {known}"
    return "" if within["field"] in names else f"{_shown(field)} is not a field; {what} has {', '.join(names)}"


def _put_top(draft: Draft, name: str, value: Value, origin: str) -> None:
    value = _decode(name, value)
    if name == _AUTHORITY and isinstance(value, dict):
        value = with_aliases(value, CertificateAuthority)
    elif name == _ZONES and isinstance(value, list):
        value = [with_aliases(zone, Zone) if isinstance(zone, dict) else zone for zone in value]
    draft.put(draft.document, name, value, origin)


def _put_zone(draft: Draft, name: str, field: str, value: Value, origin: str) -> None:
    zones = draft.zones
    if zones is None:
        return
    found = [index for index, zone in enumerate(zones) if isinstance(zone, dict) and zone.get("name") == name]
    if not found:
        zones.append({"name": name})
        found = [len(zones) - 1]
        draft.origins[f"zones[{found[0]}]"] = "--map"
    draft.put(zones[found[0]], f"zones[{found[0]}].{field}", value, origin)


def _decode(name: str, value: Value) -> Value:
    """Return the decoded value of a CloudFormation output, which is always a string: JSON, or a list with commas."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if name == "schemaVersion" or (name in (_AUTHORITY, _ZONES, "meshes") and text.startswith(("{", "["))):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    # The intrinsic function Fn::Join creates such lists.
    return [part.strip() for part in text.split(",")] if name == "meshes" and not text.startswith("[") else value


def _shown(text: str) -> str:
    return take_line(text, _MOST_SHOWN)
