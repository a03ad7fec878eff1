"""Render HTML reports from templates. All values are escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from toolkit.files import find_project_root
from toolkit.text import replace_illegible

if TYPE_CHECKING:
    from datetime import datetime

# Symbols for outcomes, for readers who can't distinguish the colors.
_SYMBOLS = {"passed": "✓", "failed": "✕", "skipped": "\N{EN DASH}"}


def render_page(template: str, **values: object) -> str:
    """Return a page from a template of ``templates/report/``. Unprintable characters are replaced, values are escaped.

    Args:
        template: the template's file name.
        values: the template's variables.
    """
    return _templates().get_template(template).render(values) + "\n"


def format_moment(time: datetime) -> str:
    """Return a time in UTC as text for people. The templates use it as a filter."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _legible(value: object) -> object:
    """Return a template's value with unprintable characters replaced, before it is escaped."""
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
