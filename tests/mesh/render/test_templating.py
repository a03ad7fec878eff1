from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.mesh.golden_documents import GOLDEN, KONGS_COMMON_NAME, golden_options, golden_outputs, golden_text
from tests.support import AUTHORITY_ARN, hierarchy
from tests.support import contract as contract_of
from toolkit import contract
from toolkit.errors import InvalidInputError, ToolkitError
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import Choice, MeshOptions, build
from toolkit.mesh.render.static_credentials import check_credentials
from toolkit.yamltext import scalars

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.contract import StackOutputs

# The last three minor versions that the validator knows.
_MAJOR, _MINOR = map(int, kubernetes_validate.latest_version().split(".")[:2])
KUBERNETES = [f"{_MAJOR}.{minor}" for minor in range(_MINOR - 2, _MINOR + 1)]
OUTPUTS = contract_of(hierarchy())


def read_yaml(text: str, version: tuple[int, int]) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    return reader.load(text)


# Kubernetes' reader resolves scalars as YAML 1.1 does.
VERSIONS = ((1, 1), (1, 2))


@pytest.mark.parametrize("name", list(golden_options()))
def test_golden(name: str) -> None:
    text = golden_text(golden_outputs(), golden_options()[name])
    assert text == (GOLDEN / f"{name}.yaml").read_text()


def test_the_golden_files_are_those_of_the_combinations() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == set(golden_options())


@pytest.mark.parametrize("name", list(golden_options()))
def test_kubernetes_takes_every_document_of_a_kind_of_its_own(name: str) -> None:
    documents = YAML(typ="safe", pure=True).load_all((GOLDEN / f"{name}.yaml").read_text())
    for document in documents:
        if document.get("kind") == "Secret":
            for version in KUBERNETES:
                kubernetes_validate.validate(document, version, strict=True)


def test_defaults_leave_the_optional_fields_out() -> None:
    (document,) = [YAML(typ="safe").load(templating.render(OUTPUTS, "default", MeshOptions()).mesh)]
    (backend,) = document["spec"]["mtls"]["backends"]
    assert set(backend) == {"name", "type", "mode", "dpCert", "conf"}
    assert backend["conf"].keys() == {"arn", "caCert"}
    assert backend["conf"]["arn"] == AUTHORITY_ARN
    assert base64.b64decode(backend["conf"]["caCert"]["inline"]).decode() == OUTPUTS.certificate_chain


def test_kongs_common_name_stands_in_the_text_as_in_kongs_documentation() -> None:
    text = templating.render(OUTPUTS, "default", MeshOptions(common_name=KONGS_COMMON_NAME)).mesh
    assert f"commonName: '{KONGS_COMMON_NAME}'\n" in text
    for version in VERSIONS:
        assert read_yaml(text, version)["spec"]["mtls"]["backends"][0]["conf"]["commonName"] == KONGS_COMMON_NAME


NASTY = [
    "'",
    '"',
    "\\",
    ": ",
    " #",
    "\n",
    "\r\n",
    "\t",
    "\x00",
    "\x07",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ud800",
    "{{ 7 }}",
    "{% raw %}",
    "{# x #}",
    "!!python/object:os.system",
    "&a *a",
    "| >",
    "- x",
    "---",
    "...",
    "yes",
    "No",
    "~",
    "null",
    "1_000",
    "0o7",
    "1:30",
    "2026-01-01",
    ".inf",
    "1e3",
    "<<",
    "=",
    "ümlaut",
    "🙂",
    "%TAG",
    "@x",
    "`x`",
    "x" * 10_000,
]
texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(),
    st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=5)), max_size=6).map("".join),
)


# Every way in which a text of the operator's gets into a document.
FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "mesh": lambda _: {},
    **{
        name: lambda text, name=name: {name: text}  # type: ignore[misc] # mypy can't infer a lambda with a default
        for name in (
            "common_name",
            "backend_name",
            "namespace",
            "expiration",
            "request_timeout",
            "root_chain_timeout",
        )
    },
    "secret": lambda text: {"ca_cert": Choice("secret", text)},
    "file": lambda text: {"ca_cert": Choice("file", text), "access_key": Choice("file", text)},
    "credentials": lambda text: {"credentials": check_credentials(text, text[::-1], "the test")},
    "inline credentials": lambda text: {
        "credentials": check_credentials(text, text[::-1], "the test"),
        "access_key": Choice("inlineString"),
        "access_key_secret": Choice("inline"),
    },
}


