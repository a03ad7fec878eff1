"""Applying Meshes and Secrets: what is there, what is wanted, what has to be written in which order, and writing it.

A Secret of a mesh that does not exist is refused, and so is a Mesh whose backends name Secrets that do not exist
(kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go, kumahq/kuma:pkg/core/rest/errors/error_handler.go). So a
new mesh is written twice: without its mTLS, then, after its Secrets, as it is wanted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from toolkit.control_plane.client import (
    READ_PAUSES,
    ControlPlane,
    ControlPlaneError,
    Index,
    RefusedDocumentError,
    Written,
)
from toolkit.errors import InterruptedByUserError, InvalidInputError, Problem, SurroundingsError, ToolkitError
from toolkit.mesh.documents.differences import diff, differences, lost, same
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolkit.control_plane.resources import Key, Resource

_AGAIN = "The same command finishes the job: it writes only what still differs."
_FORBIDDEN = 403
# Mesh.mtls is gone in 3.0 (Kong/developer.konghq.com:app/assets/mesh/raw/UPGRADE.md).
_WITHOUT_MTLS = 3
# Kong Mesh's own backends (Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md and its neighbours).
_OPEN_SOURCE = "Kuma"
_OF_KONG_MESH = frozenset({"acmpca", "vault", "certmanager"})


class Change(Enum):
    """What applying a document does to the control plane."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Step:
    """One document and what is there in its place.

    Attributes:
        resource: the document.
        current: what the control plane has; None when it has nothing.
    """

    resource: Resource
    current: dict[str, Any] | None

    @property
    def change(self) -> Change:
        """What applying it does."""
        if self.current is None:
            return Change.CREATED
        return Change.UNCHANGED if same(self.resource.document, self.current) else Change.CHANGED

    def diff(self) -> list[str]:
        """A unified diff of YAML that shows no secret value."""
        return diff(self.resource.document, self.current, self.resource.source)

    def lost(self) -> list[str]:
        """The sections and backends of a Mesh that the control plane has and the document has not."""
        return lost(self.resource.document, self.current)


