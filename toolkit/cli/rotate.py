"""``toolkit rotate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from toolkit.cli import rotate_identity
from toolkit.cli.documents import CONTROL_PLANE, Base, base_options, note_list, read_moving, show_diff
from toolkit.cli.mesh_options import IdentityChoices, identity_options, mesh_options, refuse_public, take_options
from toolkit.cli.options import ContractSource, contract_options, filename_option, mesh_option, note, product_option
from toolkit.cli.output_options import (
    Output,
    diff_option,
    output_dir_option,
    output_file_option,
    output_option,
    settle_document,
    settle_outputs,
)
from toolkit.cli.overwriting import Place, refuse_overwriting
from toolkit.cli.parameters import Command, list_inputs, option
from toolkit.cli.rotate_identity import MESH_IDENTITY
from toolkit.cli.rotation_plan import (
    SECRETS,
    Commands,
    Plan,
    PlannedStep,
    Request,
    name_file,
    print_step,
    refuse_step,
)
from toolkit.errors import InvalidInputError, Problem
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.cli.control_plane_options import Access
    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.rotate.rotation import Move, Rotation
    from toolkit.mesh.schema.versions import MeshVersion, Product

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
@mesh_option(help="The mesh to move; the base's only one unless given.")
@option(
    "--to",
    "target",
    metavar=f"FILE|-|{MESH_IDENTITY}",
    reads=True,
    help="Move to the enabled backend of this Mesh; without it, to the CA of the contract. "
    f"{MESH_IDENTITY} moves from Mesh.mtls to a MeshIdentity (experimental).",
)
@option("--from", "leave", metavar="NAME", help="The backend to leave; the enabled one by default.")
@product_option(help="The product; open-source Kuma allows one backend, so mTLS is off for a while.")
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
@output_dir_option(
    group="Output", help="Write everything to this directory; the plan, every step's document and the Secrets."
)
@diff_option(help="Show what a --step would change; write nothing.")
def command(
    *,
    base: str,
    mesh_version: MeshVersion | None,
    access: Access,
    mesh: str | None,
    target: str | None,
    leave: str | None,
    product: Product,
    step: int | None,
    force: bool,
    filenames: tuple[str, ...],
    old_chain: str | None,
    source: ContractSource,
    identity: IdentityChoices,
    outputs: tuple[Output, ...],
    output_file: Path | None,
    output_dir: Path | None,
    diff: bool,
    **chosen: Value,
) -> None:
    """Move a mesh from one CA to another without breaking traffic.

    Kong Mesh trusts the CAs of all backends and signs with the enabled one, so a mesh moves in three steps: add the new
    backend, switch to it, remove the old one. The command prints a plan with each step's effect, prerequisites, waits
    and rollback. --step prints the document of one step, --output-dir writes all of them. Nothing is applied.
    """
    if base == CONTROL_PLANE and mesh is None:
        raise click.UsageError(f"--base {CONTROL_PLANE} needs --mesh NAME")
    settled = _settle(step, outputs, output_file, output_dir, diff=diff)
    word = "stage" if target == MESH_IDENTITY else "step"
    request = Request(base, step, settled, output_dir, source, force=force, diff=diff, word=word)
    ctx = click.get_current_context()
    if target == MESH_IDENTITY:
        rotate_identity.refuse_other_options(ctx, chosen)
        moving = read_moving(base, access, mesh, mesh_version)
        given = rotate_identity.read_given(moving, mesh, filenames, old_chain)
        rotate_identity.run(request, given, identity, chosen)
        return
    rotate_identity.refuse_identity_options(ctx)
    from toolkit.mesh.rotate.rotation import Move

    moving = read_moving(base, access, mesh, mesh_version)
    _refuse_other_product(moving, product)
    insight = moving.control_plane.get_insight(mesh or "") if moving.control_plane and product != "kuma" else None
    first = moving.meshes[0]
    move = Move(first.editor.text, first.document.source, mesh, leave, product)
    rotation = _rotate(move, target, source, chosen)
    _say_notes(rotation, move.read(), is_read_again=base == "-" and step is not None)
    if step is None:
        _plan(rotation, request, insight).write()
    else:
        _print_step(request, rotation, step, insight)


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
    if rotation.steps and current.has_resource_version and not is_read_again:
        note(
            "the base has a metadata.resourceVersion, which each change makes invalid: Kubernetes accepts the first "
            "step only. Remove it from the base, or print each --step from the live mesh with --base -"
        )


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


def _refuse_other_product(moving: Base, product: Product) -> None:
    if moving.product == "Kuma" and product != "kuma":
        problem = Problem(
            "--product", "is kong-mesh, but the control plane is open-source Kuma, which allows one backend"
        )
        raise InvalidInputError("the control plane can't do that rotation", [problem], "Plan with --product kuma.")


def _rotate(move: Move, target: str | None, source: ContractSource, chosen: Object) -> Rotation:
    from toolkit.files import name_source, read_text
    from toolkit.mesh.documents import editable
    from toolkit.mesh.rotate import rotation

    if target is None:
        outputs = source.load()
        return rotation.plan_move_to_acmpca(move, outputs, take_options("kubernetes", [move.read().name], **chosen))
    name = name_source(target)
    mesh = editable.choose(editable.read_editable(read_text(target), name), None, name)
    position = mesh.find_position(mesh.enabled_backend)
    if position is None:
        raise mesh.refuse(("enabledBackend",), "must name the backend to move to, one of its backends")
    return rotation.plan_move_to_backend(move, mesh.backends[position])


def _plan(rotation: Rotation, request: Request, insight: Object | None) -> Plan:
    from toolkit.mesh.render.templating import join_documents, render_secrets
    from toolkit.mesh.rotate.instructions import find_missing

    # After the switch, the mesh alone does not show which backend to remove.
    commands = Commands(rotation.form, rotation.mesh, request, leave=rotation.old if rotation.others else "")
    secrets = join_documents(render_secrets(rotation.secrets, rotation.form)) if rotation.secrets else ""
    proves_issuance = bool(rotation.steps) and _is_acmpca(rotation)
    steps = []
    for step in rotation.steps:
        missing = (
            None if insight is None or step.is_done else find_missing(step.name, rotation.old, rotation.new, insight)
        )
        now = "" if missing is None else f"not yet: {missing}" if missing else "the proxies are ready for it"
        first = [SECRETS] if secrets and step.number == 1 else []
        verify = ""
        if proves_issuance and step.name == "add":
            verify = commands.verify(step, [name_file(step), *first], "--backend-name", rotation.new)
        readiness = {"ready": None if missing is None else not missing, "notReadyBecause": missing or None}
        apply = commands.apply(step, [*first, name_file(step)])
        steps.append(PlannedStep(step, apply, verify, readiness, now))
    heading = [f"Mesh {rotation.mesh}: from {rotation.old} to {rotation.new}, in {len(rotation.steps)} steps", ""]
    if not rotation.steps:
        heading = [_say_finished(rotation), ""]
    facts = {"from": rotation.old, "to": rotation.new, "form": rotation.form, "notes": list(rotation.notes)}
    return Plan(rotation, commands, heading, facts, steps, secrets)


def _say_finished(rotation: Rotation) -> str:
    return f"Mesh {rotation.mesh}: {rotation.new} signs, and no other backend is trusted. There is nothing to rotate."


def _is_acmpca(rotation: Rotation) -> bool:
    """Return whether the new backend is an acmpca backend, which ``toolkit verify`` can verify."""
    from toolkit.mesh.documents import editable

    meshes = editable.read_editable(rotation.steps[-1].text, "the last step")
    backends = editable.choose(meshes, rotation.mesh, "the last step").backends
    return any(backend["name"] == rotation.new and backend.get("type") == "acmpca" for backend in backends)


def _print_step(request: Request, rotation: Rotation, number: int, insight: Object | None) -> None:
    from toolkit.mesh.render.templating import join_documents, render_secrets

    if not rotation.steps:
        raise click.UsageError(f"there is no step {number}. {_say_finished(rotation)}")
    if number > len(rotation.steps):
        raise click.UsageError(f"there is no step {number}; the rotation has {len(rotation.steps)}")
    step = rotation.steps[number - 1]
    if request.base == CONTROL_PLANE and not request.force:
        _require_ready(rotation, number, insight)
    if request.diff:
        if rotation.is_confidential:
            refuse_public()
        before = rotation.before if number == 1 else rotation.steps[number - 2].text
        show_diff(before, step.text, (f"before step {number}", f"after step {number}"))
        return
    secrets = render_secrets(rotation.secrets, rotation.form) if number == 1 else ()
    if not step.is_done and number > 1 and not rotation.steps[number - 2].is_done:
        note(f"the base does not contain step {number - 1} yet: apply this one only when the mesh is past its waits")
    print_step(
        request,
        step,
        join_documents([*secrets, step.text]),
        is_secret=rotation.is_confidential or (bool(secrets) and rotation.secrets_have_credentials),
        is_private=rotation.is_confidential or bool(secrets),
    )


def _require_ready(rotation: Rotation, number: int, insight: Mapping[str, object] | None) -> None:
    """Exit with 1 if the step would break traffic according to the control plane."""
    from toolkit.mesh.rotate.instructions import find_missing

    name = rotation.steps[number - 1].name
    missing = find_missing(name, rotation.old, rotation.new, insight) if insight is not None else ""
    hint = "wait until all proxies do"
    if not missing and number > 1 and not rotation.steps[number - 2].is_done:
        missing = f"step {number - 1} has not been applied"
        hint = f"apply step {number - 1} first"
    if missing:
        refuse_step(
            f"step {number} ({name}) would break traffic: {missing}",
            hint=f"{hint}, and run this again; --force prints the document anyway.",
        )
    if insight is None and name in ("switch", "remove"):
        note("the control plane has no data on the mesh's proxies yet, so check for yourself that they are ready")
