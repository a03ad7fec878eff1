"""The HTML report: its structure for any text, and its display in a real browser."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from tests.verify.report import samples
from tests.verify.report.browser import chromium, visit
from toolkit.text import replace_illegible
from toolkit.verify.report.html import render as render_html
from toolkit.verify.results import Outcome, Report

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser


POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
VOID = {"meta", "br"}
# Elements of SVG that end in themselves.
CLOSED = {"rect", "path"}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed where it must be."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in CLOSED
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def read(report: Report) -> Reader:
    return Reader(render_html(report))


@pytest.mark.parametrize("kind", samples.ALL)
def test_every_kind_of_report_is_a_page(kind: str) -> None:
    report = samples.ALL[kind]()
    page = read(report)
    assert ("Passed: " if report.passed else "Failed: ") in page.text
    assert {"http-equiv": "Content-Security-Policy", "content": POLICY} in page.of("meta")
    assert page.of("html") == [{"lang": "en"}]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {str(link["href"]) for link in page.of("a")}
    assert targets <= {f"#{name}" for name in ids}
    for zone in (*(zone.zone for zone in report.zones), *report.missing_zones):
        assert zone in page.text


def test_what_there_is_to_do_comes_with_the_zones_it_is_for() -> None:
    text = read(samples.mixed()).text
    todo = text[text.index("What to do next") : text.index("Zones by checks")]
    for words in (samples.ADVICE, samples.DISTRUST, "ireland-1", "tokyo-1", "sydney-1", "Found: DISABLED"):
        assert words in todo
    assert "What to do next" not in read(samples.passed()).text


def test_one_advice_for_many_zones_stands_once() -> None:
    page = read(samples.report([samples.refused(f"zone-{number}") for number in range(50)]))
    todo = page.text[page.text.index("What to do next") : page.text.index("Zones by checks")]
    assert todo.count(samples.ADVICE) == 1
    assert all(f"zone-{number}" in todo for number in range(50))


def test_an_outcome_is_told_by_more_than_its_colour() -> None:
    page = read(samples.mixed())
    for symbol, word in ("✓", "passed"), ("✕", "failed"), ("–", "skipped"):  # noqa: RUF001 - the page's own dash
        assert symbol in page.texts
        assert word in page.texts


def test_the_chain_is_drawn_from_the_certificate_to_the_root() -> None:
    page = read(samples.report([samples.good()]))
    (picture,) = [drawn for drawn in page.of("svg") if drawn.get("role") == "img"]
    label = str(picture["aria-label"])
    names = ["spiffe://default/toolkit-verify", *(link.name for link in samples.certificate().chain)]
    assert [label.index(name) for name in names] == sorted(label.index(name) for name in names)
    assert label.endswith("The Mesh trusts it: caCert holds this root.")
    for words in ("DATA PLANE CERTIFICATE", "ISSUING CA", "ROOT CA", "until 2031-01-01 12:00 UTC, in 1,826 days"):
        assert words in page.text
    assert "The Mesh does not trust it" in read(samples.report([samples.untrusted()])).text


def test_cost_calls_and_times() -> None:
    text = read(samples.mixed()).text
    for words in ("3 certificates issued (at most $2.25), 1 of them revoked", "GetCertificate", "1,780 ms", "$2.25"):
        assert words in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (119.6, "2 min 0 s"), (150, "2 min 30 s")],
)
def test_no_minute_has_sixty_seconds(seconds: float, words: str) -> None:
    report = samples.report(finished_at=samples.STARTED + timedelta(seconds=seconds))
    assert words in read(report).text


@given(report=samples.reports)
def test_no_text_becomes_markup(report: Report) -> None:
    page = read(report)
    assert not page.of("script")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    for zone in report.zones:
        for check in zone.checks:
            if check.failed:
                # Readers of HTML fold nothing here: the text node is the text.
                assert replace_illegible(check.advice) in page.text or not check.advice


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def colors(png: bytes) -> int:
    """How many different bytes there are in the picture's data; a blank page has very few."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, data = 8, b""
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        if kind == b"IDAT":
            data += png[place + 8 : place + 8 + length]
        place += length + 12
    return len(set(zlib.decompress(data)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["passed", "mixed", "interrupted", "nothing"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 400)])
