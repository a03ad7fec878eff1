from __future__ import annotations

import re

from tests.judges import defects, pem_texts
from tests.pki.document import PART
from toolkit.pki.authority import EVERYBODY, RULES


def test_the_table_is_made_from_the_rules() -> None:
    assert PART.renewed == PART.text, "run `make docs`"
    assert re.findall(r"^\| `([a-z-]+)` \|", PART.text, re.MULTILINE) == [rule.name for rule in RULES]
    assert all(rule.refused_by and rule.refused_by <= EVERYBODY for rule in RULES)


def test_the_counts_are_those_of_the_tests() -> None:
    texts = pem_texts.cases(*(authority.der for authority in pem_texts.authorities()))
    assert f"read {len(texts)} texts and judge {len(defects.cases())} chains" in PART.text
