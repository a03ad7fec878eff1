"""What the Pulumi engine does with what a program registers: compare with the state, then create, update, delete.

The program talks to it through Pulumi's own seam for tests (:class:`pulumi.runtime.mocks.MockMonitor`). Of the
engine's rules those are here that our program and its safety rest on: previews with unknown values, replacements that
create before they delete, ``protect``, ``retainOnDelete``, ``ignoreChanges``, explicit providers. Source: Pulumi's
documentation, "How Pulumi works" and "Resource options".
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pulumi.output import Unknown
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import rpc
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.sync_await import _ensure_event_loop, _sync_await

from toolkit.errors import SurroundingsError, ToolkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from toolkit.sandbox.provider import Cloud

Operation = Literal["create", "update", "replace", "delete", "forget", "same"]
_STACK = "pulumi:pulumi:Stack"
_PROVIDER = "pulumi:providers:"


@dataclass(frozen=True)
class Change:
    """What an update did, or a preview found, for one resource.

    Attributes:
        operation: ``forget`` is a deletion that leaves the resource where it is (``retainOnDelete``).
        type: for example ``aws:iam/role:Role``.
        name: logical name.
        fields: the inputs that differ, for an update and a replacement.
    """

    operation: Operation
    type: str
    name: str
    fields: tuple[str, ...] = ()


@dataclass
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
    depends_on: frozenset[str] = frozenset()

    @property
    def is_real(self) -> bool:
        """Whether it is something in AWS, and not a component or a provider."""
        return self.custom and not self.type.startswith(_PROVIDER)


@dataclass
class State:
    """What a stack consists of, by URN, in the order in which it was made."""

    resources: dict[str, Resource] = field(default_factory=dict)

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
        self._seen: set[str] = set()
        self._replaced: list[Resource] = []
        self._lock = threading.Lock()
        self.changes: list[Change] = []
        self.failure: ToolkitError | None = None
        cloud.provider_inputs = self._provider_inputs

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - Pulumi's own name and types
        """Bring one resource to what the program says."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        _ensure_event_loop()  # type: ignore[no-untyped-call] # pulumi leaves it so
        wanted = _wanted(urn, request)
        try:
            self._require_once(urn)
            made = self._bring_about(wanted, list(request.ignoreChanges))
        except ToolkitError as error:
            self.failure = self.failure or error
            raise
        response = _sync_await(rpc.serialize_properties(made.outputs, {}))
        self.resources[urn] = pulumi_mocks.MockMonitor.ResourceRegistration(urn, made.identifier, made.outputs)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=made.identifier, object=response)

    def finish(self) -> None:
        """After the program: delete what it no longer registers, and what was replaced.

        Raises:
            ToolkitError: something of it is protected, or AWS refuses.
        """
        gone = [resource for urn, resource in self._state.resources.items() if urn not in self._seen]
        for resource in gone:
            if resource.protect:
                raise SurroundingsError(
                    f"{resource.name} ({_short(resource.type)}) can't be deleted: it is protected",
                    "Put it back into the program, or set protect to false and update once before.",
                )
        for resource in _dependents_first([*self._replaced, *gone]):
            self._take_away(resource)

    def _require_once(self, urn: str) -> None:
        with self._lock:
            if urn in self._seen:
                raise SurroundingsError(f"two resources have the URN {urn}")
            self._seen.add(urn)

    def _bring_about(self, wanted: Resource, ignored: list[str]) -> Resource:
        known = self._state.resources.get(wanted.urn)
        if not wanted.is_real:
            wanted.identifier = f"id-of-{wanted.name}" if wanted.custom else ""
            wanted.outputs = _known_only(wanted.inputs)
            return self._keep(wanted) if not self._preview else self._show(wanted)
        if known is None:
            return self._create(wanted, "create", ())
        for name in ignored:
            wanted.inputs.pop(name, None)
            if name in known.inputs:
                wanted.inputs[name] = known.inputs[name]
        differing = _differing(known.inputs, wanted.inputs)
        if not differing:
            wanted.identifier, wanted.outputs = known.identifier, known.outputs
            self._note(Change("same", wanted.type, wanted.name))
            return self._show(wanted) if self._preview else self._keep(wanted)
        replacing = set(differing) & self._cloud.kind(wanted.type).replaced_by
        if not replacing:
            return self._update(known, wanted, differing)
        if known.protect:
            raise SurroundingsError(
                f"{wanted.name} ({_short(wanted.type)}) can't be replaced: it is protected; "
                f"{', '.join(sorted(replacing))} would change",
                "Put the values back.",
            )
        self._replaced.append(known)
        return self._create(wanted, "replace", differing)

    def _create(self, wanted: Resource, operation: Operation, fields: tuple[str, ...]) -> Resource:
        change = Change(operation, wanted.type, wanted.name, fields)
        if self._preview:
            # What the provider will only know afterwards stays out, so the program sees it as unknown.
            wanted.outputs = _known_only(wanted.inputs)
            return self._show(wanted, change)
        wanted.identifier, outputs = self._cloud.create(wanted)
        wanted.outputs = {**wanted.inputs, **outputs}
        return self._keep(wanted, change)

    def _update(self, known: Resource, wanted: Resource, fields: tuple[str, ...]) -> Resource:
        change = Change("update", wanted.type, wanted.name, fields)
        wanted.identifier = known.identifier
        if self._preview:
            unknown = set(wanted.inputs) - set(_known_only(wanted.inputs))
            outputs = {**known.outputs, **_known_only(wanted.inputs)}
            wanted.outputs = {name: value for name, value in outputs.items() if name not in unknown}
            return self._show(wanted, change)
        outputs = self._cloud.update(known, wanted)
        wanted.outputs = {**known.outputs, **wanted.inputs, **outputs}
        return self._keep(wanted, change)

    def _take_away(self, resource: Resource) -> None:
        if resource.is_real:
            self._note(Change("forget" if resource.retain else "delete", resource.type, resource.name))
            if not resource.retain and not self._preview:
                self._cloud.delete(resource)
        if not self._preview and self._state.resources.get(resource.urn) is resource:
            del self._state.resources[resource.urn]

    def _keep(self, resource: Resource, change: Change | None = None) -> Resource:
        with self._lock:
            self._state.resources[resource.urn] = resource
        return self._show(resource, change)

    def _show(self, resource: Resource, change: Change | None = None) -> Resource:
        if change is not None:
            self._note(change)
        return resource

    def _note(self, change: Change) -> None:
        with self._lock:
            self.changes.append(change)
        self._on_change(change)

    def _provider_inputs(self, reference: str) -> Mapping[str, Any]:
        """The inputs of an explicit provider; a reference is its URN, two colons and its ID."""
        urn = reference.rpartition("::")[0]
        if not urn:
            return {}
        if urn in self.resources:
            return dict(self.resources[urn].state)
        return self._state.resources[urn].inputs


def _wanted(urn: str, request: Any) -> Resource:  # noqa: ANN401 - a protobuf message
    inputs = rpc.deserialize_properties(request.object, True)  # noqa: FBT003 - Pulumi's own: keep unknown values
    return Resource(
        urn=urn,
        type=request.type,
        name=request.name,
        custom=bool(request.custom),
        inputs=dict(inputs),
        protect=bool(request.protect),
        retain=bool(request.retainOnDelete),
        provider=request.provider,
        depends_on=frozenset({*request.dependencies, *([request.parent] if request.parent else [])}),
    )


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The inputs that are not what they were; one that is not known yet may be."""
    names = sorted({*before, *after})
    return tuple(name for name in names if _has_unknown(after.get(name)) or before.get(name) != after.get(name))


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
