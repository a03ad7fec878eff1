from __future__ import annotations

import pytest

from tests.clients.go_sdk.program_runs import Program, build
from tests.judges import go_programs


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Program:
    with go_programs.building(request):
        executable = build()
    return Program(executable, tmp_path_factory.mktemp("home"))
