"""Create the resources that a program registers, in an empty stack.

The program connects through Pulumi's interface for tests (:class:`pulumi.runtime.mocks.MockMonitor`). For updates,
refreshes and deletions use the real Pulumi engine.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import rpc
from pulumi.runtime.proto import resource_pb2

from toolkit.errors import ExternalError, ToolkitError
from toolkit.sandbox.pulumi.provider import FUNCTIONS, KINDS
from toolkit.sandbox.pulumi.provider.provider_session import open_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolkit.sandbox.pulumi.provider.kind import Aws
    from toolkit.sandbox.server import Sandbox
    from toolkit.values import Object

_STACK = "pulumi:pulumi:Stack"
_PROVIDER = "pulumi:providers:"
_STACK_REFERENCE = "pulumi:pulumi:StackReference"


class Engine(pulumi_mocks.MockMonitor):
    """The first update of one stack.

    Args:
        sandbox: the AWS in which resources are created.
        region: the region of the stack's default provider.
        on_resource: gets the type and the logical name of every created resource; called from several threads.
        is_preview: whether nothing is created, so that the outputs of AWS are unknown, as in `pulumi preview`.

    Attributes:
        failure: the first error; None if there is none.
    """

    def __init__(
        self, sandbox: Sandbox, region: str, on_resource: Callable[[str, str], None], *, is_preview: bool = False
    ) -> None:
        super().__init__(_Functions(self))
        self.is_preview = is_preview
        self._sandbox = sandbox
        self._on_resource = on_resource
        # By provider reference; an empty reference means the stack's default provider.
        self._providers = {"": open_aws(sandbox, region, {})}
        self._lock = threading.Lock()
        self._urns: set[str] = set()
        self.failure: ToolkitError | None = None

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return a URN with the types of all parents but the stack, as the real engine does; mocks use one parent."""
        above = parent.split("::")[2] if parent else _STACK
        of_stack = super().make_urn("", type_ if above == _STACK else f"{above}${type_}", name)
        return str(of_stack)

    def RegisterResource(  # noqa: N802 - Pulumi's own name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Create one resource."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        try:
            with _event_loop() as loop:
                # It does not matter here which values are secret: nothing is printed or stored.
                inputs, _ = rpc.deserialize_properties_unwrap_secrets(request.object)
                identifier, outputs = self._make(urn, request, dict(inputs))
                response = loop.run_until_complete(rpc.serialize_properties(outputs, {}))
        except ToolkitError as error:
            self.failure = self.failure or error
            raise
        self.resources[urn] = pulumi_mocks.MockMonitor.ResourceRegistration(urn, identifier, outputs)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier, object=response)

    def ReadResource(  # noqa: N802 - same
        self, request: resource_pb2.ReadResourceRequest
    ) -> resource_pb2.ReadResourceResponse:
        """Return the stack's earlier exports, which are empty; reject any other resource."""
        if request.type != _STACK_REFERENCE:
            raise ExternalError(f"{request.name}: reading a {request.type} is not in the sandbox")
        with _event_loop() as loop:
            outputs = {"name": request.name, "outputs": {}, "secretOutputNames": []}
            properties = loop.run_until_complete(rpc.serialize_properties(outputs, {}))
        urn = self.make_urn(request.parent, request.type, request.name)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=properties)

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> object:  # noqa: N802 - same
        """Call a function of the provider."""
        with _event_loop():
            # Pulumi has no annotations there.
            untyped: Callable[[object], object] = super().Invoke
            return untyped(request)

    def open_clients(self, provider: str, region: str | None) -> Aws:
        """Return clients with a provider's credentials, in its region unless another region is given."""
        opened = self._providers[provider]
        return replace(opened, region=region or opened.region)

    def _make(self, urn: str, request: resource_pb2.RegisterResourceRequest, inputs: Object) -> tuple[str, Object]:
        with self._lock:
            if urn in self._urns:
                raise ExternalError(f"two resources have the URN {urn}")
            self._urns.add(urn)
        if request.type.startswith(_PROVIDER):
            return self._open_provider(urn, request.name, inputs), inputs
        if not request.custom or self.is_preview:
            return "", inputs
        identifier, computed = self._create(request, inputs)
        self._on_resource(request.type, request.name)
        return identifier, inputs | computed

    def _open_provider(self, urn: str, name: str, inputs: Object) -> str:
        region, identifier = str(inputs.get("region") or self._providers[""].region), f"id-of-{name}"
        try:
            self._providers[f"{urn}::{identifier}"] = open_aws(self._sandbox, region, inputs)
        except ExternalError as error:
            raise ExternalError(f"provider {name}: {error.message}") from error
        return identifier

    def _create(self, request: resource_pb2.RegisterResourceRequest, inputs: Object) -> tuple[str, Object]:
        kind = KINDS.get(request.type)
        missing = request.type if kind is None else ", ".join(kind.find_unknown(inputs))
        if request.importId:
            missing = f"importing {request.importId}"
        if kind is None or missing:
            raise ExternalError(f"the stack can't be created: {request.name}: {missing} is not in the sandbox")
        aws = self.open_clients(request.provider, inputs.get("region"))
        try:
            identifier, computed = kind.create(aws, request.name, inputs)
        except (ClientError, BotoCoreError) as error:
            what = f"{request.name} ({request.type.rpartition(':')[2]})"
            raise ExternalError(f"the stack can't be created: {what}: {error}") from error
        return identifier, ({"region": aws.region} if kind.is_regional else {}) | computed


class _Functions(pulumi_mocks.Mocks):
    """The functions that a program may invoke."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def call(self, args: pulumi_mocks.MockCallArgs) -> tuple[Object, list[tuple[str, str]] | None]:
        """Call a function; report its error as the real provider does."""
        function = FUNCTIONS.get(args.token)
        if function is None:
            return {}, [("", f"{args.token} is not in the sandbox")]
        try:
            return function(self._engine.open_clients(args.provider, args.args.get("region")), args.args), []
        except (ClientError, BotoCoreError, ToolkitError) as error:
            return {}, [("", str(error))]

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, Object]:
        """Raise an error: the engine registers resources itself, so only reading a resource calls this method."""
        raise ExternalError(f"{args.name}: reading a resource is not in the sandbox")


@contextmanager
def _event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Open an event loop for the worker thread; Pulumi's serialization needs one, and its mocks don't close theirs."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()
