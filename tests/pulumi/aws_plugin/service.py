"""Pulumi's provider protocol in front of the sandbox's resource kinds.

The engine asks this in place of pulumi-resource-aws, which no package registry has.
Source: pulumi/pulumi, proto/pulumi/provider.proto.
"""

from __future__ import annotations

import importlib
import json
import threading
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2
from pulumi import _types
from pulumi.runtime import rpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.pulumi.aws_plugin import authorities, buckets, identities
from tests.pulumi.aws_plugin.differences import DEFAULTS, NAMED, automatic_name, before, chosen, differ, refreshed
from tests.pulumi.aws_plugin.values import Values, plain, struct
from toolkit.errors import ExternalError, ToolkitError
from toolkit.sandbox.pulumi.provider import FUNCTIONS, KINDS
from toolkit.sandbox.pulumi.provider.clients import Aws, open_aws

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.provider.kind import Kind
    from toolkit.sandbox.server import Sandbox

# AWS's codes for a resource that does not exist, with which the bridged provider takes it for deleted.
_GONE = {"404", "NoSuchBucket", "NoSuchEntity"}
_GONE |= {"NotFoundException", "ResourceNotFoundException", "UnknownResourceException"}
_FAILURES = (BotoCoreError, ClientError, ToolkitError)
_LIFECYCLES = {**authorities.LIFECYCLES, **buckets.LIFECYCLES, **identities.LIFECYCLES}
LIFECYCLES = {type_: lifecycle(type_) for type_, lifecycle in _LIFECYCLES.items()}
# Python imports the modules of pulumi_aws when they are first used, which several threads can't do at the same time.
_importing = threading.Lock()


