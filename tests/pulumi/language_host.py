"""Pulumi's language host for Python.

The real one is a Go program in a module that no proxy serves. As that one does, this runs `pulumi-language-python-exec`
of the Go module sdk/v3 with what the engine asks for. Source: pulumi/pulumi, proto/pulumi/language.proto and
sdk/python/cmd/pulumi-language-python/main.go.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent import futures
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, language_pb2, language_pb2_grpc, plugin_pb2

if TYPE_CHECKING:
    from pathlib import Path

# pulumi-language-python-exec: "an error message was displayed to the user".
_ERROR_WAS_SHOWN = 32


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Serves the engine while its `with` block lasts.

    Args:
        executor: `pulumi-language-python-exec`.
        aws_version: of pulumi-aws, which every program of ours needs.
        environment: of the programs.

    Attributes:
        port: on loopback; the engine finds it in `PULUMI_DEBUG_LANGUAGES`.
    """

    def __init__(self, executor: Path, aws_version: str, environment: Mapping[str, str]) -> None:
        self._executor = executor
        self._aws_version = aws_version
        self._environment = environment
        self._engine = ""
        self._running = ExitStack()
        self.port = 0

    def __enter__(self) -> Self:
        server = grpc.server(futures.ThreadPoolExecutor())
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(self, server)
        self.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self._running.callback(lambda: server.stop(grace=None).wait())
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def About(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        return language_pb2.AboutResponse(executable=sys.executable)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        return plugin_pb2.PluginInfo()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        return empty_pb2.Empty()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        aws = plugin_pb2.PackageDependency(kind="resource", name="aws", version=self._aws_version)
        return language_pb2.GetRequiredPackagesResponse(packages=[aws])

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's own
        """Run the program in a process of its own, and pass on what it prints."""
        options = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "stack": request.stack,
            "pwd": request.info.program_directory,
            "root_directory": request.info.root_directory,
            "dry_run": str(request.dryRun).lower(),
            "parallel": str(request.parallel),
            "organization": request.organization,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        command = [sys.executable, str(self._executor), *words, request.info.entry_point, *request.args]
        environment = {
            **self._environment,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        program = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        # An engine that has given up waits no longer for the program, which would wait for the engine for ever.
        if not context.add_callback(program.kill):
            program.kill()
        printed, _ = program.communicate()
        if not context.is_active():
            return language_pb2.RunResponse(bail=True)
        self._tell(printed)
        if program.returncode == _ERROR_WAS_SHOWN:
            return language_pb2.RunResponse(bail=True)
        error = f"program exited with non-zero exit code: {program.returncode}" if program.returncode else ""
        return language_pb2.RunResponse(error=error)

    def _tell(self, printed: str) -> None:
        """Show what the program printed, as the real host does."""
        if printed:
            with grpc.insecure_channel(self._engine) as channel:
                engine_pb2_grpc.EngineStub(channel).Log(
                    engine_pb2.LogRequest(severity=engine_pb2.INFO, message=printed)
                )
