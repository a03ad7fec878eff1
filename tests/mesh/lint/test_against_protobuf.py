"""What a control plane can't read into its message is an error; the message is a stand-in with protobuf's own JSON."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.lint.worlds import run
from tests.mesh.protobuf import NoMessageError, round_trip
from tests.yamltext.yaml_writing import load_stream
from toolkit.mesh.lint import Severity
from toolkit.mesh.schema.go_duration import parse_nanoseconds

# Every field of a Mesh that is not in a backend's conf, which is a Struct and can hold anything.
SPEC: dict[str, Any] = {
    "mtls": {
        "enabledBackend": "a",
        "skipValidation": True,
        "backends": [
            {
                "name": "a",
                "type": "builtin",
                "mode": "STRICT",
                "dpCert": {"rotation": {"expiration": "1d"}, "requestTimeout": "10s"},
                "rootChain": {"requestTimeout": "1s"},
                "conf": {},
            }
        ],
    },
    "tracing": {
        "defaultBackend": "z",
        "backends": [{"name": "z", "type": "zipkin", "sampling": 1.5, "conf": {"url": "http://z:1"}}],
    },
    "logging": {
        "defaultBackend": "z",
        "backends": [{"name": "z", "type": "file", "format": "x", "conf": {"path": "/x"}}],
    },
    "metrics": {"enabledBackend": "z", "backends": [{"name": "z", "type": "prometheus", "conf": {}}]},
    "networking": {"outbound": {"passthrough": True}},
    "routing": {
        "zoneEgress": True,
        "localityAwareLoadBalancing": False,
        "defaultForbidMeshExternalServiceAccess": True,
    },
    "constraints": {"dataplaneProxy": {"requirements": [{"tags": {"a": "b"}}], "restrictions": []}},
    "skipCreatingInitialPolicies": ["*"],
    "meshServices": {"mode": "Exclusive"},
}
VALUES: list[object] = [True, 0, 1, -1, 1.5, "", "a", "1", "true", "1.5", "STRICT", "1e3", "10", "10s", "1m", {}, []]
VALUES += [[1], [{}], ["a"], {"a": 1}, {"a": "b"}]


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


PLACES = places(SPEC)[1:]


def is_a_duration_of_go(value: object) -> bool:
    """Kuma reads durations as Go does, in more forms than protobuf's own JSON has."""
    try:
        parse_nanoseconds(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


def changed(path: tuple[Any, ...], value: object) -> str:
    spec = copy.deepcopy(SPEC)
    parent: Any = spec
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    return json.dumps({"type": "Mesh", "name": "default", **spec})


def is_refused_and_not_told(text: str) -> bool:
    spec: Any = load_stream(text, "mesh.json")[0]
    try:
        round_trip({key: value for key, value in spec.items() if key not in ("type", "name")})
    except NoMessageError:
        return not any(finding.severity is Severity.ERROR for finding in run(text))
    return False


def test_the_whole_of_it_is_read() -> None:
    assert round_trip(SPEC)
    assert run(json.dumps({"type": "Mesh", "name": "default", **SPEC})) == []


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_whatever_stands_in_a_field(value: object) -> None:
    found = [path for path in PLACES if is_refused_and_not_told(changed(path, value))]
    assert [path for path in found if path[-1] != "requestTimeout" or not is_a_duration_of_go(value)] == []


@given(st.sampled_from(PLACES), st.integers() | st.floats(-9, 9) | st.text("abc01.-", max_size=5))
def test_any_scalar_in_a_field(path: tuple[Any, ...], value: object) -> None:
    if path[-1] != "requestTimeout" or not is_a_duration_of_go(value):
        assert not is_refused_and_not_told(changed(path, value))