@dataclass(frozen=True)
class Write:
    """One request that changes something.

    Attributes:
        resource: the document that it is for.
        body: what is written: the document, or a new Mesh without its mTLS.
    """

    resource: Resource
    body: dict[str, Any] = field(repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether the document is applied with it."""
        return self.body is self.resource.document

    def __str__(self) -> str:
        return f"{self.resource.key}" + ("" if self.is_whole else ", without its mTLS until its Secrets are there")


@dataclass(frozen=True)
class Plan:
    """What applying the documents takes.

    Attributes:
        index: the control plane that it is for.
        steps: one a document, mesh by mesh.
        writes: the requests, in their order.
    """

    index: Index
    steps: tuple[Step, ...]
    writes: tuple[Write, ...]

    def count(self, change: Change) -> int:
        """How many documents do that."""
        return sum(step.change is change for step in self.steps)


def plan(control_plane: ControlPlane, resources: Sequence[Resource]) -> Plan:
    """Read what is there and work out what has to be written. Nothing is.

    Raises:
        InvalidInputError: a document can't work on this control plane; every problem is named.
        SurroundingsError: the control plane can't be asked, or refuses.
    """
    index = control_plane.index()
    problems = _product_problems(index, resources)
    steps: list[Step] = []
    writes: list[Write] = []
    for name in dict.fromkeys(resource.key.mesh for resource in resources):
        there = control_plane.mesh(name)
        ours = [resource for resource in resources if resource.key.mesh == name]
        mesh = next((resource for resource in ours if resource.key.kind == "Mesh"), None)
        secrets = [resource for resource in ours if resource.key.kind == "Secret"]
        if there is None and mesh is None:
            problems += [secret.problem("mesh", f"there is no mesh {name}, nor a document of it") for secret in secrets]
            continue
        found = [Step(secret, control_plane.get(secret.key) if there is not None else None) for secret in secrets]
        if mesh is not None:
            found.insert(0, Step(mesh, there))
            problems += _reference_problems(control_plane, found[0], {secret.key for secret in secrets})
        steps += found
        writes += _writes(found)
    if problems:
        raise InvalidInputError("the documents can't be applied to this control plane; nothing was written", problems)
    return Plan(index, tuple(steps), tuple(writes))


def _writes(steps: Sequence[Step]) -> Iterator[Write]:
    """The requests for one mesh."""
    needed = [step for step in steps if step.change is not Change.UNCHANGED]
    secrets = [step.resource for step in needed if step.resource.key.kind == "Secret"]
    mesh = next((step for step in needed if step.resource.key.kind == "Mesh"), None)
    if mesh is not None and mesh.current is None and secrets:
        document = mesh.resource.document
        without = {name: value for name, value in document.items() if name != "mtls"}
        has_mtls = bool(mapping(document.get("mtls")))
        yield Write(mesh.resource, without if has_mtls else document)
        if not has_mtls:
            mesh = None
    yield from (Write(secret, secret.document) for secret in secrets)
    if mesh is not None:
        yield Write(mesh.resource, mesh.resource.document)


def _product_problems(index: Index, resources: Sequence[Resource]) -> list[Problem]:
    """What this product would refuse, or drop without a word, in the last of several writes."""
    with_mtls = [resource for resource in resources if mapping(resource.document.get("mtls"))]
    if with_mtls and index.major is not None and index.major >= _WITHOUT_MTLS:
        raise SurroundingsError(
            f"{index} has no mTLS in a Mesh any more: it would drop mtls of {with_mtls[0].key} without an error, and "
            "proxies would get no certificates",
            "From 3.0 on, MeshIdentity takes its place; nothing was written.",
        )
    if index.product != _OPEN_SOURCE:
        return []
    return [
        resource.problem(f"{path}.type", f"{backend['type']} is a backend of Kong Mesh, and this is {index}")
        for resource in with_mtls
        for path, backend in resource.backends()
        if backend.get("type") in _OF_KONG_MESH
    ]


def _reference_problems(control_plane: ControlPlane, step: Step, given: set[Key]) -> list[Problem]:
    """The Secrets that a Mesh names and that nobody has."""
    mesh = step.resource
    if step.change is Change.UNCHANGED or mapping(mesh.document.get("mtls")).get("skipValidation") is True:
        return []
    return [
        mesh.problem(path, f"names {key.name}, which is neither among the documents nor on the control plane")
        for path, key in mesh.secrets_named()
        if key not in given and not _may_exist(control_plane, step, key)
    ]


def _may_exist(control_plane: ControlPlane, step: Step, key: Key) -> bool:
    if step.current is None:
        return False
    try:
        return control_plane.get(key) is not None
    except ControlPlaneError as error:
        # Who may change the Mesh need not be allowed to see its Secrets; the control plane looks itself.
        if error.status == _FORBIDDEN:
            return True
        raise


def execute(
    plan: Plan,
    control_plane: ControlPlane,
    on_write: Callable[[Write, Written], None] = lambda _write, _written: None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Write what the plan says, then read everything back and compare.

    Before each write the resource is read again, and nothing is written over what the plan has not seen.

    Args:
        plan: what to do.
        control_plane: where.
        on_write: is told of each write when it has been made.
        pause: waits before a second try.

    Raises:
        InvalidInputError: the control plane finds a document not valid; every problem is named by document and path.
        SurroundingsError: it can't be asked, or refuses; or has something else in the end than was written.
        InterruptedByUserError: the user stopped it (KeyboardInterrupt).
            Each of them says what was written and what was not.
    """
    run = _Run(plan, control_plane, on_write, pause)
    try:
        for write in plan.writes:
            run.write(write)
        if plan.writes:
            run.check()
    except KeyboardInterrupt:
        raise run.so_far(InterruptedByUserError("interrupted")) from None
    except ToolkitError as error:
        raise run.so_far(error) from error


class _Run:
    """One execution, and how far it has come."""

    def __init__(
        self,
        plan: Plan,
        control_plane: ControlPlane,
        on_write: Callable[[Write, Written], None],
        pause: Callable[[float], None],
    ) -> None:
        self._plan, self._control_plane = plan, control_plane
        self._on_write, self._pause = on_write, pause
        # What each resource was when it was last looked at.
        self._seen = {step.resource.key: step.current for step in plan.steps}
        self._done = 0
        self._unsure = False

    def write(self, write: Write) -> None:
        """Make one write, once; a passing failure is followed by a look at what is there, and one more try."""
        key = write.resource.key
        written = self._attempt(write, tries_left=1)
        self._done += 1
        self._unsure = False
        self._on_write(write, written)
        # A Mesh that is written twice is compared with what the first write made of it, its defaults included.
        self._seen[key] = write.body if write.is_whole else self._control_plane.get(key)

    def _attempt(self, write: Write, tries_left: int) -> Written:
        key, before = write.resource.key, self._seen[write.resource.key]
        now = self._control_plane.get(key)
        if same(write.body, now):
            return Written(created=before is None)
        if (now is None) != (before is None) or (now is not None and not same(now, before)):
            raise SurroundingsError(
                f"{key} is no longer what it was when the changes were shown: someone else has changed it",
                "See what they did, then run the same command again.",
            )
        self._unsure = True
        try:
            return self._control_plane.put(key, write.body)
        except RefusedDocumentError as error:
            self._unsure = False
            problems = [write.resource.problem(problem.path, problem.message) for problem in error.problems]
            raise RefusedDocumentError(error.message, problems, error.hint) from error
        except ControlPlaneError as error:
            self._unsure = error.unsure
            if not (error.passing and tries_left):
                raise
        self._pause(READ_PAUSES[0])
        return self._attempt(write, tries_left - 1)

    def check(self) -> None:
        """Nothing half-applied goes unnoticed: read everything back."""
        found: list[str] = []
        for step in self._plan.steps:
            key, now = step.resource.key, self._control_plane.get(step.resource.key)
            if now is None:
                found.append(f"{key}: is not there")
            else:
                found += [f"{key}: {place}" for place in differences(step.resource.document, now)]
        if found:
            raise SurroundingsError(
                f"what the control plane has now is not what was written: {'; '.join(found)}",
                "Someone else has changed it since, or this control plane does not know a field and dropped it.",
            )

    def so_far(self, error: ToolkitError) -> ToolkitError:
        """The error, and what was written and what was not yet."""
        done, rest = self._plan.writes[: self._done], self._plan.writes[self._done :]
        if not done and not self._unsure:
            return _with_progress(error, ["Nothing was written."])
        lines = [f"Written: {'; '.join(map(str, done))}."] if done else []
        if self._unsure and rest:
            lines.append(f"May have been written: {rest[0]}.")
            rest = rest[1:]
        if rest:
            lines.append(f"Not written: {'; '.join(map(str, rest))}.")
        return _with_progress(error, [*lines, _AGAIN])


class _HalfwayError(ToolkitError):
    """An error that also says how far the writes had come."""

    progress: Sequence[str] = ()

    def lines(self) -> list[str]:
        """The error's own lines, the progress before the hint."""
        lines = super().lines()
        place = len(lines) - bool(self.hint)
        return [*lines[:place], *self.progress, *lines[place:]]


class HalfwayInputError(_HalfwayError, InvalidInputError):
    """A document turned out not to be valid while the plan was carried out."""


class HalfwaySurroundingsError(_HalfwayError, SurroundingsError):
    """Something around the toolkit failed while the plan was carried out."""


class HalfwayInterruptedError(_HalfwayError, InterruptedByUserError):
    """The user stopped while the plan was carried out."""


def _with_progress(error: ToolkitError, progress: list[str]) -> ToolkitError:
    made: _HalfwayError
    if isinstance(error, InvalidInputError):
        made = HalfwayInputError(error.message, error.problems, error.hint)
    elif isinstance(error, InterruptedByUserError):
        made = HalfwayInterruptedError(error.message, error.hint)
    else:
        made = HalfwaySurroundingsError(error.message, error.hint)
    made.progress = progress
    return made
