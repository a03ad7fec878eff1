"""``toolkit render-mesh``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli.mesh_options import mesh_options, options_of, refuse_public
from toolkit.cli.options import output_file, stack_outputs

if TYPE_CHECKING:
    from toolkit.mesh.render import RenderedMesh


_EXAMPLES = """\b
Examples:
  toolkit render-mesh | kubectl apply -f -
  toolkit render-mesh --format universal --mode PERMISSIVE --common-name '{{ tag "kuma.io/service" }}.mesh'
  pulumi stack output --json --show-secrets | toolkit render-mesh --outputs - --ca-cert secret -o mesh.yaml
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
    help="For kubectl apply, or for kumactl apply.",
)
@mesh_options
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
    secret_output: Path | None,
    output: Path | None,
    **chosen: object,
) -> None:
    """Turn the stack's outputs into a Mesh with an acmpca backend.

    The documents are one YAML stream on standard output, Secrets before Meshes, unless -o names a file. An option that
    can't work, such as a lifetime that the CA can't sign, is refused before anything is written.
    """
    from toolkit import contract
    from toolkit.mesh import render

    loaded = contract.load(outputs, stack, cwd)
    names = list(dict.fromkeys(meshes)) or list(loaded.meshes)
    options = options_of(form, chosen, names)
    rendered = [render.render(loaded, name, options) for name in names]
    if secret_output and not any(document.secrets for document in rendered):
        raise click.UsageError("--secret-output needs --ca-cert secret or --credentials: there is no Secret otherwise")
    _write(rendered, secret_output, output)


def _write(rendered: list[RenderedMesh], secret_output: Path | None, output: Path | None) -> None:
    from toolkit.files import PRIVATE, PUBLIC, write_all
    from toolkit.mesh.render import stream

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
        refuse_public("an AWS credential")
    files = {secret_output: (stream(secrets), PRIVATE)} if secret_output else {}
    if output is not None:
        files[output] = (stream(documents), PRIVATE if is_private else PUBLIC)
    write_all(files)
    if output is None:
        click.echo(stream(documents), nl=False)
