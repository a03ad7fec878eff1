from __future__ import annotations

import pytest

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
