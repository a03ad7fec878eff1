"""Evaluate IAM policy documents for a request.

Source: IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements". An unsupported element (an unknown
condition operator, a policy variable) makes an Allow not match and a Deny match, so that the sandbox never allows a
call that AWS would deny.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache

from toolkit.values import Object, Value


class Decision(Enum):
    """The result of an evaluation."""

    ALLOWED = auto()
    NOT_ALLOWED = auto()
    EXPLICITLY_DENIED = auto()


@dataclass(frozen=True)
class Request:
    """A request to evaluate.

    Attributes:
        action: for example ``acm-pca:IssueCertificate``.
        resource: an ARN, or ``*`` for actions without a resource.
        context: the request's condition keys.
        principals: for trust and resource policies: all names of the caller, by kind (``AWS``, ``Federated``,
            ``Service``).
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict)
    principals: Mapping[str, frozenset[str]] | None = None


def evaluate(documents: Iterable[Mapping[str, Value]], request: Request) -> Decision:
    """Return the decision: an explicit Deny has precedence over any Allow; without both, the request is not allowed."""
    effects = {
        str(statement.get("Effect"))
        for document in documents
        for statement in _list_statements(document)
        if _matches(statement, request)
    }
    if "Deny" in effects:
        return Decision.EXPLICITLY_DENIED
    return Decision.ALLOWED if "Allow" in effects else Decision.NOT_ALLOWED


def may_allow(document: Mapping[str, Value], request: Request) -> bool:
    """Return whether a document allows a request under some conditions, as far as no Deny applies."""
    allowing = [statement for statement in _list_statements(document) if statement.get("Effect") == "Allow"]
    return any(_matches({**statement, "Condition": {}}, request) for statement in allowing)


def _list_statements(document: Mapping[str, Value]) -> list[Object]:
    return [statement for statement in _listed(document.get("Statement")) if isinstance(statement, dict)]


def _matches(statement: Object, request: Request) -> bool:
    # An unsupported element counts against the caller: it matches a Deny and does not match an Allow.
    when_unknown = statement.get("Effect") == "Deny"
    if request.principals is not None and not _principal_matches(statement, request.principals):
        return False
    if not _element_matches(statement, "Action", request.action, ignore_case=True):
        return False
    # A trust policy has no Resource; it applies to its role.
    if "Resource" in statement or "NotResource" in statement:
        if not _element_matches(statement, "Resource", request.resource):
            return False
    elif request.principals is None:
        return False
    return _conditions_hold(statement.get("Condition", {}), request.context, when_unknown=when_unknown)


def _principal_matches(statement: Object, callers: Mapping[str, frozenset[str]]) -> bool:
    if "NotPrincipal" in statement:
        return statement.get("Effect") == "Deny"
    principal = {"AWS": "*"} if statement.get("Principal") == "*" else statement.get("Principal")
    if not isinstance(principal, dict):
        return False
    if "*" in _listed(principal.get("AWS")):
        # All principals. AWS does not document whether this allows an AWS service that is not named.
        return "Service" not in callers or statement.get("Effect") == "Deny"
    return any(
        name in callers.get(kind, frozenset()) or (name == "*" and kind in callers)
        for kind, names in principal.items()
        for name in _listed(names)
    )


def _element_matches(statement: Object, element: str, value: str, *, ignore_case: bool = False) -> bool:
    negated = f"Not{element}" in statement
    patterns = _listed(statement.get(f"Not{element}" if negated else element))
    return negated != any(_like(value, str(pattern), ignore_case=ignore_case) for pattern in patterns)


def _conditions_hold(conditions: object, context: Mapping[str, str], *, when_unknown: bool) -> bool:
    if not isinstance(conditions, dict) or not all(isinstance(wanted, dict) for wanted in conditions.values()):
        return when_unknown
    # IAM user guide, "Condition": the names of keys are not case-sensitive.
    known = {key.lower(): value for key, value in context.items()}
    return all(
        _condition_holds(operator, known.get(key.lower()), list(map(str, _listed(values))), when_unknown=when_unknown)
        for operator, wanted in conditions.items()
        for key, values in wanted.items()
    )


def _condition_holds(operator: str, given: str | None, wanted: list[str], *, when_unknown: bool) -> bool:
    if operator == "Null":
        return any((given is None) == (value.lower() == "true") for value in wanted)
    name = operator.removesuffix("IfExists")
    negated = "Not" in name
    compare = _OPERATORS.get(name.replace("Not", "", 1))
    if compare is None or any("${" in value for value in wanted):
        return when_unknown
    if given is None:
        # Without its key a condition is false, unless it is negated or has IfExists.
        return negated or operator.endswith("IfExists")
    return negated != any(compare(given, value) for value in wanted)


def _like(value: str, pattern: str, *, ignore_case: bool = False) -> bool:
    return _compiled(pattern, ignore_case=ignore_case).fullmatch(value) is not None


@cache
def _compiled(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(translated, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda given, wanted: given == wanted,
    "StringEqualsIgnoreCase": lambda given, wanted: given.lower() == wanted.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda given, wanted: given.lower() == wanted.lower(),
}


def _listed(value: object) -> list[object]:
    """Return a list: most IAM elements accept one value or a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
