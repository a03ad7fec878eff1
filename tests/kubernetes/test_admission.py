"""kube-apiserver admits every document that we render, without a warning, and refuses invalid ones."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.jobs.job_documents import IMAGE, JOBS, VARIANTS, documents
from tests.mesh.golden_documents import CREDENTIALS, GOLDEN
from toolkit.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kubernetes.cluster import Cluster

MESHES = sorted(file.name for file in GOLDEN.glob("kubernetes-*.yaml"))
FORMS = ["inline", "inlineString", "secret", "secret=corporate-chain", "file=/etc/kong-mesh/ca-chain.pem"]


def rendered(command: str, *arguments: str | Path) -> str:
    result = CliRunner().invoke(main, [command, *map(str, arguments)])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def admitted(stdout: str) -> list[str]:
    """Return the kinds of the documents that kubectl reports as admitted."""
    return [line.partition("/")[0] for line in stdout.splitlines()]


def kinds(text: str) -> list[str]:
    names = {"Mesh": "mesh.kuma.io", "Job": "job.batch", "CronJob": "cronjob.batch"}
    return [names.get(document["kind"], document["kind"].lower()) for document in documents(text)]


def workload_of(text: str) -> Any:
    return documents(text)[-1]


def pod_of_a(workload: dict[str, Any]) -> dict[str, Any]:
    """Return the Pod that the controller of Jobs would create."""
    spec = workload["spec"]
    template = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    named = {key: workload["metadata"][key] for key in ("name", "namespace")}
    return {"apiVersion": "v1", "kind": "Pod", **template, "metadata": template["metadata"] | named}


@pytest.mark.parametrize("name", MESHES)
def test_golden_meshes(cluster: Cluster, name: str) -> None:
    text = (GOLDEN / name).read_text()
    assert admitted(cluster.dry_run(text)) == kinds(text)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_golden_jobs_and_their_pods(cluster: Cluster, name: str) -> None:
    text = (JOBS / f"{name}.yaml").read_text()
    assert admitted(cluster.dry_run(text)) == kinds(text)
    assert admitted(cluster.dry_run(json.dumps(pod_of_a(workload_of(text))))) == ["pod"]


@pytest.mark.parametrize("form", FORMS)
def test_meshes_of_the_command(cluster: Cluster, outputs: Path, tmp_path: Path, form: str) -> None:
    credentials = tmp_path / "credentials"
    access_key, secret_key = CREDENTIALS.access_key, CREDENTIALS.access_key_secret
    credentials.write_text(f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\n")
    text = rendered("render-mesh", "--contract", outputs, "--ca-cert", form, "--credentials", credentials)
    chain = form.startswith("secret")
    assert kinds(text) == ["secret"] * (2 + chain) + ["mesh.kuma.io"]
    assert admitted(cluster.dry_run(text)) == kinds(text)
    secrets, mesh = tmp_path / "secrets.yaml", tmp_path / "mesh.yaml"
    apart = ("--credentials", credentials, "--secret-file", secrets, "--output-file", mesh)
    assert rendered("render-mesh", "--contract", outputs, "--ca-cert", form, *apart) == ""
    assert admitted(cluster.dry_run(secrets.read_text())) == ["secret"] * (2 + chain)
    assert admitted(cluster.dry_run(mesh.read_text())) == ["mesh.kuma.io"]


@pytest.mark.parametrize("schedule", [[], ["--schedule", "@daily", "--time-zone", "Europe/Berlin"]])
def test_jobs_of_the_command(cluster: Cluster, outputs: Path, tmp_path: Path, schedule: list[str]) -> None:
    mesh = tmp_path / "mesh.yaml"
    rendered("render-mesh", "--contract", outputs, "--output-file", mesh)
    result = CliRunner().invoke(
        main, ["render-job", "--contract", str(outputs), "--image", IMAGE, "-f", str(mesh), *schedule]
    )
    assert result.exit_code == 0
    text = result.stdout
    assert kinds(text) == ["configmap", "cronjob.batch" if schedule else "job.batch"] * 2
    # Stored, as far as there is no controller.
    assert admitted(cluster.apply(text)) == kinds(text)
    everything = ("configmap,job,cronjob", "--namespace=kong-mesh-system", "--selector=app.kubernetes.io/part-of")
    try:
        assert admitted(cluster.dry_run(json.dumps(pod_of_a(workload_of(text))))) == ["pod"]
        before = cluster.read("get", *everything, "-o", "yaml")
        cluster.apply(text)
        assert cluster.read("get", *everything, "-o", "yaml") == before
    finally:
        cluster.read("delete", *everything)


def test_a_namespace_comes_first(cluster: Cluster) -> None:
    text = (GOLDEN / "kubernetes-secret-secret.yaml").read_text().replace("kong-mesh-system", "missing")
    refused = cluster.try_dry_run(text)
    assert refused.returncode == 1
    assert 'namespaces "missing" not found' in refused.stderr


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("spec", "backoffLimt"), 1, ".spec.backoffLimt: field not declared in schema"),
        (("spec", "backoffLimit"), -1, "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"),
        (("spec", "backoffLimit"), "one", "expected numeric"),
        (("spec", "template", "spec", "restartPolicy"), "Always", "spec.template.spec.restartPolicy"),
        (("metadata", "name"), "Upper", 'metadata.name: Invalid value: "Upper"'),
    ],
)
def test_an_invalid_job_is_refused(cluster: Cluster, path: tuple[str, ...], value: object, words: str) -> None:
    job = workload_of((JOBS / "job.yaml").read_text())
    *way, last = path
    place = job
    for step in way:
        place = place[step]
    place[last] = value
    refused = cluster.try_dry_run(json.dumps(job))
    assert refused.returncode == 1
    assert words in refused.stderr


def test_a_secret_whose_value_is_no_base64_is_refused(cluster: Cluster) -> None:
    secret = documents((GOLDEN / "kubernetes-secret-secret.yaml").read_text())[0]
    secret["data"]["value"] = secret["data"]["value"][:-1] + "*"
    refused = cluster.try_dry_run(json.dumps(secret))
    assert refused.returncode == 1
    assert "illegal base64 data" in refused.stderr


@pytest.mark.parametrize(
    ("field", "value", "control"),
    [
        ("runAsNonRoot", False, "runAsNonRoot != true"),
        ("runAsUser", 0, "runAsUser=0"),
        ("seccompProfile", {"type": "Unconfined"}, "seccompProfile"),
    ],
)
def test_a_pod_below_the_standard_is_refused_and_its_job_warned_of(
    cluster: Cluster, field: str, value: object, control: str
) -> None:
    job = copy.deepcopy(workload_of((JOBS / "job.yaml").read_text()))
    job["spec"]["template"]["spec"]["securityContext"][field] = value
    warned = cluster.try_dry_run(json.dumps(job))
    assert warned.returncode == 0
    assert re.search(rf'Warning: would violate PodSecurity "restricted:latest": .*{re.escape(control)}', warned.stderr)
    refused = cluster.try_dry_run(json.dumps(pod_of_a(job)))
    assert refused.returncode == 1
    assert 'violates PodSecurity "restricted:latest"' in refused.stderr
