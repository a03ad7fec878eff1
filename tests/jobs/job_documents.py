"""Render the golden files of Jobs, and find the pods in them.

``python -m tests.jobs.job_documents`` renders the golden files again. Review the changes before you commit them.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML

from tests.mesh.golden_documents import GOLDEN, KONGS_COMMON_NAME, golden_outputs
from toolkit.jobs import verifiers, workloads
from toolkit.jobs.verifiers import JobOptions
from toolkit.mesh.documents.applied import Applied
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import Choice, MeshOptions

JOBS = GOLDEN / "jobs"
IMAGE = "registry.example/kong-mesh-pca-toolkit:0.1.0"
DIGEST = "sha256:" + "0123456789abcdef" * 4

# Between them every way in which a document can differ.
VARIANTS: dict[str, JobOptions] = {
    "job": JobOptions(IMAGE),
    "job-with-mesh": JobOptions(IMAGE, probe_denials=True),
    "job-retried": JobOptions(f"{IMAGE}@{DIGEST}", retries=2, timeout=90, lifetime="12h", horizon="90d"),
    "job-elsewhere": JobOptions(
        f"registry.example/toolkit@{DIGEST}", namespace="checks", service_account="verifier", mesh_name="default"
    ),
    "cron-job": JobOptions(IMAGE, schedule="0 6 * * mon"),
    "cron-job-with-mesh": JobOptions(IMAGE, schedule="@daily", time_zone="Europe/Berlin", retries=1),
}


def golden_mesh() -> Applied:
    options = MeshOptions(common_name=KONGS_COMMON_NAME, ca_cert=Choice("secret"))
    rendered = templating.render(golden_outputs(), "default", options)
    texts = [("mesh.yaml", rendered.mesh), ("secret.yaml", templating.join_documents(rendered.secrets))]
    mesh = verifiers.read_applied(texts)
    assert isinstance(mesh, Applied)
    return mesh


def golden_job(name: str) -> workloads.VerifyJob:
    outputs = golden_outputs()
    mesh = golden_mesh() if name.endswith("with-mesh") else None
    (job,) = verifiers.build(outputs, outputs.zones[:1], VARIANTS[name], mesh)
    return job


def documents(text: str) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(text))


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    """The spec of the pod of a Job or of a CronJob."""
    spec: dict[str, Any] = workload["spec"]
    if workload["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    pod: dict[str, Any] = spec["template"]["spec"]
    return pod


def main() -> None:
    for file in JOBS.glob("*.yaml"):
        file.unlink()
    for name in VARIANTS:
        (JOBS / f"{name}.yaml").write_text(workloads.render_job(golden_job(name)))


if __name__ == "__main__":
    main()
