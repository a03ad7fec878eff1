"""Build the Kubernetes resources that run ``toolkit verify`` in a zone's cluster: a ConfigMap, and a Job or CronJob.

Sources: kubernetes/website:content/en/docs/concepts/workloads/controllers/{job,cron-jobs}.md,
concepts/security/pod-security-standards.md (Restricted) and concepts/overview/working-with-objects/common-labels.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.render import templating
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.jobs.option_values import Image

APPLICATION = "toolkit-verify"
MANAGER = "kong-mesh-pca-toolkit"
TERMINATION_MESSAGE = "/dev/termination-log"
DIRECTORY = "/etc/kong-mesh-pca"
CONTRACT, MESH = "outputs.json", "mesh.yaml"
_TMP = "/tmp"  # noqa: S108 - of the container, and its own

# A Job's name becomes a label of its pods. The names of a CronJob's Jobs have eleven more characters than its own
# (kubernetes/kubernetes:pkg/apis/batch/validation/validation.go).
_MAX_JOB_NAME, _MAX_CRON_JOB_NAME = 63, 52
# kubectl apply stores the whole document in an annotation, and all annotations together have 256 KiB
# (kubernetes/apimachinery:pkg/api/validation/objectmeta.go, TotalAnnotationSizeLimitB). Escaping uses some of it.
_MAX_DATA = 128 * 1024
# Time for scheduling, image pull and start, in addition to the verification itself.
_START_SECONDS = 240
_DAY_SECONDS = 24 * 60 * 60
_LATE_SECONDS = 600
# A user that owns no file or process of the image or the node.
USER = 65532
# Exit codes that a retry would not change: a check failed, the input is invalid.
_VERDICTS = [1, 2]


@dataclass(frozen=True)
class VerifyJob:
    """The verification of one zone, with checked values; :mod:`toolkit.jobs.verifiers` creates it.

    Attributes:
        zone: its name, a DNS label.
        region: the region of AWS STS.
        namespace: the pod's namespace.
        service_account: the pod's service account, which determines its AWS role.
        image: an image with the toolkit.
        timeout: the maximum duration of the verification, in seconds.
        arguments: further arguments of ``toolkit verify``.
        contract: the contract's outputs with only this zone, as JSON.
        mesh: the relevant parts of the applied Mesh, as YAML; None to verify against the contract's chain.
        retries: the number of retries after an environment error; each issues another certificate.
        schedule: of a CronJob, from :func:`toolkit.jobs.option_values.read_schedule`; None for a Job.
        time_zone: the time zone of the schedule; None for that of the cluster's controller, usually UTC.
    """

    zone: str
    region: str
    namespace: str
    service_account: str
    image: Image
    timeout: int
    arguments: Sequence[str]
    contract: str
    mesh: str | None = None
    retries: int = 0
    schedule: str | None = None
    time_zone: str | None = None

    @property
    def name(self) -> str:
        """Return the name of both resources; a name that is too long is truncated and gets a hash, to be unique."""
        most = _MAX_CRON_JOB_NAME if self.schedule else _MAX_JOB_NAME
        name = f"{APPLICATION}-{self.zone}"
        if len(name) <= most:
            return name
        suffix = "-" + hashlib.sha256(self.zone.encode()).hexdigest()[:8]
        return name[: most - len(suffix)].rstrip("-") + suffix

    def make_config_map(self) -> Object:
        """Return the ConfigMap with the input of the verification, none of which is secret.

        Raises:
            InvalidInputError: it is too large for a ConfigMap.
        """
        data = {CONTRACT: self.contract} | ({MESH: self.mesh} if self.mesh is not None else {})
        size = sum(len(text.encode()) for text in data.values())
        if size > _MAX_DATA:
            raise InvalidInputError(
                f"the ConfigMap of zone {self.zone} is too large",
                [Problem("data", f"has {size} bytes, but kubectl apply accepts at most {_MAX_DATA}")],
                "Shorten the Mesh's caCert: a trust bundle has only a few certificates.",
            )
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": self._metadata(), "data": data}

    def make_workload(self) -> Object:
        """Return the Job, or the CronJob."""
        if self.schedule is None:
            # Keep the pod, with the result in its log, for a day after the Job has finished.
            job = self._job() | {"ttlSecondsAfterFinished": _DAY_SECONDS}
            return {"apiVersion": "batch/v1", "kind": "Job", "metadata": self._metadata(), "spec": job}
        spec = {
            "schedule": self.schedule,
            **({"timeZone": self.time_zone} if self.time_zone is not None else {}),
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": _LATE_SECONDS,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"metadata": {"labels": self._labels()}, "spec": self._job()},
        }
        return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": self._metadata(), "spec": spec}

    def _labels(self) -> dict[str, str]:
        return {
            "app.kubernetes.io/name": APPLICATION,
            "app.kubernetes.io/instance": self.zone,
            "app.kubernetes.io/version": self.image.version,
            "app.kubernetes.io/part-of": "kong-mesh",
            "app.kubernetes.io/managed-by": MANAGER,
        }

    def _metadata(self) -> Object:
        return {"name": self.name, "namespace": self.namespace, "labels": self._labels()}

    def _job(self) -> Object:
        # A failed check or invalid input is not retried (podFailurePolicy, job.md).
        on_exit = {"containerName": APPLICATION, "operator": "In", "values": _VERDICTS}
        policy = {"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": on_exit}]}}
        return {
            "backoffLimit": self.retries,
            **(policy if self.retries else {}),
            "activeDeadlineSeconds": (self.timeout + _START_SECONDS) * (self.retries + 1),
            "template": {
                # Label: kumahq/kuma-website:docs, "Data plane on Kubernetes"; a sidecar would prevent the Job from
                # completing.
                "metadata": {"labels": {**self._labels(), "kuma.io/sidecar-injection": "disabled"}},
                "spec": self._pod(),
            },
        }

    def _pod(self) -> Object:
        return {
            "serviceAccountName": self.service_account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 30,
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [self._container()],
            "volumes": [
                {"name": "input", "configMap": {"name": self.name}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
            ],
        }

    def _container(self) -> Object:
        return {
            "name": APPLICATION,
            "image": self.image.reference,
            "imagePullPolicy": "IfNotPresent",
            "args": self._arguments(),
            "env": [
                {"name": "AWS_REGION", "value": self.region},
                {"name": "AWS_DEFAULT_REGION", "value": self.region},
                {"name": "HOME", "value": _TMP},
            ],
            "terminationMessagePath": TERMINATION_MESSAGE,
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "resources": {
                "requests": {"cpu": "100m", "memory": "192Mi"},
                "limits": {"cpu": "1", "memory": "384Mi"},
            },
            "volumeMounts": [
                {"name": "input", "mountPath": DIRECTORY, "readOnly": True},
                {"name": "tmp", "mountPath": _TMP},
            ],
        }

    def _arguments(self) -> list[str]:
        mesh = ["-f", f"{DIRECTORY}/{MESH}"] if self.mesh is not None else []
        return [
            *("verify", "--contract", f"{DIRECTORY}/{CONTRACT}", *mesh),
            *("--zone", self.zone, "--identity", "ambient", "--timeout", str(self.timeout), *self.arguments),
            *("-o", "wide", "-o", f"compact={TERMINATION_MESSAGE}"),
        ]


def render_job(job: VerifyJob) -> str:
    """Render both resources of a zone as one YAML stream that ends with a newline.

    Raises:
        InvalidInputError: they are too large.
        UnfaithfulRenderingError: the rendered text does not parse to the model.
    """
    config_map, workload = job.make_config_map(), job.make_workload()
    template = "kubernetes/verify-cronjob.yaml.j2" if job.schedule else "kubernetes/verify-job.yaml.j2"
    return templating.join_documents(
        [
            templating.render_document("kubernetes/verify-configmap.yaml.j2", config_map),
            templating.render_document(template, workload),
        ]
    )
