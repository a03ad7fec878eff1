"""Every shell block of README, of the tutorial and of the how-tos runs, or says why it can't."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.shell import copy_repository, make_environment, read_blocks, run_page
from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pathlib import Path

ROOT = find_project_root()
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_as_it_is_written(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    clone, home = tmp_path / "clone", tmp_path / "home"
    clone.mkdir()
    home.mkdir()
    copy_repository(clone)
    run_page(text, clone, make_environment(home))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_commands(page: Path) -> None:
    assert list(read_blocks(page.read_text(encoding="utf-8")))
