"""The site of docs/ builds without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.pages.markdown import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """``strict: true`` in mkdocs.yml makes each warning an error: dead links and anchors, pages that the menu lacks."""
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path / "site")]
    # Else Material for MkDocs advertises its successor on stderr.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    assert (tmp_path / "site" / "tutorial.html").is_file()
