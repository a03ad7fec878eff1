"""Files that users name, files that appear whole or not at all, and the files that travel with the package."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ExternalError, InvalidInputError, Problem
from toolkit.text import NotTextError, decode_utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = Path(__file__).resolve().parent
PRIVATE = 0o600
PUBLIC = 0o644
# A Mesh with every chain inline is far smaller.
MAX_BYTES = 16 * 1024 * 1024


def find_project_root() -> Path:
    """Return the directory that holds ``Pulumi.yaml``, ``__main__.py``, ``stacks/`` and ``templates/``.

    In a checkout that is the repository; in an installed wheel it is the copy inside the package
    (``force-include`` in ``pyproject.toml``).
    """
    bundled = _PACKAGE / "_bundled"
    return bundled if bundled.is_dir() else _PACKAGE.parent


def read_text(name: str) -> str:
    """Return a text that the user named: a file, or ``-`` for stdin. Line ends are kept; a byte order mark is not.

    Raises:
        InvalidInputError: it can't be read, is not UTF-8, or is larger than any document.
    """
    try:
        content = read_bytes(name)
    except OSError as error:
        raise InvalidInputError(f"can't read {name}: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise InvalidInputError(f"{name_source(name)} is larger than 16 MiB, so it is no document of Kong Mesh")
    try:
        return decode_utf8(content).removeprefix("\ufeff")
    except NotTextError as error:
        where = f"{name_source(name)}:{error.line}"
        raise InvalidInputError(f"{name_source(name)} is not YAML", [Problem(where, str(error))]) from None


def read_bytes(name: str) -> bytes:
    """Return the content of a file, or of ``-`` for stdin: :data:`MAX_BYTES`, and one more if there are more.

    Raises:
        OSError: it can't be read.
    """
    if name == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(name).open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def name_source(name: str) -> str:
    """Return what to call a source that the user named as for :func:`read_text`."""
    return "standard input" if name == "-" else name


def write_whole(path: Path, text: str, mode: int = PUBLIC) -> None:
    """Write one file as a whole; see :func:`write_all`."""
    write_all({path: (text, mode)})


def write_all(files: Mapping[Path, tuple[str, int]]) -> None:
    """Write several files so that a failure before the last step leaves every old file as it was.

    Each text goes to a temporary file beside its target first, with the mode it will keep, and is synced;
    only when all are on disk are they renamed into place. A link stays one: what it points to is replaced. What is
    there and is no file, such as ``/dev/stdout`` or a named pipe, is written into at the very end.

    Args:
        files: for each target its text and its permission bits.

    Raises:
        ExternalError: a directory or file can't be written, or what only its owner may read would go into
            something that is no file.
    """
    staged: list[tuple[Path, Path]] = []
    pipes: list[tuple[Path, str]] = []
    try:
        for path, (text, mode) in files.items():
            if path.exists() and not path.is_file() and not path.is_dir():
                _refuse_secret(path, mode)
                pipes.append((path, text))
            else:
                place = Path(os.path.realpath(path)) if path.is_symlink() else path
                staged.append((_stage(place, text, mode), place))
        for temporary, target in staged:
            temporary.replace(target)
        for pipe, content in pipes:
            with pipe.open("w", encoding="utf-8", newline="\n") as stream:
                stream.write(content)
    except OSError as error:
        culprit = error.filename2 or error.filename or "the output"
        raise ExternalError(
            f"can't write {culprit}: {error.strerror or error}",
            "Choose a place you may write to; no file was left half-written.",
        ) from error
    finally:
        for temporary, _ in staged:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _refuse_secret(path: Path, mode: int) -> None:
    if mode == PRIVATE:
        raise ExternalError(
            f"can't write a secret to {path}: it is no file, so nobody can be kept from reading it",
            "Name a file, or leave the option out and use a pipe.",
        )


def _stage(path: Path, text: str, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(21, "it is a directory", str(path))
    # mkstemp creates with 0600, so a secret is never readable by others, not even for a moment.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
