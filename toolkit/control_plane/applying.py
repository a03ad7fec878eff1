"""Apply documents: compare them with the control plane, plan the writes in order, and execute them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from toolkit.control_plane.applicability import (
    list_identity_problems,
    list_origin_problems,
    list_product_problems,
    list_reference_problems,
    list_remarks,
)
from toolkit.control_plane.client import (
    READ_PAUSES,
    ControlPlane,
    ControlPlaneError,
    RefusedDocumentError,
    Written,
)
from toolkit.control_plane.write_order import Step, Write, order_writes
from toolkit.errors import ExternalError, InterruptedByUserError, InvalidInputError, ToolkitError
from toolkit.mesh.documents.differences import are_same, find_differences
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.control_plane.resources import Resource
    from toolkit.control_plane.responses import Index

_NOT_FOUND = 404
_AGAIN = "The same command finishes the job: it writes only what still differs."
_AFTER_A_FIX = "Once that is fixed, the same command finishes the job: it writes only what still differs."
_AFTER_A_CHANGE = "Correct the document and run the command again: it writes only what still differs."


@dataclass(frozen=True)
class Plan:
    """The plan to apply documents.

    Attributes:
        index: the control plane's index.
        steps: one for each document, mesh by mesh.
        writes: the requests, in order.
        remarks: warnings on changes that the control plane accepts.
    """

    index: Index
    steps: tuple[Step, ...]
    writes: tuple[Write, ...]
    remarks: tuple[str, ...] = ()


def plan(control_plane: ControlPlane, resources: Sequence[Resource]) -> Plan:
    """Read the current resources and plan the writes, without writing anything.

    Raises:
        InvalidInputError: a document is not valid for this control plane. The error lists every problem.
        ExternalError: the control plane can't be reached, or returned an error.
    """
    index = control_plane.get_index()
    problems = list_product_problems(index, resources)
    problems += list_origin_problems(control_plane, resources)
    steps: list[Step] = []
    writes: list[Write] = []
    remarks: list[str] = []
    for name in dict.fromkeys(resource.key.mesh for resource in resources):
        there = control_plane.get_mesh(name)
        ours = [resource for resource in resources if resource.key.mesh == name]
        mesh = next((resource for resource in ours if resource.key.kind == "Mesh"), None)
        others = [resource for resource in ours if resource is not mesh]
        if there is None and mesh is None:
            problems += [
                other.build_problem("mesh", f"mesh {name} does not exist, and no document creates it")
                for other in others
            ]
            continue
        planned = [
            Step(other, _read(control_plane, index, other) if there is not None else None, index.may_know_more)
            for other in others
        ]
        if mesh is not None:
            planned.insert(0, Step(mesh, there, index.may_know_more))
            problems += list_reference_problems(control_plane, planned[0], {other.key for other in others})
        problems += list_identity_problems(index, planned)
        remarks += list_remarks(index, there, planned)
        steps += planned
        writes += order_writes(planned)
    if problems:
        raise InvalidInputError("the documents can't be applied to this control plane; nothing was written", problems)
    return Plan(index, tuple(steps), tuple(writes), tuple(remarks))


def _read(control_plane: ControlPlane, index: Index, resource: Resource) -> Object | None:
    """Return a resource from the control plane; None if it does not exist."""
    try:
        return control_plane.get(resource.key)
    except ControlPlaneError as error:
        # A path that the API does not have. A resource that does not exist has another 404.
        if error.status == _NOT_FOUND and resource.key.kind in SCOPED_KINDS:
            raise ExternalError(
                f"{index} at {control_plane.url} has no resources of the kind {resource.key.kind}",
                "Use a version that has them: toolkit apply supports those of 2.14. Nothing was written.",
            ) from error
        raise


def execute(
    plan: Plan,
    control_plane: ControlPlane,
    on_write: Callable[[Write, Written], None] = lambda _write, _written: None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Execute a plan's writes, then read everything back and compare it.

    Each resource is read again before it is written. If it changed since the plan was made, the execution stops.

    Each error lists what was written and what was not.

    Args:
        plan: from :func:`plan`.
        control_plane: the client.
        on_write: is called with each write and its result.
        pause: waits before a retry.

    Raises:
        InvalidInputError: the control plane rejected a document. The error lists every problem by document and path.
        ExternalError: the control plane can't be reached or returned an error, a resource changed in the meantime, or
            the control plane has other values than were written.
        InterruptedByUserError: the user stopped it (KeyboardInterrupt).
    """
    run = _Run(plan, control_plane, on_write, pause)
    try:
        for write in plan.writes:
            run.write(write)
        if plan.writes:
            run.check()
    except KeyboardInterrupt:
        raise run.with_progress(InterruptedByUserError("interrupted"), _AGAIN) from None
    except InvalidInputError as error:
        raise run.with_progress(error, _AFTER_A_CHANGE) from error.__cause__
    except ControlPlaneError as error:
        raise run.with_progress(error, _AGAIN if error.is_temporary else _AFTER_A_FIX) from error.__cause__
    except ToolkitError as error:
        raise run.with_progress(error, "") from error.__cause__


