"""kube-apiserver admits MeshIdentities and what belongs to them, strictly, by Kuma's own definitions.

The definitions are not a part of this repository: name a directory with those of kumahq/kuma 2.14
(deployments/charts/kuma/crds) in the variable `TOOLKIT_TESTS_KUMA_CRDS`.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.kubernetes import prepared
from tests.mesh.golden_identities import IDENTITIES
from tests.mesh.rotate.old_meshes import CONFS, OLD_CHAIN, allow_all, around, backend, mesh, stream
from tests.support import without
from tests.yamltext.yaml_writing import load_stream
from toolkit.cli import main
from toolkit.mesh.schema.scoped import COLLECTIONS

if TYPE_CHECKING:
    from tests.kubernetes.cluster import Cluster

CRDS = "TOOLKIT_TESTS_KUMA_CRDS"
GOLDEN = sorted(file.name for file in IDENTITIES.glob("*kubernetes-*.yaml"))
NAMES: dict[str, str] = {kind: f"{kind.lower()}.kuma.io" for kind in ("Mesh", *COLLECTIONS)}


@pytest.fixture(scope="module")
def kuma(cluster: Cluster) -> Cluster:
    """The cluster with Kuma's definitions of the kinds."""
    directory = os.environ.get(CRDS)
    if not directory:
        without("KUMA_CRDS", f"{CRDS} is not set")
    # That of a golden file.
    cluster.apply(prepared.restricted_namespace("kuma-system", "kuma-control-plane"))
    for collection in COLLECTIONS.values():
        cluster.apply((Path(directory) / f"kuma.io_{collection}.yaml").read_text())
        cluster.read("wait", "--for=condition=Established", "--timeout=60s", f"crd/{collection}.kuma.io")
    return cluster


def require_admitted(cluster: Cluster, text: str) -> None:
    """Let the server admit each document, unchanged and without a warning."""
    found: list[Any] = load_stream(text, "x")
    admitted = [line.split(" ")[0] for line in cluster.dry_run(text).splitlines()]
    assert admitted == [f"{NAMES[each['kind']]}/{each['metadata']['name']}" for each in found]
    kept = json_documents(cluster.read("create", "--dry-run=server", "-o", "json", "-f", _file(cluster, text)))
    assert [each["spec"] for each in kept] == [each["spec"] for each in found]


def json_documents(text: str) -> list[Any]:
    """Return the JSON documents that kubectl prints one after the other."""
    found, end = [], 0
    while end < len(text.rstrip()):
        document, end = json.JSONDecoder().raw_decode(text, end + len(text[end:]) - len(text[end:].lstrip()))
        found.append(document)
    return found


def _file(cluster: Cluster, text: str) -> Path:
    file = cluster.kubeconfig.with_name("documents.yaml")
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_files(kuma: Cluster, name: str) -> None:
    require_admitted(kuma, (IDENTITIES / name).read_text())


@pytest.mark.parametrize("kind", CONFS)
def test_every_stage_of_every_backend(kuma: Cluster, outputs: Path, tmp_path: Path, kind: str) -> None:
    base, others, chain = (tmp_path / name for name in ("mesh.yaml", "others.yaml", "old.pem"))
    base.write_text(stream(mesh("kubernetes", backend(kind, mode="PERMISSIVE"))))
    others.write_text(stream(allow_all("kubernetes"), *around("kubernetes", kind)[1:]))
    chain.write_text(OLD_CHAIN)
    command = ["rotate", "--to", "mesh-identity", "--base", base, "--contract", outputs, "-f", others]
    for step in range(1, 6):
        arguments = [*command, "--old-chain", chain, "--step", step, "--force"]
        result = CliRunner().invoke(main, list(map(str, arguments)))
        assert result.exit_code == 0, result.stderr
        require_admitted(kuma, result.stdout)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "nope"), 1),
        (("spec", "spiffeId"), {}),
        (("spec", "provider", "type"), "ACMPCA"),
        (("spec", "provider", "extension", "nope"), 1),
        (("spec", "selector", "matchLabels"), {}),
    ],
)
def test_the_definitions_are_strict(kuma: Cluster, path: tuple[str, ...], value: object) -> None:
    (*_, document) = load_stream((IDENTITIES / "kubernetes-all.yaml").read_text(), "x")
    changed: Any = copy.deepcopy(document)
    holder = changed
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    assert kuma.try_dry_run(json.dumps(changed)).returncode == 1
