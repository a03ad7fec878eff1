"""Kubernetes accepts the resources of the Jobs under its strictest security standard."""

from __future__ import annotations

import copy
from typing import Any

import kubernetes_validate
import pytest

from tests.jobs.job_documents import JOBS, VARIANTS, documents, golden_job, pod_of

_MAJOR, _MINOR = map(int, kubernetes_validate.latest_version().split(".")[:2])
KUBERNETES = [f"{_MAJOR}.{minor}" for minor in range(_MINOR - 2, _MINOR + 1)]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", list(VARIANTS))
def test_kubernetes_takes_every_document(name: str, version: str) -> None:
    found = documents((JOBS / f"{name}.yaml").read_text())
    assert [document["kind"] for document in found] == ["ConfigMap", "CronJob" if "cron" in name else "Job"]
    for document in found:
        kubernetes_validate.validate(document, version, strict=True)


# The controls of the restricted Pod Security Standard, which contains the baseline
# (kubernetes/website:content/en/docs/concepts/security/pod-security-standards.md).
_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
_SECCOMP = ("RuntimeDefault", "Localhost")


def restricted_problems(pod: dict[str, Any]) -> list[str]:
    """Every control of the standard that the spec of a pod violates, by its name in the standard."""
    shared = pod.get("securityContext", {})
    containers = [*pod.get("initContainers", []), *pod["containers"], *pod.get("ephemeralContainers", [])]
    contexts = [container.get("securityContext", {}) for container in containers]

    def every(name: str, *, good: object) -> bool:
        return all(context.get(name, shared.get(name)) is good for context in contexts)

    def nowhere(name: str) -> bool:
        return not any(context.get(name) for context in [shared, *contexts])

    capabilities = [context.get("capabilities", {}) for context in contexts]
    ports = [port for container in containers for port in container.get("ports", [])]
    probes = [
        action
        for container in containers
        for name in ("livenessProbe", "readinessProbe", "startupProbe")
        for action in container.get(name, {}).values()
        if isinstance(action, dict)
    ]
    users = [context.get("runAsUser", shared.get("runAsUser")) for context in contexts]
    kinds = {kind for volume in pod.get("volumes", []) for kind in volume if kind != "name"}
    seccomp = [context.get("seccompProfile", shared.get("seccompProfile", {})).get("type") for context in contexts]
    rules = {
        "HostProcess": nowhere("windowsOptions"),
        "Host Namespaces": not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
        "Privileged Containers": nowhere("privileged"),
        "Capabilities": all(
            found.get("drop") == ["ALL"] and set(found.get("add", [])) <= {"NET_BIND_SERVICE"} for found in capabilities
        ),
        "Host Ports": not any(port.get("hostPort") for port in ports),
        "Host Probes": not any(action.get("host") for action in probes),
        "AppArmor": nowhere("appArmorProfile"),
        "SELinux": nowhere("seLinuxOptions"),
        "/proc Mount Type": nowhere("procMount"),
        "Seccomp": all(kind in _SECCOMP for kind in seccomp),
        "Sysctls": nowhere("sysctls"),
        "Volume Types": kinds <= _VOLUMES,
        "Privilege Escalation": all(context.get("allowPrivilegeEscalation") is False for context in contexts),
        "Running as Non-root": every("runAsNonRoot", good=True),
        "Running as Non-root user": 0 not in users,
    }
    return [name for name, holds in rules.items() if not holds]


@pytest.mark.parametrize("name", list(VARIANTS))
def test_the_pod_keeps_to_the_restricted_pod_security_standard(name: str) -> None:
    pod = pod_of(golden_job(name).make_workload())
    assert restricted_problems(pod) == []
    (container,) = pod["containers"]
    # And beyond it.
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsUser"] > 10_000
    assert pod["restartPolicy"] == "Never"
    assert set(container["resources"]["requests"]) == set(container["resources"]["limits"]) == {"cpu", "memory"}


@pytest.mark.parametrize(
    ("path", "value", "control"),
    [
        (("hostNetwork",), True, "Host Namespaces"),
        (("securityContext", "runAsNonRoot"), False, "Running as Non-root"),
        (("securityContext", "runAsUser"), 0, "Running as Non-root user"),
        (("securityContext", "seccompProfile", "type"), "Unconfined", "Seccomp"),
        (("securityContext", "sysctls"), [{"name": "kernel.msgmax", "value": "1"}], "Sysctls"),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True, "Privilege Escalation"),
        (("containers", 0, "securityContext", "capabilities", "drop"), ["NET_RAW"], "Capabilities"),
        (("containers", 0, "securityContext", "capabilities", "add"), ["SYS_ADMIN"], "Capabilities"),
        (("containers", 0, "securityContext", "privileged"), True, "Privileged Containers"),
        (("containers", 0, "ports"), [{"containerPort": 1, "hostPort": 1}], "Host Ports"),
        (("volumes", 1), {"name": "tmp", "hostPath": {"path": "/"}}, "Volume Types"),
    ],
)
def test_the_standard_is_really_looked_at(path: tuple[str | int, ...], value: object, control: str) -> None:
    pod: Any = copy.deepcopy(pod_of(golden_job("job").make_workload()))
    *way, last = path
    place = pod
    for step in way:
        place = place[step]
    place[last] = value
    assert restricted_problems(pod) == [control]