class AwsPlugin(provider_pb2_grpc.ResourceProviderServicer):
    """One configured provider.

    Args:
        sandbox: where it makes resources.
        version: of pulumi-aws.
    """

    def __init__(self, sandbox: Sandbox, version: str) -> None:
        self._sandbox = sandbox
        self._version = version
        self._region = ""
        self._clients: Aws | None = None

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": self._version}))

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        """Compare two configurations: another region replaces all that the provider made (pulumi/pulumi-aws#4000)."""
        old, new = plain(request.old_inputs) or plain(request.olds), plain(request.news)
        changed = sorted(name for name in {*old, *new} - {"version"} if old.get(name) != new.get(name))
        return provider_pb2.DiffResponse(
            changes=_some(changed), diffs=changed, replaces=[name for name in changed if name == "region"]
        )

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's own
        """Take the region, the role and the account; like the real provider, ask AWS for the caller."""
        settings = plain(request.args)
        self._region = settings.get("region", "")
        try:
            if not self._region:
                raise ExternalError("missing region")
            self._clients = open_aws(self._sandbox, self._region, settings)
        except _FAILURES as error:
            context.abort(grpc.StatusCode.UNKNOWN, f"unable to configure the AWS provider: {error}")
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's own
        """Answer a function."""
        arguments, function = plain(request.args), FUNCTIONS.get(request.tok)
        try:
            if function is None:
                raise ExternalError(f"{request.tok} is not in the sandbox")
            answer = function(self._aws(arguments.get("region") or self._region), arguments)
        except _FAILURES as error:
            _fail(context, error, f"invoking {request.tok}: ")
        return provider_pb2.InvokeResponse(**{"return": struct(answer)})

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        """Complete the inputs: a name that is not given, and the region."""
        new, old = plain(request.news), plain(request.olds)
        kind = KINDS.get(request.type)
        if kind is None:
            return _refused(request, "", f"{request.type} is not in the sandbox")
        if unknown := kind.find_unknown(new):
            return _refused(request, unknown[0], f"{', '.join(unknown)}: not in the sandbox")
        named = NAMED.get(request.type)
        if named and not new.get(named.property):
            # An automatic name stays as long as its resource.
            name = old.get(named.property) or automatic_name(request.name, request.randomSeed)
            if len(name) > named.longest:
                return _refused(request, named.property, f"{name} is longer than {named.longest} characters")
            new |= {named.property: name, DEFAULTS: [named.property]}
        if kind.is_regional:
            new.setdefault("region", self._region)
        return provider_pb2.CheckResponse(inputs=struct(new))

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's own
        """Compare what there is with what is wanted."""
        state, new = plain(request.olds), plain(request.news)
        old = plain(request.old_inputs) or state
        found = differ(LIFECYCLES[request.type], request.type, state, old, new, request.ignoreChanges)
        kinds = provider_pb2.PropertyDiff
        return provider_pb2.DiffResponse(
            changes=_some(found.changed),
            diffs=found.changed,
            replaces=found.replacing,
            deleteBeforeReplace=found.deletes_first,
            hasDetailedDiff=True,
            detailedDiff={
                name: kinds(kind=kinds.UPDATE_REPLACE if name in found.replacing else kinds.UPDATE, inputDiff=True)
                for name in found.changed
            },
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's own
        """Create the resource; in a preview, say which outputs are not known yet."""
        inputs, kind = chosen(plain(request.properties)), KINDS[request.type]
        if request.preview:
            unknown = dict.fromkeys(_outputs(request.type), rpc.UNKNOWN)
            return provider_pb2.CreateResponse(properties=struct(unknown | inputs))
        try:
            identifier, outputs = kind.create(self._of(kind, inputs), request.name, inputs)
        except _FAILURES as error:
            _fail(context, error)
        return provider_pb2.CreateResponse(id=identifier, properties=struct(inputs | outputs))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's own
        """Update the resource."""
        state, lifecycle = plain(request.olds), LIFECYCLES[request.type]
        old = before(lifecycle, state, plain(request.old_inputs) or state)
        new = lifecycle.settle(old, chosen(plain(request.news)))
        computed = {name: value for name, value in state.items() if name not in old}
        if request.preview:
            return provider_pb2.UpdateResponse(properties=struct(computed | new))
        try:
            outputs = lifecycle.update(self._of(lifecycle.kind, new), request.id, old, new)
        except _FAILURES as error:
            _fail(context, error)
        return provider_pb2.UpdateResponse(properties=struct(computed | new | outputs))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's own
        """Delete the resource; one that does not exist is deleted."""
        state, lifecycle = plain(request.properties), LIFECYCLES[request.type]
        try:
            lifecycle.delete(self._of(lifecycle.kind, state), request.id, state)
        except _FAILURES as error:
            if not _is_gone(error):
                _fail(context, error)
        return empty_pb2.Empty()

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's own
        """Read the resource, to refresh or to import it."""
        state, inputs, lifecycle = plain(request.properties), plain(request.inputs), LIFECYCLES[request.type]
        try:
            found = lifecycle.read(self._of(lifecycle.kind, state), request.id)
        except _FAILURES as error:
            if not _is_gone(error):
                _fail(context, error)
            return provider_pb2.ReadResponse(id="")
        if found is None:
            # To be imported, it has no state yet.
            if not state:
                _fail(context, ExternalError(f"reading a {request.type} is not in the sandbox"))
            return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)
        properties = refreshed(state, found.inputs | found.outputs) | found.outputs if state else {}
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=struct(properties or found.inputs | found.outputs),
            inputs=struct(refreshed(inputs, properties) if inputs else found.inputs),
        )

    def _of(self, kind: Kind, values: Values) -> Aws:
        return self._aws((values.get("region") if kind.is_regional else None) or self._region)

    def _aws(self, region: str) -> Aws:
        if self._clients is None:
            raise ExternalError("the provider is not configured")
        return replace(self._clients, region=region)


def _some(changed: list[str]) -> Any:
    return provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE


def _refused(request: Any, name: str, reason: str) -> Any:
    failure = provider_pb2.CheckFailure(property=name, reason=reason)
    return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])


def _is_gone(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in _GONE


def _fail(context: Any, error: Exception, before: str = "") -> NoReturn:
    """Say an error in the form of the bridged provider."""
    context.abort(grpc.StatusCode.UNKNOWN, f"{before}1 error occurred:\n\t* {error}\n\n")
    raise AssertionError(error)


@cache
def _outputs(type_: str) -> tuple[str, ...]:
    """Return the output properties that pulumi-aws has for a resource type."""
    module, _, name = type_.partition(":")[2].partition("/")
    with _importing:
        declared = importlib.import_module(f"pulumi_aws.{module}")
        return tuple(_types.resource_types(getattr(declared, name.partition(":")[2])))
