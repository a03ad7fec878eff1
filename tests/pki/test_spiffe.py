from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.pki import spiffe


def test_the_names_of_a_data_plane_proxy() -> None:
    assert spiffe.build_data_plane_uris("default", ["a", "b"], {"kuma.io/zone": "z"}) == (
        "spiffe://default/a",
        "spiffe://default/b",
        "kuma://kuma.io/zone/z",
    )
    for bad in ("a b", "ü", "a\n"):
        with pytest.raises(ValueError, match="printable ASCII"):
            spiffe.build_data_plane_uris("default", [bad], {})


def test_a_spiffe_id_has_a_trust_domain_only_with_a_path() -> None:
    made = spiffe.build_id("a.example", "/workload/web")
    assert (made, spiffe.find_trust_domain(made)) == ("spiffe://a.example/workload/web", "a.example")
    for none in ("spiffe://a.example", "spiffe:///web", "SPIFFE://a.example/web", "kuma://kuma.io/zone/z", ""):
        assert spiffe.find_trust_domain(none) == ""


@given(st.lists(st.sampled_from(["spiffe:", "/", "//", "a", "B.c", ":", "?", "#", "kuma:", " "])).map("".join))
def test_a_trust_domain_is_what_is_between_scheme_and_path(uri: str) -> None:
    domain = spiffe.find_trust_domain(uri)
    assert "/" not in domain
    assert uri.startswith(f"spiffe://{domain}/") or not domain
