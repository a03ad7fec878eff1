"""``toolkit rotate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli import rotate_identity
from toolkit.cli.base import CONTROL_PLANE, base_options, heed_version, note_list, read_base, read_mode, take_access
from toolkit.cli.documents import diff_option, lay_out, show_diff
from toolkit.cli.identity_options import NAMES, identity_options
from toolkit.cli.mesh_options import mesh_options, refuse_public, take_options
from toolkit.cli.options import contract_options, emit, filename_option, load_contract, mesh_option, note, say
from toolkit.cli.output_options import (
    Output,
    output_dir_option,
    output_file_option,
    output_option,
    refuse_one_stdin,
    settle_document,
    settle_outputs,
    write_directory,
    write_outputs,
)
from toolkit.cli.overwriting import Place, refuse_overwriting
from toolkit.cli.parameters import Command, list_inputs, option
from toolkit.cli.rotate_identity import MESH_IDENTITY, Request, refuse_identity_options
from toolkit.cli.rotation_plan import BEFORE, SECRETS, Plan, describe_surroundings, keep_first, name_file
from toolkit.errors import EXIT_CHECK_FAILED, InvalidInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.rotate.rotation import Move, Rotation
    from toolkit.mesh.schema.versions import Product
    from toolkit.values import Object, Value

_FORMS = ("text", "json", "yaml")
_EXAMPLES = """\b
Examples:
  toolkit rotate --base mesh.yaml
  toolkit rotate --base mesh.yaml --backend-name acmpca-2 --output-dir rotation
  kubectl get mesh default -o yaml | toolkit rotate --base - --step 1 | kubectl apply -f -
  toolkit rotate --base mesh.yaml --to old-mesh.yaml --step 2