@given(
    common_name=texts,
    form=st.sampled_from(["kubernetes", "universal"]),
    ca_cert=st.sampled_from(["inline", "secret"]),
    field=st.sampled_from(list(FIELDS)),
)
@example(common_name="{{" + "a" * 100 + "}}\n  arn: arn:evil", form="kubernetes", ca_cert="inline", field="common_name")
@example(common_name="{{ \ufffe }}", form="universal", ca_cert="inline", field="common_name")
def test_any_text_in_any_option_is_data_or_is_refused(common_name: str, form: Any, ca_cert: Any, field: str) -> None:
    options = MeshOptions(form=form, ca_cert=Choice(ca_cert), allow_inline_credentials=True)
    mesh = common_name if field == "mesh" else "default"
    try:
        options = options._replace(**FIELDS[field](common_name))
        built = build(OUTPUTS, mesh, options)
        rendered = templating.render(OUTPUTS, mesh, options)
    except InvalidInputError as error:
        assert error.problems
        return
    for version in VERSIONS:
        assert read_yaml(rendered.mesh, version) == built.mesh.to_form(form)
        for text, secret in zip(rendered.secrets, built.secrets, strict=True):
            assert read_yaml(text, version) == secret.to_form(form)


labels = st.from_regex(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
arns = st.builds(
    "arn:{}:acm-pca:{}:{}:certificate-authority/{}".format,
    st.sampled_from(["aws", "aws-cn", "aws-us-gov"]),
    st.sampled_from(["eu-central-1", "us-gov-west-1", "cn-north-1"]),
    st.from_regex(r"[0-9]{12}", fullmatch=True),
    st.uuids().map(str),
)
lifetimes = st.builds("{}{}".format, st.integers(1, 400), st.sampled_from(["h", "m", "s"]))


@given(st.lists(labels, min_size=1, max_size=3, unique=True), arns, lifetimes, st.sampled_from(list(golden_options())))
def test_any_contract_renders_to_exactly_the_model(
    meshes: list[str], arn: str, lifetime: str, combination: str
) -> None:
    authority = OUTPUTS.certificate_authority.model_copy(update={"arn": arn, "region": arn.split(":")[3]})
    outputs = OUTPUTS.model_copy(
        update={"meshes": tuple(meshes), "certificate_authority": authority, "data_plane_lifetime": lifetime}
    )
    contract.parse(outputs.to_json())
    options = golden_options()[combination]
    for mesh in meshes:
        built = build(outputs, mesh, options)
        rendered = templating.render(outputs, mesh, options)
        for version in VERSIONS:
            assert read_yaml(rendered.mesh, version) == built.mesh.to_form(options.form)
            for text, secret in zip(rendered.secrets, built.secrets, strict=True):
                assert read_yaml(text, version) == secret.to_form(options.form)


@given(texts)
def test_a_scalar_reads_as_itself_in_every_yaml(text: str) -> None:
    try:
        line = f"key: {scalars.write_scalar(text)}\n"
    except ValueError:
        assert any("\ud800" <= character <= "\udfff" for character in text)
        return
    for version in VERSIONS:
        assert read_yaml(line, version) == {"key": text}


@given(texts)
def test_a_scalar_reads_as_itself_in_pyyaml(text: str) -> None:
    # PyYAML is YAML 1.1 of libyaml's kind, from which Kubernetes' go-yaml descends.
    pyyaml = pytest.importorskip("yaml")
    assume(not any("\ud800" <= character <= "\udfff" for character in text))
    assert pyyaml.safe_load(f"key: {scalars.write_scalar(text)}\n") == {"key": text}


@pytest.mark.parametrize("value", [None, 1.5, ["x"], {"x": 1}])
def test_only_scalars_are_interpolated(value: object) -> None:
    with pytest.raises(TypeError, match="can't contain a value"):
        scalars.write_scalar(value)


def test_a_template_that_drops_something_is_caught(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in ("kubernetes", "universal"):
        (tmp_path / "templates" / folder).mkdir(parents=True)
    (tmp_path / "templates" / "kubernetes" / "mesh.yaml.j2").write_text(
        "apiVersion: {{ apiVersion }}\nkind: {{ kind }}\n"
    )
    monkeypatch.setattr(templating, "find_project_root", lambda: tmp_path)
    templating._templates.cache_clear()
    try:
        with pytest.raises(ToolkitError, match="does not render what it was given"):
            templating.render(OUTPUTS, "default", MeshOptions())
    finally:
        templating._templates.cache_clear()


@pytest.mark.parametrize(
    ("options", "mesh", "path", "words"),
    [
        ({}, "other", "meshes", "not a mesh of the contract, which has: default"),
        ({"expiration": "1d12h"}, "default", "--expiration", "one number and one unit"),
        ({"expiration": "0"}, "default", "--expiration", "more than 0"),
        ({"expiration": "20y"}, "default", "--expiration", "lasts longer than the CA"),
        ({"common_name": "x" * 65}, "default", "--common-name", "at most 64"),
        ({"common_name": " "}, "default", "--common-name", "empty"),
        ({"common_name": "{{ tag"}, "default", "--common-name", "without its"),
        ({"common_name": "}} {{"}, "default", "--common-name", "without its"),
        ({"common_name": "caf\udce9"}, "default", "--common-name", "U+DCE9"),
        ({"backend_name": "Not A Name"}, "default", "--backend-name", "lower-case"),
        ({"ca_cert": Choice("secret", "A_B")}, "default", "--ca-cert", "DNS-1123"),
        ({"ca_cert": Choice("secret"), "namespace": "a.b"}, "default", "--namespace", "lower-case"),
        ({"mode": "OFF"}, "default", "--mode", "STRICT"),
    ],
)
def test_options_that_can_not_work(options: dict[str, Any], mesh: str, path: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        templating.render(OUTPUTS, mesh, MeshOptions(**options))
    assert [problem.path for problem in caught.value.problems] == [path]
    assert words in caught.value.problems[0].message


def test_everything_wrong_is_said_at_once() -> None:
    options = MeshOptions(backend_name="B!", expiration="soon", common_name="", ca_cert=Choice("secret"), namespace="N")
    with pytest.raises(InvalidInputError) as caught:
        templating.render(OUTPUTS, "other", options)
    assert {problem.path for problem in caught.value.problems} == {
        "meshes",
        "--backend-name",
        "--expiration",
        "--common-name",
        "--namespace",
    }


def test_the_expiration_is_the_stacks_unless_chosen(outputs: StackOutputs) -> None:
    longer = outputs.model_copy(update={"data_plane_lifetime": "2w"})
    assert "expiration: 2w\n" in templating.render(longer, "default", MeshOptions()).mesh
    assert "expiration: 1h\n" in templating.render(longer, "default", MeshOptions(expiration="1h")).mesh
    too_long = outputs.model_copy(update={"data_plane_lifetime": "20y"})
    templating.render(too_long, "default", MeshOptions(expiration="1h"))
    with pytest.raises(InvalidInputError) as caught:
        templating.render(too_long, "default", MeshOptions())
    assert caught.value.problems[0].message.startswith("20y (the contract's dataPlaneLifetime) lasts longer")


def test_a_short_lived_ca_issues_for_seven_days_at_most(outputs: StackOutputs) -> None:
    authority = outputs.certificate_authority.model_copy(update={"usage_mode": "SHORT_LIVED_CERTIFICATE"})
    short = outputs.model_copy(update={"certificate_authority": authority})
    templating.render(short, "default", MeshOptions(expiration="7d"))
    with pytest.raises(InvalidInputError) as caught:
        templating.render(short, "default", MeshOptions(expiration="169h"))
    assert "7 days" in caught.value.problems[0].message
