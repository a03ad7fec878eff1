"""Reports to look at: HTML from a template, with everything in it encoded."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from toolkit.files import find_project_root
from toolkit.text import replace_illegible

if TYPE_CHECKING:
    from datetime import datetime

# How a check ended, for those who see no colors.
_SYMBOLS = {"passed": "✓", "failed": "✕", "skipped": "\N{EN DASH}"}


def render_page(template: str, **values: object) -> str:
    """Return a page of ``templates/report/``; whatever it shows is legible and escaped.

    Args:
        template: the name of the file.
        values: what the template uses.
    """
    return _templates().get_template(template).render(values) + "\n"


def format_moment(time: datetime) -> str:
    """Return a time as people read it; it must be in UTC. Templates have it as a filter."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _legible(value: object) -> object:
    """Return what a template interpolates, before it is escaped."""
    return value if isinstance(value, Markup) else replace_illegible(str(value))


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(find_project_root() / "templates" / "report"),
        undefined=jinja2.StrictUndefined,
        finalize=_legible,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = format_moment
    environment.globals["symbols"] = _SYMBOLS
    return environment
