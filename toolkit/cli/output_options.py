"""Where results go: ``-o FORMAT[=FILE]``, ``--output-file``, ``--output-dir``."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from toolkit.cli.exits import write_stdout
from toolkit.cli.options import say
from toolkit.cli.overwriting import Place, refuse_overwriting
from toolkit.cli.parameters import GROUPS, Decorator, Option, gather, list_inputs, option, path_option
from toolkit.files import PUBLIC, write_all
from toolkit.text import suggest
from toolkit.values import Value

_STDOUT = "-"
# A document may replace the one that it is made of.
_REPLACES = ("base",)
_OUTPUT = GROUPS[5]
# The form of `-o -`: the command's default form.
_DEFAULT = ""
# Formats by file name suffix, for suggestions in errors.
_ENDINGS = {".yml": "yaml", ".xml": "junit", ".prom": "prometheus", ".txt": "text", ".htm": "html"}


class Output(NamedTuple):
    """One output of a result.

    Attributes:
        form: one of the command's formats; empty for the default format, until ``settle_*`` replaces it.
        file: the file; None for standard output.
    """

    form: str
    file: Path | None = None


class _OutputOption(Option):
    """The option ``-o``."""

    def list_places(self, value: Value) -> list[Place]:
        """Return the files that the outputs name."""
        return [
            Place(f"-o {output.form}", output.file, str(self.name), self.replaces)
            for output in value
            if output.file is not None
        ]


class _OutputType(click.ParamType[object]):
    """Reads ``FORMAT[=FILE]``; ``-`` alone is standard output in the first format."""

    name = "output"

    def __init__(self, forms: Sequence[str]) -> None:
        self._forms = forms

    def convert(self, value: Value, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        """Return an :class:`Output`."""
        if not isinstance(value, str):
            return value
        form, equals, file = value.partition("=")
        if value == _STDOUT:
            return Output(_DEFAULT)
        if form not in self._forms:
            self.fail(self._explain(value), param, ctx)
        if equals and not file:
            self.fail(f"{value!r} names no file after the equals sign", param, ctx)
        return Output(form, Path(file) if file not in ("", _STDOUT) else None)

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Value]:
        """Complete the format."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(form) for form in self._forms if form.startswith(incomplete)]

    def _explain(self, value: str) -> str:
        choices = f"choose {_join(self._forms)}; to write a file: {self._forms[-1]}=FILE"
        ending = Path(value).suffix.lower()
        form = _ENDINGS.get(ending, ending.removeprefix("."))
        if "=" in value or not (ending or os.sep in value):
            near = suggest(value.partition("=")[0], self._forms, most=3)
            return f"{value!r} is not a format; {choices}. {near}".rstrip()
        meant = f"write {form}={value}" if form in self._forms else choices
        return f"{value!r} is a file, and a format belongs here; {meant}"


def _join(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def output_option(*forms: str, explanation: str = "", callback: Callable[..., Value] | None = None) -> Decorator:
    """Return the option for formats and files as they are given: ``outputs``.

    Args:
        forms: the formats; the first is the default, on standard output.
        explanation: further text for ``--help``.
        callback: of the option.
    """
    return option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        type=_OutputType(forms),
        metavar="FORMAT[=FILE]",
        group=_OUTPUT,
        cls=_OutputOption,
        writes=True,
        replaces=_REPLACES,
        callback=callback,
        help=f"The form: {', '.join(forms)}; repeatable. {forms[0]} unless given. {explanation}".rstrip(),
    )


def result_option(*forms: str, explanation: str = "") -> Decorator:
    """Return the option for a result's formats and files, as :func:`settle_outputs` returns them: ``outputs``."""
    return output_option(*forms, explanation=explanation, callback=lambda _, __, value: settle_outputs(value, forms[0]))


output_file_option = path_option(
    "--output-file",
    callback=lambda _, __, value: None if value == Path(_STDOUT) else value,
    group=_OUTPUT,
    writes=True,
    replaces=_REPLACES,
    help="Write the document here, not to standard output.",
)
# Takes help and a default.
output_dir_option = functools.partial(
    option, "--output-dir", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", writes=True
)


def settle_document(outputs: Sequence[Output], output_file: Path | None) -> Output:
    """Return the form and the file of a document.

    Args:
        outputs: the values of ``-o``.
        output_file: the value of ``--output-file``.

    Raises:
        UsageError: the options name more than one format or file.
    """
    if len(outputs) > 1:
        raise click.UsageError("the document is written once: give -o once")
    chosen = outputs[0] if outputs else Output(_DEFAULT)
    chosen = chosen._replace(form=chosen.form or "yaml")
    if chosen.file is not None and output_file is not None:
        raise click.UsageError(f"-o {chosen.form}={chosen.file} and --output-file both name a file; give one of them")
    return Output(chosen.form, output_file if chosen.file is None else chosen.file)


# The form and the file of a document: ``target``.
document_options = gather("target", settle_document, output_option("yaml", "json"), output_file_option)
# Whether to show only what would change: ``diff``.
diff_option = functools.partial(option, "--diff", is_flag=True, group=_OUTPUT)


def settle_outputs(outputs: Sequence[Output], default: str) -> tuple[Output, ...]:
    """Return the outputs, or standard output in the default format.

    Raises:
        UsageError: two outputs go to standard output.
    """
    settled = tuple(output._replace(form=output.form or default) for output in outputs or (Output(default),))
    if sum(output.file is None for output in settled) > 1:
        forms = ", ".join(output.form for output in settled if output.file is None)
        raise click.UsageError(f"only one format can go to standard output, and these would: {forms}")
    return settled


def write_directory(directory: Path, files: Mapping[str, tuple[str, int]]) -> None:
    """Write the files of ``--output-dir``; all of them or none.

    Args:
        directory: the option's value.
        files: text and permission bits by name.

    Raises:
        UsageError: one of them is an input of the command.
        ExternalError: a file can't be written.
    """
    paths = {directory / name: content for name, content in files.items()}
    refuse_overwriting([Place("--output-dir", path) for path in paths], list_inputs(click.get_current_context()))
    write_all(paths)
    say(f"Written to {directory}/: {', '.join(sorted(files))}")


def write_outputs(settled: Sequence[Output], render: Callable[[str, Path | None], str]) -> None:
    """Write a result in all chosen formats. Either all files are written or none.

    Args:
        settled: the outputs from :func:`settle_outputs`.
        render: returns the text of a format, for a file or (with None) for standard output.

    Raises:
        ExternalError: a file can't be written.
    """
    write_all({output.file: (render(*output), PUBLIC) for output in settled if output.file is not None})
    for output in settled:
        if output.file is None:
            write_stdout(render(*output))
