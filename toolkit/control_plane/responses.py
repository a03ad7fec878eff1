"""Read a control plane's responses safely, without trust in their content.

Sources: kumahq/kuma:pkg/core/rest/errors/types/error.go (the form of an error, with its older names) and
kumahq/kuma:pkg/core/rest/errors/error_handler.go (the meaning of each status).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import Problem
from toolkit.redaction import blot
from toolkit.text import MAX_LINE, take_line
from toolkit.yamltext.plain import is_tame

if TYPE_CHECKING:
    from toolkit.values import Object

_MAX_PROBLEMS = 50
# The lists of fields in an error, with the name of the reason in each.
_PARAMETERS = (("invalid_parameters", "reason"), ("invalidParameters", "reason"), ("causes", "message"))
# Names of fields in errors of Kuma's validators, and in a document.
_RENAMED = (
    # kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateMtls: it names no backend.
    (re.compile(r"^mtls\.dpcert\."), "mtls.backends[].dpCert."),
    # The field's name before Kuma 1.1, kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go.
    (re.compile(r"^(mtls\.backends\[\d+\])\.config\b"), r"\1.conf"),
)


@dataclass(frozen=True)
class ApiResponse:
    """A response's status and its whole body."""

    status: int
    body: bytes

    def parse_document(self) -> Object | None:
        """Return the body as a JSON object; None if it is not an object, or is nested too deeply."""
        try:
            value = json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) and is_tame(value) else None

    @property
    def is_of_kuma(self) -> bool:
        """Return whether the error is from the control plane itself and not from a proxy."""
        document = self.parse_document() or {}
        return isinstance(document.get("title"), str) and ("detail" in document or "details" in document)

    def summarize(self) -> str:
        """Return the error in the response as one line; empty if the response has no text."""
        document = self.parse_document()
        if document is None:
            return _said(self.body[: 4 * MAX_LINE].decode(errors="replace"))
        said = [document.get("title"), document.get("detail") or document.get("details")]
        told = dict.fromkeys(_said(text) for text in said if isinstance(text, str) and text.strip())
        return ": ".join(told) or _said(json.dumps(document))

    def list_problems(self) -> tuple[Problem, ...]:
        """Return the problem of each field in an error, with the field's name in a document."""
        document = self.parse_document() or {}
        problems: dict[Problem, None] = {}
        for name, reason in _PARAMETERS:
            entries = document.get(name)
            for entry in entries if isinstance(entries, list) else []:
                if isinstance(entry, dict):
                    problems[Problem(_field(entry.get("field")), _said(entry.get(reason)) or "is not valid")] = None
        return tuple(problems)[:_MAX_PROBLEMS]

    def list_warnings(self) -> tuple[str, ...]:
        """Return the control plane's warnings on an accepted document (``{"warnings": [...]}``)."""
        remarks = (self.parse_document() or {}).get("warnings")
        texts = (_said(remark) for remark in remarks) if isinstance(remarks, list) else ()
        return tuple(text for text in texts if text)[:_MAX_PROBLEMS]


def _said(value: object) -> str:
    """Return a text of a response as one line, without secrets. A cut secret would not be found, so they go first."""
    return take_line(blot(value) if isinstance(value, str) else value)


def _field(value: object) -> str:
    name = _said(value)
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    return name


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
