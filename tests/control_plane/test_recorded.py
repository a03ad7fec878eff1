"""The comparison after a write, with the documents that a real Kuma 2.14.3 returned after each write."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.mesh.documents.differences import find_differences, find_unknown, write_diff

RECORDED = Path(__file__).parent / "recorded"


def accepted(name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (RECORDED / name).read_text().splitlines()]
    return [line for line in lines if line.get("status") in (200, 201) and line.get("method", "PUT") == "PUT"]


NEW_MESHES = accepted("kuma-2.14.3.jsonl")
SEQUENCES = [line for mode in ("zone", "global") for line in accepted(f"kuma-2.14.3-sequence-{mode}.jsonl")]
IDENTITIES = [line for mode in ("zone", "global") for line in accepted(f"kuma-2.14.3-identity-{mode}.jsonl")]
LINES = [line for line in (*NEW_MESHES, *SEQUENCES, *IDENTITIES) if isinstance(line["document"], dict)]


def test_the_recordings_are_there() -> None:
    assert (len(NEW_MESHES), len(SEQUENCES), len(IDENTITIES)) == (50, 22, 44)


@pytest.mark.parametrize("line", LINES)
def test_what_kuma_kept_is_no_difference(line: dict[str, Any]) -> None:
    assert find_differences(line["document"], line["kept"]) == []
    assert write_diff(line["document"], line["kept"], "x") == []
    assert find_differences(line["kept"], line["kept"], heed_unknown=True) == []


def test_a_field_that_kuma_does_not_know_is_named_and_may_count() -> None:
    found = [line for line in LINES if "unknown" in line["document"]]
    assert len(found) >= 3
    for line in found:
        assert find_unknown(line["document"], line["kept"]) == ["unknown"]
        assert find_differences(line["document"], line["kept"], heed_unknown=True) == [
            "unknown: is not on the control plane"
        ]
    rest = [line for line in NEW_MESHES if "unknown" not in line["document"]]
    # Kuma 2.14 has no `enabled` in the tls of a Prometheus backend.
    named = [find_unknown(line["document"], line["kept"]) for line in rest]
    assert [paths for paths in named if paths] == [["metrics.backends[0].conf.tls.enabled"]]
    named = [find_unknown(line["document"], line["kept"]) for line in IDENTITIES]
    assert [paths for paths in named if paths] == [["spec.nope"]] * 2


# Property: every other value in the place of one that Kuma keeps is a difference.


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return [path]
    return [leaf for key, entry in pairs for leaf in leaves(entry, (*path, key))]


def is_kept(path: tuple[Any, ...]) -> bool:
    # The control plane computes these labels, and the name is what the document was asked for by.
    return not str(path[-1]).startswith("kuma.io/") or "tags" in path


PLACES = [(line, path) for line in LINES for path in leaves(line["kept"]) if is_kept(path)]


@given(st.sampled_from(PLACES), st.data())
def test_every_other_value_is_a_difference(place: tuple[dict[str, Any], tuple[Any, ...]], data: st.DataObject) -> None:
    line, path = place
    changed = copy.deepcopy(line["kept"])
    above = changed
    for step in path[:-1]:
        above = above[step]
    above[path[-1]] = data.draw(st.just(other(above[path[-1]])) | st.just("something else") | st.just(4711))
    assert find_differences(line["document"], changed), path
    assert write_diff(line["document"], changed, "x"), path


def other(value: Any) -> Any:
    """A value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    seconds = value.removesuffix("s")
    return f"{float(seconds) + 1}s" if seconds != value and seconds.strip("-.0123456789") == "" else f"{value}x"


@given(st.sampled_from(PLACES))
def test_every_value_that_is_gone_is_a_difference(place: tuple[dict[str, Any], tuple[Any, ...]]) -> None:
    line, path = place
    changed = copy.deepcopy(line["kept"])
    above = changed
    for step in path[:-1]:
        above = above[step]
    del above[path[-1]]
    if path[0] == "metrics" and path[-1] in ("port", "path", "kuma.io/service", "mode"):
        # Kuma never keeps a Prometheus backend without its defaults; a document without them means the same.
        return
    assert find_differences(line["document"], changed), path
