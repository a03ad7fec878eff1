"""What a control plane answers, read so that nothing in it can hurt or surprise the reader.

Sources: kumahq/kuma:pkg/core/rest/errors/types/error.go (the shape of an error, and its older spellings) and
kumahq/kuma:pkg/core/rest/errors/error_handler.go (which status says what).
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
# Each list of an error that names fields, and what the reason is called in it.
_PARAMETERS = (("invalid_parameters", "reason"), ("invalidParameters", "reason"), ("causes", "message"))
# Fields as Kuma's validators spell them, and as they stand in a document.
_RENAMED = (
    # kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateMtls: it names no backend.
    (re.compile(r"^mtls\.dpcert\."), "mtls.backends[].dpCert."),
    # Until 1.1 Kuma called it so, kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go.
    (re.compile(r"^(mtls\.backends\[\d+\])\.config\b"), r"\1.conf"),
)


@dataclass(frozen=True)
class ApiResponse:
    """An answer's status and its whole body."""

    status: int
    body: bytes

    def parse_document(self) -> Object | None:
        """Return the body as a JSON object; None when it is none, or nested beyond all reason."""
        try:
            value = json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) and is_tame(value) else None

    @property
    def is_of_kuma(self) -> bool:
        """Whether it is an error of the control plane itself, not of a proxy before it."""
        document = self.parse_document() or {}
        return isinstance(document.get("title"), str) and ("detail" in document or "details" in document)

    def summarize(self) -> str:
        """Return what the answer says about an error, on one line; empty when it says nothing."""
        document = self.parse_document()
        if document is None:
            return _said(self.body[: 4 * MAX_LINE].decode(errors="replace"))
        said = [document.get("title"), document.get("detail") or document.get("details")]
        told = dict.fromkeys(_said(text) for text in said if isinstance(text, str) and text.strip())
        return ": ".join(told) or _said(json.dumps(document))

    def list_problems(self) -> tuple[Problem, ...]:
        """Return every field that an error names, once, as it is written in a document."""
        document = self.parse_document() or {}
        problems: dict[Problem, None] = {}
        for name, reason in _PARAMETERS:
            entries = document.get(name)
            for entry in entries if isinstance(entries, list) else []:
                if isinstance(entry, dict):
                    problems[Problem(_field(entry.get("field")), _said(entry.get(reason)) or "is not valid")] = None
        return tuple(problems)[:_MAX_PROBLEMS]

    def list_warnings(self) -> tuple[str, ...]:
        """Return what a control plane that accepted a document remarks on it (``{"warnings": [...]}``)."""
        remarks = (self.parse_document() or {}).get("warnings")
        texts = (_said(remark) for remark in remarks) if isinstance(remarks, list) else ()
        return tuple(text for text in texts if text)[:_MAX_PROBLEMS]


def _said(value: object) -> str:
    """Return what a control plane says, as one line. Blotted before it is cut: half a token would not be found."""
    return take_line(blot(value) if isinstance(value, str) else value)


def _field(value: object) -> str:
    name = _said(value)
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    return name


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
