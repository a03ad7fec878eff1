"""Where results go: ``-o FORMAT[=FILE]``, ``--output-file``, and what keeps an output from destroying an input."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from toolkit.cli.exits import write_stdout
from toolkit.cli.parameters import GROUPS, option, suggest
from toolkit.files import PUBLIC, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from toolkit.values import Value

_Command = TypeVar("_Command", bound="Callable[..., object]")
_STDOUT = "-"
_OUTPUT = GROUPS[5]
# The form of `-o -`: what the command writes where nothing else is said.
_DEFAULT = ""
# A format by what a file's name ends with, for the error that says what was meant.
_ENDINGS = {".yml": "yaml", ".xml": "junit", ".prom": "prometheus", ".txt": "text", ".htm": "html"}


class Output(NamedTuple):
    """One way to show or keep a result.

    Attributes:
        form: one of the command's formats; empty for the default, until it is settled.
        file: where it goes; None for standard output.
    """

    form: str
    file: Path | None = None


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
            return f"{value!r} is no format; {choices}.{suggest(value.partition('=')[0], self._forms)}"
        meant = f"write {form}={value}" if form in self._forms else choices
        return f"{value!r} is a file, and a format belongs here; {meant}"


def _join(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def output_option(*forms: str, explanation: str = "") -> Callable[[_Command], _Command]:
    """How a result is shown or kept: ``outputs``.

    Args:
        forms: the formats; the first is that of standard output where nothing else is said.
        explanation: more for ``--help``.
    """
    more = f" {explanation}" if explanation else ""
    return option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        type=_OutputType(forms),
        metavar="FORMAT[=FILE]",
        group=_OUTPUT,
        help=f"The form: {', '.join(forms)}; repeatable. {forms[0]} unless given.{more}",
    )


def output_file_option(function: _Command) -> _Command:
    """Where the document goes: ``output_file``."""
    add = option(
        "--output-file",
        type=click.Path(path_type=Path),
        callback=_take_path,
        metavar="FILE",
        group=_OUTPUT,
        help="Write the document here, not to standard output.",
    )
    return add(function)


def output_dir_option(explanation: str) -> Callable[[_Command], _Command]:
    """Where several documents go: ``output_dir``."""
    return option(
        "--output-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        group=_OUTPUT,
        help=explanation,
    )


def _take_path(_ctx: click.Context, _: click.Parameter, value: Path | None) -> Path | None:
    return None if value == Path(_STDOUT) else value


def settle_document(outputs: Sequence[Output], output_file: Path | None) -> Output:
    """Return the form of a document, and where it goes.

    Args:
        outputs: of ``-o``.
        output_file: of ``--output-file``.

    Raises:
        UsageError: more is asked for than one document in one place.
    """
    if len(outputs) > 1:
        raise click.UsageError("the document is written once: give -o once")
    chosen = outputs[0] if outputs else Output(_DEFAULT)
    chosen = chosen._replace(form=chosen.form or "yaml")
    if chosen.file is not None and output_file is not None:
        raise click.UsageError(f"-o {chosen.form}={chosen.file} and --output-file both name a file; give one of them")
    return Output(chosen.form, output_file if chosen.file is None else chosen.file)


def settle_outputs(outputs: Sequence[Output], default: str) -> tuple[Output, ...]:
    """Return the outputs, or standard output in the default format.

    Raises:
        UsageError: two would go to one place: only the last would be left.
    """
    settled = tuple(output._replace(form=output.form or default) for output in outputs or (Output(default),))
    if sum(output.file is None for output in settled) > 1:
        forms = ", ".join(output.form for output in settled if output.file is None)
        raise click.UsageError(f"only one format can go to standard output, and these would: {forms}")
    refuse_one_place([(f"-o {output.form}={output.file}", output.file) for output in settled])
    return settled


def refuse_one_place(files: Iterable[tuple[str, Path | None]]) -> None:
    """Refuse two outputs for one file: only the last would be left.

    Args:
        files: what names each file, and the file.

    Raises:
        UsageError: there are such. A device or a pipe takes several.
    """
    places: dict[str, str] = {}
    for name, file in files:
        if file is None:
            continue
        place = os.path.realpath(file)
        if place in places and (file.is_file() or not file.exists()):
            raise click.UsageError(f"{places[place]} and {name} are one file; name another for one of them")
        places[place] = name


def refuse_overwriting(files: Iterable[Path | None], inputs: Mapping[str, Iterable[str | Path | None]]) -> None:
    """Refuse an output that would take the place of an input of another kind.

    Args:
        files: that will be written.
        inputs: by the option that names them; ``-`` is none.

    Raises:
        UsageError: a file is in both.
    """
    for file in files:
        for name, sources in inputs.items():
            for source in sources:
                if file is not None and source is not None and str(source) != _STDOUT and _is_same(file, Path(source)):
                    raise click.UsageError(f"{file} is the input of {name}, and would be overwritten; name another")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def refuse_one_stdin(inputs: Mapping[str, Iterable[str | Path | None] | str | None]) -> None:
    """Refuse two inputs that are both standard input.

    Args:
        inputs: by the option that names them.

    Raises:
        UsageError: there are such.
    """
    named = [
        name
        for name, sources in inputs.items()
        for source in ([sources] if sources is None or isinstance(sources, str) else sources)
        if source is not None and str(source) == _STDOUT
    ]
    if len(named) > 1:
        first, second, *_ = named
        both = f"{first} - can be given only once" if first == second else f"{first} and {second} can't both be -"
        raise click.UsageError(f"{both}: there is one standard input")


def write_outputs(outputs: Sequence[Output], render: Callable[[str, Path | None], str], default: str = "text") -> None:
    """Write a result in every format that was asked for; files appear together or not at all.

    Args:
        outputs: of ``-o``.
        render: makes the text of a format for a file, or for standard output.
        default: the format where nothing was asked for.

    Raises:
        UsageError: two would go to one place.
        ExternalError: a file can't be written.
    """
    settled = settle_outputs(outputs, default)
    write_all({output.file: (render(*output), PUBLIC) for output in settled if output.file is not None})
    for output in settled:
        if output.file is None:
            write_stdout(render(*output))
