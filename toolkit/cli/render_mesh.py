"""``toolkit render-mesh``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli.options import STACKS_LIFETIME, emit, output_file, stack_outputs

if TYPE_CHECKING:
    from toolkit.mesh.render import RenderedMesh


_EXAMPLES = """\b
Examples:
  toolkit render-mesh | kubectl apply -f -
  pulumi stack output --json --show-secrets | toolkit render-mesh --outputs - --ca-cert secret -o mesh.yaml
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
@click.option("--backend-name", default="acmpca", show_default=True, metavar="NAME", help="Name of the mTLS backend.")
@click.option(
    "--mode",
    type=click.Choice(["STRICT", "PERMISSIVE"]),
    default="STRICT",
    show_default=True,
    help="PERMISSIVE also accepts plain traffic.",
)
@click.option(
    "--expiration",
    show_default=STACKS_LIFETIME,
    metavar="DURATION",
    help="Lifetime of data plane certificates: one number and one unit of y, w, d, h, m, s, ms.",
)
@click.option(
    "--common-name",
    metavar="TEMPLATE",
    help="Common name of data plane certificates, for example '{{ tag \"kuma.io/service\" }}.mesh'; none unless given.",
)
@click.option(
    "--ca-cert",
    type=click.Choice(["inline", "secret"]),
    default="inline",
    show_default=True,
    help="Carry the CA chain in the Mesh, or in a mesh-scoped Secret document before it.",
)
@click.option("--secret-name", metavar="NAME", help="Name of that Secret; MESH-BACKEND-ca-chain unless given.")
@click.option(
    "--namespace",
    default="kong-mesh-system",
    show_default=True,
    metavar="NAME",
    help="System namespace of Kong Mesh, where a Kubernetes Secret lives.",
)
@click.option(
    "--secret-output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the Secret here, readable by you alone, and not before the Mesh.",
)
@output_file
def command(
    *,
    outputs: str | None,
    stack: str | None,
    cwd: str | None,
    meshes: tuple[str, ...],
    form: Literal["kubernetes", "universal"],
    backend_name: str,
    mode: Literal["STRICT", "PERMISSIVE"],
    expiration: str | None,
    common_name: str | None,
    ca_cert: Literal["inline", "secret"],
    secret_name: str | None,
    namespace: str,
    secret_output: Path | None,
    output: Path | None,
) -> None:
    """Turn the stack's outputs into a Mesh with an acmpca backend.

    The documents are one YAML stream on standard output, Secrets before Meshes, unless -o names a file. An option that
    can't work, such as a lifetime that the CA can't sign, is refused before anything is written.
    """
    from toolkit import contract
    from toolkit.mesh import render

    if secret_output and ca_cert != "secret":
        raise click.UsageError("--secret-output needs --ca-cert secret: there is no Secret otherwise")
    loaded = contract.load(outputs, stack, cwd)
    names = list(dict.fromkeys(meshes)) or list(loaded.meshes)
    if secret_name and len(names) > 1:
        raise click.UsageError("--secret-name can name the Secret of one mesh only; choose it with --mesh")
    options = render.MeshOptions(
        form=form,
        backend_name=backend_name,
        mode=mode,
        expiration=expiration,
        common_name=common_name,
        ca_cert=ca_cert,
        secret_name=secret_name,
        namespace=namespace,
    )
    _write([render.render(loaded, name, options) for name in names], secret_output, output)


def _write(rendered: list[RenderedMesh], secret_output: Path | None, output: Path | None) -> None:
    from toolkit.files import PRIVATE, PUBLIC, write_all
    from toolkit.mesh.render import stream

    secrets = [document.secret for document in rendered if document.secret is not None]
    meshes = [document.mesh for document in rendered]
    if secret_output is None:
        emit(stream([*secrets, *meshes]), output, PRIVATE if secrets else PUBLIC)
        return
    files = {secret_output: (stream(secrets), PRIVATE)}
    if output is not None:
        files[output] = (stream(meshes), PUBLIC)
    write_all(files)
    if output is None:
        click.echo(stream(meshes), nl=False)
