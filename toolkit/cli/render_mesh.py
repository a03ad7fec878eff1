"""``toolkit render-mesh``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli.base import Base, base_options, heed_version, note_list, read_base, read_mode, take_access
from toolkit.cli.mesh_options import mesh_options, refuse_public, take_options
from toolkit.cli.options import load_contract, note, output_file, stack_outputs, warn
from toolkit.errors import InvalidInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.render.choices import MeshOptions
    from toolkit.mesh.render.merge import Merged
    from toolkit.mesh.render.templating import RenderedMesh
    from toolkit.values import Value


_EXAMPLES = """\b
Examples:
  toolkit render-mesh | kubectl apply -f -
  toolkit render-mesh --format universal --mode PERMISSIVE --common-name '{{ tag "kuma.io/service" }}.mesh'
  pulumi stack output --json --show-secrets | toolkit render-mesh --outputs - --ca-cert secret -o mesh.yaml
  kubectl get mesh default -o yaml | toolkit render-mesh --base - | kubectl apply -f -
  toolkit render-mesh --credentials ~/.aws/mesh-credentials --secret-output secrets.yaml -o mesh.yaml
"""


@click.command(name="render-mesh", epilog=_EXAMPLES)
@stack_outputs
@click.option(
    "--mesh", "meshes", multiple=True, metavar="NAME", help="A mesh of the stack; repeatable; all unless given."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["kubernetes", "universal"]),
    default="kubernetes",
    show_default=True,
    help="For kubectl apply, or for kumactl apply; a Mesh in a file keeps its form.",
)
@mesh_options
@base_options()
@click.option(
    "--secret-output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the Secrets here, readable by you alone, and not before the Mesh.",
)
@output_file
def command(
    *,
    outputs: str | None,
    stack: str | None,
    cwd: str | None,
    meshes: tuple[str, ...],
    form: Literal["kubernetes", "universal"],
    base: str | None,
    mesh_version: str | None,
    secret_output: Path | None,
    output: Path | None,
    **chosen: Value,
) -> None:
    """Turn the stack's outputs into a Mesh with an acmpca backend.

    The documents are one YAML stream on standard output, Secrets before Meshes, unless -o names a file. An option that
    can't work, such as a lifetime that the CA can't sign, is refused before anything is written.

    With --base the backend goes into a Mesh that exists: comments, order and everything else stay as they are, and
    what no option says stays as the Mesh has it. Another backend that is enabled stays so; toolkit rotate moves on.
    """
    from toolkit.mesh.render import templating

    if base == "-" and outputs == "-":
        raise click.UsageError("--base and --outputs can't both be standard input")
    if secret_output is not None:
        _refuse_one_file(secret_output, base, output)
    loaded = load_contract(outputs, stack, cwd)
    names = list(dict.fromkeys(meshes)) or list(loaded.meshes)
    access = take_access(chosen)
    options = take_options(form, chosen, names)
    if base is None:
        heed_version(mesh_version)
        rendered = [templating.render(loaded, name, options) for name in names]
    else:
        existing = read_base(base, access, names, form)
        _refuse_open_source(existing)
        heed_version(mesh_version, existing.version)
        rendered = _merged(loaded, existing, names if meshes else None, options)
    if secret_output and not any(document.secrets for document in rendered):
        raise click.UsageError("--secret-output needs --ca-cert secret or --credentials: there is no Secret otherwise")
    _write(rendered, secret_output, output, read_mode(base))


def _refuse_one_file(secret_output: Path, base: str | None, output: Path | None) -> None:
    """The Secrets alone would take the Mesh's place."""
    place = secret_output.resolve()
    if output is not None and output.resolve() == place:
        raise click.UsageError("-o and --secret-output name one file; leave --secret-output out to have both in it")
    if base is not None and Path(base).resolve() == place:
        raise click.UsageError("--secret-output names the base, which would be lost; name another file")


def _refuse_open_source(base: Base) -> None:
    """Refuse a control plane that has no acmpca backend.

    Source: Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md, which is of Kong Mesh alone.
    """
    if base.product == "Kuma":
        problem = Problem("--base", "the control plane is open-source Kuma, which has no acmpca backend")
        raise InvalidInputError("the control plane can't use AWS Private CA", [problem], "It takes Kong Mesh.")


def _merged(
    outputs: StackOutputs, base: Base, wanted: Sequence[str] | None, options: MeshOptions
) -> list[RenderedMesh]:
    """Our backend in the meshes of the base; a text that has several of them comes out once."""
    from toolkit.mesh.documents import editable
    from toolkit.mesh.documents.reader import A_MESH_HAS
    from toolkit.mesh.render import templating
    from toolkit.mesh.render.merge import merge

    names = [mesh.name for mesh in base.meshes if mesh.name in outputs.meshes] if wanted is None else wanted
    if not names:
        there = ", ".join(mesh.name for mesh in base.meshes) or "none"
        raise InvalidInputError(
            f"no mesh of the stack ({', '.join(outputs.meshes)}) is in the base, which has: {there}",
            hint="Leave --base out to render a Mesh that does not exist yet." if base.meshes else A_MESH_HAS,
        )
    merged: dict[int, tuple[EditableMesh, list[Merged]]] = {}
    for name in names:
        mesh = editable.choose(base.meshes, name, "the base")
        made = merge(outputs, mesh, options)
        for text in made.warnings:
            warn(text)
        for text in made.notes:
            note(text)
        merged.setdefault(id(mesh.editor), (mesh, []))[1].append(made)
    for mesh, _ in merged.values():
        note_list(mesh)
    return [
        templating.RenderedMesh(
            mesh.editor.text,
            tuple(secret for made in all_made for secret in templating.render_secrets(made.secrets, mesh.form)),
            mesh.is_confidential,
            any(made.secrets_have_credentials for made in all_made),
        )
        for mesh, all_made in merged.values()
    ]


def _write(rendered: list[RenderedMesh], secret_output: Path | None, output: Path | None, mode: int) -> None:
    """Write everything; `mode` is that of a file without secrets."""
    from toolkit.files import PRIVATE, write_all
    from toolkit.mesh.render.templating import join_documents

    secrets = [secret for document in rendered for secret in document.secrets]
    documents = [document.mesh for document in rendered]
    is_private = any(document.mesh_has_credentials for document in rendered)
    if secret_output is None:
        documents = [*secrets, *documents]
        is_private = is_private or bool(secrets)
    if output is None and any(
        document.mesh_has_credentials or (not secret_output and document.secrets_have_credentials)
        for document in rendered
    ):
        is_in_mesh = any(document.mesh_has_credentials for document in rendered)
        refuse_public("an AWS credential", "-o" if is_in_mesh else "-o or --secret-output")
    files = {secret_output: (join_documents(secrets), PRIVATE)} if secret_output else {}
    if output is not None:
        files[output] = (join_documents(documents), PRIVATE if is_private else mode)
    write_all(files)
    if output is None:
        click.echo(join_documents(documents), nl=False)
