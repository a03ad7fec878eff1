"""``toolkit render-identity``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.mesh.golden_documents import golden_outputs
from tests.mesh.golden_identities import IDENTITIES
from tests.support import contract_document, hierarchy
from tests.yamltext.yaml_writing import load_stream
from toolkit.cli import main

if TYPE_CHECKING:
    from pathlib import Path

NOTE = "Note: meshTrustCreation is Enabled: "


def run(outputs: Path, *arguments: str | Path, **more: Any) -> Result:
    return CliRunner().invoke(main, ["render-identity", "--contract", str(outputs), *map(str, arguments)], **more)


def names(text: str) -> list[tuple[str, str, str]]:
    """Return the mesh, the kind and the name of each document."""
    found: Any = load_stream(text, "identity")
    return [
        (each["mesh"], each["type"], each["name"])
        if "type" in each
        else (each["metadata"]["labels"]["kuma.io/mesh"], each["kind"], each["metadata"]["name"])
        for each in found
    ]


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    file = tmp_path / "golden.json"
    file.write_text(golden_outputs().to_json())
    return file


@pytest.fixture
def two_meshes(tmp_path: Path) -> Path:
    file = tmp_path / "two.json"
    file.write_text(json.dumps(contract_document(hierarchy()) | {"meshes": ["default", "other"]}))
    return file


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        ("one-trust-domain-per-zone", []),
        ("one-trust-domain", ["--trust-domain", "mesh.example.com", "--identity-name", "aws"]),
        ("workload", ["--workload"]),
        ("workload", ["--path", "/workload/{{ .Workload }}"]),
        (
            "all",
            [
                "--trust-domain",
                "{{ .Mesh }}.{{ .Zone }}.example.com",
                "--path",
                '/{{ label "team" }}/{{ .Workload }}',
                "--expiration",
                "90m",
                "--mesh-trust-creation",
                "Disabled",
                "--namespace",
                "kuma-system",
            ],
        ),
    ],
)
def test_each_option(golden: Path, form: str, file: str, arguments: list[str]) -> None:
    result = run(golden, "--format", form, *arguments)
    assert result.exit_code == 0
    assert result.stdout == (IDENTITIES / f"{form}-{file}.yaml").read_text()


def test_a_note_on_the_trust_that_zones_make(outputs: Path) -> None:
    enabled = run(outputs)
    assert enabled.stderr.startswith(NOTE)
    assert "acm-pca:GetCertificateAuthorityCertificate" in enabled.stderr
    disabled = run(outputs, "--mesh-trust-creation", "Disabled")
    assert disabled.stderr.startswith("Note: meshTrustCreation is Disabled: zones trust only the MeshTrusts rendered")
    assert "Note" not in enabled.stdout + disabled.stdout


def test_all_meshes_or_those_that_are_named(two_meshes: Path) -> None:
    one = [("MeshTrust", "acmpca-zone-1"), ("MeshTrust", "acmpca-zone-2"), ("MeshIdentity", "acmpca")]
    default, other = [("default", *each) for each in one], [("other", *each) for each in one]
    universal = ("--format", "universal")
    assert names(run(two_meshes, *universal).stdout) == default + other
    assert names(run(two_meshes, *universal, "--mesh", "other").stdout) == other
    assert names(run(two_meshes, *universal, "--mesh", "other", "--mesh", "default").stdout) == other + default
    assert names(run(two_meshes, "--mesh", "other", "--mesh", "other").stdout) == other


def test_on_kubernetes_one_mesh_does_not_overwrite_another(two_meshes: Path) -> None:
    for chosen in ((), ("--mesh", "other", "--mesh", "default")):
        result = run(two_meshes, *chosen)
        assert result.exit_code == 2
        assert "can't all have a MeshIdentity acmpca" in result.stderr
        assert "--mesh and an --identity-name of its own" in result.stderr
        assert result.stdout == ""
    assert (
        "can't all have a MeshIdentity mine: give each"
        in run(two_meshes, "--mesh", "other", "--identity-name", "mine").stderr
    )
    assert "can't all have" not in run(two_meshes, "--format", "universal").stderr


def test_the_contracts_lifetime(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(contract_document(hierarchy()) | {"dataPlaneLifetime": "2d"}))
    assert "expiry: 48h\n" in run(file).stdout
    assert "expiry: 24h\n" in run(file, "--expiration", "1d").stdout


def test_json(outputs: Path) -> None:
    documents = [json.loads(line) for line in _split(run(outputs, "-o", "json").stdout)]
    found = documents[0]["items"] if len(documents) == 1 and "items" in documents[0] else documents
    assert found == load_stream(run(outputs).stdout, "identity")


def _split(text: str) -> list[str]:
    """Return the JSON texts of a stream."""
    decoder, texts, start = json.JSONDecoder(), [], 0
    while text[start:].strip():
        start += len(text[start:]) - len(text[start:].lstrip())
        _, end = decoder.raw_decode(text, start)
        texts.append(text[start:end])
        start = end
    return texts


def test_a_file(outputs: Path, tmp_path: Path) -> None:
    file = tmp_path / "identity.yaml"
    result = run(outputs, "--output-file", file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert file.read_text() == run(outputs).stdout
    assert result.stderr.startswith(NOTE)


def test_the_contract_is_not_overwritten(outputs: Path) -> None:
    before = outputs.read_text()
    result = run(outputs, "--output-file", outputs)
    assert (result.exit_code, result.stdout, outputs.read_text()) == (2, "", before)


def test_what_is_rendered_passes_lint(outputs: Path) -> None:
    for form in ("kubernetes", "universal"):
        text = run(outputs, "--format", form).stdout
        checked = CliRunner().invoke(main, ["lint", "--contract", str(outputs), "-"], input=text)
        assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize(
    ("arguments", "option", "words"),
    [
        (["--mesh-version", "2.13.9"], "--mesh-version", "came with Kong Mesh 2.14.0"),
        (["--mesh-version", "1.7"], "--mesh-version", "came with Kong Mesh 2.14.0"),
        (["--mesh-version", "new"], "--mesh-version", "is not a version"),
        (["--credentials", "keys.ini"], "--credentials", "default credential chain only"),
        (["--access-key", "inline"], "--access-key", "default credential chain only"),
        (["--trust-domain", "Example.org"], "--trust-domain", "capital letters"),
        (["--trust-domain", "spiffe://example.org"], "--trust-domain", "scheme"),
        (["--trust-domain", "{{ .Nope }}"], "--trust-domain", "'.Nope' is unknown"),
        (["--trust-domain", ""], "--trust-domain", "is empty"),
        (["--path", "ns"], "--path", "begin with a slash"),
        (["--path", "/{{ .Mesh }}"], "--path", "'.Mesh' is unknown"),
        (["--path", "/x", "--workload"], "--workload", "exclude each other"),
        (["--expiration", "1d12h"], "--expiration", "is not a duration"),
        (["--expiration", "30y"], "--expiration", "lasts longer than the CA's own certificate"),
        (["--identity-name", "A"], "--identity-name", "lower-case letters"),
        (["--identity-name", "a-"], "--identity-name", "lower-case letters"),
        (["--namespace", "a_b"], "--namespace", "lower-case letters"),
        (["--mesh", "nope"], "--mesh", "meshes: 'nope' is not a mesh of the contract"),
        (["--mesh-trust-creation", "disabled"], "--mesh-trust-creation", "'Enabled', 'Disabled'"),
        (["--format", "helm"], "--format", "'kubernetes', 'universal'"),
        (["-o", "html"], "--output", "yaml or json"),
    ],
)
def test_refusals_name_the_option(outputs: Path, arguments: list[str], option: str, words: str) -> None:
    result = run(outputs, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert option in result.stderr
    assert words in result.stderr


def test_a_short_lived_ca(tmp_path: Path) -> None:
    document = contract_document(hierarchy())
    document["certificateAuthority"]["usageMode"] = "SHORT_LIVED_CERTIFICATE"
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(document))
    assert run(file, "--expiration", "7d").exit_code == 0
    result = run(file, "--expiration", "169h")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--expiration: 169h is more than the 7 days that a CA in short-lived mode issues for" in result.stderr


@pytest.mark.parametrize(("version", "form", "warns"), [("3.0", "kubernetes", True), ("3.0", "universal", False)])
def test_versions_that_have_it(outputs: Path, version: str, form: str, warns: bool) -> None:
    result = run(outputs, "--mesh-version", version, "--format", form)
    assert result.exit_code == 0
    assert ("Warning: Kong Mesh 3.0.0 has no global control plane on Kubernetes" in result.stderr) is warns


def test_2_14_has_both(outputs: Path) -> None:
    assert "Warning" not in run(outputs, "--mesh-version", "2.14.3").stderr


def test_the_help_calls_it_experimental(outputs: Path) -> None:
    result = run(outputs, "--help")
    assert "Experimental" in result.stdout
    assert "--credentials" not in result.stdout
