from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.judges import go_programs
from tests.kubernetes import prepared
from tests.kubernetes.cluster import Cluster, programs
from tests.mesh.golden_documents import golden_outputs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the kind Mesh, and a namespace for each place of our documents."""
    with go_programs.building(request):
        executables = programs()
    with Cluster(executables, tmp_path_factory.mktemp("cluster")) as running:
        running.apply(prepared.MESH_KIND)
        running.read("wait", "--for=condition=Established", "--timeout=60s", f"crd/{prepared.MESH_PLURAL}")
        for namespace, service_account in prepared.NAMESPACES.items():
            running.apply(prepared.restricted_namespace(namespace, service_account))
        yield running


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    file = tmp_path / "outputs.json"
    file.write_text(golden_outputs().to_json())
    return file
