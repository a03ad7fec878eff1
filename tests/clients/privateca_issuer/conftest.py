from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.clients.privateca_issuer import controller as running
from tests.judges import go_programs
from tests.kubernetes.cluster import Cluster, programs

if TYPE_CHECKING:
    from tests.conftest import TestSandbox


@pytest.fixture(scope="session")
def controller(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, running_sandbox: TestSandbox
) -> Iterator[running.Controller]:
    with go_programs.building(request):
        executables, executable = programs(), running.build()
    with Cluster(executables, tmp_path_factory.mktemp("cluster")) as cluster:
        for definition in running.kinds():
            cluster.apply(definition)
        cluster.read("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        directory = tmp_path_factory.mktemp("controller")
        with running.Controller(executable, cluster, running_sandbox, directory) as started:
            yield started
