"""Meshes that are really stored: what kubectl reads is edited, and what is written is applied over it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.kubernetes.cluster import Cluster, quiet
from tests.mesh.golden_documents import golden_outputs
from toolkit.cli import main

if TYPE_CHECKING:
    from pathlib import Path


BUILTIN = """\
apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata:
  name: default
  labels:
    team: platform
spec:
  meshServices:
    mode: Exclusive
  mtls:
    enabledBackend: ca-1
    backends:
      - name: ca-1
        type: builtin
"""
OTHER_SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: other
  namespace: kong-mesh-system
  labels:
    kuma.io/mesh: default
type: system.kuma.io/secret
data:
  value: b3RoZXI=
"""
NAMESPACE = "--namespace=kong-mesh-system"


class Stored:
    """A cluster with a Mesh, and commands in a pipe from kubectl to kubectl."""

    def __init__(self, cluster: Cluster, outputs: Path) -> None:
        self._cluster = cluster
        self._outputs = outputs

    @property
    def mesh(self) -> Any:
        return json.loads(self._cluster.read("get", "mesh", "default", "-o", "json"))

    @property
    def spec(self) -> Any:
        return self.mesh["spec"]

    @property
    def mtls(self) -> tuple[str, list[str]]:
        """The backend that signs, and all that are trusted."""
        mtls = self.spec["mtls"]
        return mtls["enabledBackend"], [backend["name"] for backend in mtls["backends"]]

    def secrets(self) -> dict[str, bytes]:
        found = json.loads(self._cluster.read("get", "secret", NAMESPACE, "-o", "json"))["items"]
        return {secret["metadata"]["name"]: base64.b64decode(secret["data"]["value"]) for secret in found}

    def edit(self, *command: str, resources: str = "mesh,secret") -> str:
        """Run `kubectl get -o yaml | toolkit ... --base - | kubectl apply -f -`; return what apply said."""
        live = self._cluster.read("get", resources, NAMESPACE, "-o", "yaml")
        arguments = [*command, "--base", "-", "--contract", str(self._outputs)]
        result = CliRunner().invoke(main, arguments, input=live)
        assert result.exit_code == 0, result.stderr
        return quiet(self._cluster.kubectl("apply", "--validate=strict", "-f", "-", stdin=result.stdout))


@pytest.fixture
def stored(cluster: Cluster, outputs: Path) -> Iterator[Stored]:
    # As a user does it, so that kubectl keeps what was applied.
    quiet(cluster.kubectl("apply", "-f", "-", stdin=BUILTIN + "---\n" + OTHER_SECRET))
    yield Stored(cluster, outputs)
    cluster.read("delete", "mesh", "--all")
    cluster.read("delete", "secret", NAMESPACE, "--all")


@pytest.mark.parametrize("form", ["inline", "inlineString", "secret", "file=/etc/kong-mesh/ca-chain.pem"])
def test_a_backend_is_added_to_what_is_stored(stored: Stored, form: str) -> None:
    before = stored.spec
    stored.edit("render-mesh", "--ca-cert", form)
    after = stored.spec
    assert stored.mtls == ("ca-1", ["ca-1", "acmpca"])
    added = after["mtls"]["backends"].pop()
    assert after == before
    (source,) = added["conf"]["caCert"]
    assert source == form.partition("=")[0]
    chain = golden_outputs().certificate_chain
    expected = {"default-acmpca-ca-chain": chain.encode()} if source == "secret" else {}
    assert stored.secrets() == {"other": b"other", **expected}
    # The same again, from what is stored now, changes nothing: the server counts changes of a spec.
    generation = stored.mesh["metadata"]["generation"]
    stored.edit("render-mesh")
    assert stored.mesh["metadata"]["generation"] == generation
    assert stored.spec["mtls"]["backends"][1] == added


@pytest.mark.parametrize("form", ["inline", "secret"])
@pytest.mark.parametrize("resources", ["mesh", "mesh,secret"])
def test_a_rotation_step_by_step(stored: Stored, form: str, resources: str) -> None:
    reached = []
    for step in ("1", "2", "3"):
        stored.edit("rotate", "--ca-cert", form, "--step", step, resources=resources)
        reached.append(stored.mtls)
    assert reached == [("ca-1", ["ca-1", "acmpca"]), ("acmpca", ["ca-1", "acmpca"]), ("acmpca", ["acmpca"])]
    assert stored.spec["meshServices"] == {"mode": "Exclusive"}
    assert sorted(stored.secrets()) == (["default-acmpca-ca-chain", "other"] if form == "secret" else ["other"])


def test_a_mesh_that_changed_meanwhile_is_not_overwritten(cluster: Cluster, stored: Stored, outputs: Path) -> None:
    live = cluster.read("get", "mesh", "default", "-o", "yaml")
    cluster.read("label", "mesh", "default", "team=other", "--overwrite")
    arguments = ["render-mesh", "--base", "-", "--contract", str(outputs)]
    text = CliRunner().invoke(main, arguments, input=live).stdout
    refused = cluster.kubectl("apply", "-f", "-", stdin=text)
    assert refused.returncode == 1
    assert "the object has been modified" in refused.stderr
    assert stored.mtls == ("ca-1", ["ca-1"])
