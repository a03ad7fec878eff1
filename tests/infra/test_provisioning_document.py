"""The stacks of docs/reference/provisioning.md run (test_shapes.py), and its tests and settings exist."""

from __future__ import annotations

import re

from pydantic.alias_generators import to_camel

from tests.infra.shapes import NAMES
from toolkit.files import find_project_root
from toolkit.infra.settings import Settings

TEXT = (find_project_root() / "docs" / "reference" / "provisioning.md").read_text(encoding="utf-8")


def test_every_test_that_it_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    files = (find_project_root() / "tests").rglob("test_*.py")
    there = {name for file in files for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)}
    assert len(named) > 30
    assert named - there == set()


def test_every_block_is_a_shape() -> None:
    assert TEXT.count("```yaml\n") == len(NAMES)


def test_every_setting_is_shown_or_described() -> None:
    for name in Settings.model_fields:
        assert re.search(rf"\b{to_camel(name)}\b", TEXT), name


def test_what_it_prints_is_what_the_program_says() -> None:
    from tests.infra.test_rules import POD, ZONE, problems  # noqa: PLC0415 - for this one

    found = problems(
        {"rootValidityYears": 5, "zones": [ZONE, {**POD, "name": "b", "clusterName": None}]},
    )
    for path, message in found.items():
        assert f"kong-mesh-pca:{path}: {message}" in TEXT
