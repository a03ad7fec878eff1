"""Print what the judges say, as Markdown: `python -m tests.judges.tables`."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.judges import defects, envoy, golang, openssl, pem_texts, verdicts
from tests.judges.pem_parts import REJECTED

if TYPE_CHECKING:
    from tests.judges.pem_texts import PemCase

_CHAIN_COLUMNS = verdicts.EVERYONE.split()


def pem_readings() -> list[tuple[PemCase, str, str, str]]:
    """Return each text with what Go, OpenSSL and Envoy read in it, as `PemCase` has it."""
    authorities = pem_texts.authorities()
    ders = [authority.der for authority in authorities]
    letters = dict(zip(ders, "AB", strict=True))
    fingerprints = {hashlib.sha256(der).hexdigest(): letter for der, letter in letters.items()}
    cases = pem_texts.cases(*ders)
    peers = [authority.issue_leaf() for authority in authorities]
    read = []
    for case, verdict in zip(cases, envoy.judge([(case.text, peers) for case in cases]), strict=True):
        trusted = "".join(letter for letter, accepted in zip("AB", verdict.trusted, strict=True) if accepted)
        go = "".join(fingerprints[found] for found in golang.certificates(case.text))
        of_openssl = "".join(letters[found] for found in openssl.certificates(case.text))
        read.append((case, go, of_openssl, trusted if verdict.loads else REJECTED))
    return read


def _pem_table() -> Iterator[str]:
    yield "| text | Go | OpenSSL | Envoy |\n| --- | --- | --- | --- |"
    for case, *columns in pem_readings():
        yield f"| {case.name} | {' | '.join(column or 'none' for column in columns)} |"


def _chain_table() -> Iterator[str]:
    yield f"| chain | {' | '.join(_CHAIN_COLUMNS)} | reasons |"
    yield "| --- " * (len(_CHAIN_COLUMNS) + 2) + "|"
    cases = defects.cases()
    for case, reasons in zip(cases, verdicts.reasons(cases), strict=True):
        refused = verdicts.refused_by(reasons)
        columns = [_column(judge, refused) for judge in _CHAIN_COLUMNS]
        # The first judge that gives a reason stands for all that give it.
        first = {reason: judge for judge, reason in reversed(reasons.items()) if reason}
        said = [f"{judge.partition(':')[0]}: {reason}" for reason, judge in reversed(first.items())]
        yield f"| {case.name} | {' | '.join(columns)} | {'<br>'.join(said)} |"


def _column(judge: str, refused: frozenset[str]) -> str:
    if judge in refused:
        return "refuses"
    return next((f"refuses {usage}" for usage in ("server", "client") if f"{judge}:{usage}" in refused), "")


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for table in (_pem_table(), _chain_table()) for line in table)
