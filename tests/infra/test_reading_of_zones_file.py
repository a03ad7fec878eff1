"""Zones from a separate file, and configurations that are too large for Pulumi."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.conftest import MAIN, Graph, RunProgram
from tests.infra.shapes import changed, shape
from toolkit.infra.settings import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def zones(count: int) -> list[dict[str, Any]]:
    issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/{:032X}"
    return [{"name": f"zone-{n}", "region": "eu-central-1", "oidcIssuer": issuer.format(n)} for n in range(count)]


@pytest.fixture
def from_file(run_program: RunProgram, tmp_path: Path) -> Callable[..., Graph]:
    """Run the program with the zones of a file that has this text."""

    def run(text: str | bytes | None, name: str = "zones.yaml", **settings: object) -> Graph:
        main = tmp_path / "__main__.py"
        main.write_text(MAIN.read_text(encoding="utf-8"), encoding="utf-8")
        if text is not None:
            (tmp_path / "zones.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        config = changed(shape("root"), zonesFile=name, **{"zones": None, **settings})
        return run_program(config, main=main)

    return run


def refused(run: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        run()
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.slow
def test_640_zones_start_and_a_refusal_is_shown_by_path(from_file: Callable[..., Graph]) -> None:
    many = zones(640)
    graph = from_file(json.dumps(many))
    assert len(graph.exports["zones"]) == 640
    assert {f"zone-zone-{n}" for n in (0, 639)} <= set(graph.of_type("Role"))
    many[639]["region"] = "mars"
    many[17]["oidcIssuer"] = "https://oidc.eks.eu-central-1.amazonaws.com"
    many[18]["clusterName"] = "c"
    found = refused(lambda: from_file(json.dumps(many)))
    assert set(found) == {
        "zones.yaml:zones[639].region",
        "zones.yaml:zones[17].oidcIssuer",
        "zones.yaml:zones[18].clusterName",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "zones.yaml can't be read: No such file or directory"),
        (b"\xff\xfe", "zones.yaml:1: the text is UTF-16"),
        ("- {name: a\n- b", "zones.yaml is not YAML; zones.yaml:2:4: "),
        ("- &a [*a", "is not YAML"),
        ("- a: 1\n  a: 2", "is not YAML"),
        ("name: a", "must be a list of zones"),
        ("", "must be a list of zones"),
        ("[" * 20_000, "is not YAML"),
    ],
)
def test_a_file_that_has_no_zones(from_file: Callable[..., Graph], text: str | bytes | None, words: str) -> None:
    found = refused(lambda: from_file(text))
    assert set(found) == {"kong-mesh-pca:zonesFile"}
    assert words in found["kong-mesh-pca:zonesFile"]


def test_a_name_that_no_file_can_have(from_file: Callable[..., Graph]) -> None:
    found = refused(lambda: from_file(None, name="zones\0.yaml"))
    assert set(found) == {"kong-mesh-pca:zonesFile"}
    assert "can't be read: embedded null byte" in found["kong-mesh-pca:zonesFile"]


def test_zones_come_from_one_place(from_file: Callable[..., Graph]) -> None:
    found = refused(lambda: from_file("[]", zones=zones(1)))
    assert found == {"kong-mesh-pca:zonesFile": "and zones are both set; set only one of them"}
    broken = [{**zones(1)[0], "region": "nowhere"}]
    found = refused(lambda: from_file("[]", zones=broken))
    assert set(found) == {"kong-mesh-pca:zonesFile", "kong-mesh-pca:zones[0].region"}
    assert set(refused(lambda: from_file("[]"))) == {"kong-mesh-pca:zones"}
    assert set(refused(lambda: from_file("[7]"))) == {"zones.yaml:zones[0]"}


@pytest.mark.slow
def test_a_configuration_that_pulumi_could_hardly_hand_over(run_program: RunProgram) -> None:
    # Each zone takes about 140 bytes.
    many = zones(800)
    config = changed(shape("root"), zones=many)
    size = len(json.dumps(dict(config.values)))
    assert 100 * 1024 < size < 128 * 1024
    found = refused(lambda: run_program(config))
    assert set(found) == {"kong-mesh-pca:zones"}
    assert "above 128 KiB Pulumi can't start the program" in found["kong-mesh-pca:zones"]
    assert "zonesFile" in found["kong-mesh-pca:zones"]
    run_program(dataclasses.replace(config, values={**config.values, "kong-mesh-pca:zones": json.dumps(many[:600])}))