"""


@click.command(name="rotate", cls=Command, epilog=_EXAMPLES)
@base_options(required=True)
@mesh_option("The mesh to move; the base's only one unless given.")
@option(
    "--to",
    "target",
    metavar=f"FILE|-|{MESH_IDENTITY}",
    reads=True,
    help="Move to the enabled backend of this Mesh; without it, to the CA of the contract. "
    f"{MESH_IDENTITY} moves from Mesh.mtls to a MeshIdentity (experimental).",
)
@option("--from", "leave", metavar="NAME", help="The backend to leave; the enabled one by default.")
@option(
    "--product",
    type=click.Choice(["kong-mesh", "kuma"]),
    default="kong-mesh",
    show_default=True,
    help="The product; open-source Kuma allows one backend, so mTLS is off for a while.",
)
@option("--step", type=click.IntRange(min=1, max=5), metavar="N", help="Print the document of one step.")
@option(
    "--force",
    is_flag=True,
    allow_from_autoenv=False,
    help=f"Print a step even if --base {CONTROL_PLANE} shows proxies that are not ready for it.",
)
@filename_option(
    f"For --to {MESH_IDENTITY}: the mesh's MeshTrafficPermissions, MeshTLSes, Dataplanes and Secrets; repeatable."
)
@option(
    "--old-chain",
    metavar="FILE",
    reads=True,
    rare=True,
    help=f"For --to {MESH_IDENTITY}: PEM of the old CA up to its root, if the Mesh and its Secrets don't have it.",
)
@contract_options
@mesh_options
@identity_options(rare=True)
@output_option(*_FORMS, explanation="The plan is text or json; the document of a --step is yaml or json.")
@output_file_option
@output_dir_option("Write everything to this directory; the plan, every step's document and the Secrets.")
@diff_option("Show what a --step would change; write nothing.")
def command(
    *,
    base: str,
    mesh_version: str | None,
    mesh: str | None,
    target: str | None,
    leave: str | None,
    product: Product,
    step: int | None,
    force: bool,
    output_dir: Path | None,
    contract_file: str | None,
    stack: str | None,
    cwd: str | None,
    outputs: tuple[Output, ...],
    output_file: Path | None,
    diff: bool,
    **chosen: Value,
) -> None:
    """Move a mesh from one CA to another without breaking traffic.

    Kong Mesh trusts the CAs of all backends and signs with the enabled one, so a mesh moves in three steps: add the new
    backend, switch to it, remove the old one. The command prints a plan with each step's effect, prerequisites, waits
    and rollback. --step prints the document of one step, --output-dir writes all of them. Nothing is applied.
    """
    named = {"--base": base, "--contract": contract_file, "--to": target}
    refuse_one_stdin({**named, "-f": chosen["filenames"], "--old-chain": chosen["old_chain"]})
    if base == CONTROL_PLANE and mesh is None:
        raise click.UsageError(f"--base {CONTROL_PLANE} needs --mesh NAME")
    settled = _settle(step, outputs, output_file, output_dir, diff=diff)
    ctx, where = click.get_current_context(), _name_contract(contract_file, stack, cwd)
    if target == MESH_IDENTITY:
        stack_options = (contract_file, stack, cwd)
        request = Request(
            base, mesh, mesh_version, stack_options, where, step, settled, output_dir, force=force, diff=diff
        )
        rotate_identity.run(ctx, request, chosen)
        return
    refuse_identity_options(ctx)
    chosen = {name: value for name, value in chosen.items() if name not in (*NAMES, "filenames", "old_chain")}
    move, insight = _move(base, take_access(chosen), mesh_version, mesh, leave, product)
    rotation = _plan(move, target, (contract_file, stack, cwd), chosen)
    _say_notes(rotation, move.read(), is_read_again=base == "-" and step is not None)
    if step is not None:
        if step > len(rotation.steps):
            raise click.UsageError(f"there is no step {step}; the rotation has {len(rotation.steps)}")
        if base == CONTROL_PLANE and not force:
            _require_ready(rotation, step, insight)
        if diff:
            _show_changes(rotation, step)
        else:
            _print_step(rotation, step, settled[0], read_mode(base))
        return
    plan = Plan(rotation, output_dir, insight, where, proves_issuance=_is_acmpca(rotation))
    if output_dir is not None:
        _write(plan, output_dir, read_mode(base))
    else:
        write_outputs(settled, lambda form, _: plan.render_json() if form == "json" else plan.render_text())


def _say_notes(rotation: Rotation, current: EditableMesh, *, is_read_again: bool) -> None:
    """Say what the operator should know before the first step.

    Args:
        rotation: the plan.
        current: the mesh as it is.
        is_read_again: whether each step is made from the mesh as it is then.
    """
    for text in rotation.notes:
        note(text)
    note_list(current)
    if current.has_resource_version and not is_read_again:
        note(
            "the base has a metadata.resourceVersion, which each change makes invalid: Kubernetes accepts the first "
            "step only. Remove it from the base, or print each --step from the live mesh with --base -"
        )


def _name_contract(contract_file: str | None, stack: str | None, cwd: str | None) -> list[str]:
    """Return the options that name the contract in another command; ``outputs.json`` for standard input."""
    if contract_file is not None:
        return ["--contract", "outputs.json" if contract_file == "-" else contract_file]
    pairs = (("--stack", stack), ("--cwd", cwd))
    return [word for name, value in pairs if value is not None for word in (name, value)]


def _settle(
    step: int | None, outputs: tuple[Output, ...], output_file: Path | None, output_dir: Path | None, *, diff: bool
) -> tuple[Output, ...]:
    """Reject options that exclude each other; return the outputs of the plan, or of one step's document."""
    if output_dir is not None and (step is not None or outputs):
        raise click.UsageError("--output-dir writes the plan and all documents; leave --step and -o out")
    if step is None:
        if output_file is not None or any(output.form == "yaml" for output in outputs):
            raise click.UsageError("--output-file and -o yaml write one --step's document; --output-dir writes all")
        if diff:
            raise click.UsageError("--diff shows what one --step would change; name the step")
        # A step's document may replace the base; a plan may not.
        files = [Place(f"-o {output.form}", output.file) for output in outputs if output.file is not None]
        refuse_overwriting(files, list_inputs(click.get_current_context()))
        return settle_outputs(outputs, "text")
    chosen = settle_document(outputs, output_file)
    if chosen.form == "text":
        raise click.UsageError("-o text is the plan; a step's document is yaml or json")
    if diff and chosen != Output("yaml"):
        raise click.UsageError("--diff writes no document; leave -o and --output-file out")
    return (chosen,)


def _move(
    base: str,
    access: Mapping[str, Value],
    mesh_version: str | None,
    mesh: str | None,
    leave: str | None,
    product: Product,
) -> tuple[Move, Object | None]:
    """Return the move, and the mesh's MeshInsight if the base is a control plane."""
    from toolkit.files import name_source, read_text
    from toolkit.mesh.rotate.rotation import Move

    if base != CONTROL_PLANE:
        heed_version(mesh_version)
        return Move(read_text(base), name_source(base), mesh, leave, product), None
    existing = read_base(base, access, [mesh or ""], "universal", with_insights=True)
    heed_version(mesh_version, existing.version)
    if not existing.meshes:
        raise InvalidInputError(f"the control plane has no mesh {mesh}")
    if existing.product == "Kuma" and product != "kuma":
        problem = Problem(
            "--product", "is kong-mesh, but the control plane is open-source Kuma, which allows one backend"
        )
        raise InvalidInputError("the control plane can't do that rotation", [problem], "Plan with --product kuma.")
    move = Move(existing.meshes[0].editor.text, existing.meshes[0].document.source, mesh, leave, product)
    return move, None if product == "kuma" else existing.insights.get(mesh or "")


