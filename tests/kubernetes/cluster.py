"""A kube-apiserver and its etcd on loopback, and the kubectl that talks to it.

There is no controller, no scheduler and no node: documents are admitted and stored, and nothing runs. Every admission
plugin that Kubernetes enables by default is there, PodSecurity and ServiceAccount among them.
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.judges import go_programs

MODULE = Path(__file__).with_name("programs")
_PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
_PATIENCE = 120


def programs() -> dict[str, Path]:
    """Return the executables, building them if they are not in the cache."""
    # As Kubernetes' own build does; without it the programs call themselves v0.0.0.
    flags = (
        f"-s -w -X k8s.io/component-base/version.gitVersion={go_programs.required_version(MODULE, 'k8s.io/kubernetes')}"
    )
    return go_programs.build(MODULE, _PACKAGES, ("-ldflags", flags))


class Cluster:
    """A running kube-apiserver.

    Attributes:
        kubeconfig: the administrator's.
    """

    def __init__(self, executables: dict[str, Path], directory: Path) -> None:
        self._executables = executables
        self._directory = directory
        self.kubeconfig = directory / "kubeconfig.json"
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            etcd, peers, port = free_ports(3)
            self._wait(
                self._start(started, "etcd", *self._options_of_etcd(etcd, peers)),
                self._start(started, "kube-apiserver", *self._options_of_apiserver(etcd, port)),
            )
            self._running = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def kubectl(self, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl as the cluster's administrator."""
        environment = {
            "HOME": str(self._directory),
            "KUBECONFIG": str(self.kubeconfig),
            "NO_PROXY": "127.0.0.1",
            "PATH": "",
        }
        return subprocess.run(
            [self._executables["kubectl"], *map(str, arguments)],
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )

    def read(self, *arguments: str | Path) -> str:
        """Run kubectl, which must succeed and warn of nothing, and return its stdout."""
        return quiet(self.kubectl(*arguments))

    def apply(self, text: str, *options: str) -> str:
        """Apply documents strictly, on the server, without a warning; return kubectl's stdout."""
        return quiet(self.try_apply(text, *options))

    def dry_run(self, text: str) -> str:
        """Let the server admit documents without storing them, as both kinds of apply send them; it must not warn."""
        quiet(self.kubectl("apply", "--validate=strict", "--dry-run=server", "-f", "-", stdin=text))
        return quiet(self.try_dry_run(text))

    def try_apply(self, text: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.kubectl("apply", "--server-side", "--validate=strict", *options, "-f", "-", stdin=text)

    def try_dry_run(self, text: str) -> subprocess.CompletedProcess[str]:
        return self.try_apply(text, "--dry-run=server")

    def _options_of_etcd(self, clients: int, peers: int) -> Sequence[str]:
        client, peer = f"http://127.0.0.1:{clients}", f"http://127.0.0.1:{peers}"
        return (
            f"--data-dir={self._directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )

    def _options_of_apiserver(self, etcd: int, port: int) -> Sequence[str]:
        key, tokens, certificates = (self._directory / name for name in ("key.pem", "tokens.csv", "certificates"))
        key.write_bytes(
            rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        token = secrets.token_hex()
        tokens.touch(mode=0o600)
        tokens.write_text(f"{token},administrator,administrator,system:masters\n", encoding="utf-8")
        # kube-apiserver issues itself a certificate, and writes it with its CA.
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(certificates / "apiserver.crt")}
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "clusters": [{"name": "test", "cluster": cluster}],
                    "users": [{"name": "test", "user": {"token": token}}],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                }
            ),
            encoding="utf-8",
        )
        return (
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={port}",
            f"--cert-dir={certificates}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
        )

    def _start(self, started: ExitStack, program: str, *options: str) -> subprocess.Popen[bytes]:
        log = started.enter_context((self._directory / f"{program}.log").open("wb"))
        process = subprocess.Popen(
            [self._executables[program], *options],
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        started.callback(stop, process)
        return process

    def _wait(self, *processes: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self.kubectl("get", "--raw", "/readyz").returncode:
            if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
                logs = sorted(self._directory.glob("*.log"))
                raise RuntimeError("\n".join(log.read_text(encoding="utf-8")[-2000:] for log in logs))
            time.sleep(0.2)


def quiet(result: subprocess.CompletedProcess[str]) -> str:
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def free_ports(count: int) -> list[int]:
    with ExitStack() as listeners:
        opened = [listeners.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in opened]


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        # kube-apiserver waits for connections that stay open; nothing is lost.
        process.kill()
        process.wait()
