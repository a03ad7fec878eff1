"""``toolkit rotate --to mesh-identity``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from toolkit.cli.base import CONTROL_PLANE, heed_version, note_list, parse_version, read_base, read_mode, take_access
from toolkit.cli.control_plane_options import open_control_plane
from toolkit.cli.documents import lay_out, show_diff
from toolkit.cli.identity_options import NAMES, refuse_old_version, take_identity_options
from toolkit.cli.identity_plan import IdentityPlan
from toolkit.cli.mesh_options import refuse_public
from toolkit.cli.options import emit, load_contract, note, say
from toolkit.cli.output_options import write_directory, write_outputs
from toolkit.cli.rotation_plan import BEFORE, describe_surroundings, keep_first, name_file
from toolkit.errors import EXIT_CHECK_FAILED, InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.cli.output_options import Output
    from toolkit.control_plane.resources import ListedKind
    from toolkit.mesh.rotate.identity_move import Given, IdentityMove
    from toolkit.mesh.schema.versions import MeshVersion
    from toolkit.values import Object

# The value of --to.
MESH_IDENTITY = "mesh-identity"
# Options of a rotation that also apply to a MeshIdentity.
_SHARED = ("expiration", "namespace")
_GIVEN = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)


@dataclass(frozen=True)
class Request:
    """The options of the plan and of its output.

    Attributes:
        base: the value of ``--base``.
        mesh: name of the Mesh; None for the only one.
        mesh_version: of Kong Mesh; None if it isn't known.
        stack: the options of the contract.
        contract: the same options as arguments of another command.
        step: the stage to print; None for the plan.
        outputs: where the plan or the stage is written.
        directory: where all files are written.
        force: whether to print a stage although something must be decided first.
        diff: whether to show only the diff.
    """

    base: str
    mesh: str | None
    mesh_version: str | None
    stack: tuple[str | None, str | None, str | None]
    contract: list[str]
    step: int | None
    outputs: tuple[Output, ...]
    directory: Path | None
    force: bool
    diff: bool


def refuse_identity_options(ctx: click.Context) -> None:
    """Reject options of a MeshIdentity without ``--to mesh-identity``, because they have no effect."""
    _refuse_given(ctx, (*NAMES, "filenames", "old_chain"), f"needs --to {MESH_IDENTITY}")


def run(ctx: click.Context, request: Request, chosen: Object) -> None:
    """Print the plan of the move or one of its stages, or write everything to a directory.

    Args:
        ctx: of the command.
        request: what to plan.
        chosen: further parameters of the command.
    """
    from toolkit.mesh.render.building import require_mesh
    from toolkit.mesh.rotate.identity_move import plan_move_to_identity

    access = take_access(chosen)
    filenames, old_chain = chosen.pop("filenames"), chosen.pop("old_chain")
    others = [name for name in chosen if name not in (*NAMES, *_SHARED)]
    _refuse_given(ctx, (*others, "leave", "product"), f"has no effect with --to {MESH_IDENTITY}")
    given = _read_given(request, access, filenames, old_chain)
    mesh = given.read()
    options = take_identity_options(chosen, mesh.form, chosen["expiration"], chosen["namespace"])
    outputs = load_contract(*request.stack)
    require_mesh(outputs, mesh.name)
    move = plan_move_to_identity(given, outputs, options)
    for text in move.notes:
        note(text)
    note_list(mesh)
    if request.step is not None:
        _print_step(request, move, request.step)
        return
    plan = IdentityPlan(move, request.directory, request.contract)
    if request.directory is None:
        write_outputs(request.outputs, lambda form, _: plan.render_json() if form == "json" else plan.render_text())
    else:
        _write(plan, request.directory, read_mode(request.base))


def _refuse_given(ctx: click.Context, names: tuple[str, ...], why: str) -> None:
    for parameter in ctx.command.params:
        if parameter.name in names and ctx.get_parameter_source(parameter.name) in _GIVEN:
            raise click.UsageError(f"{max(parameter.opts, key=len)} {why}")


def _read_given(request: Request, access: Object, filenames: tuple[str, ...], old_chain: str | None) -> Given:
    from toolkit.files import name_source, read_text
    from toolkit.mesh.documents import reader
    from toolkit.mesh.rotate.identity_move import Given

    texts = [(name_source(name), read_text(name)) for name in filenames]
    chain = None if old_chain is None else read_text(old_chain)
    if request.base != CONTROL_PLANE:
        _heed_version(request.mesh_version, None)
        return Given(read_text(request.base), name_source(request.base), request.mesh, reader.read(texts), chain)
    existing = read_base(request.base, access, [request.mesh or ""], "universal")
    _heed_version(request.mesh_version, existing.version)
    if not existing.meshes:
        raise InvalidInputError(f"the control plane has no mesh {request.mesh}")
    mesh = existing.meshes[0]
    documents = reader.read([*texts, ("the control plane", _list_documents(mesh.name, access))])
    return Given(mesh.editor.text, mesh.document.source, request.mesh, documents, chain)


def _list_documents(mesh: str, access: Object) -> str:
    """Return the resources of a mesh on the control plane as a YAML stream, without the Mesh and Secrets.

    Raises:
        ExternalError: the control plane can't be reached or returned an error.
    """
    from toolkit.mesh.schema.scoped import SCOPED_KINDS

    kinds: tuple[ListedKind, ...] = (*SCOPED_KINDS, "Dataplane")
    with open_control_plane(**access) as control_plane:
        found = [document for kind in kinds for document in control_plane.list_resources(kind, mesh)]
    return "".join(f"---\n{_write_as_yaml(document)}\n" for document in found)


def _write_as_yaml(document: Object) -> str:
    """Return a document as JSON that is also YAML, and so has no surrogate pairs."""
    text = json.dumps(document, ensure_ascii=False)
    return re.sub(r"[^ -~]", lambda found: f"\\U{ord(found[0]):08x}", text)


def _heed_version(given: str | None, known: MeshVersion | None) -> None:
    heed_version(given, known)
    version = known if given is None else parse_version(given)
    if version is not None:
        refuse_old_version(version, "Upgrade all control planes to 2.14 first, which has both mtls and MeshIdentity.")


def _print_step(request: Request, move: IdentityMove, number: int) -> None:
    from toolkit.files import PRIVATE

    step = move.steps[number - 1]
    blocking = move.list_blocking(number)
    if blocking and not request.force and not step.is_done:
        click.echo(click.style("Not yet:", fg="red") + f" stage {number} ({step.name}) needs a decision", err=True)
        for each in blocking:
            say(f"  {each}")
            say(f"    {each.fix}")
        click.echo("Hint: --force prints the documents all the same.", err=True)
        click.get_current_context().exit(EXIT_CHECK_FAILED)
    if request.diff:
        if move.is_confidential:
            refuse_public("an AWS credential")
        show_diff(move.earlier[number - 1], step.text, (f"before stage {number}", f"after stage {number}"))
        return
    _require_earlier(request, move, number)
    target = request.outputs[0]
    # Only the stages with the Mesh can contain its credentials.
    is_private = move.is_confidential and step.name in ("prepare", "finish")
    if target.file is None and is_private:
        refuse_public("an AWS credential", "--output-file or --output-dir")
    emit(lay_out(step.text, target.form), target.file, PRIVATE if is_private else read_mode(request.base))
    if step.is_done:
        note(f"the mesh is past stage {number} already")
    for line in describe_surroundings(step):
        say(line)


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
    begin = click.style("Not yet:", fg="red")
    click.echo(f"{begin} stage {number} ({step.name}) comes after stage {earlier.number}: {danger}", err=True)
    click.echo(
        f"Hint: Apply stage {earlier.number} first. If it is applied, give the mesh's MeshIdentities with -f; --force "
        "prints the documents all the same.",
        err=True,
    )
    click.get_current_context().exit(EXIT_CHECK_FAILED)


def _write(plan: IdentityPlan, directory: Path, mode: int) -> None:
    from toolkit.files import PRIVATE, PUBLIC

    move = plan.move
    mode = PRIVATE if move.is_confidential else mode
    files = {BEFORE: (move.before, mode)}
    files |= {name_file(step): (step.text, mode) for step in move.steps}
    files["PLAN.txt"] = (plan.render_text(), PUBLIC)
    keep_first(directory, files)
    write_directory(directory, files)
