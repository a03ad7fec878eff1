"""The report to look at: one HTML file that needs nothing else, neither scripts nor anything from a network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from toolkit.files import project_root
from toolkit.text import legible
from toolkit.verify.report import page

if TYPE_CHECKING:
    from toolkit.verify.results import Report


class HtmlForm:
    """Implements :class:`toolkit.verify.report.Form`."""

    def render(self, report: Report) -> str:
        """The report as an HTML document; its policy lets a browser load nothing at all."""
        built = page.build(report)
        return _templates().get_template("verify.html.j2").render(page=built, report=report) + "\n"


def _legible(value: object) -> object:
    """What a template interpolates, before it is escaped."""
    return value if isinstance(value, Markup) else legible(str(value))


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(project_root() / "templates" / "report"),
        undefined=jinja2.StrictUndefined,
        finalize=_legible,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = page.moment
    environment.globals["symbols"] = page.SYMBOLS
    return environment