def _plan(move: Move, target: str | None, stack: tuple[str | None, str | None, str | None], chosen: Object) -> Rotation:
    from toolkit.files import name_source, read_text
    from toolkit.mesh.documents import editable
    from toolkit.mesh.rotate import rotation

    if target is None:
        outputs = load_contract(*stack)
        name = move.read().name
        return rotation.plan_move_to_acmpca(move, outputs, take_options("kubernetes", chosen, [name]))
    source = name_source(target)
    mesh = editable.choose(editable.read_editable(read_text(target), source), None, source)
    position = mesh.find_position(mesh.enabled_backend)
    if position is None:
        raise mesh.refuse(("enabledBackend",), "must name the backend to move to, one of its backends")
    return rotation.plan_move_to_backend(move, mesh.backends[position])


def _require_ready(rotation: Rotation, number: int, insight: Object | None) -> None:
    """Exit with 1 if the step would break traffic according to the control plane."""
    from toolkit.mesh.rotate.instructions import find_missing

    name = rotation.steps[number - 1].name
    missing = find_missing(name, rotation.old, rotation.new, insight) if insight is not None else ""
    hint = "wait until all proxies do"
    if not missing and number > 1 and not rotation.steps[number - 2].is_done:
        missing = f"step {number - 1} has not been applied"
        hint = f"apply step {number - 1} first"
    if not missing:
        if insight is None and name in ("switch", "remove"):
            note("the control plane says nothing of the mesh's proxies yet, so see for yourself that they are ready")
        return
    click.echo(click.style("Not yet:", fg="red") + f" step {number} ({name}) would break traffic: {missing}", err=True)
    click.echo(f"Hint: {hint}, and run this again; --force prints the document all the same.", err=True)
    click.get_current_context().exit(EXIT_CHECK_FAILED)


def _is_acmpca(rotation: Rotation) -> bool:
    """Return whether the new backend is an acmpca backend, which ``toolkit verify`` can verify."""
    from toolkit.mesh.documents import editable

    meshes = editable.read_editable(rotation.steps[-1].text, "the last step")
    backends = editable.choose(meshes, rotation.mesh, "the last step").backends
    return any(backend["name"] == rotation.new and backend.get("type") == "acmpca" for backend in backends)


def _show_changes(rotation: Rotation, number: int) -> None:
    if rotation.is_confidential:
        refuse_public("an AWS credential")
    before = rotation.before if number == 1 else rotation.steps[number - 2].text
    show_diff(before, rotation.steps[number - 1].text, (f"before step {number}", f"after step {number}"))


def _print_step(rotation: Rotation, number: int, target: Output, mode: int) -> None:
    from toolkit.files import PRIVATE
    from toolkit.mesh.render.templating import join_documents, render_secrets

    step = rotation.steps[number - 1]
    secrets = render_secrets(rotation.secrets, rotation.form) if number == 1 else ()
    if target.file is None and (rotation.is_confidential or (secrets and rotation.secrets_have_credentials)):
        refuse_public("an AWS credential", "--output-file or --output-dir")
    is_private = bool(secrets) or rotation.is_confidential
    emit(lay_out(join_documents([*secrets, step.text]), target.form), target.file, PRIVATE if is_private else mode)
    if step.is_done:
        note(f"the mesh is past step {number} already")
    elif number > 1 and not rotation.steps[number - 2].is_done:
        note(f"in the base step {number - 1} has not been made: apply this one only when the mesh is past its waits")
    for line in describe_surroundings(step):
        say(line)


def _write(plan: Plan, directory: Path, mode: int) -> None:
    from toolkit.files import PRIVATE, PUBLIC
    from toolkit.mesh.render.templating import join_documents, render_secrets

    rotation = plan.rotation
    mode = PRIVATE if rotation.is_confidential else mode
    files = {BEFORE: (rotation.before, mode)}
    files |= {name_file(step): (step.text, mode) for step in rotation.steps}
    if rotation.secrets:
        files[SECRETS] = (join_documents(render_secrets(rotation.secrets, rotation.form)), PRIVATE)
    files["PLAN.txt"] = (plan.render_text(), PUBLIC)
    keep_first(directory, files)
    write_directory(directory, files)