class _Run:
    """One execution and its progress."""

    def __init__(
        self,
        plan: Plan,
        control_plane: ControlPlane,
        on_write: Callable[[Write, Written], None],
        pause: Callable[[float], None],
    ) -> None:
        self._plan, self._control_plane = plan, control_plane
        self._on_write, self._pause = on_write, pause
        # Each resource as it was last read or written.
        self._seen = {step.resource.key: step.current for step in plan.steps}
        self._done = 0
        self._unsure = False
        self._same = partial(are_same, heed_unknown=plan.index.may_know_more)

    def write(self, write: Write) -> None:
        """Make one write. After a temporary failure, read the resource again and retry once."""
        key = write.resource.key
        written = self._attempt(write, tries_left=1)
        self._done += 1
        self._unsure = False
        self._on_write(write, written)
        # A Mesh that is written twice is read again, because the control plane adds defaults in the first write.
        self._seen[key] = write.body if write.is_whole else self._control_plane.get(key)

    def _attempt(self, write: Write, tries_left: int) -> Written:
        key, before = write.resource.key, self._seen[write.resource.key]
        now = self._control_plane.get(key)
        # Another user may have applied the same documents at the same time.
        if self._same(write.body, now) or self._same(write.resource.document, now):
            return Written(created=before is None)
        if (now is None) != (before is None) or (now is not None and not self._same(now, before)):
            raise ExternalError(
                f"{key} was changed by someone else after the changes were shown",
                "Check their change, then run the same command again.",
            )
        self._unsure = True
        try:
            return self._control_plane.put(key, write.body)
        except RefusedDocumentError as error:
            self._unsure = False
            problems = [write.resource.build_problem(problem.path, problem.message) for problem in error.problems]
            raise RefusedDocumentError(error.message, problems, error.hint) from error
        except ControlPlaneError as error:
            self._unsure = error.unsure
            if not (error.passing and tries_left):
                raise
        self._pause(READ_PAUSES[0])
        return self._attempt(write, tries_left - 1)

    def check(self) -> None:
        """Read everything back and compare it with the documents.

        Raises:
            ExternalError: the control plane has other values than were written.
        """
        differing: list[str] = []
        for step in self._plan.steps:
            key, now = step.resource.key, self._control_plane.get(step.resource.key)
            if now is None:
                differing.append(f"{key}: does not exist")
            else:
                places = find_differences(step.resource.document, now, heed_unknown=step.heed_unknown)
                differing += [f"{key}: {place}" for place in places]
        if differing:
            raise ExternalError(
                f"the control plane has other values than were written: {'; '.join(differing)}",
                "Someone else has changed it since, or this control plane does not know a field and dropped it.",
            )

    def with_progress(self, error: ToolkitError, advice: str) -> ToolkitError:
        """Return the error with the lists of what was written and what was not, and with advice."""
        done, rest = self._plan.writes[: self._done], self._plan.writes[self._done :]
        unsure, rest = (rest[:1], rest[1:]) if self._unsure else ((), rest)
        if not done and not unsure:
            error.details = ("Nothing was written.",)
            return error
        lists = {"Written": done, "May have been written": unsure, "Not written": rest}
        lines = [f"{title}: {'; '.join(map(str, writes))}." for title, writes in lists.items() if writes]
        error.details = (*lines, *([advice] if advice else []))
        return error
