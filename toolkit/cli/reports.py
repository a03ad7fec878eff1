"""Write a report in one or several forms, to stdout and files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from toolkit.cli.exits import OutputError, blot_value, write_stdout
from toolkit.cli.options import choose_look, say
from toolkit.staging import follow
from toolkit.text import escape_lines

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.cli.output_options import Output
    from toolkit.verify.results import Report

FORMS = ("table", "wide", "json", "junit", "prometheus", "html", "compact")


def render_report(report: Report, form: str, output: Path | None = None) -> str:
    """Return a report in one of :data:`FORMS`. Only a terminal gets colors.

    Args:
        report: the report.
        form: one of :data:`FORMS`.
        output: the file; None for standard output.
    """
    if form in ("table", "wide"):
        from toolkit.verify.report import table

        color, width = choose_look(output)
        return table.render(report, wide=form == "wide", color=color, width=width)
    from importlib import import_module

    # Each form has its own module, so that a command loads only the forms that it writes.
    text: str = import_module(f"toolkit.verify.report.{form}").render(report)
    return text


def require_writable(outputs: Sequence[Output]) -> None:
    """Check that the files can be written, before anything is issued. No file is created.

    Raises:
        ExternalError: a file can't be written.
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
    """Return why a file can't be written; empty if it can.

    Args:
        file: the file.
        whole: whether it is replaced by a new file in its directory, and not written in place.
    """
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
        # Create an unnamed file, because permission bits don't show what the file system allows.
        with tempfile.TemporaryFile(dir=directory):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def write_reports(report: Report, outputs: Sequence[Output]) -> None:
    """Write a report in all chosen forms, without the secrets that the process knows.

    - A compact report is written first and in place, because it is lost when the pod ends.
    - Other files are written together or not at all.
    - If a file can't be written, all other outputs are still written. If then nothing is on stdout, the report is
      written to stderr, because it may be the only record of issued certificates.

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
                compact.write(file, render_report(report, form))
            except ExternalError as error:
                trouble = error
    rest = {
        file: (render_report(report, form, file), PUBLIC)
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
            write_stdout(render_report(report, form))
        except OutputError as error:
            trouble, shown = error, []
    if not shown and not trouble:
        from toolkit.verify.report.verdict import summarize

        say(escape_lines(summarize(report)))
    if trouble and not shown:
        click.echo(render_report(report, outputs[0].form, outputs[0].file), nl=False, err=True)
    if trouble:
        raise trouble
