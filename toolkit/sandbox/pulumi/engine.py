"""Create the resources that a program registers, in an empty stack.

The program connects through Pulumi's interface for tests (:class:`pulumi.runtime.mocks.MockMonitor`). For updates,
refreshes and deletions use the real Pulumi engine.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import rpc

from toolkit.errors import ExternalError, ToolkitError
from toolkit.sandbox.pulumi.provider import FUNCTIONS, KINDS
from toolkit.sandbox.pulumi.provider.clients import Aws, open_aws
from toolkit.values import Object

if TYPE_CHECKING:
    from pulumi.runtime.proto import resource_pb2

    from toolkit.sandbox.server import Sandbox

_STACK = "pulumi:pulumi:Stack"
_PROVIDER = "pulumi:providers:"
_STACK_REFERENCE = "pulumi:pulumi:StackReference"


def _in_event_loop(method: Callable[..., object]) -> Callable[[Engine, object], object]:
    """Open an event loop for the worker thread; Pulumi's serialization needs one, and its mocks don't close theirs."""

    @wraps(method)
    def call(self: Engine, request: object) -> object:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return method(self, request)
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    return call


class Engine(pulumi_mocks.MockMonitor, pulumi_mocks.Mocks):
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
        super().__init__(self)
        self.is_preview = is_preview
        self._sandbox = sandbox
        self._on_resource = on_resource
        # By the ID of the provider; empty for the stack's default provider.
        self._providers = {"": open_aws(sandbox, region, {})}
        self._lock = threading.Lock()
        self._urns: set[str] = set()
        self.failure: ToolkitError | None = None

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return a URN with the types of all parents but the stack, as the real engine does; mocks use one parent."""
        above = parent.split("::")[2] if parent else _STACK
        of_stack = super().make_urn("", type_ if above == _STACK else f"{above}${type_}", name)
        return str(of_stack)

    Invoke = _in_event_loop(pulumi_mocks.MockMonitor.Invoke)
    ReadResource = _in_event_loop(pulumi_mocks.MockMonitor.ReadResource)
    _register = _in_event_loop(pulumi_mocks.MockMonitor.RegisterResource)

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> object:  # noqa: N802 - Pulumi's own name
        """Create one resource."""
        urn = self.make_urn(request.parent, request.type, request.name)
        try:
            with self._lock:
                if urn in self._urns and request.type != _STACK:
                    raise ExternalError(f"two resources have the URN {urn}")
                self._urns.add(urn)
            return self._register(request)
        except ToolkitError as error:
            self.failure = self.failure or error
            raise

    def call(self, args: pulumi_mocks.MockCallArgs) -> tuple[Object, list[tuple[str, str]] | None]:
        """Call a function; report its error as the real provider does."""
        function = FUNCTIONS.get(args.token)
        if function is None:
            return {}, [("", f"{args.token} is not in the sandbox")]
        try:
            return function(self._open_clients(args.provider, args.args.get("region")), args.args), []
        except (ClientError, BotoCoreError, ToolkitError) as error:
            return {}, [("", str(error))]

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str, Object]:
        """Create a resource, or return the stack's earlier exports, which are empty."""
        if args.typ == _STACK_REFERENCE:
            return args.name, {"name": args.name, "outputs": {}, "secretOutputNames": []}
        if args.custom is None:
            raise ExternalError(f"{args.name}: reading a {args.typ} is not in the sandbox")
        # It does not matter here which values are secret: nothing is printed or stored.
        inputs = {name: rpc.unwrap_rpc_secret(value) for name, value in args.inputs.items()}
        if args.typ.startswith(_PROVIDER):
            return self._open_provider(args.name, inputs), inputs
        if not args.custom or self.is_preview:
            return "", inputs
        identifier, computed = self._create(args, inputs)
        self._on_resource(args.typ, args.name)
        return identifier, inputs | computed

    def _open_clients(self, provider: str | None, region: str | None) -> Aws:
        """Return clients with a provider's credentials, in its region unless another region is given."""
        opened = self._providers[provider.rpartition("::")[2] if provider else ""]
        return replace(opened, region=region or opened.region)

    def _open_provider(self, name: str, inputs: Object) -> str:
        region, identifier = str(inputs.get("region") or self._providers[""].region), str(uuid.uuid4())
        try:
            self._providers[identifier] = open_aws(self._sandbox, region, inputs)
        except ExternalError as error:
            raise ExternalError(f"provider {name}: {error.message}") from error
        return identifier

    def _create(self, args: pulumi_mocks.MockResourceArgs, inputs: Object) -> tuple[str, Object]:
        kind = KINDS.get(args.typ)
        missing = args.typ if kind is None else ", ".join(kind.find_unknown(inputs))
        if args.resource_id:
            missing = f"importing {args.resource_id}"
        if kind is None or missing:
            raise ExternalError(f"the stack can't be created: {args.name}: {missing} is not in the sandbox")
        aws = self._open_clients(args.provider, inputs.get("region"))
        try:
            identifier, computed = kind.create(aws, args.name, inputs)
        except (ClientError, BotoCoreError) as error:
            what = f"{args.name} ({args.typ.rpartition(':')[2]})"
            raise ExternalError(f"the stack can't be created: {what}: {error}") from error
        return identifier, ({"region": aws.region} if kind.is_regional else {}) | computed
