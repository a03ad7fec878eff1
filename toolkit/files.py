"""Read files that users name, write files atomically, and find the files of the package."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ExternalError, InvalidInputError, Problem
from toolkit.text import NotTextError, decode_utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = Path(__file__).resolve().parent
# Permission bits of files.
PRIVATE, PUBLIC = 0o600, 0o644
# The limit for documents. A Mesh with all chains inline is far smaller.
MAX_BYTES = 16 * 1024 * 1024
_LONGEST_NAME = 200


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
        with Path(name).open("rb") as stream:
            content = stream.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {_show_size(limit)}", str(name))
    return content


def _show_size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"


def name_source(name: str) -> str:
    """Return the name of a :func:`read_text` source for messages."""
    return "standard input" if name == "-" else name


def make_directory(path: Path, mode: int = 0o777) -> None:
    """Create a directory and its parents, unless they exist.

    Args:
        path: the directory.
        mode: its permission bits; the umask applies.

    Raises:
        OSError: the directory can't be created; the text tells why.
    """
    try:
        path.mkdir(mode, parents=True, exist_ok=True)
    except FileExistsError:
        # "File exists" does not describe the problem. A link may lead to itself.
        path.stat()
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None


def follow(link: Path) -> Path:
    """Return the target of a link, which need not exist.

    Raises:
        OSError: the link leads to itself.
    """
    place = Path(os.path.realpath(link))
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(link))
    return place


def write_whole(path: Path, text: str, mode: int = PUBLIC) -> None:
    """Write one file atomically; see :func:`write_all`."""
    write_all({path: (text, mode)})


def write_all(files: Mapping[Path, tuple[str, int]]) -> None:
    """Write several files so that a failure before the last step leaves every old file unchanged.

    Each text is first written to a temporary file next to its target, and synced. When all are on disk, they are
    renamed to their targets. A symbolic link is kept, and its target is replaced. A target that is not a regular file,
    such as ``/dev/stdout`` or a named pipe, is written last.

    Args:
        files: text and permission bits by target; the umask applies to :data:`PUBLIC`.

    Raises:
        ExternalError: a directory or file can't be written, or a private text would be written to a target that is not
            a regular file.
    """
    staged: list[tuple[Path, Path]] = []
    pipes: list[tuple[Path, str]] = []
    path = Path()
    try:
        for path, (text, mode) in files.items():
            if path.exists() and not path.is_file() and not path.is_dir():
                _refuse_secret(path, mode)
                pipes.append((path, text))
            else:
                # Resolve strictly: a link that leads to itself has no target.
                target = follow(path) if path.is_symlink() else path
                temporary = _name_temporary(target)
                staged.append((temporary, target))
                _stage(temporary, text, mode)
        for temporary, path in staged:
            temporary.replace(path)
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
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _name_temporary(target: Path) -> Path:
    """Return a new name beside a target, whose directory is created; short enough for the limit of 255 bytes."""
    make_directory(target.parent)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a directory", str(target))
    beginning = os.fsencode(target.name)[:_LONGEST_NAME].decode(errors="ignore")
    return target.with_name(f".{beginning}.{os.urandom(6).hex()}.toolkit-tmp")


def _stage(path: Path, text: str, mode: int) -> None:
    """Write a new file, and sync it. The umask applies to :data:`PUBLIC`, as for every new file, but not to others."""
    # Created with its final mode, so that other users can never read more than they may.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    if mode != PUBLIC:
        path.chmod(mode)


def _refuse_secret(path: Path, mode: int) -> None:
    if mode == PRIVATE:
        raise ExternalError(
            f"can't write a secret to {path}: it is not a regular file, so other users could read it",
            "Name a file, or leave the option out and use a pipe.",
        )
