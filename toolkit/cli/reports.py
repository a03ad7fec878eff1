"""In which forms a report is written, and where; several at once."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import click

from toolkit.cli.exits import OutputError, blot_value, write_stdout
from toolkit.cli.options import choose_look, say
from toolkit.staging import follow
from toolkit.text import escape_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.cli.output_options import Output
    from toolkit.verify.report import Form
    from toolkit.verify.results import Report

FORMS = ("table", "wide", "json", "junit", "prometheus", "html", "compact")


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


def require_writable(outputs: Sequence[Output]) -> None:
    """Find out before anything is issued whether the files can be written; nothing is created.

    Raises:
        ExternalError: one can't be.
    """
    from toolkit.errors import ExternalError

    for form, file in outputs:
        if file is None:
            continue
        problem = _write_problem(file, whole=form != "compact")
        if problem:
            raise ExternalError(
                f"can't write {file}: {problem}", "Choose a path that you can write to; nothing was issued."
            )


def _write_problem(file: Path, *, whole: bool) -> str:
    """Return why a file can't be written, or nothing; one that appears as a whole is made beside the old one."""
    try:
        file = follow(file)
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


def write_reports(report: Report, outputs: Sequence[Output]) -> None:
    """Write a report in every form that was asked for; files appear together or not at all.

    Secrets that the process knows are replaced in it. A compact one is written first, into the file that is there: it
    is what nobody sees again when the pod is gone. Where a file can't be written, all else is, and where
    nothing is on standard output, it goes to standard error: the report may be all that is known of what was issued.

    Raises:
        ExternalError: a file or standard output can't be written.
    """
    from toolkit.errors import ExternalError
    from toolkit.files import PUBLIC, write_all
    from toolkit.verify.report import compact

    report = blot_value(report)
    trouble = None
    for form, file in outputs:
        if file is not None and form == "compact":
            try:
                compact.write(file, choose_form(form).render(report))
            except ExternalError as error:
                trouble = error
    rest = {
        file: (choose_form(form, file).render(report), PUBLIC)
        for form, file in outputs
        if file is not None and form != "compact"
    }
    try:
        write_all(rest)
    except ExternalError as error:
        trouble = error
    shown = [form for form, file in outputs if file is None]
    for form in shown:
        try:
            write_stdout(choose_form(form).render(report))
        except OutputError as error:
            trouble, shown = error, []
    if not shown and not trouble:
        from toolkit.verify.report.verdict import summarize

        say(escape_lines(summarize(report)))
    if trouble and not shown:
        click.echo(choose_form(outputs[0].form, outputs[0].file).render(report), nl=False, err=True)
    if trouble:
        raise trouble
