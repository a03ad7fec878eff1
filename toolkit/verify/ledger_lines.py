"""Read a ledger: each request with its outcome. Ledgers of earlier versions, which have no requests, are read too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from toolkit.contract import list_validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.pki import arn, pem
from toolkit.verify.ledger import VERIFICATION, IssueRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

# Every line begins like this. A run that was killed while it wrote leaves an incomplete line.
_BEGINNING = '{"at": "'
_MAX_PROBLEMS = 20
_Text = Annotated[str, Field(min_length=1)]


@dataclass
class Entry:
    """One request, or one certificate of a ledger without requests.

    Attributes:
        zone: the zone's name.
        authority_arn: the CA.
        purpose: ``verification``, or the name of a denial probe.
        at: when the certificate was requested; when it was issued, if the ledger has no request.
        request: the request that was sent; None in a ledger without requests.
        certificate_arn: ARN of the issued certificate; empty if it is not known.
        refusal: why no certificate was issued; empty otherwise.
        revoked: whether the certificate was revoked.
    """

    zone: str
    authority_arn: str
    purpose: str
    at: datetime
    request: IssueRequest | None = None
    certificate_arn: str = ""
    refusal: str = ""
    revoked: bool = False

    @property
    def unknown(self) -> bool:
        """Return whether the outcome is unknown: AWS may have issued a certificate."""
        return not self.certificate_arn and not self.refusal


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
        except (ValueError, RecursionError):
            if _is_torn(line):
                torn.append(number)
            else:
                problems.append(Problem(f"line {number}", "is not a JSON object"))
    if problems:
        more = len(problems) - _MAX_PROBLEMS
        shown = problems[:_MAX_PROBLEMS] + ([Problem("", f"and {more} more")] if more > 0 else [])
        raise InvalidInputError(
            f"{source} is not a ledger of toolkit verify", shown, "Correct or remove these lines, and run this again."
        )
    return Recorded(tuple(_entries(events)), tuple(torn))


def _named(number: int, error: ValidationError) -> Iterator[Problem]:
    for problem in list_validation_problems(error):
        # The first part of the path is the discriminator (the event), not a key of the line.
        path = problem.path.partition(".")[2]
        yield Problem(f"line {number}", f"{path}: {problem.message}" if path else problem.message)


def _is_torn(line: str) -> bool:
    """Return whether a line is the incomplete beginning of a ledger line."""
    if not line.startswith(_BEGINNING[: len(line)]):
        return False
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(line.rstrip())
        return at_end or error.msg.startswith(("Unterminated string", "Invalid \\")) or not line.endswith("}")
    return False


def _entries(events: list[_Event]) -> Iterator[Entry]:
    by_token: dict[str, Entry] = {}
    by_arn: dict[tuple[str, str], Entry] = {}
    ordered: list[Entry] = []
    for event in events:
        if isinstance(event, _Revoked):
            revoked = by_arn.get((event.certificate_authority_arn, event.certificate_arn))
            if revoked is None:
                revoked = _entry(event, VERIFICATION)
                ordered.append(revoked)
            revoked.revoked, revoked.certificate_arn = True, event.certificate_arn
            continue
        token = event.idempotency_token if not isinstance(event, _Bought) else None
        known = by_token.get(token) if token else None
        if isinstance(event, _Issued | _Bought):
            key = (event.certificate_authority_arn, event.certificate_arn)
            known = known or by_arn.get(key)
        entry = known or _entry(event, event.purpose)
        if known is None:
            ordered.append(entry)
        if token:
            by_token.setdefault(token, entry)
        if isinstance(event, _Requested):
            entry.request, entry.at = entry.request or event.request(), min(entry.at, event.at)
        elif isinstance(event, _Refused):
            entry.refusal = event.reason
        else:
            entry.certificate_arn = event.certificate_arn
            by_arn[(event.certificate_authority_arn, event.certificate_arn)] = entry
    yield from ordered


def _entry(event: _Line, purpose: str) -> Entry:
    return Entry(event.zone, event.certificate_authority_arn, purpose, event.at)


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


class _Requested(_Line):
    event: Literal["requested"]
    purpose: _Text
    idempotency_token: Annotated[str, Field(min_length=1, max_length=36)]
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


class _Issued(_Line):
    event: Literal["issued"]
    purpose: _Text
    idempotency_token: _Text
    certificate_arn: _Text


class _Refused(_Line):
    event: Literal["refused"]
    purpose: _Text
    idempotency_token: _Text
    reason: _Text


class _Bought(_Line):
    """An issued certificate, as earlier versions without requests wrote it."""

    event: Literal["bought"]
    purpose: _Text
    certificate_arn: _Text


class _Revoked(_Line):
    event: Literal["revoked"]
    certificate_arn: _Text


_Event = _Requested | _Issued | _Refused | _Bought | _Revoked
_EVENT: TypeAdapter[_Event] = TypeAdapter(Annotated[_Event, Field(discriminator="event")])
