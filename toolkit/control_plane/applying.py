"""Apply Meshes and Secrets: compare them with the control plane, plan the writes in order, and execute them.

A control plane rejects a Secret of a mesh that does not exist, and a Mesh whose backends name Secrets that do not
exist (kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go, kumahq/kuma:pkg/core/rest/errors/error_handler.go).
So a new mesh is written twice: before its Secrets without ``mtls``, and after them in full. Zone egress needs
``mtls.enabledBackend``, so it is part of the second write too
(kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateZoneEgress).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from toolkit.control_plane.client import (
    READ_PAUSES,
    ControlPlane,
    ControlPlaneError,
    Index,
    RefusedDocumentError,
    Written,
)
from toolkit.errors import ExternalError, InterruptedByUserError, InvalidInputError, Problem, ToolkitError
from toolkit.mesh.documents.differences import are_same, find_differences, find_lost, find_unknown, write_diff
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolkit.control_plane.resources import Key, Resource
    from toolkit.values import Object

_FORBIDDEN = 403
_AGAIN = "The same command finishes the job: it writes only what still differs."
_AFTER_A_FIX = "Once that is fixed, the same command finishes the job: it writes only what still differs."
_AFTER_A_CHANGE = "Correct the document and run the command again: it writes only what still differs."
# Version 3.0 removes Mesh.mtls (Kong/developer.konghq.com:app/assets/mesh/raw/UPGRADE.md).
_WITHOUT_MTLS = 3
# Kong Mesh's own backends (Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md and its neighbours).
_OPEN_SOURCE = "Kuma"
_OF_KONG_MESH = frozenset({"acmpca", "vault", "certmanager"})


class Change(Enum):
    """The effect of applying a document."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Step:
    """One document and its current state on the control plane.

    Attributes:
        resource: the document.
        current: the resource on the control plane; None if it does not exist.
        heed_unknown: whether to compare fields that Kuma 2.14 does not have, because the control plane may have them.
    """

    resource: Resource
    current: Object | None
    heed_unknown: bool = False

    @property
    def change(self) -> Change:
        """Return the effect of applying the document."""
        if self.current is None:
            return Change.CREATED
        is_same = are_same(self.resource.document, self.current, heed_unknown=self.heed_unknown)
        return Change.UNCHANGED if is_same else Change.CHANGED

    def diff(self) -> list[str]:
        """Return the lines of a unified diff of YAML, without secret values."""
        return write_diff(self.resource.document, self.current, self.resource.source, heed_unknown=self.heed_unknown)

    def list_lost(self) -> list[str]:
        """Return the sections and backends of a Mesh that applying the document removes from the control plane."""
        return find_lost(self.resource.document, self.current)

    def list_dropped(self) -> list[str]:
        """Return the paths of fields that this control plane does not know and would drop."""
        return [] if self.heed_unknown else find_unknown(self.resource.document, self.current)


@dataclass(frozen=True)
class Write:
    """One write request.

    Attributes:
        resource: the document.
        body: the request's body: the document, or a new Mesh without the fields that need its Secrets.
    """

    resource: Resource
    body: Object = field(repr=False)

    @property
    def is_whole(self) -> bool:
        """Return whether the request writes the whole document."""
        return self.body is self.resource.document

    def __str__(self) -> str:
        if self.is_whole:
            return str(self.resource.key)
        held_back = "its mTLS" + (" and zone egress" if _has_zone_egress(self.resource.document) else "")
        return f"{self.resource.key}, without {held_back} until its Secrets are there"


@dataclass(frozen=True)
class Outcome:
    """The result of one write, for the user.

    Attributes:
        write: the request.
        change: whether it created or changed the resource.
        warnings: the control plane's warnings on the document.
    """

    write: Write
    change: Change
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.change.value} {self.write}"


@dataclass(frozen=True)
class Plan:
    """The plan to apply documents.

    Attributes:
        index: the control plane's index.
        steps: one for each document, mesh by mesh.
        writes: the requests, in order.
    """

    index: Index
    steps: tuple[Step, ...]
    writes: tuple[Write, ...]

    def count(self, change: Change) -> int:
        """Return the number of documents with this effect."""
        return sum(step.change is change for step in self.steps)


def plan(control_plane: ControlPlane, resources: Sequence[Resource]) -> Plan:
    """Read the current resources and plan the writes, without writing anything.

    Raises:
        InvalidInputError: a document is not valid for this control plane. The error lists every problem.
        ExternalError: the control plane can't be reached, or returned an error.
    """
    index = control_plane.get_index()
    problems = _product_problems(index, resources)
    steps: list[Step] = []
    writes: list[Write] = []
    for name in dict.fromkeys(resource.key.mesh for resource in resources):
        there = control_plane.get_mesh(name)
        ours = [resource for resource in resources if resource.key.mesh == name]
        mesh = next((resource for resource in ours if resource.key.kind == "Mesh"), None)
        secrets = [resource for resource in ours if resource.key.kind == "Secret"]
        if there is None and mesh is None:
            problems += [
                secret.build_problem("mesh", f"there is no mesh {name}, nor a document of it") for secret in secrets
            ]
            continue
        planned = [
            Step(secret, control_plane.get(secret.key) if there is not None else None, index.may_know_more)
            for secret in secrets
        ]
        if mesh is not None:
            planned.insert(0, Step(mesh, there, index.may_know_more))
            problems += _reference_problems(control_plane, planned[0], {secret.key for secret in secrets})
        steps += planned
        writes += _writes(planned)
    if problems:
        raise InvalidInputError("the documents can't be applied to this control plane; nothing was written", problems)
    return Plan(index, tuple(steps), tuple(writes))


