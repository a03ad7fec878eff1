from __future__ import annotations

import pytest

from tests.clients.go_sdk.program_runs import Program, build


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Program:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        # The first build takes a minute.
        executable = build()
    return Program(executable, tmp_path_factory.mktemp("home"))
