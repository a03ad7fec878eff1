from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.aws.places import Place, place_in
from toolkit.sandbox.faults import Faults

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox


@pytest.fixture
def place(aws: TestSandbox, tmp_path: Path) -> Iterator[Place]:
    made = place_in(aws, tmp_path)
    yield made
    aws.faults = Faults()
    for found in made.created:
        # Left behind on purpose; the next test must not find it.
        found.tags = {}


@pytest.fixture
def inside(place: Place, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give this process the variables of the command."""
    for name in ("AWS_DEFAULT_REGION", "AWS_DEFAULT_PROFILE", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
