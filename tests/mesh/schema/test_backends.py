from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.mesh.golden_documents import documented
from tests.yamltext.yaml_writing import load_stream
from toolkit.mesh.documents.editable import read_editable
from toolkit.mesh.schema.backends import BACKEND_TYPES, Mtls
from toolkit.mesh.schema.model import DataSource, parse_timeout
from toolkit.yamltext import scalars

DOCUMENTS = [
    (f"{name}-{number}", document)
    for name, text in documented().items()
    for number, document in enumerate(load_stream(text, name))
]


def mtls(document: Any) -> dict[str, Any]:
    section = document.get("spec", document)["mtls"]
    assert isinstance(section, dict)
    return section


@pytest.mark.parametrize(("name", "document"), DOCUMENTS, ids=[name for name, _ in DOCUMENTS])
def test_what_kong_documents_is_read_and_written_back_without_loss(name: str, document: Any) -> None:
    section = mtls(document)
    model = Mtls.model_validate(section)
    assert model.to_document() == section, name
    written = scalars.write_block(model.to_document(), 0)
    for version in ((1, 1), (1, 2)):
        reader = YAML(typ="safe", pure=True)
        reader.version = version
        assert reader.load(written) == section


def test_every_kind_of_backend_is_documented_in_a_test() -> None:
    kinds = {backend["type"] for _, document in DOCUMENTS for backend in mtls(document)["backends"]}
    assert kinds == set(BACKEND_TYPES)


@pytest.mark.parametrize("name", list(documented()))
def test_what_kong_documents_can_be_opened_for_changes(name: str) -> None:
    for number, text in enumerate(documented()[name].split("\n---\n")):
        (mesh,) = read_editable(text, name)
        assert mesh.backends
        assert mesh.find_position(mesh.enabled_backend) is not None, number
        assert mesh.editor.text == text


@pytest.mark.parametrize(
    ("section", "path", "words"),
    [
        ({"backends": [{"name": "a", "type": "other"}]}, ("backends", 0), "other"),
        ({"backends": [{"type": "builtin"}]}, ("backends", 0, "builtin", "name"), "required"),
        ({"backends": [{"name": "a", "type": "provided"}]}, ("backends", 0, "provided", "conf"), "required"),
        (
            {"backends": [{"name": "a", "type": "builtin", "config": {}}]},
            ("backends", 0, "builtin", "config"),
            "not permitted",
        ),
        (
            {"backends": [{"name": "a", "type": "builtin", "dpCert": {"requestTimeout": "5s"}}]},
            ("backends", 0, "builtin", "dpCert"),
            "needs rotation.expiration",
        ),
        (
            {"backends": [{"name": "a", "type": "builtin", "rootChain": {"requestTimeout": "1m"}}]},
            ("backends", 0, "builtin", "rootChain", "requestTimeout"),
            "seconds and an s",
        ),
        (
            {"backends": [{"name": "a", "type": "builtin", "conf": {"caCert": {"RSAbits": "2048"}}}]},
            ("backends", 0, "builtin", "conf", "caCert", "RSAbits"),
            "integer",
        ),
        ({"enabledBackend": "a"}, (), "not among the backends"),
        (
            {"backends": [{"name": "a", "type": "builtin"}, {"name": "a", "type": "builtin"}]},
            (),
            "names must be unique; more than one is named a",
        ),
    ],
)
def test_what_a_control_plane_refuses_or_drops_is_no_mtls_section(
    section: dict[str, Any], path: tuple[str | int, ...], words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Mtls.model_validate(section)
    (error,) = caught.value.errors()
    assert error["loc"] == path
    assert words in error["msg"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({}, "it has none"),
        ({"secret": "a", "inline": "YQ=="}, "it has secret, inline"),
        ({"file": "/a", "inlineString": "a"}, "it has file, inlineString"),
    ],
)
def test_a_data_source_is_exactly_one_kind(source: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DataSource.model_validate(source)


@pytest.mark.parametrize("kind", ["secret", "file", "inline", "inlineString"])
def test_the_kind_and_value_of_a_data_source(kind: str) -> None:
    assert DataSource.model_validate({kind: "value"}).source == (kind, "value")


def test_no_value_of_a_data_source_is_ever_shown() -> None:
    for kind in ("inline", "inlineString"):
        source = DataSource.model_validate({kind: "hidden"})
        assert "hidden" not in repr(source)
    with pytest.raises(ValidationError) as caught:
        DataSource.model_validate({"inline": "hidden", "inlineString": "hidden"})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "10", "1m", "-1s", ".5s", "1e3s", "10 s", "1.0000000001s"])
def test_what_is_no_timeout(text: str) -> None:
    with pytest.raises(ValueError, match="seconds and an s"):
        parse_timeout(text)


def test_timeouts() -> None:
    assert parse_timeout("10s") == 10
    assert parse_timeout("0.5s") == 0.5


def test_half_a_character_in_a_name_is_refused_in_words() -> None:
    half = "\ud800"
    with pytest.raises(ValidationError, match=r"enabledBackend: \\ud800 is not among the backends"):
        Mtls.model_validate({"enabledBackend": half, "backends": [{"name": "ca-1", "type": "builtin"}]})
