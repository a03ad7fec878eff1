"""``toolkit rotate --to mesh-identity``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from toolkit.cli.documents import CONTROL_PLANE, Base, note_list, show_diff
from toolkit.cli.mesh_options import IdentityChoices, refuse_old_version, refuse_public
from toolkit.cli.options import note, read_texts
from toolkit.cli.rotation_plan import (
    Commands,
    Plan,
    PlannedStep,
    Request,
    name_file,
    print_step,
    refuse_step,
)
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.control_plane.client import ControlPlane
    from toolkit.mesh.rotate.identity_move import Given, IdentityMove
    from toolkit.mesh.rotate.obstacles import Obstacle

# The value of --to.
MESH_IDENTITY = "mesh-identity"
_OF_A_MOVE = (*IdentityChoices._fields, "filenames", "old_chain")
# Options of a rotation that also apply to a MeshIdentity.
_SHARED = ("expiration", "namespace")
_GIVEN = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)
# The stage with the documents for `toolkit verify`.
_PROVABLE = "trust"
# The stages with a MeshIdentity, whose conditions must be true before the next stage.
_WAITING = ("publish", "trust", "switch")


def refuse_identity_options(ctx: click.Context) -> None:
    """Reject options of a MeshIdentity without ``--to mesh-identity``, because they have no effect."""
    _refuse_given(ctx, _OF_A_MOVE, f"needs --to {MESH_IDENTITY}")


def run(request: Request, given: Given, identity: IdentityChoices, chosen: Object) -> None:
    """Print the plan of the move or one of its stages, or write everything to a directory.

    Args:
        request: what to print.
        given: the mesh and its documents.
        identity: the options of the MeshIdentity.
        chosen: further parameters of the command.
    """
    from toolkit.mesh.render.building import require_mesh
    from toolkit.mesh.rotate.identity_move import plan_move_to_identity

    mesh = given.read()
    options = identity.to_options(mesh.form, chosen["expiration"], chosen["namespace"])
    outputs = request.source.load()
    require_mesh(outputs, mesh.name)
    move = plan_move_to_identity(given, outputs, options)
    for text in move.notes:
        note(text)
    note_list(mesh)
    if request.step is None:
        _plan(move, request).write()
    else:
        _print_step(request, move, request.step)


def refuse_other_options(ctx: click.Context, chosen: Object) -> None:
    """Reject options of a rotation that have no effect with ``--to mesh-identity``."""
    others = [name for name in chosen if name not in _SHARED]
    _refuse_given(ctx, (*others, "leave", "product"), f"has no effect with --to {MESH_IDENTITY}")


def _refuse_given(ctx: click.Context, names: Sequence[str], why: str) -> None:
    for parameter in ctx.command.params:
        if parameter.name in names and ctx.get_parameter_source(parameter.name) in _GIVEN:
            raise click.UsageError(f"{max(parameter.opts, key=len)} {why}")


def read_given(moving: Base, mesh: str | None, filenames: tuple[str, ...], old_chain: str | None) -> Given:
    """Return the mesh with its other documents, from files and the control plane.

    Args:
        moving: the mesh.
        mesh: its name; None for the only one.
        filenames: files with documents.
        old_chain: file with a chain.
    """
    from toolkit.files import read_text
    from toolkit.mesh.documents import reader
    from toolkit.mesh.rotate.identity_move import Given

    if moving.version is not None:
        upgrade = "Upgrade all control planes to 2.14 first, which has both mtls and MeshIdentity."
        refuse_old_version(moving.version, upgrade)
    texts = read_texts(filenames)
    if moving.control_plane is not None:
        texts.append(("the control plane", _list_documents(mesh or "", moving.control_plane)))
    chain = None if old_chain is None else read_text(old_chain)
    first = moving.meshes[0]
    return Given(first.editor.text, first.document.source, mesh, reader.read(texts), chain)


def _list_documents(mesh: str, control_plane: ControlPlane) -> str:
    """Return the resources of a mesh on the control plane as a YAML stream, without the Mesh and Secrets.

    Raises:
        ExternalError: the control plane can't be reached or returned an error.
    """
    from toolkit.mesh.schema.scoped import SCOPED_KINDS

    found = [document for kind in (*SCOPED_KINDS, "Dataplane") for document in control_plane.list_resources(kind, mesh)]
    return "".join(f"---\n{_write_as_yaml(document)}\n" for document in found)


def _write_as_yaml(document: Object) -> str:
    """Return a document as JSON that is also YAML, and so has no surrogate pairs."""
    text = json.dumps(document, ensure_ascii=False)
    return re.sub(r"[^ -~]", lambda found: f"\\U{ord(found[0]):08x}", text)


def _plan(move: IdentityMove, request: Request) -> Plan:
    names = move.names
    commands = Commands(names.form, names.mesh, request)
    heading = [f"Mesh {names.mesh}: from Mesh.mtls to MeshIdentity {names.issuer}, in {len(move.steps)} stages"]
    heading += ["Experimental: Kong has not released documentation of the extension acmpca.", ""]
    if move.obstacles:
        title = "Decide first" if any(each.before for each in move.obstacles) else "Good to know"
        heading += [title, *(f"   {line}" for each in move.obstacles for line in _describe(each)), ""]
    facts = {
        "to": MESH_IDENTITY,
        "meshIdentity": names.issuer,
        "form": names.form,
        "experimental": True,
        "notes": list(move.notes),
        "decisions": [
            {"before": each.before, "place": each.place, "message": each.message, "fix": each.fix}
            for each in move.obstacles
        ],
    }
    steps = []
    for step in move.steps:
        file = name_file(step)
        # With --zone-control-plane for each zone, it also waits for the conditions.
        apply = commands.apply(step, [file], *(["--wait"] if step.name in _WAITING else []))
        verify = commands.verify(step, [file]) if step.name == _PROVABLE else ""
        steps.append(PlannedStep(step, apply, verify, {"ready": not move.list_blocking(step.number)}))
    return Plan(move, commands, heading, facts, steps)


def _describe(obstacle: Obstacle) -> Iterator[str]:
    when = f"before stage {obstacle.before}" if obstacle.before else "to know"
    yield f"{when}: {obstacle}"
    yield f"{' ' * len(when)}  {obstacle.fix}"


def _print_step(request: Request, move: IdentityMove, number: int) -> None:
    step = move.steps[number - 1]
    blocking = move.list_blocking(number)
    if blocking and not request.force and not step.is_done:
        decisions = [line for each in blocking for line in (str(each), f"  {each.fix}")]
        problem = f"stage {number} ({step.name}) needs a decision"
        refuse_step(problem, *decisions, hint="--force prints the documents anyway.")
    if request.diff:
        if move.is_confidential:
            refuse_public()
        show_diff(move.earlier[number - 1], step.text, (f"before stage {number}", f"after stage {number}"))
        return
    _require_earlier(request, move, number)
    # Only the stages with the Mesh can contain its credentials.
    is_secret = move.is_confidential and step.name in ("prepare", "finish")
    print_step(request, step, step.text, is_secret=is_secret, is_private=is_secret)


def _require_earlier(request: Request, move: IdentityMove, number: int) -> None:
    """Exit with 1 if the stage before has not been applied.

    A control plane shows that. A file may be older than the mesh, so there it is a note, except for the last stage:
    without the MeshIdentity, a Mesh without ``mtls`` means plaintext.
    """
    step, earlier = move.steps[number - 1], move.steps[number - 2]
    if number == 1 or earlier.is_done or step.is_done or request.force:
        return
    if request.base != CONTROL_PLANE and number < len(move.steps):
        note(f"stage {earlier.number} is not in the input: apply this one only when the mesh is past its waits")
        return
    danger = "traffic would be plaintext" if number == len(move.steps) else "the order keeps proxies connected"
    refuse_step(
        f"stage {number} ({step.name}) comes after stage {earlier.number}: {danger}",
        hint=f"Apply stage {earlier.number} first. If it is applied, give the mesh's MeshIdentities with -f; --force "
        "prints the documents anyway.",
    )
