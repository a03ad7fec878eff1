"""What the Pulumi engine does with what a program registers: compare with the state, then create, update, delete.

The program talks to it through Pulumi's own seam for tests (:class:`pulumi.runtime.mocks.MockMonitor`). Of the
engine's rules those are here that our program and its safety rest on: previews with unknown values, replacements that
create before they delete, ``protect``, ``retainOnDelete``, ``ignoreChanges``, explicit providers; what is not here is
refused. Source: Pulumi's documentation, "How Pulumi works" and "Resource options"; for what that leaves open
pulumi/pulumi:pkg/resource/deploy/step_generator.go and source_eval.go.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from pulumi.output import Unknown
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import rpc
from pulumi.runtime.proto import resource_pb2

from toolkit.errors import SurroundingsError, ToolkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from toolkit.sandbox.provider import Cloud
    from toolkit.sandbox.provider.kind import Kind

Operation = Literal["create", "import", "update", "replace", "delete", "forget", "same"]
_STACK = "pulumi:pulumi:Stack"
_PROVIDER = "pulumi:providers:"
_STACK_REFERENCE = "pulumi:pulumi:StackReference"
# Options that would change what happens, and that no part of the program needs.
_NOT_HERE = ("deleteBeforeReplace", "replaceOnChanges", "deletedWith", "replace_with")


@dataclass(frozen=True)
class Change:
    """What an update did, or a preview found, for one resource.

    Attributes:
        operation: ``forget`` is a deletion that leaves the resource where it is (``retainOnDelete``). A replacement is
            followed by the ``delete`` or ``forget`` of what was replaced.
        type: for example ``aws:iam/role:Role``.
        name: logical name.
        fields: the inputs that differ, for an update and a replacement; ``provider`` where its region does.
    """

    operation: Operation
    type: str
    name: str
    fields: tuple[str, ...] = ()


@dataclass(eq=False)
class Resource:
    """One resource of a stack, as its state remembers it."""

    urn: str
    type: str
    name: str
    custom: bool
    identifier: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    protect: bool = False
    retain: bool = False
    provider: str = ""
    provider_region: str = ""
    region: str = ""
    depends_on: frozenset[str] = frozenset()

    @property
    def is_real(self) -> bool:
        """Whether it is something in AWS, and not a component or a provider."""
        return self.custom and not self.type.startswith(_PROVIDER)


@dataclass
class State:
    """What a stack consists of.

    Attributes:
        resources: by URN, in the order in which they were made.
        replaced: those that have a successor and are still to be deleted; an update that fails leaves some.
        outputs: of the last update that ended well.
    """

    resources: dict[str, Resource] = field(default_factory=dict)
    replaced: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def real(self) -> list[Resource]:
        """The resources that are something in AWS."""
        return [resource for resource in self.resources.values() if resource.is_real]


class Engine(pulumi_mocks.MockMonitor):
    """One preview or one update.

    Args:
        cloud: where resources are made.
        state: what there is; an update changes it as it goes on, also when it fails halfway.
        preview: only look.
        on_change: is told of every resource once it is as it should be; called from several threads.

    Attributes:
        changes: what was done or, in a preview, would be; components and providers left out.
        failure: the first thing that went wrong, in words for people.
    """

    def __init__(self, cloud: Cloud, state: State, *, preview: bool, on_change: Callable[[Change], None]) -> None:
        super().__init__(cloud)
        self._cloud = cloud
        self._state = state
        self._preview = preview
        self._on_change = on_change
        self._seen: dict[str, Resource] = {}
        self._replaced = list(state.replaced)
        self._lock = threading.Lock()
        self.changes: list[Change] = []
        self.failure: ToolkitError | None = None
        cloud.provider_inputs = self._provider_inputs

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the real engine makes it: with the types of all parents but the stack, where Pulumi's mocks take one."""
        above = parent.split("::")[2] if parent else _STACK
        of_stack = super().make_urn("", type_ if above == _STACK else f"{above}${type_}", name)
        return str(of_stack)

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - Pulumi's own name and types
        """Bring one resource to what the program says."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        try:
            with _event_loop() as loop:
                _refuse_unknown_options(request)
                made = self._bring_about(self._wanted(urn, request), list(request.ignoreChanges), request.importId)
                response = loop.run_until_complete(rpc.serialize_properties(made.outputs, {}))
        except ToolkitError as error:
            self.failure = self.failure or error
            raise
        self.resources[urn] = pulumi_mocks.MockMonitor.ResourceRegistration(urn, made.identifier, made.outputs)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=made.identifier, object=response)

    def ReadResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - Pulumi's own name and types
        """Read what the stack exported before; nothing else is read as a resource."""
        if request.type != _STACK_REFERENCE:
            raise SurroundingsError(f"{request.name}: reading a {request.type} is not in the sandbox")
        with _event_loop() as loop:
            outputs = {"name": request.name, "outputs": self._state.outputs, "secretOutputNames": []}
            properties = loop.run_until_complete(rpc.serialize_properties(outputs, {}))
        urn = self.make_urn(request.parent, request.type, request.name)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=properties)

    def Invoke(self, request: Any) -> Any:  # noqa: ANN401, N802 - Pulumi's own name and types
        """Answer a function."""
        with _event_loop():
            return super().Invoke(request)  # type: ignore[no-untyped-call] # pulumi leaves it so

    def finish(self) -> None:
        """After the program: delete what it no longer registers, and what was replaced.

        Raises:
            ToolkitError: something of it is protected, or AWS refuses.
        """
        gone = [resource for urn, resource in self._state.resources.items() if urn not in self._seen]
        kept: list[Resource] = []
        failure: SurroundingsError | None = None
        for resource in _dependents_first([*self._replaced, *gone]):
            # deployment_executor.go, performPostSteps: what something that could not be deleted depends on stays too,
            # and the rest goes.
            if any(resource.urn in other.depends_on for other in kept):
                kept.append(resource)
            elif resource.protect and resource not in self._replaced:
                kept.append(resource)
                failure = failure or SurroundingsError(
                    f"{resource.name} ({_short(resource.type)}) can't be deleted: it is protected",
                    "Put it back into the program, or set protect to false and update once before.",
                )
            else:
                self._take_away(resource)
        if failure:
            raise failure

    def _wanted(self, urn: str, request: Any) -> Resource:  # noqa: ANN401 - a protobuf message
        # Which values are secret does not matter here: nothing is printed or written down.
        inputs, _ = rpc.deserialize_properties_unwrap_secrets(request.object, True)  # noqa: FBT003 - keep unknown values
        above = self._seen.get(request.parent)
        needed = {*request.dependencies, request.parent, _urn_of(request.provider)}
        wanted = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=bool(request.custom),
            inputs=dict(inputs),
            # source_eval.go, inheritFromParent
            protect=request.protect if request.HasField("protect") or above is None else above.protect,
            retain=request.retainOnDelete if request.HasField("retainOnDelete") or above is None else above.retain,
            provider=request.provider,
            depends_on=frozenset(needed - {""}),
        )
        with self._lock:
            if urn in self._seen:
                raise SurroundingsError(f"two resources have the URN {urn}")
            self._seen[urn] = wanted
        return wanted

    def _bring_about(self, wanted: Resource, ignored: list[str], import_id: str) -> Resource:
        if not wanted.is_real:
            return self._note_down(wanted)
        kind = self._cloud.kind(wanted)
        wanted.provider_region = self._cloud.provider_region(wanted.provider)
        wanted.region = wanted.inputs.get("region") or wanted.provider_region
        known = self._state.resources.get(wanted.urn)
        # step_generator.go, isImport: one that is in the state under that ID is not imported again.
        if import_id and (known is None or known.identifier != import_id):
            known = self._import(wanted, import_id)
            self._note(Change("import", wanted.type, wanted.name))
        if known is None:
            return self._create(wanted, Change("create", wanted.type, wanted.name))
        wanted.inputs = _with_what_stays(kind, known, wanted.inputs, ignored)
        differing = _differing(kind, known, wanted)
        replacing = differing & {*kind.replaced_by, "provider", "region"}
        fields = tuple(sorted(differing))
        if not differing:
            wanted.identifier, wanted.outputs = known.identifier, known.outputs
            return self._keep(wanted, Change("same", wanted.type, wanted.name))
        if not replacing:
            return self._update(known, wanted, Change("update", wanted.type, wanted.name, fields))
        # step_generator.go: to take the protection away and to replace may be one update.
        if known.protect and wanted.protect:
            raise SurroundingsError(
                f"{wanted.name} ({_short(wanted.type)}) can't be replaced: it is protected; "
                f"{', '.join(sorted(replacing))} would change",
                "Put the values back.",
            )
        return self._create(wanted, Change("replace", wanted.type, wanted.name, fields), known)

    def _import(self, wanted: Resource, import_id: str) -> Resource:
        """Take over what exists, as it is; how it differs from what is wanted is found as for any other resource."""
        inputs, outputs = self._cloud.read(wanted, import_id)
        return replace(wanted, identifier=import_id, inputs=inputs, outputs={**inputs, **outputs})

    def _note_down(self, wanted: Resource) -> Resource:
        """Components and providers are only in the state; a provider is opened at once, also for a preview."""
        if wanted.custom:
            wanted.identifier = f"id-of-{wanted.name}"
            if not _has_unknown(wanted.inputs):
                self._cloud.configure(f"{wanted.urn}::{wanted.identifier}", wanted)
        wanted.outputs = _known_only(wanted.inputs)
        return self._keep(wanted)

    def _create(self, wanted: Resource, change: Change, replaced: Resource | None = None) -> Resource:
        if self._preview:
            # What the provider will only know afterwards stays out, so the program sees it as unknown.
            wanted.outputs = _known_only(wanted.inputs)
        else:
            wanted.identifier, outputs = self._cloud.create(wanted)
            wanted.outputs = {**wanted.inputs, **outputs}
        return self._keep(wanted, change, replaced)

    def _update(self, known: Resource, wanted: Resource, change: Change) -> Resource:
        wanted.identifier = known.identifier
        computed = {name: value for name, value in known.outputs.items() if name not in known.inputs}
        if self._preview:
            unknown = set(wanted.inputs) - set(_known_only(wanted.inputs))
            outputs = {**computed, **_known_only(wanted.inputs)}
            wanted.outputs = {name: value for name, value in outputs.items() if name not in unknown}
        else:
            outputs = self._cloud.update(known, wanted)
            wanted.outputs = {**computed, **wanted.inputs, **outputs}
        return self._keep(wanted, change)

    def _keep(self, resource: Resource, change: Change | None = None, replaced: Resource | None = None) -> Resource:
        with self._lock:
            if replaced is not None:
                self._replaced.append(replaced)
            if not self._preview:
                self._state.resources[resource.urn] = resource
                self._state.replaced = list(self._replaced)
        if change is not None:
            self._note(change)
        return resource

    def _take_away(self, resource: Resource) -> None:
        if resource.is_real and not resource.retain and not self._preview:
            self._cloud.delete(resource)
        if not self._preview:
            self._state.replaced = [other for other in self._state.replaced if other is not resource]
            if self._state.resources.get(resource.urn) is resource:
                del self._state.resources[resource.urn]
        if resource.is_real:
            self._note(Change("forget" if resource.retain else "delete", resource.type, resource.name))

    def _note(self, change: Change) -> None:
        with self._lock:
            self.changes.append(change)
        self._on_change(change)

    def _provider_inputs(self, reference: str) -> Mapping[str, Any]:
        """The inputs of an explicit provider."""
        urn = _urn_of(reference)
        return self._seen[urn].inputs if urn in self._seen else self._state.resources[urn].inputs


@contextmanager
def _event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop for the worker thread, which Pulumi's serialization asks for; what the mocks make nobody would close."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _urn_of(reference: str) -> str:
    """A reference to a provider is its URN, two colons and its ID; an empty one means the stack's own provider."""
    return reference.rpartition("::")[0]


