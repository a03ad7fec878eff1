"""Write a file next to its target, and then move it into place."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # On Windows, nothing shows whether the process that created a file still runs.
    fcntl = None  # type: ignore[assignment] # the module is there on every other system

PRIVATE = 0o600
PUBLIC = 0o644
_ENDING = ".toolkit-tmp"
_TOKEN_BYTES = 6
_LONGEST = 200


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


class StagedFile:
    """A text on disk, synced, that is not in its place yet.

    The process that writes it holds a lock on it. The lock ends with the process (flock(2)), so other processes can
    detect the files of a killed process.

    Args:
        target: the target path; its directory is created.
        text: the content.
        mode: permission bits. The umask applies to :data:`PUBLIC`, as for every new file; other modes are kept.

    Raises:
        OSError: the file can't be written.
    """

    def __init__(self, target: Path, text: str, mode: int) -> None:
        self._target = target
        make_directory(target.parent)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a directory", str(target))
        _remove_abandoned(target)
        # Created with its final mode, so that other users can never read more than they may.
        self._path, descriptor = _create(target, mode)
        self._descriptor: int | None = descriptor
        try:
            with os.fdopen(
                os.dup(descriptor), "w", encoding="utf-8", errors="backslashreplace", newline="\n"
            ) as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            if mode != PUBLIC:
                self._path.chmod(mode)
        except BaseException:
            self.discard()
            raise

    def move_into_place(self) -> None:
        """Rename the file to its target.

        Raises:
            OSError: the rename failed.
        """
        self._path.replace(self._target)
        self._close()

    def discard(self) -> None:
        """Remove the file, unless it was moved into place."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def _create(target: Path, mode: int) -> tuple[Path, int]:
    """Create a temporary file beside a target, and lock it."""
    while True:
        path = target.with_name(f"{_begin_name(target)}{os.urandom(_TOKEN_BYTES).hex()}{_ENDING}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
        if _lock(descriptor) and _is_there(path, descriptor):
            return path, descriptor
        # Another process has removed it as abandoned before it was locked.
        os.close(descriptor)
        path.unlink(missing_ok=True)


def _remove_abandoned(target: Path) -> None:
    """Remove temporary files of a target whose processes have ended."""
    for path in target.parent.glob(f"{_escape(_begin_name(target))}*{_ENDING}") if fcntl else ():
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
            try:
                if _lock(descriptor):
                    path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _begin_name(target: Path) -> str:
    """Return the prefix of a target's temporary files, short enough for the limit of 255 bytes per name."""
    return f".{os.fsencode(target.name)[:_LONGEST].decode(errors='ignore')}."


def _escape(name: str) -> str:
    import glob  # noqa: PLC0415 - most commands write no file

    return glob.escape(name)


def _lock(descriptor: int) -> bool:
    """Lock a file; return False if another process has locked it, and True if locks are not supported."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
