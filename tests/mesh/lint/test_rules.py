from __future__ import annotations

import re

import pytest

from tests.mesh.lint.cases import (
    authorities_of_chains,
    chains,
    control_planes,
    documents,
    identities,
    lifetimes,
    secret_values,
    sources,
    trusts,
)
from tests.mesh.lint.scoped_worlds import ALL
from tests.mesh.lint.worlds import GOOD, UNIVERSAL, Case, codes, run
from toolkit.files import find_project_root
from toolkit.mesh.lint import RULES

_MODULES = (
    documents,
    control_planes,
    sources,
    secret_values,
    lifetimes,
    chains,
    authorities_of_chains,
    identities,
    trusts,
)
CASES: list[Case] = [case for module in _MODULES for case in module.CASES]


@pytest.mark.parametrize("text", [GOOD, UNIVERSAL, *ALL])
def test_what_is_good_is_left_alone(text: str) -> None:
    assert run(text) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_a_rule_finds_what_it_is_for_where_it_stands(case: Case) -> None:
    found = [finding for finding in run(case.text, **case.options) if finding.code == case.code]
    # A chain has a finding for each of its certificates, all at one place.
    assert sorted({(finding.line, finding.column) for finding in found}) == case.places, found
    assert case.places
    assert any(case.message in finding.message and case.fix in finding.fix for finding in found), found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_a_rule_leaves_alone_what_is_like_it(case: Case) -> None:
    assert case.near_text != case.text or case.near_options is not None
    options = case.options if case.near_options is None else case.near_options
    assert case.code not in codes(case.near_text, **options)


def test_every_rule_has_a_case() -> None:
    # What can't be read has tests of its own.
    assert {case.code for case in CASES} == set(RULES) - {"MESH001"}


def test_every_code_in_a_check_is_that_of_a_rule() -> None:
    """A check names its rule by code, and only some branches of a check have a case."""
    sources = (find_project_root() / "toolkit" / "mesh" / "lint").glob("*.py")
    named = {code for source in sources for code in re.findall(r'"(MESH[^"]*)"', source.read_text())}
    assert named
    assert named <= set(RULES)
