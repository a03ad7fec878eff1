from __future__ import annotations

from datetime import UTC, datetime

import jinja2
import pytest

from toolkit.reporting.html import format_moment, render_page


def test_a_time_is_read_without_thinking() -> None:
    assert format_moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02 03:04 UTC"


def test_a_template_that_lacks_a_value_is_no_page() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render_page("verify.html.j2", symbols={})
