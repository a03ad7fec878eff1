"""Go's text/template and the SPIFFE project's library as judges of SPIFFE IDs."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.judges import go_programs
from tests.judges.golang import Program

_SOURCE = Path(__file__).with_name("spiffe_ids_in_go")


def expand(template: str, fields: Mapping[str, str], labels: Mapping[str, str]) -> tuple[str, str]:
    """Return what Kuma's templates expand to, and Go's error."""
    return _ask({"template": template, "fields": dict(fields), "labels": dict(labels)})


def is_trust_domain(text: str) -> bool:
    """Return whether the library reads `spiffe://` and the text as a trust domain."""
    name, error = _ask({"domain": text})
    return not error and name == text


def is_path(text: str) -> bool:
    """Return whether the library reads the text as the path of a SPIFFE ID; an empty one is that of a trust domain."""
    return bool(text) and not _ask({"path": text})[1]


def _ask(request: dict[str, Any]) -> tuple[str, str]:
    answer = _program().ask(request)
    return answer["text"], answer["error"]


@functools.cache
def _program() -> Program:
    return Program(go_programs.build(_SOURCE, {"spiffe-ids": "."})["spiffe-ids"])
