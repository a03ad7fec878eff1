"""``toolkit lint``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli.common_options import is_quiet
from toolkit.cli.options import (
    ContractSource,
    choose_look,
    contract_options,
    filename_option,
    namespace_option,
    open_stderr_console,
    product_option,
    say,
    version_option,
)
from toolkit.cli.output_options import Output, result_option, write_outputs
from toolkit.cli.parameters import Command, argument, option, parse_with
from toolkit.errors import EXIT_CHECK_FAILED, EXIT_INVALID_INPUT, InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.mesh.lint import Finding
    from toolkit.mesh.schema.versions import MeshVersion, Product

_EXAMPLES = """\b
Examples:
  toolkit lint mesh.yaml secret.yaml
  toolkit lint mesh.yaml --contract outputs.json --mesh-version 2.14.2 --fail-on warning
  kubectl get meshes -o yaml | toolkit lint - --tag kuma.io/service=web_shop_svc_8080
  toolkit lint mesh.yaml -o text -o sarif=lint.sarif
"""
# Number of characters from which progress is shown.
_LONG = 200_000
_FAIL_ON = ("error", "warning", "note", "never")


def _check_namespace(text: str) -> str:
    from toolkit.pki.dns_label import check_dns_label

    return check_dns_label(text)


@click.command(name="lint", cls=Command, epilog=_EXAMPLES)
@argument(
    "files",
    nargs=-1,
    reads=True,
    type=click.Path(allow_dash=True),
    metavar="[FILE|-]...",
    help="Meshes, their Secrets and their resources as YAML, - for stdin.",
)
@filename_option("The same as FILE.")
@option(
    "--fail-on", type=click.Choice(_FAIL_ON), default="error", help="The lowest severity that makes the command fail."
)
@option("--select", multiple=True, metavar="CODE", help="Report only these codes or prefixes of codes; repeatable.")
@option("--ignore", multiple=True, metavar="CODE", help="Don't report these codes or prefixes of codes; repeatable.")
@version_option(help="Version of Kong Mesh, such as 2.14.2; by default any.")
@product_option(help="The product; open-source Kuma has fewer types of backends, and allows one at a time.")
@option(
    "--tag",
    "tags",
    multiple=True,
    metavar="KEY=VALUE",
    help="A tag of proxies, to check the length of common names; repeatable.",
)
@namespace_option(show_default="kong-mesh-system, or kuma-system", callback=parse_with(_check_namespace))
@contract_options
@result_option("text", "json", "sarif", explanation="sarif is for code hosts and editors (SARIF 2.1.0).")
def command(
    *,
    files: tuple[str, ...],
    filenames: tuple[str, ...],
    fail_on: Literal["error", "warning", "note", "never"],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    mesh_version: MeshVersion | None,
    product: Product,
    tags: tuple[str, ...],
    namespace: str | None,
    source: ContractSource,
    outputs: tuple[Output, ...],
) -> None:
    """Find problems in a Mesh and its resources before a control plane does.

    Reads Meshes of both forms and their Secrets, MeshIdentities, MeshTrusts, MeshTLSes and MeshTrafficPermissions.
    Finds fields that Kong Mesh would drop silently, invalid chains, lifetimes and SPIFFE IDs, and misplaced
    credentials. With --contract, --stack or --cwd, also finds differences from the contract. Never shows values of
    credentials and keys. docs/reference/lint.md explains the codes.
    """
    from datetime import UTC, datetime

    from toolkit.cli.exits import blot_value
    from toolkit.mesh.lint import UNREADABLE, Target, lint, report_unreadable
    from toolkit.mesh.lint.forms import summarize

    files += filenames
    if not files:
        raise click.UsageError("name a FILE to check, or - for standard input")
    wanted = _codes(select, ignore)
    texts, failures = _read(files)
    contract = source.load() if any(each is not None for each in source) else None
    values = _tags(tags)
    with _progress(texts) as advance:
        target = Target(datetime.now(UTC), product, mesh_version, contract, values, namespace)
        findings = lint(texts, target, advance)
    findings = sorted(
        [*findings, *(report_unreadable(*failure) for failure in failures)], key=lambda finding: finding.order
    )
    chosen = [finding for finding in findings if finding.code in wanted]
    shown = blot_value(chosen)
    write_outputs(outputs, lambda form, file: _render(form, shown, file))
    say(f"{summarize(chosen)} in {len(files)} file{'s'[: len(files) != 1]}")
    # A file that can't be read was not checked, so the exit code can't depend on the other findings.
    unread = any(finding.code == UNREADABLE.code for finding in findings)
    click.get_current_context().exit(EXIT_INVALID_INPUT if unread else _exit_code(chosen, fail_on))


@contextmanager
def _progress(texts: Sequence[tuple[str, str]]) -> Iterator[Callable[[int], None]]:
    """Show progress on a terminal; yield a function to call with the number of processed characters."""
    total = sum(len(text) for _, text in texts)
    if total < _LONG or not sys.stderr.isatty() or is_quiet():
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=open_stderr_console(), transient=True) as progress:
        task = progress.add_task("Reading and checking", total=total)
        yield lambda characters: progress.advance(task, characters)


def _read(files: Sequence[str]) -> tuple[list[tuple[str, str]], list[tuple[str, InvalidInputError]]]:
    """Return the texts of the files, and the errors of files that can't be read, each with its source.

    Raises:
        InvalidInputError: no file can be read.
    """
    from toolkit.files import name_source, read_text

    texts: list[tuple[str, str]] = []
    failures: list[tuple[str, InvalidInputError]] = []
    for file in dict.fromkeys(files):
        try:
            texts.append((name_source(file), read_text(file)))
        except InvalidInputError as error:
            failures.append((name_source(file), error))
    if not texts:
        raise failures[0][1]
    return texts, failures


def _codes(select: Sequence[str], ignore: Sequence[str]) -> set[str]:
    """Return the selected codes.

    Raises:
        UsageError: no code begins with a given prefix.
    """
    from toolkit.mesh.lint import RULES

    for name, prefixes in (("--select", select), ("--ignore", ignore)):
        for prefix in prefixes:
            if not prefix or not any(code.startswith(prefix.upper()) for code in RULES):
                raise click.UsageError(f"{name} {prefix!r}: no code begins with it; codes begin with MESH")
    chosen = tuple(prefix.upper() for prefix in select) or ("",)
    ignored = tuple(prefix.upper() for prefix in ignore)
    return {code for code in RULES if code.startswith(chosen) and not code.startswith(ignored)}


def _tags(tags: Sequence[str]) -> dict[str, str]:
    pairs = [tag.partition("=") for tag in tags]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise click.UsageError("--tag takes KEY=VALUE, such as kuma.io/service=web")
    return {key: value for key, _, value in pairs}


def _render(form: str, findings: Sequence[Finding], file: Path | None) -> str:
    from toolkit.mesh.lint.forms import render_json, render_sarif, render_text

    if form == "text":
        color, width = choose_look(file)
        return render_text(findings, color=color, width=width)
    return render_json(findings) if form == "json" else render_sarif(findings)


def _exit_code(findings: Sequence[Finding], fail_on: str) -> int:
    from toolkit.mesh.lint import Severity

    if fail_on == "never":
        return 0
    least = Severity(fail_on).rank
    return EXIT_CHECK_FAILED if any(finding.severity.rank >= least for finding in findings) else 0
