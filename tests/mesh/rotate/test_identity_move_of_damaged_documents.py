"""Documents that are damaged in any place: there is a plan or an error, and no traceback."""

from __future__ import annotations

import copy
import json
from typing import Any, get_args

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from tests.mesh.golden_documents import golden_outputs
from tests.mesh.rotate.old_meshes import CONFS, OLD_CHAIN, around, backend, given, mesh, scoped
from toolkit.errors import InvalidInputError
from toolkit.mesh.render.identity_documents import IdentityOptions
from toolkit.mesh.rotate.identity_move import plan_move_to_identity
from toolkit.mesh.schema.mesh import Form

OUTPUTS = golden_outputs()
VALUES = st.sampled_from([None, True, 0, 1.5, "", "x", [], {}, ["x"], {"a": 1}, [None], "PERMISSIVE", "{{", "old"]).map(
    copy.deepcopy
)
ALLOW = [{"spiffeID": {"type": "Prefix", "value": "spiffe://default"}}]
ALL: dict[str, Any] = {"dataplane": {"matchLabels": {}}}


def documents(form: Form, kind: str) -> list[Any]:
    lifetime = {"rotation": {"expiration": "1d"}, "requestTimeout": "5s"}
    found = [
        mesh(form, backend(kind, mode="PERMISSIVE", dpCert=lifetime), routing={"zoneEgress": True}, meshServices={}),
        *around(form, kind),
        scoped(form, "MeshTrafficPermission", "rules", {"rules": [{"default": {"allow": ALLOW}}]}),
        scoped(form, "MeshTLS", "tls", {"targetRef": {"kind": "Mesh"}, "rules": [{"default": {"mode": "Strict"}}]}),
        scoped(form, "MeshIdentity", "acmpca", {"selector": ALL, "spiffeID": {"trustDomain": "x"}}),
        {
            "type": "Dataplane",
            "mesh": "default",
            "name": "web",
            "networking": {"outbound": [{"tags": {"kuma.io/service": "a"}}]},
        },
    ]
    # Each has values of its own.
    copied: list[Any] = json.loads(json.dumps(found))
    return copied


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


@settings(max_examples=60)
@for_all(st.data(), st.sampled_from(get_args(Form)), st.sampled_from(sorted(CONFS)))
def test_any_damage_is_planned_or_refused(data: st.DataObject, form: Form, kind: str) -> None:
    found = documents(form, kind)
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from([place for place in places(found) if len(place) > 1]))
        holder: Any = found
        for part in path:
            holder = holder[part]
        if data.draw(st.booleans()):
            holder[last] = data.draw(VALUES)
        else:
            del holder[last]
    start = given(*found, old_chain=data.draw(st.sampled_from([None, OLD_CHAIN])))
    try:
        move = plan_move_to_identity(start, OUTPUTS, IdentityOptions())
    except InvalidInputError as error:
        assert error.lines()
        return
    assert all(str(each) and each.fix for each in move.obstacles)