def test_a_browser_shows_it_and_asks_for_nothing(
    browser: Browser, tmp_path: Path, kind: str, scheme: str, width: int
) -> None:
    report = samples.ALL[kind]()
    file = tmp_path / "verify.html"
    file.write_text(render_html(report), encoding="utf-8")
    with visit(browser, file, scheme="dark" if scheme == "dark" else "light", width=width) as shown:
        text = shown.page.inner_text("body")
        picture = shown.page.screenshot(path=tmp_path / "verify.png", full_page=True)
        overflow = shown.page.evaluate("document.documentElement.scrollWidth")
        background = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert shown.requests == [file.as_uri()]
    assert shown.complaints == []
    assert overflow == width
    assert (background == "rgb(15, 20, 29)") == (scheme == "dark")
    assert colors(picture) > 100
    assert (tmp_path / "verify.png").read_bytes() == picture
    for words in (*(zone.zone for zone in report.zones), *report.missing_zones):
        assert words in text
    for zone in report.zones:
        for check in zone.checks:
            assert check.advice in text


@pytest.mark.slow
def test_the_browser_would_tell(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "other.html"
    text = render_html(samples.report())
    asks = text.replace("</main>", '<img src="https://127.0.0.1:9/a.png"><script>document.title = "x"</script></main>')
    file.write_text(asks, encoding="utf-8")
    with visit(browser, file) as shown:
        assert shown.page.title() != "x"
    # The page's own policy stops both.
    assert len(shown.complaints) == 2
    file.write_text(asks.replace(POLICY, ""), encoding="utf-8")
    with visit(browser, file) as shown:
        assert shown.page.title() == "x"
    assert len(shown.requests) == 2


@pytest.mark.slow
def test_a_hundred_zones(browser: Browser, tmp_path: Path) -> None:
    report = samples.many()
    file = tmp_path / "verify.html"
    file.write_text(render_html(report), encoding="utf-8")
    with visit(browser, file) as shown:
        page = shown.page
        assert page.locator("#checks tbody tr").count() == 100
        assert page.locator("#handshakes td:is(.p, .f)").count() == len(report.handshakes)
        assert page.locator("#handshakes td.f").count() == sum(bool(met.problem) for met in report.handshakes)
        # What failed is open already; the others are opened by a click, without a script.
        assert page.locator("details[open]").count() == 2
        page.locator("#zone-1 summary").click()
        assert page.locator("#zone-1 .chain svg").is_visible()
        page.locator("#next a", has_text="zone-042").first.click()
        assert page.evaluate("location.hash") == "#zone-43"
        assert page.evaluate("document.documentElement.scrollWidth") == 1280
    assert (shown.requests, shown.complaints) == ([file.as_uri()], [])


@pytest.mark.slow
def test_paper_shows_what_is_closed_on_the_screen(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "verify.html"
    file.write_text(render_html(samples.many(50)), encoding="utf-8")
    with visit(browser, file) as shown:
        first = shown.page.locator("#zone-1 .checks")
        assert not first.is_visible()
        shown.page.emulate_media(media="print")
        assert first.is_visible()


@pytest.mark.slow
def test_a_hostile_zone_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'</style></svg>"
    zones = [samples.good(hostile), samples.refused(hostile + "2")]
    report = samples.report(
        zones, mesh=hostile, handshakes=samples.meetings(zones, bad=hostile), missing_zones=(hostile + "3",)
    )
    file = tmp_path / "verify.html"
    file.write_text(render_html(report), encoding="utf-8")
    with visit(browser, file) as shown:
        assert hostile in shown.page.inner_text("#checks")
        assert shown.page.locator("img, script").count() == 0
    assert (shown.requests, shown.complaints) == ([file.as_uri()], [])


def test_on_a_narrow_screen_failed_checks_are_in_sight(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "verify.html"
    file.write_text(render_html(samples.mixed()))
    with visit(browser, file, width=400) as shown:
        heads = shown.page.locator(".zones-by-checks thead th:visible")
        assert heads.all_inner_texts() == ["zone", "authority", "chain", "passed"]
        for mark in shown.page.locator(".zones-by-checks .mark.failed").all():
            box = mark.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= 400
        assert "Here are the checks that failed somewhere." in shown.page.locator("#checks").inner_text()
    with visit(browser, file) as shown:
        assert shown.page.locator(".zones-by-checks thead th:visible").count() == 2 + len(samples.good().checks)
        assert "failed somewhere" not in shown.page.locator("#checks").inner_text()


def test_the_page_says_as_whom_each_zone_was_asked() -> None:
    texts = Reader(render_html(samples.report((samples.good(),)))).texts
    (identity,) = (texts[number + 1] for number, text in enumerate(texts) if text == "Identity")
    assert identity == samples.good().checks[0].found
    refused = samples.refused()
    unknown = replace(refused, checks=(replace(refused.checks[0], outcome=Outcome.FAILED),))
    assert "Identity" not in Reader(render_html(samples.report((unknown,)))).texts
