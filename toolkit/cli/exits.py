"""Replace the secrets that the process knows in stderr, tracebacks and reports.

Documents on stdout and in files are not changed, because they may contain credentials on purpose.
"""

from __future__ import annotations

import dataclasses
import errno
import io
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, TextIO, TypeVar, cast

import click

from toolkit.errors import EXIT_READER_ENDED, ExternalError
from toolkit.redaction import blot
from toolkit.text import escape, escape_lines
from toolkit.values import Value

if TYPE_CHECKING:
    from types import TracebackType


_Value = TypeVar("_Value")
# Errors of a stream that can't be written.
_OF_A_STREAM = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
# Errors of these libraries quote invalid text, which may be a credentials file or a part of an STS response.
_QUOTING = ("configparser", "botocore.parsers", "json", "pydantic_core", "ruamel", "xml", "yaml")


class _BlottedStream:
    """A text stream that replaces secrets in what is written to it.

    Each write is checked alone, so a secret that is written in several parts is not found.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text without secrets, and ignore errors such as a full disk."""
        with suppress(OSError):
            self._stream.write(blot(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        with suppress(OSError):
            self._stream.flush()

    def writelines(self, lines: list[str]) -> None:
        """Write lines without secrets."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Value:
        return getattr(self._stream, name)


class _ClosedStream(io.TextIOBase):
    """Replaces a standard output that was closed before the process began, for which Python has None."""

    def write(self, _: str) -> int:
        """Raise an error.

        Raises:
            OSError: always.
        """
        raise OSError(errno.EBADF, "it is closed")


class OutputError(ExternalError):
    """Standard output can't be written."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"can't write to standard output: {reason}", "Make room or open it, or name a file to write to instead."
        )


class ReaderEndedError(OutputError):
    """The program that reads standard output ended before it had read everything, as ``head`` does."""

    exit_code = EXIT_READER_ENDED


@contextmanager
def explain_output_errors() -> Iterator[None]:
    """Convert errors of standard output, such as a full disk, to OutputError.

    An error without a file name is from a stream, because errors of files have a name.

    Raises:
        OutputError: standard output can't be written.
    """
    try:
        try:
            yield
        finally:
            # Otherwise the interpreter would flush it at exit, and change the exit code if that fails.
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in _OF_A_STREAM or error.filename is not None:
            raise
        _discard_output()
        kind = ReaderEndedError if error.errno == errno.EPIPE else OutputError
        raise kind(error.strerror or str(error)) from error


def write_stdout(text: str) -> None:
    r"""Write to standard output; a lone surrogate as ``\ud800``, which is its form in JSON and YAML.

    Raises:
        OutputError: it is closed or full.
    """
    with explain_output_errors():
        click.echo(text.encode(errors="backslashreplace").decode(), nl=False)


@contextmanager
def guard_stdout() -> Iterator[None]:
    """Replace a closed standard output by a stream that raises an error, so that no output is lost silently."""
    if sys.stdout is not None:
        yield
        return
    sys.stdout = _ClosedStream()
    try:
        yield
    finally:
        # Restore Python's value.
        sys.stdout = None


def _discard_output() -> None:
    """Discard the stream's buffer: the interpreter would try to write it at exit, and print an error."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def guard_stderr() -> Iterator[None]:
    """Replace secrets in all text that is written to ``sys.stderr`` in the block: errors, warnings, progress, logs."""
    before = sys.stderr
    if before is None or isinstance(before, _BlottedStream):
        yield
        return
    guarded = cast("TextIO", _BlottedStream(before))
    sys.stderr = guarded
    try:
        yield
    finally:
        if sys.stderr is guarded:
            sys.stderr = before


def format_traceback(error: BaseException) -> str:
    """Return the traceback of an error and of its causes, the first cause first.

    Secrets are replaced, and control characters are escaped. The messages of libraries that quote invalid text are left
    out.
    """
    import traceback

    text = "".join(traceback.format_exception(error))
    chain = [error]
    for each in chain:
        others = (each.__cause__, each.__context__, *getattr(each, "exceptions", ()))
        chain += [other for other in others if other is not None and other not in chain]
        if _may_quote(type(each)) and str(each):
            # The lines of a group's members are indented, with a bar.
            message = r"\n[ |]*".join(re.escape(line.lstrip(" ")) for line in str(each).split("\n"))
            text = re.sub(message, "(its message is left out: it may quote what was read)", text)
    return escape_lines(blot(text))


def _may_quote(kind: type[BaseException]) -> bool:
    return any(f"{each.__module__}.".startswith(f"{library}.") for each in kind.__mro__ for library in _QUOTING)


def install_hooks() -> None:
    """Print uncaught exceptions of all threads without secrets."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        elif sys.stderr is not None:
            sys.stderr.write(format_traceback(error))

    def thread_hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit) and sys.stderr is not None:
            name = escape(args.thread.name) if args.thread else "of no name"
            sys.stderr.write(f"Error in the thread {name}:\n{format_traceback(args.exc_value)}")

    sys.excepthook = hook
    threading.excepthook = thread_hook


def blot_value(value: _Value) -> _Value:
    """Return a report, or a part of one, without the secrets that the process knows.

    Call it before a form renders the report: a wrapped, escaped or cut secret would not be found.
    """
    return cast("_Value", _blotted(value))


def _blotted(value: object) -> object:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return blot(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (field.name for field in dataclasses.fields(value) if field.init)
        return dataclasses.replace(value, **{name: _blotted(getattr(value, name)) for name in fields})
    if isinstance(value, dict):
        return {_blotted(key): _blotted(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        # A NamedTuple is created with _make, not from one iterable.
        return getattr(value, "_make", type(value))(map(_blotted, value))
    return value
