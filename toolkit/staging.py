"""A file that is made beside its target and then takes its place."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows: nothing tells there whether a file's maker still lives.
    fcntl = None  # type: ignore[assignment] # the module is there on every other system

PRIVATE = 0o600
PUBLIC = 0o644
_ENDING = ".toolkit-tmp"
_TOKEN_BYTES = 6
_LONGEST = 200


def make_directory(path: Path, mode: int = 0o777) -> None:
    """Make a directory and those above it, unless they are there.

    Args:
        path: of the directory.
        mode: its permission bits, of which the umask takes away.

    Raises:
        OSError: that can't be done; its text says what is in the way.
    """
    try:
        path.mkdir(mode, parents=True, exist_ok=True)
    except FileExistsError:
        # "File exists" says nothing of what is wrong with it. A link may lead to itself.
        path.stat()
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None


def follow(link: Path) -> Path:
    """Return what a link leads to, which need not exist.

    Raises:
        OSError: it leads to itself.
    """
    place = Path(os.path.realpath(link))
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(link))
    return place


class StagedFile:
    """A text on disk, synced, that is not in its place yet.

    Its maker holds a lock on it. So the next one sees which of such files a killed process left behind: a lock ends
    with its process (flock(2)).

    Args:
        target: the place; its directory is made.
        text: the content.
        mode: permission bits. Of those of :data:`PUBLIC` the umask takes away, as of every new file; others are kept.

    Raises:
        OSError: it can't be written.
    """

    def __init__(self, target: Path, text: str, mode: int) -> None:
        self._target = target
        make_directory(target.parent)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a directory", str(target))
        _remove_abandoned(target)
        # Never readable by others than it will be, not even for a moment.
        self._path, descriptor = _create(target, mode)
        self._descriptor: int | None = descriptor
        try:
            with os.fdopen(os.dup(descriptor), "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            if mode != PUBLIC:
                self._path.chmod(mode)
        except BaseException:
            self.discard()
            raise

    def move_into_place(self) -> None:
        """Rename it to its target.

        Raises:
            OSError: that can't be done.
        """
        self._path.replace(self._target)
        self._close()

    def discard(self) -> None:
        """Remove it, unless it is in its place."""
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
        # Another process took it for an abandoned one before it was locked.
        os.close(descriptor)
        path.unlink(missing_ok=True)


def _remove_abandoned(target: Path) -> None:
    """Remove temporary files of a target whose makers are gone."""
    for path in target.parent.glob(f"{_escape(_begin_name(target))}*{_ENDING}") if fcntl else ():
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
            try:
                if _lock(descriptor):
                    path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _begin_name(target: Path) -> str:
    """Return how the names of a target's temporary files begin: a name has at most 255 bytes."""
    return f".{os.fsencode(target.name)[:_LONGEST].decode(errors='ignore')}."


def _escape(name: str) -> str:
    import glob  # noqa: PLC0415 - most commands write no file

    return glob.escape(name)


def _lock(descriptor: int) -> bool:
    """Lock a file unless another process has; where locks are not supported, it is as good as locked."""
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
