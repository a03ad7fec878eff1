"""``toolkit render-zone``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli.documents import read_mode, show_diff
from toolkit.cli.options import (
    ContractSource,
    contract_options,
    emit,
    namespace_option,
    note,
    version_option,
    warn,
    zone_option,
)
from toolkit.cli.output_options import diff_option, output_dir_option, output_file_option, write_directory
from toolkit.cli.parameters import Command, option
from toolkit.files import PRIVATE, name_source, read_text

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.contract import Zone
    from toolkit.mesh.schema.versions import MeshVersion

_ENDINGS = {"helm": "values.yaml", "env": "env"}

_EXAMPLES = """\b
Examples:
  toolkit render-zone --zone frankfurt --kds-address grpcs://mesh.example.com:5685 | helm install -f - ...
  toolkit render-zone --kds-address grpcs://mesh.example.com:5685 --output-dir zones
  toolkit render-zone --zone frankfurt --base values.yaml --output-file values.yaml
  toolkit render-zone --zone machines --format env --kds-address grpcs://mesh.example.com:5685 --output-file kuma-cp.env
"""


@click.command(name="render-zone", cls=Command, epilog=_EXAMPLES)
@contract_options
@zone_option(help="A zone of the contract; repeatable; all unless given.")
@option(
    "--format",
    "form",
    type=click.Choice(["helm", "env"]),
    default="helm",
    help="Values of Kong Mesh's release chart, or the variables of a Universal control plane.",
)
@option(
    "--kds-address",
    metavar="grpcs://HOST:PORT",
    help="Where the global control plane listens for its zones; a multi-zone mesh needs it.",
)
@version_option(rare=True, help="The version of Kong Mesh, such as 2.14.3; for IRSA its chart must be 2.5.0 or later.")
@namespace_option(show_default="that of the zone's role, which trusts no other")
@option(
    "--base",
    metavar="FILE|-",
    reads=True,
    help="An existing file of Helm values; only the zone's values change in it. - for stdin.",
)
@output_file_option
@output_dir_option(
    group="Output", help="Write a file for each zone here: NAME.values.yaml or NAME.env; all of them or none."
)
@diff_option(help="Show what would change in the base; write nothing.")
def command(
    *,
    source: ContractSource,
    zone_names: tuple[str, ...],
    form: Literal["helm", "env"],
    kds_address: str | None,
    mesh_version: MeshVersion | None,
    namespace: str | None,
    base: str | None,
    output_file: Path | None,
    output_dir: Path | None,
    diff: bool,
) -> None:
    """Render what each zone's control plane needs: Helm values or environment.

    The values are its mode and name, the address of the global control plane, the region for the AWS SDK and, for IRSA,
    the annotation with its role. They never include a credential. One zone is written to stdout or --output-file,
    several need --output-dir.

    With --base, the values are written into an existing file. Comments, order and all other values are kept; replaced
    values are printed to stderr. A file that is not Helm values (such as an Argo CD Application), or that belongs to
    another zone or to a global control plane, is rejected. The command warns of values and AWS variables that would
    keep the control plane from its role.
    """
    from toolkit.verify.plan import choose_zones
    from toolkit.zones import rendering

    _check_options(base, form, namespace, output_file, output_dir, diff=diff)
    address = None if kds_address is None else rendering.check_address(kds_address)
    chosen = choose_zones(source.load(), zone_names)
    if output_dir is None and len(chosen) > 1:
        there = ", ".join(zone.name for zone in chosen)
        raise click.UsageError(f"several zones: {there}; name one with --zone, or write all of them with --output-dir")
    if namespace is not None:
        rendering.refuse_namespace(chosen, namespace)
    if mesh_version is not None and form == "helm":
        rendering.refuse_version(chosen, mesh_version)
    texts, said, changes = _rendered(chosen, form, base, address, namespace)
    # Values may contain passwords.
    mode = PRIVATE if base == "-" else read_mode(base)
    if diff:
        show_diff(read_text(str(base)), texts[0], (str(base), f"{base} with the zone"))
    elif output_dir is None:
        emit(texts[0], output_file, mode)
    else:
        names = [f"{zone.name}.{_ENDINGS[form]}" for zone in chosen]
        write_directory(output_dir, {name: (text, mode) for name, text in zip(names, texts, strict=True)})
    for change in changes:
        note(change)
    for warning in said:
        warn(warning)


def _check_options(
    base: str | None, form: str, namespace: str | None, output_file: Path | None, output_dir: Path | None, *, diff: bool
) -> None:
    if namespace is not None and form == "env":
        raise click.UsageError("--namespace is a release's; leave it out with --format env")
    if base is not None and form == "env":
        raise click.UsageError("--base takes Helm values; systemd and docker read several environment files")
    if output_file is not None and output_dir is not None:
        raise click.UsageError(
            "--output-file names the file of one zone, --output-dir the place of several; give one of them"
        )
    if diff and (base in (None, "-") or output_file is not None or output_dir is not None):
        raise click.UsageError("--diff needs --base FILE, and writes nothing: leave --output-file and --output-dir out")


def _rendered(
    chosen: Sequence[Zone], form: Literal["helm", "env"], base: str | None, address: str | None, namespace: str | None
) -> tuple[list[str], list[str], list[str]]:
    """Return the text of each zone, the warnings, and the values that were replaced."""
    from toolkit.zones import rendering, values_file

    is_helm = form == "helm"
    if base is None:
        render = rendering.render_values if is_helm else rendering.render_environment
        said = [
            line
            for zone in chosen
            for line in rendering.write_notes(
                zone, has_address=address is not None, in_chart=is_helm, namespace=namespace
            )
        ]
        return [render(zone, address) for zone in chosen], said, []
    text, source = read_text(base), name_source(base)
    merged = [values_file.merge(text, source, zone, address, namespace) for zone in chosen]
    return (
        [one.text for one in merged],
        [line for one in merged for line in one.notes],
        [line for one in merged for line in one.changes],
    )
