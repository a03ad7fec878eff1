"""Read files that users name, write files atomically, and find the files of the package."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from pathlib import Path

from toolkit import staging
from toolkit.errors import ExternalError, InvalidInputError, Problem
from toolkit.text import NotTextError, decode_utf8

_PACKAGE = Path(__file__).resolve().parent
PRIVATE, PUBLIC = staging.PRIVATE, staging.PUBLIC
# The limit for documents. A Mesh with all chains inline is far smaller.
MAX_BYTES = 16 * 1024 * 1024


def find_project_root() -> Path:
    """Return the directory with ``Pulumi.yaml``, ``__main__.py``, ``stacks/`` and ``templates/``.

    In a checkout that is the repository; in an installed wheel it is the copy inside the package (``force-include`` in
    ``pyproject.toml``).
    """
    bundled = _PACKAGE / "_bundled"
    return bundled if bundled.is_dir() else _PACKAGE.parent


def read_text(name: str, verdict: str = "is not YAML") -> str:
    """Return the text of a file, or of stdin for ``-``. Line ends are kept; a byte order mark is removed.

    Args:
        name: the file's name.
        verdict: the error text for a file that is not text.

    Raises:
        InvalidInputError: the file can't be read, is not UTF-8, or is larger than :data:`MAX_BYTES`.
    """
    try:
        content = read_at_most(name)
    except OSError as error:
        raise InvalidInputError(f"can't read {name_source(name)}: {error.strerror or error}") from error
    try:
        return decode_utf8(content).removeprefix("\ufeff")
    except NotTextError as error:
        where = f"{name_source(name)}:{error.line}"
        raise InvalidInputError(f"{name_source(name)} {verdict}", [Problem(where, str(error))]) from None


def read_at_most(name: str | Path, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a file, or of stdin for ``-``.

    The size is limited, because a device such as /dev/zero has no end.

    Args:
        name: the file's name.
        limit: in bytes.

    Raises:
        OSError: the file can't be read or is larger; ``strerror`` tells which.
    """
    if name == "-":
        if sys.stdin is None:
            raise OSError(errno.EBADF, "it is closed", "-")
        content = sys.stdin.buffer.read(limit + 1)
    else:
        try:
            with Path(name).open("rb") as stream:
                content = stream.read(limit + 1)
        except IsADirectoryError as error:
            raise OSError(errno.EISDIR, "it is a directory; name each file in it", str(name)) from error
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {_show_size(limit)}", str(name))
    return content


def _show_size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"


def name_source(name: str) -> str:
    """Return the name of a :func:`read_text` source for messages."""
    return "standard input" if name == "-" else name


def write_whole(path: Path, text: str, mode: int = PUBLIC) -> None:
    """Write one file atomically; see :func:`write_all`."""
    write_all({path: (text, mode)})


def write_all(files: Mapping[Path, tuple[str, int]]) -> None:
    """Write several files so that a failure before the last step leaves every old file unchanged.

    Each text is first written to a temporary file next to its target, and synced. When all are on disk, they are
    renamed to their targets. A symbolic link is kept, and its target is replaced. A target that is not a regular file,
    such as ``/dev/stdout`` or a named pipe, is written last. Temporary files of a killed run are removed.

    Args:
        files: text and permission bits by target; the umask applies to :data:`PUBLIC`.

    Raises:
        ExternalError: a directory or file can't be written, or a private text would be written to a target that is not
            a regular file.
    """
    staged: list[tuple[staging.StagedFile, Path]] = []
    pipes: list[tuple[Path, str]] = []
    path = Path()
    try:
        for path, (text, mode) in files.items():
            if path.exists() and not path.is_file() and not path.is_dir():
                _refuse_secret(path, mode)
                pipes.append((path, text))
            else:
                # Resolve strictly: a link that leads to itself has no target.
                place = staging.follow(path) if path.is_symlink() else path
                staged.append((staging.StagedFile(place, text, mode), path))
        for temporary, target in staged:
            path = target
            temporary.move_into_place()
        for path, content in pipes:
            with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
                stream.write(content)
    except OSError as error:
        raise ExternalError(
            f"can't write {path}: {error.strerror or error}",
            "Choose a path that you can write to; no file was left half-written.",
        ) from error
    finally:
        for temporary, _ in staged:
            temporary.discard()


def _refuse_secret(path: Path, mode: int) -> None:
    if mode == PRIVATE:
        raise ExternalError(
            f"can't write a secret to {path}: it is not a regular file, so other users could read it",
            "Name a file, or leave the option out and use a pipe.",
        )
