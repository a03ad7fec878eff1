"""Every link of the pages outside docs/ resolves, as the site's build checks those inside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.pages.markdown import PAGES, ROOT, read_prose

if TYPE_CHECKING:
    from pathlib import Path

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", read_prose(page.read_text(encoding="utf-8")), re.MULTILINE)
    kept = [re.sub(r"[^\w\s-]", "", heading.lower()).strip() for heading in headings]
    return {re.sub(r"\s", "-", heading) for heading in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    for link in _LINK.findall(read_prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        # The site has docs/ alone.
        assert page.parent == ROOT or target.is_relative_to(ROOT / "docs"), link
        if anchor:
            assert anchor in anchors(target), link
