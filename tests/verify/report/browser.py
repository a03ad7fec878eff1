"""A headless Chromium for tests, which can only load the given file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from tests.support import without

if TYPE_CHECKING:
    from pathlib import Path


_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Without them the browser looks for updates of its own; root has no sandbox to give it.
_SWITCHES = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium; see :func:`tests.support.without` for where there is none."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        # No package of Python's has a browser in it, so make can't install one everywhere; .ci/run does, on Debian.
        without("CHROMIUM", "no Chromium on PATH; Debian's package is chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_SWITCHES)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page that is shown, and what it did meanwhile.

    Attributes:
        page: the page.
        requests: every address that it asked for.
        complaints: what the browser said of it: console messages, errors, refusals of its policy.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visit(
    browser: Browser, file: Path, *, scheme: Literal["light", "dark"] = "light", width: int = 1280
) -> Iterator[Visit]:
    """Show a file."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    shown = Visit(page)
    page.on("request", lambda request: shown.requests.append(request.url))
    page.on("console", lambda message: shown.complaints.append(message.text))
    page.on("pageerror", lambda error: shown.complaints.append(str(error)))

    def refuse(dialog: Dialog) -> None:
        shown.complaints.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    try:
        page.goto(file.as_uri())
        yield shown
    finally:
        context.close()
