"""Write the report of a verification in several forms, for people and for programs. Each form has its own module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from toolkit.verify.results import Report


class Form(Protocol):
    """A form of the report, such as JSON."""

    def render(self, report: Report) -> str:
        """Return the report as text that ends with a newline."""
