"""aws-privateca-issuer, which issues certificates for cert-manager, beside a kube-apiserver and the sandbox."""

from __future__ import annotations

import base64
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.judges import go_programs
from tests.kubernetes.cluster import Cluster, stop

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

_MODULE = Path(__file__).with_name("issuer")
_ISSUER = "github.com/cert-manager/aws-privateca-issuer"
# The kinds come with the modules, in the versions that the program was built from.
_KINDS = {
    _ISSUER: "config/crd/bases/*.yaml",
    "github.com/cert-manager/cert-manager": "deploy/crds/cert-manager.io_certificaterequests.yaml",
}
GROUP = "awspca.cert-manager.io"
_VERSION = f"{GROUP}/v1beta1"
_PATIENCE = "60s"
NAMESPACE = "default"


def build() -> Path:
    """Return the program, building it if it is not in the cache."""
    return go_programs.build(_MODULE, {"aws-privateca-issuer": _ISSUER}, ("-ldflags", "-s -w"))["aws-privateca-issuer"]


def kinds() -> list[str]:
    """Return the definitions of the kinds that the program works with."""
    files = [
        file
        for module, pattern in _KINDS.items()
        for file in sorted(go_programs.module_directory(_MODULE, module).glob(pattern))
    ]
    return [file.read_text(encoding="utf-8") for file in files]


class Controller:
    """The running program, and the objects that it works on."""

    def __init__(self, executable: Path, cluster: Cluster, aws: TestSandbox, directory: Path) -> None:
        self._executable = executable
        self._cluster = cluster
        self._aws = aws
        self._directory = directory
        self._log = directory / "controller.log"
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            log = started.enter_context(self._log.open("wb"))
            options = ("--metrics-bind-address=0", "--health-probe-bind-address=0")
            environment = {
                "HOME": str(self._directory),
                "KUBECONFIG": str(self._cluster.kubeconfig),
                "NO_PROXY": "127.0.0.1",
                **self._aws.environment,
            }
            process = subprocess.Popen(
                [self._executable, *options],
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            started.callback(stop, process)
            self._running = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def add_issuer(self, kind: str, name: str, **spec: Any) -> None:
        """Create an AWSPCAIssuer or an AWSPCAClusterIssuer, and wait until the program has verified it."""
        metadata = {"name": name} if kind == "AWSPCAClusterIssuer" else {"name": name, "namespace": NAMESPACE}
        self._apply({"apiVersion": _VERSION, "kind": kind, "metadata": metadata, "spec": spec})
        self._wait(f"{kind.lower()}.{GROUP}/{name}", "condition=Ready")

    def add_request(self, name: str, issuer: tuple[str, str], csr: bytes, **spec: Any) -> None:
        """Create a CertificateRequest and approve it, as cert-manager does.

        Args:
            name: of the request.
            issuer: its kind and its name.
            csr: the CSR as PEM.
            spec: more of the request: `usages`, `isCA`, `duration`.
        """
        reference = {"group": GROUP, "kind": issuer[0], "name": issuer[1]}
        document = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "CertificateRequest",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"issuerRef": reference, "request": base64.b64encode(csr).decode(), **spec},
        }
        self._apply(document)
        approved = {"type": "Approved", "status": "True", "reason": "Test", "message": "Approved by a test."}
        patch = json.dumps({"status": {"conditions": [approved]}})
        target = ("certificaterequests", name, f"--namespace={NAMESPACE}")
        self._cluster.read("patch", *target, "--subresource=status", "--type=merge", f"--patch={patch}")

    def issued(self, name: str) -> dict[str, Any]:
        """Wait until a request is Ready, and return it."""
        self._wait(f"certificaterequests/{name}", "condition=Ready")
        return self._get(name)

    def message(self, name: str, reason: str) -> str:
        """Wait until a request isn't Ready for a reason, `Pending` or `Failed`, and return the message."""
        found = '{.status.conditions[?(@.type=="Ready")].reason}'
        self._wait(f"certificaterequests/{name}", f"jsonpath={found}={reason}")
        conditions = {found["type"]: found for found in self._get(name)["status"]["conditions"]}
        return str(conditions["Ready"]["message"])

    def _get(self, name: str) -> dict[str, Any]:
        found = self._cluster.read("get", "certificaterequests", name, f"--namespace={NAMESPACE}", "--output=json")
        return dict(json.loads(found))

    def _apply(self, document: dict[str, Any]) -> None:
        self._cluster.apply(json.dumps(document))

    def _wait(self, target: str, condition: str) -> None:
        command = ("wait", f"--for={condition}", f"--timeout={_PATIENCE}", f"--namespace={NAMESPACE}", target)
        result = self._cluster.kubectl(*command)
        assert result.returncode == 0, f"{result.stderr}\n{self._log.read_text(encoding='utf-8')[-4000:]}"
