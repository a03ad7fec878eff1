"""``toolkit rotate``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli.base import CONTROL_PLANE, base_options, heed_version, note_list, read_base, read_mode, take_access
from toolkit.cli.mesh_options import mesh_options, refuse_public, take_options
from toolkit.cli.options import emit, load_contract, note, output_file, stack_outputs
from toolkit.errors import EXIT_CHECK_FAILED, InvalidInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.mesh.rotate.rotation import Move, Rotation, Step
    from toolkit.mesh.schema.versions import Product
    from toolkit.values import Object, Value

_EXAMPLES = """\b
Examples:
  toolkit rotate --base mesh.yaml
  toolkit rotate --base mesh.yaml --backend-name acmpca-2 --output-dir rotation
  kubectl get mesh default -o yaml | toolkit rotate --base - --step 1 | kubectl apply -f -
  toolkit rotate --base mesh.yaml --to old-mesh.yaml --step 2
"""


@click.command(name="rotate", epilog=_EXAMPLES)
@base_options(required=True)
@click.option("--mesh", metavar="NAME", help="The mesh to move; the base's only one unless given.")
@click.option(
    "--to",
    "target",
    metavar="FILE|-",
    help="Move to the enabled backend of this Mesh; without it, to the CA of the stack.",
)
@click.option("--from", "leave", metavar="NAME", help="The backend to leave; the one that signs unless given.")
@click.option(
    "--product",
    type=click.Choice(["kong-mesh", "kuma"]),
    default="kong-mesh",
    show_default=True,
    help="Open-source Kuma allows one backend, so there mTLS is off for a while.",
)
@click.option("--step", type=click.IntRange(min=1, max=4), metavar="N", help="Print the document of one step.")
@click.option(
    "--force",
    is_flag=True,
    help=f"Print a step although --base {CONTROL_PLANE} shows proxies that are not ready for it.",
)
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the plan, every step's document and the Secrets here.",
)
@stack_outputs
@mesh_options
@output_file
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
    outputs: str | None,
    stack: str | None,
    cwd: str | None,
    output: Path | None,
    **chosen: Value,
) -> None:
    """Move a mesh from one CA to another without breaking traffic.

    Kong Mesh trusts the CAs of all backends and signs with the enabled one, so a mesh moves in three steps: add the new
    backend, switch to it, remove the old one. Prints the plan: what each step does, what to do first, what to wait for,
    how to go back. --step prints the document of one step, --output-dir writes all of them; nothing is applied.
    """
    if [base, outputs, target].count("-") > 1:
        raise click.UsageError("only one of --base, --outputs and --to can be standard input")
    if base == CONTROL_PLANE and mesh is None:
        raise click.UsageError(f"--base {CONTROL_PLANE} needs --mesh NAME")
    _refuse_places(step, output, output_dir)
    move, insight = _move(base, take_access(chosen), mesh_version, mesh, leave, product)
    rotation = _plan(move, target, (outputs, stack, cwd), chosen)
    for text in rotation.notes:
        note(text)
    current = move.read()
    note_list(current)
    if (base != "-" or step is None) and current.has_resource_version:
        note(
            "the base has a metadata.resourceVersion, which every change outdates: Kubernetes takes the first step and "
            "refuses the others; take it out of the base, or print each --step from the live mesh with --base -"
        )
    if step is not None:
        if step > len(rotation.steps):
            raise click.UsageError(f"there is no step {step}; the rotation has {len(rotation.steps)}")
        if base == CONTROL_PLANE and not force:
            _require_ready(rotation, step, insight)
        _print_step(rotation, step, output, read_mode(base))
    elif output_dir is not None:
        _write(rotation, output_dir, read_mode(base))
    else:
        click.echo(_text(rotation, None, insight), nl=False)


def _refuse_places(step: int | None, output: Path | None, output_dir: Path | None) -> None:
    if output_dir is not None and step is not None:
        raise click.UsageError("--step prints one document and --output-dir writes all of them; give one of the two")
    if output is not None and step is None:
        raise click.UsageError("-o writes the document of one --step; --output-dir writes all of them")


def _move(
    base: str,
    access: Mapping[str, Value],
    mesh_version: str | None,
    mesh: str | None,
    leave: str | None,
    product: Product,
) -> tuple[Move, Object | None]:
    """What is to move, and what its control plane sees of the proxies, where it was asked."""
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
    """End with 1 where the control plane sees that the step would break traffic."""
    from toolkit.mesh.rotate.readiness import find_missing

    name = rotation.steps[number - 1].name
    missing = find_missing(rotation, number, insight) if insight is not None else ""
    if not missing and number > 1 and not rotation.steps[number - 2].is_done:
        missing = f"step {number - 1} has not been applied"
    if not missing:
        if insight is None and name in ("switch", "remove"):
            note("the control plane says nothing of the mesh's proxies yet, so see for yourself that they are ready")
        return
    click.echo(click.style("Not yet:", fg="red") + f" step {number} ({name}) would break traffic: {missing}", err=True)
    click.echo("Hint: wait until all do, and run this again; --force prints the document all the same.", err=True)
    click.get_current_context().exit(EXIT_CHECK_FAILED)


def _print_step(rotation: Rotation, number: int, output: Path | None, mode: int) -> None:
    from toolkit.files import PRIVATE
    from toolkit.mesh.render.templating import join_documents, render_secrets

    step = rotation.steps[number - 1]
    secrets = render_secrets(rotation.secrets, rotation.form) if number == 1 else ()
    if output is None and (rotation.is_confidential or (secrets and rotation.secrets_have_credentials)):
        refuse_public("an AWS credential", "-o or --output-dir")
    is_private = bool(secrets) or rotation.is_confidential
    emit(join_documents([*secrets, step.text]), output, PRIVATE if is_private else mode)
    if step.is_done:
        note(f"the mesh is past step {number} already")
    elif number > 1 and not rotation.steps[number - 2].is_done:
        note(f"in the base step {number - 1} has not been made: apply this one only when the mesh is past its waits")
    for line in _around(step):
        click.echo(line, err=True)


def _write(rotation: Rotation, directory: Path, mode: int) -> None:
    from toolkit.files import PRIVATE, PUBLIC, write_all
    from toolkit.mesh.render.templating import join_documents, render_secrets

    mode = PRIVATE if rotation.is_confidential else mode
    files = {"0-before.yaml": (rotation.before, mode)}
    files |= {f"{step.number}-{step.name}.yaml": (step.text, mode) for step in rotation.steps}
    if rotation.secrets:
        files["1-secrets.yaml"] = (join_documents(render_secrets(rotation.secrets, rotation.form)), PRIVATE)
    files["PLAN.txt"] = (_text(rotation, directory, None), PUBLIC)
    write_all({directory / name: content for name, content in files.items()})
    click.echo(f"Written to {directory}/: {', '.join(sorted(files))}", err=True)


def _text(rotation: Rotation, directory: Path | None, insight: Object | None) -> str:
    """The plan for people."""
    from toolkit.mesh.rotate.readiness import find_missing

    lines = [f"Mesh {rotation.mesh}: from {rotation.old} to {rotation.new}, in {len(rotation.steps)} steps", ""]
    apply = "kubectl apply -f" if rotation.form == "kubernetes" else "kumactl apply -f"
    for step in rotation.steps:
        lines.append(f"{step.number}. {step.name}: {step.words.title}{' (done)' if step.is_done else ''}")
        if directory is None:
            command = f"{_again(rotation)} --step {step.number} | {apply} -"
        else:
            files = ["1-secrets.yaml"] if step.number == 1 and rotation.secrets else []
            files.append(f"{step.number}-{step.name}.yaml")
            command = " && ".join(f"{apply} {shlex.quote(str(directory / file))}" for file in files)
        if insight is not None and not step.is_done:
            missing = find_missing(rotation, step.number, insight)
            lines.append(f"   now     {f'not yet: {missing}' if missing else 'the proxies are ready for it'}")
        lines += [f"   {line}" for line in _around(step, command)]
        lines.append("")
    return "\n".join(lines)


def _again(rotation: Rotation) -> str:
    """This very command, to be run once more."""
    words = ["toolkit", *sys.argv[sys.argv.index("rotate") :]] if "rotate" in sys.argv else ["toolkit", "rotate", "..."]
    if rotation.others and not any(word.startswith("--from") for word in words):
        # After the switch the mesh itself does not say any more which of its backends is to go.
        words += ["--from", rotation.old]
    return " ".join(word if word == "..." else shlex.quote(word) for word in words)


def _around(step: Step, apply: str = "") -> list[str]:
    return [
        *(f"first   {text}" for text in step.words.first),
        *([f"apply   {apply}"] if apply else []),
        *(f"wait    {text}" for text in step.words.wait),
        f"back    {step.words.back}",
    ]
