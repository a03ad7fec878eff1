"""Violations of a resource, and the error answers of a control plane.

Sources: kumahq/kuma:pkg/core/validators/types.go, pkg/core/rest/errors/error_handler.go and
pkg/core/rest/errors/types/error.go.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from toolkit.values import Object


class Violation(NamedTuple):
    """A rule that a resource breaks.

    Attributes:
        field: such as ``mtls.backends[0].type``.
        reason: the problem; it continues a sentence that begins with the field.
    """

    field: str
    reason: str


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class RefusedError(Exception):
    """A request is answered with an error in Kuma's form.

    Attributes:
        status: HTTP status of the answer.
    """

    def __init__(self, status: int, title: str, detail: str, violations: tuple[Violation, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self._title, self._detail, self._violations = title, detail, violations

    @property
    def document(self) -> Object:
        """Return the body of the answer. ``details`` and ``causes`` are for older clients."""
        named: Object = {}
        causes: Object = {}
        if self._violations:
            named = {"invalid_parameters": [each._asdict() for each in self._violations]}
            causes = {"causes": [{"field": each.field, "message": each.reason} for each in self._violations]}
        return {
            "type": "/std-errors",
            "status": self.status,
            "title": self._title,
            "detail": self._detail,
            **named,
            "details": self._detail,
            **causes,
        }

    def to_reply(self) -> Reply:
        """Return the answer."""
        return build_json_reply(self.status, self.document)


def build_json_reply(status: int, document: Object) -> Reply:
    """Return an answer with a JSON body."""
    return Reply(status, json.dumps(document, ensure_ascii=False).encode())


def build_not_found(title: str) -> RefusedError:
    """Return the error for a resource that does not exist."""
    return RefusedError(404, title, "Not found")


def require(violations: list[Violation], title: str) -> None:
    """Raise an error if there are violations.

    Raises:
        RefusedError: 400, with all violations.
    """
    if violations:
        raise RefusedError(400, title, "Resource is not valid", tuple(violations))
