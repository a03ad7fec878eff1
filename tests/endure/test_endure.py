"""A tenth of `make endure`, the same in every run."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.endure import documents, ordeals, restarts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox


def silent(_: str) -> None:
    pass


@pytest.mark.slow
def test_no_certificate_of_a_killed_run_is_lost(aws: TestSandbox, tmp_path: Path) -> None:
    world = ordeals.World.of(aws, tmp_path, random.Random(1))  # noqa: S311 - chooses moments
    ordeals.repeat(ordeals.kill, world, 10, silent)


@pytest.mark.slow
def test_no_signals_lose_the_report(aws: TestSandbox, tmp_path: Path) -> None:
    world = ordeals.World.of(aws, tmp_path, random.Random(2))  # noqa: S311 - chooses moments
    ordeals.repeat(ordeals.stop, world, 5, silent)


@pytest.mark.slow
def test_no_answer_of_a_killed_sandbox_is_lost(tmp_path: Path) -> None:
    world = restarts.World(tmp_path, random.Random(3))  # noqa: S311 - chooses moments
    ordeals.repeat(restarts.kill, world, 10, silent)


@pytest.mark.slow
def test_no_edit_changes_anything_beside() -> None:
    documents.repeat(4, 500, silent)