def _writes(steps: Sequence[Step]) -> Iterator[Write]:
    """Yield the requests for one mesh."""
    needed = [step for step in steps if step.change is not Change.UNCHANGED]
    secrets = [step.resource for step in needed if step.resource.key.kind == "Secret"]
    mesh = next((step for step in needed if step.resource.key.kind == "Mesh"), None)
    if mesh is not None and mesh.current is None and secrets:
        document = mesh.resource.document
        has_mtls = bool(mapping(document.get("mtls")))
        yield Write(mesh.resource, _without_mtls(document) if has_mtls else document)
        if not has_mtls:
            mesh = None
    yield from (Write(secret, secret.document) for secret in secrets)
    if mesh is not None:
        yield Write(mesh.resource, mesh.resource.document)


def _without_mtls(document: Object) -> Object:
    """Return a Mesh without mTLS and zone egress, which needs mTLS."""
    made = {name: value for name, value in document.items() if name != "mtls"}
    if _has_zone_egress(document):
        made["routing"] = {name: value for name, value in document["routing"].items() if name != "zoneEgress"}
    return made


def _has_zone_egress(document: Object) -> bool:
    return mapping(document.get("routing")).get("zoneEgress") is True


def _product_problems(index: Index, resources: Sequence[Resource]) -> list[Problem]:
    """Return the problems that this product and version would reject, or drop silently, in the last write only."""
    with_mtls = [resource for resource in resources if mapping(resource.document.get("mtls"))]
    if with_mtls and index.major is not None and index.major >= _WITHOUT_MTLS:
        raise ExternalError(
            f"{index} has no mTLS in a Mesh any more: it would drop mtls of {with_mtls[0].key} without an error, and "
            "proxies would get no certificates",
            "From 3.0 on, MeshIdentity takes its place; nothing was written.",
        )
    problems = [
        resource.build_problem("routing.zoneEgress", "needs mTLS: set mtls.enabledBackend")
        for resource in resources
        if _has_zone_egress(resource.document)
        and not mapping(resource.document.get("mtls")).get("enabledBackend")
        and not (index.major is not None and index.major >= _WITHOUT_MTLS)
    ]
    if index.product != _OPEN_SOURCE:
        return problems
    return problems + [
        resource.build_problem(f"{path}.type", f"{backend['type']} is a backend of Kong Mesh, and this is {index}")
        for resource in with_mtls
        for path, backend in resource.list_backends()
        if backend.get("type") in _OF_KONG_MESH
    ]


def _reference_problems(control_plane: ControlPlane, step: Step, given: set[Key]) -> list[Problem]:
    """Return a problem for each Secret that a Mesh names but that is neither applied nor on the control plane."""
    mesh = step.resource
    if step.change is Change.UNCHANGED or mapping(mesh.document.get("mtls")).get("skipValidation") is True:
        return []
    return [
        mesh.build_problem(path, f"names {key.name}, which is neither among the documents nor on the control plane")
        for path, key in mesh.list_secrets_named()
        if key not in given and not _may_exist(control_plane, step, key)
    ]


def _may_exist(control_plane: ControlPlane, step: Step, key: Key) -> bool:
    if step.current is None:
        return False
    try:
        return control_plane.get(key) is not None
    except ControlPlaneError as error:
        # A user may be allowed to change the Mesh but not to read Secrets. The control plane checks them anyway.
        if error.status == _FORBIDDEN:
            return True
        raise


def execute(
    plan: Plan,
    control_plane: ControlPlane,
    on_write: Callable[[Outcome], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Execute a plan's writes, then read everything back and compare it.

    Each resource is read again before it is written. If it changed since the plan was made, the execution stops.

    Each error lists what was written and what was not.

    Args:
        plan: from :func:`plan`.
        control_plane: the client.
        on_write: is called with the outcome of each write.
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
        on_write: Callable[[Outcome], None],
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
        change = Change.CREATED if written.created else Change.CHANGED
        self._on_write(Outcome(write, change, written.warnings))
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
                f"{key} is no longer what it was when the changes were shown: someone else has changed it",
                "See what they did, then run the same command again.",
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
                differing.append(f"{key}: is not there")
            else:
                places = find_differences(step.resource.document, now, heed_unknown=step.heed_unknown)
                differing += [f"{key}: {place}" for place in places]
        if differing:
            raise ExternalError(
                f"what the control plane has now is not what was written: {'; '.join(differing)}",
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
