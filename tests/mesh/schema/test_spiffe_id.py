"""Templates and SPIFFE IDs, judged by Go's text/template and the SPIFFE project's library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.schema import spiffe_ids
from toolkit.mesh.schema import spiffe_id

FIELDS = {"Mesh": "default", "Zone": "zone-1"}
LABELS = {"kuma.io/workload": "web", "a": "b", "": "nameless"}
_BRACES = ["{{", "}}", "{{-", "-}}", "{{- ", " -}}", "{", "}", "-", "|", "\\"]
_WORDS = [".", ".Mesh", ".Zone", ".Nope", "label", '"a"', "`a`", '"kuma.io/workload"', '"nope"', '"', "`", '""', "x"]
_SPACES = [" ", "\n", "\t", "\r", "\u00a0", "\x0b"]
_ACTIONS = ["{{ .Mesh }}", "{{ .Zone }}", '{{ label "a" }}', "{{- .Mesh -}}"]
FRAGMENTS = st.sampled_from([*_BRACES, *_WORDS, *_SPACES, *_ACTIONS])


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ .Mesh }}.{{ .Zone }}.mesh.local", "default.zone-1.mesh.local"),
        ("{{.Mesh}}", "default"),
        ("{{\t.Mesh\n}}", "default"),
        ("a {{- .Mesh -}} b", "adefaultb"),
        ("a \n{{- .Mesh }} b", "adefault b"),
        ("a {{ .Mesh -}} \t b", "a defaultb"),
        ("{{ .Mesh -}} {{- .Zone }}", "defaultzone-1"),
        ('{{ label "kuma.io/workload" }}', "web"),
        ("/{{ label `a` }}", "/b"),
        ('{{ label "" }}', "nameless"),
        ("example.org", "example.org"),
        ("", ""),
    ],
)
def test_templates(template: str, expected: str) -> None:
    assert spiffe_id.expand(template, FIELDS, LABELS) == (expected, ())
    assert spiffe_ids.expand(template, FIELDS, LABELS) == (expected, "")


@pytest.mark.parametrize(
    ("template", "unknown"),
    [
        ("{{ .Nope }}", ".Nope"),
        ("{{ .mesh }}", ".mesh"),
        ("{{ Mesh }}", "Mesh"),
        ("{{-.Mesh}}", "-.Mesh"),
        ("{{ .Mesh-}}", ".Mesh-"),
        ("{{\u00a0.Mesh }}", "\u00a0.Mesh"),
        ('{{ label "nope" }}', 'label "nope"'),
        ('{{label"a"\\ }}', 'label"a"\\'),
        ("{{ label a }}", "label a"),
        ('{{ label "a\nb" }}', 'label "a\nb"'),
        ("{{ .Mesh", "{{ .Mesh"),
        ("{{ }}", ""),
    ],
)
def test_templates_that_go_refuses(template: str, unknown: str) -> None:
    assert spiffe_id.expand(template, FIELDS, LABELS).unknown == (unknown,)
    assert spiffe_ids.expand(template, FIELDS, LABELS)[1]


@given(st.lists(FRAGMENTS, max_size=8).map("".join))
def test_go_expands_to_the_same_text(template: str) -> None:
    expanded = spiffe_id.expand(template, FIELDS, LABELS)
    if not expanded.unknown:
        assert spiffe_ids.expand(template, FIELDS, LABELS) == (expanded.text, "")


def test_any_label_is_known_where_labels_are_not() -> None:
    assert spiffe_id.expand('/{{ label "x" }}', {}) == ("/label", ())
    assert spiffe_id.expand('/{{ label "x" }}', {}, {}).unknown == ('label "x"',)


def test_kumas_default_trust_domain() -> None:
    assert spiffe_id.expand_trust_domain(None, "default", "zone-1").text == "default.zone-1.mesh.local"
    # Kuma takes an empty template as it is.
    assert spiffe_id.expand_trust_domain("", "default", "zone-1").text == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("spiffe://example.org", "scheme"),
        ("Example.org", "capital"),
        ("exämple.org", "lower-case letters, digits"),
        ("example.org:8443", "lower-case letters, digits"),
        ("user@example.org", "lower-case letters, digits"),
        ("example.org/a", "lower-case letters, digits"),
        ("example.org\n", "lower-case letters, digits"),
        ("a" * 256, "has 256 characters"),
    ],
)
def test_what_is_no_trust_domain(text: str, words: str) -> None:
    assert words in spiffe_id.check_trust_domain(text)


@pytest.mark.parametrize("text", ["example.org", "a", "1.2.3.4", "a_b", "-", ".", "..", "a..b", "a" * 255])
def test_trust_domains(text: str) -> None:
    assert spiffe_id.check_trust_domain(text) == ""
    assert spiffe_ids.is_trust_domain(text)


@given(st.text("abzAZ09._-/:@%[] \n\u00e4", max_size=8))
def test_trust_domains_as_the_library_reads_them(text: str) -> None:
    assert (spiffe_id.check_trust_domain(text) == "") == spiffe_ids.is_trust_domain(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "begin with a slash"),
        ("ns/a", "begin with a slash"),
        ("/ns/a/", "end with a slash"),
        ("/", "end with a slash"),
        ("/ns//a", "segments"),
        ("/ns/./a", "segments"),
        ("/ns/..", "segments"),
        ("/ns/ a", "segments"),
        ("/ns/a?b", "segments"),
        ("/ns/%41", "segments"),
        ("/\u00e4", "segments"),
        ("/a\n", "segments"),
    ],
)
def test_what_is_no_path(text: str, words: str) -> None:
    assert words in spiffe_id.check_path(text)
    assert not spiffe_ids.is_path(text)


@given(st.text("abZ09._-/:@% \n\u00e4", max_size=8).map(lambda text: f"/{text}"))
def test_paths_as_the_library_reads_them(text: str) -> None:
    assert (spiffe_id.check_path(text) == "") == spiffe_ids.is_path(text)
