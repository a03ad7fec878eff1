from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import InvalidInputError
from toolkit.mesh.schema import versions
from toolkit.mesh.schema.versions import MeshVersion


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2.14", (2, 14, 0)),
        ("2.14.2", (2, 14, 2)),
        ("v2.9.1", (2, 9, 1)),
        ("2.14.0-preview.vabc123", (2, 14, 0)),
        ("3.0.0+enterprise", (3, 0, 0)),
    ],
)
def test_versions(text: str, version: tuple[int, int, int]) -> None:
    assert MeshVersion.parse(text) == version


@given(st.text())
def test_any_text_is_a_version_or_none(text: str) -> None:
    try:
        MeshVersion.parse(text)
    except ValueError as error:
        assert "is not a version of Kong Mesh" in str(error)


def test_three_point_zero_has_no_mtls_section() -> None:
    with pytest.raises(InvalidInputError) as caught:
        versions.refuse_version(MeshVersion(3, 0), "toolkit render-identity")
    said = "\n".join(caught.value.lines())
    assert "traffic is plaintext" in said
    assert said.endswith("Run: toolkit render-identity")


def test_acmpca_came_with_one_point_seven() -> None:
    with pytest.raises(InvalidInputError, match=r"1\.6\.9 has no acmpca"):
        versions.refuse_version(MeshVersion(1, 6, 9))


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (MeshVersion(1, 7), ["17448"]),
        (MeshVersion(2, 13, 9), ["17448"]),
        (MeshVersion(2, 14, 1), ["17448", "Kong Mesh 3.0 ignores Mesh.mtls"]),
        (MeshVersion(2, 14, 2), ["Kong Mesh 3.0 ignores Mesh.mtls"]),
    ],
)
def test_what_is_to_be_known_of_a_version(version: MeshVersion, words: list[str]) -> None:
    versions.refuse_version(version)
    found = versions.list_warnings(version)
    assert len(found) == len(words)
    for warning, word in zip(found, words, strict=True):
        assert word in warning
