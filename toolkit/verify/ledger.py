"""Every certificate that was bought, on disk before its answer is used: AWS Private CA has no list of them."""

from __future__ import annotations

import errno
import json
import os
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, Self

from toolkit.errors import SurroundingsError

if TYPE_CHECKING:
    from pathlib import Path


class Ledger(Protocol):
    """Whoever is told what was bought and what was revoked."""

    def bought(self, zone: str, authority_arn: str, certificate_arn: str, purpose: str) -> None:
        """A certificate was issued; returns when that is safe.

        Args:
            zone: for whom.
            authority_arn: the CA.
            certificate_arn: the certificate.
            purpose: ``verification``, or the name of the probe that should have been denied.
        """

    def revoked(self, zone: str, authority_arn: str, certificate_arn: str) -> None:
        """A certificate was revoked."""


class NoLedger:
    """Implements :class:`Ledger`; keeps nothing."""

    def bought(self, zone: str, authority_arn: str, certificate_arn: str, purpose: str) -> None:
        """See :class:`Ledger`."""

    def revoked(self, zone: str, authority_arn: str, certificate_arn: str) -> None:
        """See :class:`Ledger`."""


class FileLedger:
    """Appends one line of JSON an event, and syncs it; several runs may share a file.

    What comes when it is closed is refused: its descriptor may by then be somebody else's file.

    Args:
        path: of the file; it is created, readable by its owner alone.

    Raises:
        SurroundingsError: it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._torn = _ends_torn(path)
        except OSError as error:
            raise SurroundingsError(
                f"can't write the ledger {path}: {error.strerror or error}",
                "Choose a place you may write to with --ledger; nothing is bought without it.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def bought(self, zone: str, authority_arn: str, certificate_arn: str, purpose: str) -> None:
        """See :class:`Ledger`."""
        self._append(
            {
                "event": "bought",
                "zone": zone,
                "certificateAuthorityArn": authority_arn,
                "certificateArn": certificate_arn,
                "purpose": purpose,
            }
        )

    def revoked(self, zone: str, authority_arn: str, certificate_arn: str) -> None:
        """See :class:`Ledger`."""
        event = {"event": "revoked", "zone": zone, "certificateAuthorityArn": authority_arn}
        self._append({**event, "certificateArn": certificate_arn})

    def _append(self, event: dict[str, str]) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"at": moment, **event}).encode() + b"\n"
        try:
            with self._lock:
                self._write(line)
        except OSError as error:
            raise SurroundingsError(
                f"can't write the ledger {self._path}: {error.strerror or error}; it does not say that "
                f"{event['certificateArn']} was {event['event']}",
                "Note what the report says was bought, make room, and run this again.",
            ) from error

    def _write(self, line: bytes) -> None:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "it is closed")
        # What was torn ends here, so that this line can be read.
        whole = b"\n" + line if self._torn else line
        # One write of one line: what others append at the same time stands before or behind it.
        self._torn = True
        written = os.write(self._descriptor, whole)
        if written < len(whole):
            # A disk takes what it has room for, and says so only when it is asked again.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            # A pipe or a terminal has no disk to be synced to (fsync(2)).
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise


def _ends_torn(path: Path) -> bool:
    """Whether a run before died in the middle of a line."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) != b"\n"
