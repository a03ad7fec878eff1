from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.spire import server
from tests.clients.spire.upstream import Upstream
from tests.judges import go_programs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox


@pytest.fixture(scope="session")
def executable(request: pytest.FixtureRequest) -> Path:
    with go_programs.building(request):
        return server.program()


@pytest.fixture
def upstream(aws: TestSandbox, executable: Path) -> Upstream:
    return Upstream(aws, executable)
