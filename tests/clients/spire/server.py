"""The real spire-server on loopback, whose own CA gets its certificate from the sandbox.

It keeps its data in a directory for one run, in SQLite.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509

from tests.judges import go_programs
from tests.kubernetes.cluster import free_ports, stop

TRUST_DOMAIN = "mesh.example"
_MODULE = Path(__file__).parent
_PATIENCE = 120
_ATTEMPTS = 3
# pkg/server/endpoints/endpoints.go, runTCPServer
_LISTENS = re.compile(r'"Starting Server APIs".* network=tcp')


def program() -> Path:
    """Return spire-server, building it if it is not in the cache."""
    # Without its tests' symbols it is half as large. SQLite is C.
    packages = {"spire-server": "github.com/spiffe/spire/cmd/spire-server"}
    return go_programs.build(_MODULE, packages, ("-ldflags", "-s -w"), cgo=True)["spire-server"]


class StoppedError(Exception):
    """The server stopped by itself; the message is the end of its log."""


@dataclass(frozen=True)
class Minted:
    """What `x509 mint` writes.

    Attributes:
        leaf: the SVID.
        intermediates: the chain that a workload sends with it, SPIRE's own CA first.
        bundle: the certificates that workloads trust.
    """

    leaf: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]
    bundle: tuple[x509.Certificate, ...]


class Server:
    """A running spire-server.

    Args:
        executable: spire-server.
        authority: the settings of its `aws_pca` plugin.
        environment: the variables of the AWS SDK.
    """

    def __init__(self, executable: Path, authority: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._executable = executable
        self._authority = authority
        self._environment = environment
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start the server and wait until it is healthy.

        Raises:
            StoppedError: it stopped instead.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._begin()
            except StoppedError as stopped:
                # Another process may take the free port before the server does.
                if "address already in use" not in str(stopped):
                    raise
        return self._begin()

    def _begin(self) -> Self:
        with ExitStack() as started:
            # The path of a Unix socket has about 100 characters at most, which pytest's directories may exceed.
            self._directory = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="spire-")))
            self._wait(self._start(started))
            self._running = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def mint(self, path: str) -> Minted:
        """Issue an SVID for a workload of the trust domain."""
        with tempfile.TemporaryDirectory(dir=self._directory) as name:
            self.run("x509", "mint", "-spiffeID", f"spiffe://{TRUST_DOMAIN}/{path}", "-write", name)
            chain, bundle = (
                x509.load_pem_x509_certificates((Path(name) / file).read_bytes()) for file in ("svid.pem", "bundle.pem")
            )
        return Minted(chain[0], tuple(chain[1:]), tuple(bundle))

    def rotate(self) -> None:
        """Replace SPIRE's own CA by a new one."""
        prepared = json.loads(self.run("localauthority", "x509", "prepare", "-output", "json"))
        identifier = prepared["prepared_authority"]["authority_id"]
        self.run("localauthority", "x509", "activate", "-authorityID", identifier)

    def run(self, *arguments: str) -> str:
        """Run a command of spire-server, which must succeed, and return its stdout."""
        result = self._try(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._executable, *arguments, "-socketPath", str(self._directory / "api.sock")],
            env=self._variables(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )

    def _variables(self) -> dict[str, str]:
        # Nothing of the caller's: no profile, no proxy, no credentials of a machine.
        own = {"HOME": str(self._directory), "PATH": "", "NO_PROXY": "127.0.0.1", "AWS_EC2_METADATA_DISABLED": "true"}
        return {**own, **self._environment}

    def _configuration(self) -> str:
        plugins = {
            "DataStore": ("sql", self._data_store()),
            "KeyManager": ("memory", {}),
            "NodeAttestor": ("join_token", {}),
            "UpstreamAuthority": ("aws_pca", dict(self._authority)),
        }
        server = {
            "bind_address": "127.0.0.1",
            "bind_port": free_ports(1)[0],
            "data_dir": str(self._directory),
            "socket_path": str(self._directory / "api.sock"),
            "trust_domain": TRUST_DOMAIN,
        }
        chosen = {kind: [{name: {"plugin_data": data}}] for kind, (name, data) in plugins.items()}
        return json.dumps({"server": server, "plugins": chosen})

    def _data_store(self) -> dict[str, str]:
        return {"database_type": "sqlite3", "connection_string": str(self._directory / "datastore.sqlite3")}

    def _start(self, started: ExitStack) -> subprocess.Popen[bytes]:
        configuration = self._directory / "server.json"
        configuration.write_text(self._configuration(), encoding="utf-8")
        log = started.enter_context((self._directory / "server.log").open("wb"))
        process = subprocess.Popen(
            [self._executable, "run", "-config", configuration],
            cwd=self._directory,
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        started.callback(stop, process)
        return process

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._is_ready():
            if (stopped := process.poll() is not None) or time.monotonic() > deadline:
                raise StoppedError(self._log()) if stopped else TimeoutError(self._log())
            time.sleep(0.2)

    def _is_ready(self) -> bool:
        # The health check uses the Unix socket, which answers for a moment even if the port is not free.
        return not self._try("healthcheck").returncode and _LISTENS.search(self._log()) is not None

    def _log(self) -> str:
        return (self._directory / "server.log").read_text(encoding="utf-8")
