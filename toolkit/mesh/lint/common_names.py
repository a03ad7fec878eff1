"""Check the common names of data plane certificates: expanded templates of at most 64 characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint.catalogue import RULES, Rule
from toolkit.mesh.lint.findings import report
from toolkit.pki.common_name import MAX_COMMON_NAME, expand, is_balanced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding


UNBALANCED = RULES["MESH090"]
TOO_LONG = RULES["MESH091"]
TAG_LIMIT = RULES["MESH092"]
EMPTY = RULES["MESH093"]
UNKNOWN_DIRECTIVE = RULES["MESH094"]

# Tags are made from Kubernetes labels, whose values have at most 63 characters. Values for services can be longer.
_USUAL_TAG = 63


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    for spot in mesh.spots:
        if spot.path[-1:] == ("commonName",) and isinstance(spot.value, str):
            problem = _judge(spot.value, context.target.tags)
            if problem:
                yield report(mesh, problem[0], (*mesh.spec_path, *spot.path), problem[1])


def _judge(value: str, tags: Mapping[str, str]) -> tuple[Rule, str] | None:
    if not value.strip():
        return EMPTY, "commonName is empty"
    if not is_balanced(value):
        return UNBALANCED, f"{show(value)} has a '{{{{' without its '}}}}', or the other way round"
    template = expand(value, tags)
    if template is None:
        return UNKNOWN_DIRECTIVE, f"{show(value)} has a directive that is not of the form tag KEY"
    literal, unknown = len(template.text), template.unknown
    if literal + len(unknown) > MAX_COMMON_NAME:
        least = " or more" if unknown else ""
        many = f"{literal + len(unknown)} characters{least}; {MAX_COMMON_NAME} are the most"
        return TOO_LONG, f"{show(value)} makes a common name of {many}"
    if unknown and literal + _USUAL_TAG * len(unknown) > MAX_COMMON_NAME:
        left, names = MAX_COMMON_NAME - literal, join_words([show(name) for name in dict.fromkeys(unknown)])
        together = " together" if len(unknown) > 1 else ""
        return (
            TAG_LIMIT,
            f"the value of {names} may have {left} characters{together}; with more there is no certificate",
        )
    return None
