"""The program under Pulumi's own mocks, with everything it registered kept for a look."""

from __future__ import annotations

import asyncio
import runpy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.settings import SETTINGS, get_root_resource
from pulumi.runtime.stack import run_pulumi_func

from tests.support import NOW, Authority
from toolkit.files import project_root
from toolkit.pki import chain

if TYPE_CHECKING:
    from toolkit.sandbox.program import StackConfig

ACCOUNT = "123456789012"


@dataclass
class Registered:
    """One resource as the program registered it."""

    type: str
    name: str
    inputs: dict[str, Any]
    request: Any
    dependencies: set[str] = field(default_factory=set)


@dataclass
class Graph:
    """Everything the program registered, and what it exported."""

    resources: list[Registered] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)

    def of_type(self, suffix: str) -> dict[str, Registered]:
        return {item.name: item for item in self.resources if item.type.endswith(f":{suffix}")}


@cache
def _issuing_authority() -> Authority:
    """The same for every run, as the CAs of a stack that is updated are."""
    return Authority("Issuing CA", parent=Authority("Root CA"), not_after=NOW + timedelta(days=1825))


class FakeAws(pulumi_mocks.Mocks):
    """Answers with real certificates, so that the program's own reading of them is exercised."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._issuing = _issuing_authority()

    def call(self, args: pulumi_mocks.MockCallArgs) -> Any:
        assert args.token == "aws:index/getCallerIdentity:getCallerIdentity"
        return {"accountId": self._account, "arn": f"arn:aws:iam::{self._account}:user/ci", "userId": "x", "id": "x"}

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        outputs: dict[str, Any] = dict(args.inputs)
        if args.typ.endswith(":CertificateAuthority"):
            number = "1" if args.name == "root-ca" else "2"
            uuid = "-".join(number * length for length in (8, 4, 4, 4, 12))
            outputs["arn"] = f"arn:aws:acm-pca:eu-central-1:{self._account}:certificate-authority/{uuid}"
            # What the real provider reads while the CA is still pending.
            outputs |= {"certificate": "", "certificateChain": "", "certificateSigningRequest": "CSR", "notAfter": ""}
        elif args.typ.endswith(":Certificate"):
            certificates = self._issuing.chain()
            own, *above = certificates[1:] if args.name.startswith("root") else certificates
            outputs |= {"certificate": chain.to_pem([own]).strip(), "certificateChain": chain.to_pem(above).strip()}
        elif args.typ.endswith(":Role"):
            outputs |= {"arn": f"arn:aws:iam::{self._account}:role/{args.name}-0a1b2c3", "name": f"{args.name}-0a1b2c3"}
        return f"{args.name}-id", outputs


class RecordingMonitor(pulumi_mocks.MockMonitor):
    """Keeps the requests, which carry the resource options that mocks never see."""

    def __init__(self, mocks: pulumi_mocks.Mocks, graph: Graph) -> None:
        super().__init__(mocks)
        self._graph = graph
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - Pulumi's own name
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call] # pulumi leaves it so
        if request.type != "pulumi:pulumi:Stack":
            inputs = pulumi.runtime.rpc.deserialize_properties(request.object)
            depends = {urn.rpartition("::")[2] for urn in request.dependencies}
            with self._lock:
                self._graph.resources.append(Registered(request.type, request.name, inputs, request, depends))
        return response


RunProgram = Callable[..., Graph]


@pytest.fixture
def run_program() -> RunProgram:
    """Run the real ``__main__.py`` with a stack's configuration; `account` is the one that AWS reports."""

    def run(config: StackConfig, account: str = ACCOUNT, *, preview: bool = False) -> Graph:
        graph = Graph()

        async def work() -> None:
            SETTINGS.rpc_manager.clear()
            SETTINGS.outputs.clear()
            mocks = FakeAws(account)
            monitor = RecordingMonitor(mocks, graph)
            pulumi_mocks.set_mocks(mocks, project=config.project, stack=config.stack, preview=preview, monitor=monitor)
            pulumi.runtime.set_all_config(dict(config.values))
            await run_pulumi_func(_execute)
            outputs = getattr(get_root_resource(), "outputs", {})
            graph.exports = dict(await pulumi.Output.from_input(outputs).future() or {})

        failure: list[BaseException] = []

        def in_thread() -> None:
            try:
                asyncio.run(work())
            except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
                failure.append(error)

        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return graph

    return run


def _execute() -> None:
    runpy.run_path(str(project_root() / "__main__.py"), run_name="__main__")
