"""Prices are in one file; documents repeat them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from toolkit import pricing
from toolkit.files import find_project_root

TABLES = json.loads(Path(pricing.__file__).with_suffix(".json").read_text())
DOCUMENTS = ("README.md", "docs/how-to/test-aws.md", "docs/reference/provisioning.md", "docs/reference/verification.md")


def test_each_price_has_a_source_and_its_month() -> None:
    for name, table in TABLES.items():
        if name != "currency":
            assert table["source"]
            assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", table["asOf"])
            assert table["asOf"] in pricing.describe_sources()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_say_what_the_file_says(name: str) -> None:
    """A monthly price is written as `$400 a month`, wherever it stands."""
    text = (find_project_root() / name).read_text()
    monthly = {int(found) for found in re.findall(r"\$(\d+) a\s+month", text)}
    assert monthly <= {400, 50} == set(pricing.AUTHORITY_PRICE.values())
