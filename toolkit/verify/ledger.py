"""Record every request of a run and every issued certificate on disk: AWS Private CA has no list of certificates.

A line is written before each ``IssueCertificate``, so that a killed run can be resumed. Another line is written before
the answer is used. ``docs/reference/verification.md`` describes the lines; ``ledger_lines.py`` reads them.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from toolkit.errors import ExternalError
from toolkit.redaction import blot
from toolkit.staging import make_directory
from toolkit.values import Object
from toolkit.verify.results import Request

if TYPE_CHECKING:
    from pathlib import Path


VERIFICATION = "verification"


@dataclass(frozen=True)
class IssueRequest:
    """The parameters of one ``IssueCertificate`` call. They contain no private key.

    Attributes:
        authority_arn: the CA.
        csr: PEM.
        not_after: when the certificate expires, in seconds since 1970. AWS's relative units are days and longer.
        template_arn: the template.
        signing_algorithm: the algorithm that the CA signs with.
        token: the idempotency token.
        purpose: ``verification``, or the name of the denial probe.
    """

    authority_arn: str
    csr: str
    not_after: int
    template_arn: str
    signing_algorithm: str
    token: str
    purpose: str = VERIFICATION

    def parameters(self) -> Object:
        """Return the parameters of ``IssueCertificate``."""
        return {
            "CertificateAuthorityArn": self.authority_arn,
            "Csr": self.csr.encode(),
            "SigningAlgorithm": self.signing_algorithm,
            "TemplateArn": self.template_arn,
            "Validity": {"Type": "ABSOLUTE", "Value": self.not_after},
            "IdempotencyToken": self.token,
        }


def _event(event: str, zone: str, request: IssueRequest) -> Object:
    return {
        "event": event,
        "zone": zone,
        "certificateAuthorityArn": request.authority_arn,
        "purpose": request.purpose,
        "idempotencyToken": request.token,
    }


class Ledger:
    """Records each request and its outcome. This class keeps them in memory only.

    Each method raises ExternalError if the record can't be written.

    Attributes:
        unanswered: tokens of this run's requests whose answer is not known yet: AWS may have issued a certificate.
    """

    def __init__(self) -> None:
        self.unanswered: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def requested(self, zone: str, request: IssueRequest) -> None:
        """Record a request that is about to be sent."""
        self.append(
            f"a request of zone {zone} was not sent",
            {
                **_event("requested", zone, request),
                "csr": request.csr,
                "validity": {"Type": "ABSOLUTE", "Value": request.not_after},
                "templateArn": request.template_arn,
                "signingAlgorithm": request.signing_algorithm,
            },
        )
        self.unanswered.add(request.token)

    def issued(self, zone: str, request: IssueRequest, certificate_arn: str) -> None:
        """Record the ARN of the certificate that AWS issued for a request."""
        # The report names the certificate even if this line can't be written.
        self.unanswered.discard(request.token)
        event = {**_event("issued", zone, request), "certificateArn": certificate_arn}
        self.append(f"it does not record that {certificate_arn} was issued", event)

    def refused(self, zone: str, request: IssueRequest, reason: str) -> None:
        """Record that no certificate was issued for a request, with the reason."""
        self.unanswered.discard(request.token)
        event = {**_event("refused", zone, request), "reason": reason}
        self.append(f"it does not record that a request of zone {zone} was refused", event)

    def revoked(self, zone: str, authority_arn: str, certificate_arn: str) -> None:
        """Record that a certificate was revoked."""
        event = {"event": "revoked", "zone": zone, "certificateAuthorityArn": authority_arn}
        self.append(
            f"it does not record that {certificate_arn} was revoked", {**event, "certificateArn": certificate_arn}
        )

    def append(self, lost: str, event: Object) -> None:
        """Store a record.

        Args:
            lost: the consequence, if it can't be stored.
            event: the record.
        """


@dataclass
class Account:
    """Records the requests of one zone, and keeps the ARNs of its issued certificates.

    Attributes:
        zone: the zone's name.
        ledger: stores the records.
        issued: ARNs of the issued certificates. The report names them even if the ledger can't be written.
        requests: each request with its outcome, by idempotency token, for the report.
    """

    zone: str = ""
    ledger: Ledger = field(default_factory=Ledger)
    issued: list[str] = field(default_factory=list)
    requests: dict[str, Request] = field(default_factory=dict)

    def request(self, request: IssueRequest) -> None:
        """Record a request that is about to be sent.

        Raises:
            ExternalError: the ledger can't be written; the request must not be sent.
        """
        self.ledger.requested(self.zone, request)
        # After the ledger: a request that the ledger can't record is not sent.
        self.requests[request.token] = Request(datetime.now(UTC), request.purpose, request.token)

    def receive(self, request: IssueRequest, certificate_arn: str) -> None:
        """Record the answer to a request.

        Raises:
            ExternalError: the ledger can't be written.
        """
        # Before the ledger: if it can't be written, only the report names the certificate.
        self.issued.append(certificate_arn)
        self.requests[request.token] = replace(self.requests[request.token], certificate_arn=certificate_arn)
        self.ledger.issued(self.zone, request, certificate_arn)

    def refuse(self, request: IssueRequest, reason: str, /) -> None:
        """Record that no certificate was issued for a request.

        Raises:
            ExternalError: the ledger can't be written.
        """
        self.requests[request.token] = replace(self.requests[request.token], reason=reason)
        self.ledger.refused(self.zone, request, reason)


class FileLedger(Ledger):
    """Appends a line of JSON for each event and syncs the file. Several runs may share a file.

    A closed ledger rejects events, because its descriptor may belong to another file by then.

    Args:
        path: the file. A new file is readable by its owner only.

    Raises:
        ExternalError: the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._lock = threading.Lock()
        try:
            make_directory(path.parent)
            exists = path.exists()
            # Without O_NONBLOCK, a pipe that no program reads would wait for one.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
            self._descriptor: int | None = os.open(path, flags, 0o600)
            os.set_blocking(self._descriptor, True)
            self._torn = _ends_torn(path)
        except OSError as error:
            reason = "it is a pipe that no program reads" if error.errno == errno.ENXIO else error.strerror or error
            raise ExternalError(
                f"can't write the ledger {path}: {reason}",
                "Name a writable file with --ledger: nothing is issued without a ledger.",
            ) from error
        if not exists:
            _sync_directory(path.parent)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def append(self, lost: str, event: Object) -> None:
        """Write a record; return when it is on disk."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        # AWS's messages may quote the request, and with it secrets.
        shown = {name: blot(value) for name, value in event.items()}
        line = json.dumps({"at": moment, **shown}).encode() + b"\n"
        try:
            with self._lock:
                self._write(line)
        except OSError as error:
            raise ExternalError(
                f"can't write the ledger {self._path}: {error.strerror or error}; {lost}",
                "Note the certificates in the report, free disk space, and run this again.",
            ) from error

    def _write(self, line: bytes) -> None:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "it is closed")
        # End an earlier, incomplete line, so that this one can be read.
        whole = b"\n" + line if self._torn else line
        # One write for each line, so that lines of concurrent runs don't mix.
        self._torn = True
        written = os.write(self._descriptor, whole)
        if written < len(whole):
            # A full disk writes a part of the line, and returns the error at the next write.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False
        _sync(self._descriptor)


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        # A pipe or a terminal can't be synced (fsync(2)).
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def _sync_directory(directory: Path) -> None:
    """Sync a directory, so that the name of a new file survives a power failure, if the file system supports it."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _ends_torn(path: Path) -> bool:
    """Return whether the last line of a file is incomplete: an earlier run ended while it wrote the line."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) != b"\n"
