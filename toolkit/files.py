"""Files that users name, files that appear whole or not at all, and the files that travel with the package."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import staging
from toolkit.errors import ExternalError, InvalidInputError, Problem
from toolkit.text import NotTextError, decode_utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = Path(__file__).resolve().parent
PRIVATE, PUBLIC = staging.PRIVATE, staging.PUBLIC
# A Mesh with every chain inline is far smaller.
MAX_BYTES = 16 * 1024 * 1024


def find_project_root() -> Path:
    """Return the directory that holds ``Pulumi.yaml``, ``__main__.py``, ``stacks/`` and ``templates/``.

    In a checkout that is the repository; in an installed wheel it is the copy inside the package
    (``force-include`` in ``pyproject.toml``).
    """
    bundled = _PACKAGE / "_bundled"
    return bundled if bundled.is_dir() else _PACKAGE.parent


def read_text(name: str, verdict: str = "is not YAML") -> str:
    """Return a text that the user named: a file, or ``-`` for stdin. Line ends are kept; a byte order mark is not.

    Args:
        name: of the file.
        verdict: what to say of one that is no text.

    Raises:
        InvalidInputError: it can't be read, is not UTF-8, or is larger than any document.
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
    """Return the content of a file, or of ``-`` for stdin: a device such as /dev/zero has no end.

    Args:
        name: of the file.
        limit: in bytes.

    Raises:
        OSError: it can't be read, or is larger; ``strerror`` says so.
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
    """Return what to call a source that the user named as for :func:`read_text`."""
    return "standard input" if name == "-" else name


def write_whole(path: Path, text: str, mode: int = PUBLIC) -> None:
    """Write one file as a whole; see :func:`write_all`."""
    write_all({path: (text, mode)})


def write_all(files: Mapping[Path, tuple[str, int]]) -> None:
    """Write several files so that a failure before the last step leaves every old file as it was.

    Each text goes to a temporary file beside its target first, and is synced; only when all are on disk are they
    renamed into place. A link stays one: what it points to is replaced. What is there and is no file, such as
    ``/dev/stdout`` or a named pipe, is written into at the very end. What a killed run left beside a target is removed.

    Args:
        files: for each target its text and its permission bits; of those of :data:`PUBLIC` the umask takes away.

    Raises:
        ExternalError: a directory or file can't be written, or what only its owner may read would go into
            something that is no file.
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
                # Strict where a link is: one that leads to itself has no target.
                place = staging.follow(path) if path.is_symlink() else path
                staged.append((staging.StagedFile(place, text, mode), path))
        for temporary, target in staged:
            path = target
            temporary.move_into_place()
        for path, content in pipes:
            with path.open("w", encoding="utf-8", newline="\n") as stream:
                stream.write(content)
    except OSError as error:
        raise ExternalError(
            f"can't write {path}: {error.strerror or error}",
            "Choose a place you may write to; no file was left half-written.",
        ) from error
    finally:
        for temporary, _ in staged:
            temporary.discard()


def _refuse_secret(path: Path, mode: int) -> None:
    if mode == PRIVATE:
        raise ExternalError(
            f"can't write a secret to {path}: it is no file, so nobody can be kept from reading it",
            "Name a file, or leave the option out and use a pipe.",
        )
