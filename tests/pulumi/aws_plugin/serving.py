"""Serves a provider to every plugin process that the engine starts.

The engine starts a process for each provider and reads a port from its stdout. That process here is a few lines that
ask this one for a port: to import boto3 each time would take longer than all that the engine does.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from concurrent import futures
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from tests.pulumi.aws_plugin.service import AwsPlugin

if TYPE_CHECKING:
    from toolkit.sandbox.server import Sandbox

# The path of the Unix socket, for the processes.
ADDRESS = "TESTS_AWS_PLUGIN"
_PROCESS = f"""\
#!{sys.executable} -IS
import os, socket
with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.environ["{ADDRESS}"])
    print(server.recv(16).decode(), flush=True)
    # Until the engine ends this process, or the server goes.
    server.recv(1)
"""
# A hundred zones are a hundred roles, made at the same time.
_THREADS = 16


def install(home: Path, version: str) -> None:
    """Put the plugin where the Pulumi CLI looks for it.

    Args:
        home: the CLI's `PULUMI_HOME`.
        version: of pulumi-aws.
    """
    executable = home / "plugins" / f"resource-aws-v{version}" / "pulumi-resource-aws"
    executable.parent.mkdir(parents=True)
    executable.write_text(_PROCESS, encoding="utf-8")
    executable.chmod(0o755)


class PluginServer:
    """Waits for plugin processes on a Unix socket, and serves each a provider of its own while it lives.

    Args:
        sandbox: where the providers make resources.
        version: of pulumi-aws.
    """

    def __init__(self, sandbox: Sandbox, version: str) -> None:
        self._sandbox = sandbox
        self._version = version
        self._running = ExitStack()
        self._socket = socket.socket(socket.AF_UNIX)
        self._processes: list[socket.socket] = []
        self.address = ""

    def __enter__(self) -> Self:
        # The path of a Unix socket has at most 107 characters (unix(7)).
        directory = self._running.enter_context(tempfile.TemporaryDirectory(prefix="plugin-"))
        self.address = os.fspath(Path(directory) / "socket")
        self._socket.bind(self.address)
        self._socket.listen()
        threading.Thread(target=self._accept, name="aws-plugins", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for open_socket in (self._socket, *self._processes):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._running.close()

    def _accept(self) -> None:
        while True:
            try:
                process, _ = self._socket.accept()
            except OSError:
                return
            self._processes.append(process)
            threading.Thread(target=self._serve, args=(process,), name="aws-plugin", daemon=True).start()

    def _serve(self, process: socket.socket) -> None:
        server = grpc.server(futures.ThreadPoolExecutor(_THREADS))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsPlugin(self._sandbox, self._version), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with process, suppress(OSError):
            process.sendall(f"{port}\n".encode())
            process.recv(1)
        server.stop(grace=None)
