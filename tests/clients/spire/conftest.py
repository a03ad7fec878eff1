from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.spire import server
from tests.clients.spire.upstream import Upstream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox


@pytest.fixture(scope="session")
def executable(request: pytest.FixtureRequest) -> Path:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        # The first build takes minutes.
        return server.program()


@pytest.fixture
def upstream(aws: TestSandbox, executable: Path) -> Upstream:
    return Upstream(aws, executable)
