"""Write and read the report as JSON; ``docs/reference/verification.md`` describes the schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

from toolkit.contract import list_validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.values import Object
from toolkit.verify.results import Report

RECORD = TypeAdapter(Report)
# The keys of a report and of a zone in the order of the document. pydantic would put computed fields last.
REPORT_KEYS = (
    *("schemaVersion", "passed", "interrupted", "mesh", "certificateAuthorityArn", "usageMode", "startedAt"),
    *("finishedAt", "certificatesIssued", "costAtMostUsd", "calls", "missingZones", "zones", "handshakes"),
)
ZONE_KEYS = (
    *("zone", "region", "passed", "interrupted", "issuanceMilliseconds", "certificatesIssued"),
    *("requests", "certificatesRevoked", "revocations", "certificate", "calls", "checks"),
)


def render(report: Report) -> str:
    """Return the report as JSON, keys in camelCase, times in RFC 3339."""
    return json.dumps(make_document(report), indent=2) + "\n"


def parse(text: str, source: str) -> Report:
    """Read a report of this or the earlier version of the schema. Unknown keys are ignored.

    Args:
        text: the document.
        source: its name in errors, usually the file's name.

    Raises:
        InvalidInputError: the document is not a report. The error lists every problem with its path.
    """
    try:
        # First the version alone: it decides how to read the rest.
        if _Version.model_validate_json(text).schema_version == 1:
            return RECORD.validate_json(json.dumps(_upgrade(json.loads(text))))
        return RECORD.validate_json(text)
    except ValidationError as error:
        raise InvalidInputError(
            f"{source} is not a report of toolkit verify", list_validation_problems(error)
        ) from None
    except RecursionError as error:
        raise InvalidInputError(f"{source} is not a report", [Problem(source, "it is nested too deeply")]) from error


def _upgrade(document: Object) -> Object:
    """Convert a document of version 1 to version 2, which renamed ``certificatesBought`` to ``certificatesIssued``."""
    zones = [
        {**zone, "certificatesIssued": zone.pop("certificatesBought", [])} if isinstance(zone, dict) else zone
        for zone in document.get("zones") or ()
    ]
    return {**document, "schemaVersion": 2, "zones": zones}


def make_document(report: Report) -> Object:
    """Return the report as plain JSON values; the caller may change them."""
    values = RECORD.dump_python(report, mode="json", by_alias=True)
    return {**order(values, REPORT_KEYS), "zones": [order(zone, ZONE_KEYS) for zone in values["zones"]]}


def order(values: Object, keys: Sequence[str]) -> Object:
    """Return an object with its keys in this order.

    Raises:
        KeyError: the object has other keys.
    """
    if strangers := values.keys() ^ set(keys):
        raise KeyError(", ".join(sorted(strangers)))
    return {key: values[key] for key in keys}


class _Version(BaseModel):
    """The schema version alone, which decides how to read the rest."""

    schema_version: Literal[1, 2] = Field(alias="schemaVersion")

    @field_validator("schema_version", mode="before")
    @classmethod
    def _require_number(cls, value: object) -> object:
        # In Python, True equals 1.
        return value if type(value) is int else None
