"""Keep a command from overwriting a file that it reads, writing two results to one file, and reading stdin twice."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TextIO

import click

from toolkit.files import name_source

STDIN = "-"
# Files that commands read without an option: the variable or option that would name another one, and the default.
_IMPLICIT_INPUTS = {
    "AWS_CONFIG_FILE": "~/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "",
    "AWS_CA_BUNDLE": "",
    "--kumactl-config": "~/.kumactl/config",
}


class Place(NamedTuple):
    """A file that an option or an argument names.

    Attributes:
        name: the option, as errors name it.
        file: the file's path; ``-`` is stdin if the file is an input.
        parameter: the option's parameter.
        replaces: parameters whose file this one may overwrite.
    """

    name: str
    file: str | Path
    parameter: str = ""
    replaces: Sequence[str] = ()


def list_implicit_inputs() -> Iterator[Place]:
    """Yield the files that commands read although no option names them."""
    for name, default in _IMPLICIT_INPUTS.items():
        # A container may have no home directory.
        with suppress(RuntimeError):
            if file := os.environ.get(name) or default:
                yield Place(name, Path(file).expanduser())


def refuse_overwriting(written: Iterable[Place], inputs: Iterable[Place]) -> None:
    """Reject an output file that is also an input, or a standard stream, under any path or link.

    An option that reads and writes one file, such as ``verify --resume``, does not clash with itself.

    Args:
        written: the files that will be written.
        inputs: the files that are read.

    Raises:
        UsageError: a file is in both, or the shell redirects standard output or standard error to one that is written.
    """
    sources = [(source, status) for source in inputs if (status := _find_regular_file(source.file, is_input=True))]
    streams = [
        (name, status)
        for name, stream in (("standard output", sys.stdout), ("standard error", sys.stderr))
        if (status := _find_stream_file(stream))
    ]
    for target in written:
        status = _find_regular_file(target.file)
        for name, redirected in streams:
            if status and os.path.samestat(status, redirected):
                # What the stream and the option write would replace each other.
                raise click.UsageError(f"{target.name} writes {target.file}, which is {name}, too; choose another file")
        for source, read in sources:
            allowed = source.parameter and source.parameter in (target.parameter, *target.replaces)
            if status and not allowed and os.path.samestat(status, read):
                raise click.UsageError(
                    f"{name_source(str(source.file))} is an input ({source.name}), so {target.name} can't write "
                    f"{target.file}; choose another file"
                )


def refuse_one_place(written: Iterable[Place]) -> None:
    """Reject two outputs to one file, because only the last would remain. A device or a pipe may be named twice.

    Args:
        written: the files that will be written.

    Raises:
        UsageError: two outputs name the same file.
    """
    places: dict[str, Place] = {}
    for target in written:
        path = os.path.realpath(target.file)
        other = places.get(path)
        if other and (Path(path).is_file() or not Path(path).exists()):
            raise click.UsageError(
                f"{other.name} and {target.name} both write {target.file}; choose another file for one of them"
            )
        places[path] = target


def refuse_one_stdin(inputs: Iterable[Place]) -> None:
    """Reject two inputs from standard input.

    Args:
        inputs: the files that are read.

    Raises:
        UsageError: more than one input is ``-``.
    """
    named = [source.name for source in inputs if source.file == STDIN]
    if len(named) > 1:
        first, second, *_ = named
        both = f"{first} - can be given only once" if first == second else f"{first} and {second} can't both be -"
        raise click.UsageError(f"{both}: there is one standard input")


def _find_regular_file(file: str | Path, *, is_input: bool = False) -> os.stat_result | None:
    """Return the status of a regular file; None for anything else, such as a device, and for what does not exist."""
    if is_input and file == STDIN:
        return _find_stream_file(sys.stdin)
    try:
        found = Path(file).stat()
    except (OSError, ValueError):
        # A path may contain a null character.
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _find_stream_file(stream: TextIO | None) -> os.stat_result | None:
    """Return the status of the regular file that a standard stream is; None if it is closed or anything else."""
    try:
        found = os.fstat(stream.fileno()) if stream else None
    except (AttributeError, OSError, ValueError):
        # Tests replace streams by objects without a descriptor.
        return None
    return found if found and stat.S_ISREG(found.st_mode) else None
