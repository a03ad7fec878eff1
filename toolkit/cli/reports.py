"""In which forms a report is written, and where; several at once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from toolkit.cli.options import choose_look, output_file, with_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolkit.values import Value
    from toolkit.verify.report import Form
    from toolkit.verify.results import Report

_Command = TypeVar("_Command", bound="Callable[..., object]")
FORMS = ("table", "wide", "json", "junit", "prometheus", "html", "compact")


class ReportFile(NamedTuple):
    """A further report: its form, and where it goes."""

    form: str
    file: Path


class _ReportFile(click.ParamType[object]):
    name = "report"

    def convert(self, value: Value, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        """Read ``FORM=FILE``."""
        if isinstance(value, ReportFile):
            return value
        form, equals, file = str(value).partition("=")
        if form not in FORMS or not equals or not file:
            self.fail(f"{value!r} is not FORM=FILE, with a form of {', '.join(FORMS)}", param, ctx)
        return ReportFile(form, Path(file))


def report_options(function: _Command) -> _Command:
    """The forms of a report: ``form``, ``output`` and ``reports``."""
    return with_options(
        function,
        click.option(
            "--format",
            "form",
            type=click.Choice(FORMS),
            default="table",
            show_default=True,
            help="wide shows every check of every zone; junit is for CI systems, prometheus for node_exporter's "
            "textfile collector, html to look at; compact is JSON of 4096 bytes, for a Kubernetes Job.",
        ),
        output_file,
        click.option(
            "--report",
            "reports",
            multiple=True,
            type=_ReportFile(),
            metavar="FORM=FILE",
            help=f"Write a report to a file as well: {', '.join(FORMS)}; repeatable.",
        ),
    )


def choose_form(form: str, output: Path | None = None) -> Form:
    """One way to write a report; colours only for a terminal.

    Args:
        form: one of :data:`FORMS`.
        output: where it goes; None for standard output.
    """
    if form in ("table", "wide"):
        from toolkit.verify.report.table import TableForm

        color, width = choose_look(output)
        return TableForm(wide=form == "wide", color=color, width=width)
    from importlib import import_module

    # Each form is a module and a class of its own, and a command loads only those that it writes.
    made: Form = getattr(import_module(f"toolkit.verify.report.{form}"), f"{form.capitalize()}Form")()
    return made


def refuse_clashes(output: Path | None, reports: Sequence[ReportFile], ledger: Path | None = None) -> None:
    """Refuse two documents for one file, before anything is issued: the last one alone would be left.

    Raises:
        UsageError: there are such.
    """
    files = [file for file in (ledger, output, *(report.file for report in reports)) if file is not None]
    places: set[str] = set()
    for file in files:
        place = os.path.realpath(file)
        if place in places and (file.is_file() or not file.exists()):
            raise click.UsageError(f"{file} can't hold more than one of the ledger and the reports")
        places.add(place)


def require_writable(output: Path | None, reports: Sequence[ReportFile]) -> None:
    """Find out before anything is issued whether the files can be written; nothing is created.

    Raises:
        ExternalError: one can't be.
    """
    from toolkit.errors import ExternalError

    wanted = [file for _, file in reports] + ([output] if output is not None else [])
    in_place = {file for form, file in reports if form == "compact"}
    for file in wanted:
        problem = _write_problem(Path(os.path.realpath(file)), whole=file not in in_place)
        if problem:
            raise ExternalError(
                f"can't write {file}: {problem}", "Choose a place you may write to; nothing was issued."
            )


def _write_problem(file: Path, *, whole: bool) -> str:
    """Return why a file can't be written, or nothing; one that appears as a whole is made beside the old one."""
    try:
        if file.is_dir():
            return "it is a directory"
        if file.exists() and not (whole and file.is_file()):
            return "" if os.access(file, os.W_OK) else "permission denied"
        directory = file.parent
        while whole and not directory.exists():
            directory = directory.parent
        if not directory.is_dir():
            return f"{directory} is not a directory" if directory.exists() else f"{directory} does not exist"
        # A file without a name: permission bits do not say what the file system allows.
        with tempfile.TemporaryFile(dir=directory):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def write_reports(report: Report, form: str, output: Path | None, reports: Sequence[ReportFile]) -> None:
    """Write a report in every form that was asked for; files appear together or not at all.

    Secrets that the process knows are replaced in it. A compact one is written first, into the file that is there: it
    is what nobody sees again when the pod is gone. Where a file can't be written, all else is, and what would have gone
    to ``output`` goes to standard error: the report may be all that is known of what was issued.

    Raises:
        ExternalError: a file can't be written.
    """
    from toolkit.cli.exits import blot_value
    from toolkit.errors import ExternalError
    from toolkit.files import PUBLIC, write_all
    from toolkit.verify.report import compact

    report = blot_value(report)
    wanted = list(reports)
    if output is not None:
        wanted.append(ReportFile(form, output))
    trouble = None
    for kind, file in wanted:
        if kind == "compact":
            try:
                compact.write(file, choose_form(kind).render(report))
            except ExternalError as error:
                trouble = error
    rest = {file: (choose_form(kind, file).render(report), PUBLIC) for kind, file in wanted if kind != "compact"}
    try:
        write_all(rest)
    except ExternalError as error:
        trouble = error
    if output is None or trouble:
        click.echo(choose_form(form, output).render(report), nl=False, err=output is not None)
    if trouble:
        raise trouble