def _refuse_unknown_options(request: Any) -> None:  # noqa: ANN401 - a protobuf message
    """An option that is not modelled must not be passed over: what a test proves would not hold."""
    found = [name for name in _NOT_HERE if getattr(request, name)]
    # pulumi-aws itself names the former types of some resources; a state of the sandbox has none of those.
    found += ["aliases" for alias in request.aliases if not alias.spec.type]
    found += [f"ignoreChanges of {path}" for path in request.ignoreChanges if set(path) & set(".[*")]
    if found:
        raise SurroundingsError(f"{request.name}: {', '.join(found)}: not in the sandbox")


def _with_what_stays(kind: Kind, known: Resource, inputs: dict[str, Any], ignored: list[str]) -> dict[str, Any]:
    """The inputs, with those of before where changes are ignored, by the program or by the provider."""
    settled = {name: value for name, value in inputs.items() if name not in ignored}
    settled |= {name: known.inputs[name] for name in ignored if name in known.inputs}
    return kind.settled(known.inputs, settled)


def _differing(kind: Kind, known: Resource, wanted: Resource) -> set[str]:
    """The inputs that are not what they were; one that is not known yet may be."""
    before = {**kind.defaults, **{name: known.outputs.get(name) for name in kind.kept}, **known.inputs}
    after = {**kind.defaults, **{name: before.get(name) for name in kind.kept}, **wanted.inputs}
    names = {*before, *after} - {"region"}
    found = {name for name in names if _has_unknown(after.get(name)) or before.get(name) != after.get(name)}
    if known.provider_region != wanted.provider_region:
        # pulumi/pulumi-aws#4000. Another account makes no difference: pulumi/pulumi-aws#6385.
        return found | {"provider"}
    return found | {"region"} if known.region != wanted.region else found


def _has_unknown(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return any(_has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_unknown(item) for item in value)
    return isinstance(value, Unknown)


def _known_only(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not _has_unknown(value)}


def _dependents_first(resources: Iterable[Resource]) -> Iterator[Resource]:
    """In an order in which nothing is deleted before what depends on it."""
    left = list(resources)
    while left:
        needed = {urn for resource in left for urn in resource.depends_on}
        free = next((resource for resource in reversed(left) if resource.urn not in needed), left[-1])
        left.remove(free)
        yield free


def _short(kind: str) -> str:
    return kind.rpartition(":")[2]
