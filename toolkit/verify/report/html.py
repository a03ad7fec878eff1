"""Write the report as one HTML file without scripts or external resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.reporting.html import render_page
from toolkit.verify.report import page

if TYPE_CHECKING:
    from toolkit.verify.results import Report


class HtmlForm:
    """Implements :class:`toolkit.verify.report.Form`."""

    def render(self, report: Report) -> str:
        """Return the report as an HTML document. Its content security policy blocks all loading."""
        return render_page("verify.html.j2", page=page.build(report), report=report)
