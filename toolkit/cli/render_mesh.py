"""``toolkit render-mesh``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from toolkit.cli.documents import Base, base_options, heed_version, lay_out, note_list, read_base, read_mode, show_diff
from toolkit.cli.exits import write_stdout
from toolkit.cli.mesh_options import mesh_options, refuse_public, take_options
from toolkit.cli.options import ContractSource, contract_options, format_option, meshes_option, note, warn
from toolkit.cli.output_options import Output, diff_option, document_options
from toolkit.cli.parameters import Command, path_option
from toolkit.errors import InvalidInputError, Problem
from toolkit.values import Value

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.cli.control_plane_options import Access
    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.render.building import MeshOptions
    from toolkit.mesh.render.merge import Merged
    from toolkit.mesh.render.templating import RenderedMesh
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.versions import MeshVersion


_EXAMPLES = """\b
Examples:
  toolkit render-mesh | kubectl apply -f -
  toolkit render-mesh --format universal --mode PERMISSIVE --common-name '{{ tag "kuma.io/service" }}.mesh'
  pulumi stack output --json | toolkit render-mesh --contract - --ca-cert secret --output-file mesh.yaml
  kubectl get mesh default -o yaml | toolkit render-mesh --base - | kubectl apply -f -
  toolkit render-mesh --base mesh.yaml --diff
  toolkit render-mesh --credentials ~/.aws/mesh-credentials --secret-file secrets.yaml --output-file mesh.yaml
"""


@click.command(name="render-mesh", cls=Command, epilog=_EXAMPLES)
@contract_options
@meshes_option(help="A mesh of the contract; repeatable; all unless given.")
@format_option(help="For kubectl apply, or for kumactl apply; a Mesh in a file keeps its form.")
@mesh_options
@base_options()
@document_options
@path_option(
    "--secret-file",
    writes=True,
    group="Output",
    help="Write the Secrets to this file, which only you can read, and not before the Mesh.",
)
@diff_option(help="Show what would change in the base; write nothing.")
def command(
    *,
    source: ContractSource,
    meshes: tuple[str, ...],
    form: Form,
    base: str | None,
    mesh_version: MeshVersion | None,
    access: Access,
    secret_file: Path | None,
    target: Output,
    diff: bool,
    **chosen: Value,
) -> None:
    """Turn the contract into a Mesh with an acmpca backend.

    The documents are one YAML stream on stdout or in --output-file, Secrets before Meshes. Invalid settings, such as a
    lifetime that the CA can't issue, are rejected before anything is written.

    With --base, the backend is added to an existing Mesh. Comments, order and all other settings are kept, and settings
    without an option keep their current value. An enabled backend stays enabled; toolkit rotate switches to another.
    """
    from toolkit.files import name_source
    from toolkit.mesh.render import templating

    if diff and base is None:
        raise click.UsageError("--diff needs --base: it shows what would change there")
    if diff and (target != Output("yaml") or secret_file):
        raise click.UsageError("--diff writes no document; leave -o, --output-file and --secret-file out")
    loaded = source.load()
    names = list(dict.fromkeys(meshes)) or list(loaded.meshes)
    existing = None if base is None else read_base(base, access, names, form)
    # It may ask for credentials, so everything else is read before.
    options = take_options(form, names, **chosen)
    if existing is None:
        heed_version(mesh_version)
        rendered = [templating.render(loaded, name, options) for name in names]
    else:
        _refuse_open_source(existing)
        heed_version(mesh_version or existing.version)
        rendered = _merged(loaded, existing, names if meshes else None, options)
    if secret_file and not any(document.secrets for document in rendered):
        raise click.UsageError("--secret-file needs --ca-cert secret or --credentials: there is no Secret otherwise")
    if diff:
        _show_changes(rendered, name_source(str(base)))
    else:
        _write(rendered, secret_file, target, read_mode(base))


def _show_changes(rendered: list[RenderedMesh], source: str) -> None:
    """Print the changes of the base. Secrets are only counted."""
    for document in rendered:
        if document.mesh_has_credentials:
            refuse_public()
        if document.secrets:
            note(f"{len(document.secrets)} Secret{'s'[: len(document.secrets) != 1]} would be written, too")
    for document in rendered:
        show_diff(document.before, document.mesh, (source, f"{source} with the backend"))


def _refuse_open_source(base: Base) -> None:
    """Reject open-source Kuma, which has no acmpca backend.

    Source: Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md, which applies to Kong Mesh only.
    """
    if base.product == "Kuma":
        problem = Problem("--base", "the control plane is open-source Kuma, which has no acmpca backend")
        raise InvalidInputError("the control plane can't use AWS Private CA", [problem], "It takes Kong Mesh.")


def _merged(
    outputs: StackOutputs, base: Base, wanted: Sequence[str] | None, options: MeshOptions
) -> list[RenderedMesh]:
    """Return the base's meshes with the backend added. A text with several meshes is returned once."""
    from toolkit.mesh.documents import editable
    from toolkit.mesh.documents.reader import A_MESH_HAS
    from toolkit.mesh.render import templating
    from toolkit.mesh.render.merge import merge

    names = [mesh.name for mesh in base.meshes if mesh.name in outputs.meshes] if wanted is None else wanted
    if not names:
        there = ", ".join(mesh.name for mesh in base.meshes) or "none"
        raise InvalidInputError(
            f"no mesh of the contract ({', '.join(outputs.meshes)}) is in the base, which has: {there}",
            hint="Leave --base out to render a Mesh that does not exist yet." if base.meshes else A_MESH_HAS,
        )
    merged: dict[int, tuple[EditableMesh, str, list[Merged]]] = {}
    for name in names:
        mesh = editable.choose(base.meshes, name, "the base")
        if id(mesh.editor) not in merged:
            # The text is made again after each change, so it is read once only.
            merged[id(mesh.editor)] = (mesh, mesh.editor.text, [])
        made = merge(outputs, mesh, options)
        for text in made.warnings:
            warn(text)
        for text in made.notes:
            note(text)
        merged[id(mesh.editor)][-1].append(made)
    for mesh, *_ in merged.values():
        note_list(mesh)
    return [
        templating.RenderedMesh(
            mesh.editor.text,
            tuple(secret for made in all_made for secret in templating.render_secrets(made.secrets, mesh.form)),
            mesh.is_confidential,
            any(made.secrets_have_credentials for made in all_made),
            before,
        )
        for mesh, before, all_made in merged.values()
    ]


def _write(rendered: list[RenderedMesh], secret_file: Path | None, target: Output, mode: int) -> None:
    """Write the documents. `mode` is the file mode of documents without secrets."""
    from toolkit.files import PRIVATE, write_all
    from toolkit.mesh.render.templating import join_documents

    secrets = [secret for document in rendered for secret in document.secrets]
    documents = [document.mesh for document in rendered]
    in_mesh = any(document.mesh_has_credentials for document in rendered)
    in_secrets = not secret_file and any(document.secrets_have_credentials for document in rendered)
    if target.file is None and (in_mesh or in_secrets):
        refuse_public("--output-file" if in_mesh else "--output-file or --secret-file")
    files = {}
    if secret_file:
        files[secret_file] = (lay_out(join_documents(secrets), target.form), PRIVATE)
    else:
        documents = [*secrets, *documents]
    text = lay_out(join_documents(documents), target.form)
    if target.file is not None:
        is_private = in_mesh or (bool(secrets) and not secret_file)
        files[target.file] = (text, PRIVATE if is_private else mode)
    write_all(files)
    if target.file is None:
        write_stdout(text)
