from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import contract, hierarchy
from toolkit.mesh.render.choices import MeshOptions
from toolkit.mesh.rotate import rotation
from toolkit.mesh.rotate.readiness import find_missing
from toolkit.mesh.rotate.rotation import Move

BEFORE = "type: Mesh\nname: default\nmtls:\n  enabledBackend: old\n  backends: [{name: old, type: builtin}]\n"
MOVE = rotation.plan_move_to_acmpca(Move(BEFORE, "mesh.yaml"), contract(hierarchy()), MeshOptions())


def insight(supported: dict[str, int], issued: dict[str, int], online: int = 3) -> dict[str, Any]:
    def counts(of: dict[str, int]) -> dict[str, Any]:
        # As protobuf writes them: no zeros.
        return {name: {"total": 3, **({"online": count} if count else {})} for name, count in of.items()}

    mtls = {"supportedBackends": counts(supported), "issuedBackends": counts(issued)}
    return {"dataplanes": {"total": 5, "online": online, "offline": 2}, "mTLS": mtls}


@pytest.mark.parametrize(
    ("step", "supported", "issued", "words"),
    [
        (1, {}, {}, ""),
        (2, {"old": 3}, {"old": 3}, "0 of 3 proxies that are online trust acmpca"),
        (2, {"old": 3, "acmpca": 2}, {"old": 3}, "2 of 3 proxies that are online trust acmpca"),
        (2, {"old": 3, "acmpca": 3}, {"old": 3}, ""),
        (3, {"old": 3, "acmpca": 3}, {"old": 1, "acmpca": 2}, "2 of 3 proxies that are online have a certificate"),
        (3, {"old": 3, "acmpca": 3}, {"old": 1, "acmpca": 3}, "3 of 3 proxies that are online have a certificate"),
        (3, {"old": 3, "acmpca": 3}, {"old": 0, "acmpca": 3}, ""),
        (3, {"old": 3, "acmpca": 3}, {"acmpca": 3}, ""),
    ],
)
def test_a_step_waits_for_every_proxy(step: int, supported: dict[str, int], issued: dict[str, int], words: str) -> None:
    assert find_missing(MOVE, step, insight(supported, issued)).startswith(words)
    assert bool(find_missing(MOVE, step, insight(supported, issued))) == bool(words)


def test_a_mesh_without_proxies_is_ready() -> None:
    assert not find_missing(MOVE, 2, {"type": "MeshInsight", "name": "default"})
    assert not find_missing(MOVE, 3, {"dataplanes": {}})


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["dataplanes", "online", "mTLS"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["dataplanes", "mTLS"]), json), st.integers(1, 3))
def test_any_answer_is_judged(answer: dict[str, Any], step: int) -> None:
    assert isinstance(find_missing(MOVE, step, answer), str)
