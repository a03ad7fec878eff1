"""The handshakes for people: who met whom, and why some do not trust each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from toolkit.verify.report.text import legible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.verify.results import Report

# More columns than these fit no terminal; then the problems alone are shown.
MOST_ZONES = 8
_MOST_PAIRS = 3
_MOST_PROBLEMS = 10
_GOOD, _BAD, _DIM = "green", "bold red", "dim"
_BUNDLE = "Render the Mesh from the stack's outputs and apply it: its caCert does not lead to that certificate."
_PURPOSE = "A proxy is client and server: its certificate needs serverAuth, clientAuth and digitalSignature."
_NAMES = "Look at the zone's subject-alternative-names check: it got other names than it asked for."
# By what OpenSSL, Envoy and we say.
_ADVICE = {
    "local issuer": _BUNDLE,
    "self-signed": _BUNDLE,
    "self signed": _BUNDLE,
    "unknown ca": _BUNDLE,
    "signature failure": _BUNDLE,
    "expired": "Compare the machine's clock with the lifetimes of the certificate and of the CAs above it.",
    "not yet valid": "Compare the machine's clock with the time from which the certificate is valid.",
    "purpose": _PURPOSE,
    "unsupported certificate": _PURPOSE,
    "a CA's": "Look at the zone's basic-constraints check: the CA used a template of CAs.",
    "SPIFFE ID": _NAMES,
    "certificate unknown": _NAMES,
    "another key": "Look at the zone's public-key check: the CA certified a key that is not the zone's.",
}


def overview(report: Report) -> Table | None:
    """A row for each client and a column for each server; None when there are no handshakes, or too many."""
    names = list(dict.fromkeys(name for met in report.handshakes for name in (met.client, met.server)))
    if not names or len(names) > MOST_ZONES:
        return None
    found = {(met.client, met.server): met.problem for met in report.handshakes}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("CLIENT / SERVER", *names):
        table.add_column(Text(legible(column)), overflow="fold")
    for client in names:
        table.add_row(
            Text(legible(client)), *(_cell(found.get((client, server)), alone=client == server) for server in names)
        )
    return table


def _cell(problem: str | None, *, alone: bool) -> Text:
    if problem is None:
        # A zone does not meet itself; other gaps are what an interrupted run did not come to.
        return Text("-" if alone else "", style=_DIM)
    return Text("failed", style=_BAD) if problem else Text("ok", style=_GOOD)


def problems(report: Report) -> Iterator[Text]:
    """What failed handshakes have in common, the most frequent first, a few lines each."""
    pairs: dict[str, list[str]] = {}
    for met in report.handshakes:
        if met.problem:
            pairs.setdefault(met.problem, []).append(f"{met.client} to {met.server}")
    ordered = sorted(pairs.items(), key=lambda item: -len(item[1]))
    for problem, places in ordered[:_MOST_PROBLEMS]:
        more = len(places) - _MOST_PAIRS
        where = ", ".join(places[:_MOST_PAIRS]) + (f" and {more:,} more" if more > 0 else "")
        yield Text.assemble("  ", ("failed", _BAD), f"  {legible(where)}")
        yield Text(f"    {'found:':<10}{legible(problem)}")
        if todo := advice(problem):
            yield Text(f"    {'do:':<10}{todo}")
    if rest := ordered[_MOST_PROBLEMS:]:
        count = sum(len(places) for _, places in rest)
        yield Text(f"  {count:,} more failed for {len(rest):,} other reasons; --format json has them all")


def advice(problem: str) -> str:
    """What to do about a handshake's problem; empty when that is not known."""
    return next((text for words, text in _ADVICE.items() if words in problem), "")
