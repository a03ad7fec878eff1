"""What a verification found, in the forms that people and machines want. One interface, one file per form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from toolkit.verify.results import Report


class Form(Protocol):
    """One way to write a report."""

    def render(self, report: Report) -> str:
        """The report as text that ends with a newline."""
