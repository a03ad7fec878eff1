"""Lenient reading, beside strict reading, which tests/control_plane compares with a real control plane and protobuf."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from tests.control_plane import faulty
from tests.control_plane.rehearsal.test_api import MESHES
from toolkit.mesh.documents.differences import find_differences
from toolkit.mesh.schema.field_types import Spec
from toolkit.mesh.schema.messages import MessageError, find_spec_model, read_message

META = {"type": "Mesh", "name": "m"}


@pytest.mark.parametrize(
    ("document", "problem", "kept"),
    [
        # A value that does not fit stays, and the other values of its message are still read.
        (
            {"mtls": {"backends": [{"name": 1, "mode": 1, "rootChain": {"requestTimeout": "1m"}}]}},
            "mtls backends[0] name is not a string",
            {"mtls": {"backends": [{"name": 1, "mode": "PERMISSIVE", "rootChain": {"requestTimeout": "60s"}}]}},
        ),
        ({"mtls": {"backends": [3, {}]}}, "mtls backends[0] is not an object", {"mtls": {"backends": [3, {}]}}),
        ({"mtls": "x"}, "mtls is not an object", {"mtls": "x"}),
        ({"routing": {"zoneEgress": 0}}, "routing zoneEgress is not true or false", {}),
        (
            {"meshServices": {"mode": "Newer"}},
            "meshServices mode is not one of Disabled, Everywhere, ReachableBackends, Exclusive",
            {"meshServices": {"mode": "Newer"}},
        ),
        (
            {"tracing": {"backends": [{"sampling": "x"}]}},
            "tracing backends[0] sampling is not a number",
            {"tracing": {"backends": [{"sampling": "x"}]}},
        ),
    ],
)
def test_a_value_that_does_not_fit(document: dict[str, Any], problem: str, kept: dict[str, Any]) -> None:
    with pytest.raises(MessageError) as error:
        read_message(Spec, document)
    assert str(error.value) == problem
    assert read_message(Spec, document, is_lenient=True) == kept


def test_unknown_fields_and_empty_messages() -> None:
    document = {"newer": {"n": 2.0, "deep": {}}, "no": False, "routing": {}, "networking": {"outbound": {"a": 1}}}
    assert read_message(Spec, document) == {"routing": {}, "networking": {"outbound": {}}}
    kept = {"newer": {"n": 2, "deep": {}}, "networking": {"outbound": {"a": 1}}}
    assert read_message(Spec, document, is_lenient=True) == kept
    assert list(read_message(Spec, document, is_lenient=True)) == ["newer", "networking"]


def test_a_go_struct_keeps_empty_values() -> None:
    spec = {"selector": {"dataplane": {"matchLabels": {}}}, "spiffeID": {"path": "", "no": False}, "provider": None}
    model = find_spec_model("MeshIdentity")
    assert read_message(model, spec, is_lenient=True) == {name: spec[name] for name in ("selector", "spiffeID")}
    assert read_message(model, spec) == {"selector": spec["selector"], "spiffeID": {"path": ""}}


@pytest.mark.parametrize("is_lenient", [False, True])
def test_keys_of_several_types_have_an_order(is_lenient: bool) -> None:
    requirement = {"tags": {2: "a", True: "b", "1": "c"}}
    mesh = {"constraints": {"dataplaneProxy": {"requirements": [requirement]}}, "newer": {2: 1, "1": {}}}
    kept = read_message(Spec, mesh, is_lenient=is_lenient)
    assert list(kept["constraints"]["dataplaneProxy"]["requirements"][0]["tags"]) == ["1", 2, True]


@given(MESHES)
def test_what_a_control_plane_keeps_of_any_mesh_is_that_mesh(spec: Any) -> None:
    if not isinstance(spec, dict):
        return
    # The metadata is read apart from the spec.
    document = {**{name: value for name, value in spec.items() if name != "labels"}, **META}
    try:
        kept = faulty.kept(document)
    except MessageError:
        return
    assert find_differences(document, kept) == []
