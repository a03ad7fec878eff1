"""The page's texts have a contrast of at least 4.5 to 1 (WCAG 2.2, success criterion 1.4.3, AA)."""

from __future__ import annotations

import re

import pytest

from toolkit.files import find_project_root

CSS = (find_project_root() / "templates" / "report" / "verify.css").read_text(encoding="utf-8")
LIGHT, DARK = (dict(re.findall(r"--([a-z-]+): ([^;]+);", part)) for part in re.findall(r":root \{([^}]+)\}", CSS)[:2])
WHITE = (255.0, 255.0, 255.0)
# The smallest text of a banner lets this much of its ground through.
OPACITY = float(re.findall(r"\.banner \.where \{[^}]*opacity: ([.\d]+)", CSS)[0])
Color = tuple[float, ...]


def color(text: str) -> Color:
    return tuple(float(int(text[place : place + 2], 16)) for place in (1, 3, 5))


def luminance(of: Color) -> float:
    parts = [part / 255 for part in of]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("passed", "passed-soft"),
        ("failed", "failed-soft"),
        ("skipped", "skipped-soft"),
        *((text, ground) for text in ("ink", "muted", "accent", "failed") for ground in ("card", "soft")),
        ("muted", "page"),
    ],
)
def test_text_stands_out(look: dict[str, str], text: str, ground: str) -> None:
    assert contrast(color(look[text]), color(look[ground])) >= 4.5


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("banner", ["banner-passed", "banner-failed"])
def test_a_banner_can_be_read_from_end_to_end(look: dict[str, str], banner: str) -> None:
    ends = re.findall(r"#[0-9a-f]{6}", look[banner])
    assert len(ends) == 2
    for end in map(color, ends):
        seen = tuple(OPACITY * white + (1 - OPACITY) * part for white, part in zip(WHITE, end, strict=True))
        assert contrast(seen, end) >= 4.5
