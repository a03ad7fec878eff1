"""Read a ledger: each request with its outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from toolkit.contract import list_validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.pki import arn, pem
from toolkit.verify.ledger import VERIFICATION, IssueRequest

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

# Every line begins like this. A run that was killed while it wrote leaves an incomplete line.
_BEGINNING = '{"at": "'
_MAX_PROBLEMS = 20
# More than two lines, each with a CSR of a few kilobytes.
_BEGINNING_BYTES = 64 * 1024
_Text = Annotated[str, Field(min_length=1)]


class Status(StrEnum):
    """The outcome of a request, as far as it is known. ``RECOVERED`` certificates were found by a resumed run."""

    ISSUED = "issued"
    RECOVERED = "recovered"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass
class Entry:
    """One request and its outcome; or a revoked certificate whose request is in another ledger.

    Attributes:
        zone: the zone's name.
        authority_arn: the CA.
        purpose: ``verification``, or the name of a denial probe.
        at: when the certificate was requested; when it was revoked, if the ledger has no request.
        request: the request that was sent; None if it is in another ledger.
        status: the outcome.
        certificate_arn: ARN of the issued certificate; empty if it is not known.
        serial: serial number of the certificate, as ``RevokeCertificate`` takes it; empty if it was not fetched.
        reason: why nothing was issued, why the outcome is unknown, or why the certificate could not be fetched.
        revoked: whether the certificate was revoked.
    """

    zone: str
    authority_arn: str
    purpose: str
    at: datetime
    request: IssueRequest | None = None
    status: Status = Status.UNKNOWN
    certificate_arn: str = ""
    serial: str = ""
    reason: str = ""
    revoked: bool = False

    def set_issued(self, certificate_arn: str, status: Status = Status.ISSUED) -> None:
        """Set the certificate that was issued."""
        self.status, self.certificate_arn, self.reason = status, certificate_arn, ""

    def set_refused(self, reason: str) -> None:
        """Set that nothing was issued, and why; an issued certificate stays."""
        if not self.certificate_arn:
            self.status, self.reason = Status.REFUSED, reason


@dataclass(frozen=True)
class Recorded:
    """The contents of a ledger.

    Attributes:
        entries: in the order of the lines.
        torn: numbers of the incomplete lines, which a killed run left.
    """

    entries: tuple[Entry, ...]
    torn: tuple[int, ...] = ()


def parse(text: str, source: str) -> Recorded:
    """Read a ledger.

    Args:
        text: the ledger's text.
        source: its name in errors, usually the file's name.

    Raises:
        InvalidInputError: a line is not valid. The error names each invalid line by its number.
    """
    events: list[_Event] = []
    torn: list[int] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            events.append(_EVENT.validate_python(json.loads(line)))
        except ValidationError as error:
            problems += _named(number, error)
        except (ValueError, RecursionError) as error:
            if _is_torn(line, error):
                torn.append(number)
            else:
                problems.append(Problem(f"line {number}", "is not a JSON object"))
    if problems:
        more = len(problems) - _MAX_PROBLEMS
        shown = problems[:_MAX_PROBLEMS] + ([Problem("", f"and {more} more")] if more > 0 else [])
        raise InvalidInputError(
            f"{source} is not a ledger of toolkit verify", shown, "Correct or remove these lines, and run this again."
        )
    return Recorded(tuple(_list_entries(events)), tuple(torn))


def require_ledger(path: Path) -> None:
    """Reject a file of another kind, before anything is appended to it. A device or a pipe is not read.

    Raises:
        InvalidInputError: the file does not begin like a ledger.
    """
    # The ledger itself reports a file that can't be read.
    with suppress(OSError):
        if not path.is_file():
            return
        with path.open("rb") as stream:
            lines = stream.read(_BEGINNING_BYTES).decode(errors="replace").split("\n")
        try:
            # Two lines: the first may be incomplete, and then looks like that of any JSON file.
            parse("\n".join([line for line in lines if line.strip()][:2]), str(path))
        except InvalidInputError as error:
            hint = "Name a new file or an earlier ledger with --ledger; nothing was issued."
            raise InvalidInputError(str(error), hint=hint) from None


def _named(number: int, error: ValidationError) -> Iterator[Problem]:
    for problem in list_validation_problems(error):
        # The first part of the path is the discriminator (the event), not a key of the line.
        path = problem.path.partition(".")[2]
        yield Problem(f"line {number}", f"{path}: {problem.message}" if path else problem.message)


def _is_torn(line: str, error: Exception) -> bool:
    """Return whether a line that is not JSON is the incomplete beginning of a ledger line."""
    if not isinstance(error, json.JSONDecodeError) or not line.startswith(_BEGINNING[: len(line)]):
        return False
    at_end = error.pos >= len(line.rstrip())
    return at_end or error.msg.startswith(("Unterminated string", "Invalid \\")) or not line.endswith("}")


def _list_entries(events: list[_Event]) -> list[Entry]:
    ordered: list[Entry] = []
    known: dict[str, Entry] = {}

    def find(key: str, event: _Line, purpose: str) -> Entry:
        """Return the entry with an idempotency token or certificate ARN."""
        if key not in known:
            known[key] = Entry(event.zone, event.certificate_authority_arn, purpose, event.at)
            ordered.append(known[key])
        return known[key]

    for event in events:
        if isinstance(event, _Revoked):
            entry = find(event.certificate_arn, event, VERIFICATION)
            entry.revoked = True
            entry.set_issued(event.certificate_arn)
            continue
        entry = find(event.idempotency_token, event, event.purpose)
        if isinstance(event, _Requested):
            entry.request, entry.at = entry.request or event.request(), min(entry.at, event.at)
        elif isinstance(event, _Refused):
            entry.set_refused(event.reason)
        else:
            entry.set_issued(event.certificate_arn)
            known[event.certificate_arn] = entry
    return ordered


class _Line(BaseModel):
    # Later versions may add fields, so unknown fields are ignored.
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, frozen=True, hide_input_in_errors=True, defer_build=True
    )

    at: AwareDatetime
    zone: _Text
    certificate_authority_arn: _Text


class _Validity(BaseModel):
    type: Literal["ABSOLUTE"] = Field(alias="Type")
    value: Annotated[int, Field(alias="Value", gt=0, lt=2**40, strict=True)]


class _OfRequest(_Line):
    purpose: _Text
    idempotency_token: Annotated[str, Field(min_length=1, max_length=36)]


class _Requested(_OfRequest):
    event: Literal["requested"]
    csr: str
    validity: _Validity
    template_arn: _Text
    signing_algorithm: _Text

    @field_validator("certificate_authority_arn")
    @classmethod
    def _require_arn(cls, value: str) -> str:
        arn.PRIVATE_CA.parse(value)
        return value

    @field_validator("csr")
    @classmethod
    def _require_csr(cls, value: str) -> str:
        pem.load_request(value)
        return value

    def request(self) -> IssueRequest:
        return IssueRequest(
            authority_arn=self.certificate_authority_arn,
            csr=self.csr,
            not_after=self.validity.value,
            template_arn=self.template_arn,
            signing_algorithm=self.signing_algorithm,
            token=self.idempotency_token,
            purpose=self.purpose,
        )


class _Issued(_OfRequest):
    event: Literal["issued"]
    certificate_arn: _Text


class _Refused(_OfRequest):
    event: Literal["refused"]
    reason: _Text


class _Revoked(_Line):
    event: Literal["revoked"]
    certificate_arn: _Text


_Event = _Requested | _Issued | _Refused | _Revoked
_EVENT: TypeAdapter[_Event] = TypeAdapter(Annotated[_Event, Field(discriminator="event")])
