"""``toolkit render-mesh`` beyond an empty mesh: existing ones, data sources, credentials, versions."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.terminal import run_on_terminal
from tests.control_plane.clients import kumactl_config
from tests.control_plane.faulty import TOKEN, Faulty
from tests.support import AUTHORITY_ARN, contract_document, hierarchy
from tests.yamltext.yaml_writing import load_stream
from toolkit.cli import main
from toolkit.mesh.documents.editable import read_editable
from toolkit.yamltext import editing, parsing

if TYPE_CHECKING:
    from pathlib import Path

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
LIVE = """\
# ours
type: Mesh
name: default
mtls:
  enabledBackend: ca-1 # builtin
  backends:
    - name: ca-1
      type: builtin
"""


def run(outputs: Path, *arguments: str | Path, **more: Any) -> Result:
    return CliRunner().invoke(main, ["render-mesh", "--contract", str(outputs), *map(str, arguments)], **more)


def test_into_a_mesh_that_exists(outputs: Path, tmp_path: Path) -> None:
    live = tmp_path / "mesh.yaml"
    live.write_text(LIVE)
    result = run(outputs, "--base", live)
    assert result.exit_code == 0
    assert result.stdout.startswith(LIVE)
    assert AUTHORITY_ARN in result.stdout
    assert "Note: mesh default: ca-1 still signs" in result.stderr
    # In place, and once more.
    assert run(outputs, "--base", live, "--output-file", live).exit_code == 0
    assert live.read_text() == result.stdout
    assert run(outputs, "--base", live, "--output-file", live).exit_code == 0
    assert live.read_text() == result.stdout
    piped = run(outputs, "--base", "-", input=LIVE)
    assert piped.stdout == result.stdout


def test_into_a_mesh_without_mtls_warns_of_what_is_denied_then(outputs: Path, tmp_path: Path) -> None:
    live = tmp_path / "mesh.yaml"
    live.write_text("type: Mesh\nname: default\n")
    result = run(outputs, "--base", live)
    assert result.exit_code == 0, result.stderr
    assert "Warning: mesh default: mTLS was off and this Mesh turns it on" in result.stderr


def test_a_base_that_can_not_be_used_changes_nothing(outputs: Path, tmp_path: Path) -> None:
    live, target = tmp_path / "mesh.yaml", tmp_path / "new.yaml"
    for text, words in {
        LIVE.replace(
            "name: default", "name: other"
        ): "no mesh of the contract (default) is in the base, which has: other",
        LIVE.replace("ca-1\n", "acmpca\n"): "is of type builtin; an acmpca backend needs a name of its own",
        LIVE + "x: y: z\n": "mesh.yaml:9:5",
        "kind: Namespace\n": "which has: none",
    }.items():
        live.write_text(text)
        result = run(outputs, "--base", live, "--output-file", target)
        assert (result.exit_code, result.stdout) == (2, ""), text
        assert words in result.stderr
        assert not target.exists()
        assert live.read_text() == text
    assert run(outputs, "--base", tmp_path / "missing.yaml").exit_code == 2
    assert run(outputs, "--base", live, "--mesh", "default").exit_code == 2
    both = CliRunner().invoke(main, ["render-mesh", "--contract", "-", "--base", "-"], input="{}")
    assert both.exit_code == 2
    assert "can't both be -" in both.stderr


def test_several_meshes_of_one_text_come_out_once(outputs: Path, tmp_path: Path) -> None:
    document = contract_document(hierarchy())
    document["meshes"] = ["default", "other", "third"]
    outputs.write_text(json.dumps(document))
    live = tmp_path / "mesh.yaml"
    live.write_text(LIVE + "---\n" + LIVE.replace("name: default", "name: other"))
    result = run(outputs, "--base", live, "--ca-cert", "secret")
    assert result.exit_code == 0
    documents: list[Any] = load_stream(result.stdout, "x")
    assert [(found["type"], found["name"]) for found in documents] == [
        ("Secret", "default-acmpca-ca-chain"),
        ("Secret", "other-acmpca-ca-chain"),
        ("Mesh", "default"),
        ("Mesh", "other"),
    ]
    # Without a base, all meshes of the contract in one stream.
    stream: list[Any] = load_stream(run(outputs, "--format", "universal").stdout, "x")
    assert [found["name"] for found in stream] == ["default", "other", "third"]
    named = run(outputs, "--ca-cert", "secret=one")
    assert named.exit_code == 2
    assert "a Secret is one mesh's" in named.stderr


@pytest.mark.parametrize("meshes", [1, 5])
def test_a_list_is_parsed_as_often_for_many_meshes_as_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meshes: int
) -> None:
    contract, base = tmp_path / "outputs.json", tmp_path / "list.json"
    names = [f"mesh-{number}" for number in range(meshes)]
    contract.write_text(json.dumps({**contract_document(hierarchy()), "meshes": names}))
    base.write_text(json.dumps({"items": [{"type": "Mesh", "name": name} for name in names]}))
    parsed: list[str] = []

    def parse(text: str, source: str, **more: Any) -> list[parsing.Parsed]:
        parsed.append(source)
        return parsing.parse(text, source, **more)

    monkeypatch.setattr(editing, "parse", parse)
    assert run(contract, "--base", base).exit_code == 0
    assert len(parsed) == 1


def test_credentials_from_a_file_become_secrets_that_only_their_owner_reads(outputs: Path, tmp_path: Path) -> None:
    credentials, secrets, mesh = tmp_path / "credentials", tmp_path / "secrets.yaml", tmp_path / "mesh.yaml"
    credentials.write_text(f"[mesh]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    chosen = ("--credentials", credentials, "--credentials-profile", "mesh")
    result = run(outputs, *chosen, "--secret-file", secrets, "--output-file", mesh)
    assert (result.exit_code, result.output) == (0, "")
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert mesh.stat().st_mode & 0o777 == 0o644
    assert SECRET not in mesh.read_text()
    assert [found["metadata"]["name"] for found in load_stream(secrets.read_text(), "x")] == [  # type: ignore[index] # documents are mappings
        "default-acmpca-access-key",
        "default-acmpca-access-key-secret",
    ]
    together = run(outputs, *chosen, "--output-file", mesh)
    assert together.exit_code == 0
    assert mesh.stat().st_mode & 0o777 == 0o600


def test_credentials_from_the_environment_or_a_question(outputs: Path) -> None:
    variables = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    from_environment = run(outputs, "--credentials", "env", env=variables)
    assert from_environment.exit_code == 0
    piped = run(outputs, "--credentials", "prompt", input=f"{KEY}\n{SECRET}\n")
    assert piped.exit_code == 2
    assert "--credentials prompt needs a terminal to ask on" in piped.stderr
    target = outputs.with_name("asked.yaml")
    arguments = ("render-mesh", "--contract", outputs, "--credentials", "prompt", "--output-file", target)
    answers = {"AWS access key: ": f"{KEY}\n", "AWS access key secret: ": f"{SECRET}\n"}
    asked = run_on_terminal(*arguments, answers=answers)
    assert asked.exit_code == 0, asked.text
    assert (KEY in asked.text, SECRET in asked.text) == (True, False)
    assert target.read_text() == from_environment.stdout
    missing = run(outputs, "--credentials", "env", env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
    assert missing.exit_code == 2
    assert "AWS_ACCESS_KEY_ID: is missing" in missing.stderr


def test_inline_credentials_need_to_be_allowed(outputs: Path, tmp_path: Path) -> None:
    variables = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    mesh = tmp_path / "mesh.yaml"
    inline = (
        "--credentials",
        "env",
        "--access-key",
        "inline",
        "--access-key-secret",
        "inlineString",
        "--output-file",
        mesh,
    )
    refused = run(outputs, *inline, env=variables)
    assert refused.exit_code == 2
    assert "--access-key: inline shows the credential to everyone who may read the Mesh" in refused.stderr
    assert not mesh.exists()
    allowed = run(outputs, *inline, "--allow-inline-credentials", env=variables)
    assert allowed.exit_code == 0
    assert "Warning: credentials in a Mesh can be read by everyone who can read the Mesh" in allowed.stderr
    assert mesh.stat().st_mode & 0o777 == 0o600
    assert SECRET in mesh.read_text()
    assert SECRET not in allowed.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--access-key", "secret=a"], "--access-key-secret: is missing: both parts of the access key are needed"),
        (["--access-key", "secret", "--access-key-secret", "secret=b"], "--access-key: secret needs the value"),
        (["--access-key", "inline", "--access-key-secret", "secret=b"], "--access-key: inline needs the value"),
        (["--ca-cert", "file"], "must be one of inline, inlineString, secret"),
        (["--ca-cert", "inline=x"], "must be one of inline, inlineString, secret"),
        (["--request-timeout", "10"], "--request-timeout: is not a timeout"),
        (["--root-chain-timeout", "0s"], "--root-chain-timeout: must be more than 0s"),
        (["--mesh-version", "3.0.1"], "3.0.1 can't have an mTLS backend"),
        (["--mesh-version", "1.6"], "acmpca came with Kong Mesh 1.7.0"),
        (["--mesh-version", "latest"], "is not a version of Kong Mesh"),
        (["--base", "control-plane"], "name the control plane with --control-plane URL"),
    ],
)
def test_what_can_not_be_rendered(outputs: Path, arguments: list[str], words: str) -> None:
    result = run(outputs, *arguments, env={"TOOLKIT_CONTROL_PLANE": ""})
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_two_secrets_of_one_name(outputs: Path) -> None:
    variables = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    same = ("--credentials", "env", "--access-key", "secret=a", "--access-key-secret", "secret=a")
    result = run(outputs, *same, env=variables)
    assert result.exit_code == 2
    assert "two of the Secrets have the same name" in result.stderr
    unused = run(
        outputs, "--credentials", "env", "--access-key", "file=/a", "--access-key-secret", "file=/b", env=variables
    )
    assert unused.exit_code == 2
    assert "--credentials: has no effect" in unused.stderr


def test_what_three_point_zero_drops_is_said_from_two_point_fourteen_on(outputs: Path) -> None:
    warned = run(outputs, "--mesh-version", "2.14.2")
    assert warned.exit_code == 0
    assert "Warning: Kong Mesh 3.0 ignores Mesh.mtls" in warned.stderr
    assert run(outputs, "--mesh-version", "2.13.9").stderr.count("Warning") == 1


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_credential_goes_into_no_file_that_others_may_read(outputs: Path, tmp_path: Path, mode: int) -> None:
    target = tmp_path / "stream.yaml"
    target.touch(mode)
    target.chmod(mode)
    program = [sys.executable, "-c", "from toolkit.cli import main; main()"]
    command = [*program, "render-mesh", "--contract", str(outputs), "--credentials", "env"]
    with target.open("w") as stream:
        result = subprocess.run(
            command,
            stdout=stream,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET},
        )
    if mode == 0o600:
        assert result.returncode == 0, result.stderr
        assert "kind: Secret" in target.read_text()
    else:
        assert result.returncode == 2
        assert "would go to a file that others may read" in result.stderr
        assert target.read_text() == ""


def test_a_mesh_rendered_for_kubernetes_can_be_merged_again(outputs: Path) -> None:
    first = run(outputs).stdout
    again = run(outputs, "--base", "-", input=first)
    assert again.stdout == first
    (mesh,) = read_editable(first, "x")
    assert mesh.form == "kubernetes"


def test_into_the_mesh_that_a_control_plane_has(outputs: Path) -> None:
    with Faulty(version="2.14.2") as standin:
        backends = [{"name": "ca-1", "type": "builtin"}]
        mtls = {"enabledBackend": "ca-1", "backends": backends}
        metrics = {"enabledBackend": "p", "backends": [{"name": "p", "type": "prometheus", "conf": {"port": 5670}}]}
        standin.state["/meshes/default"] = {"type": "Mesh", "name": "default", "mtls": mtls, "metrics": metrics}
        there = {"TOOLKIT_CONTROL_PLANE": standin.url}
        for form, keys in {"universal": ("type", "name"), "kubernetes": ("apiVersion", "kind")}.items():
            result = run(outputs, "--base", "control-plane", "--format", form, env=there)
            assert result.exit_code == 0
            (document,) = load_stream(result.stdout, "x")
            assert isinstance(document, dict)
            assert set(keys) < document.keys()
            spec = document.get("spec", document)
            assert spec["metrics"]["backends"][0]["conf"]["port"] == 5670
            assert [backend["name"] for backend in spec["mtls"]["backends"]] == ["ca-1", "acmpca"]
            # The control plane says which version it is.
            assert "Warning: Kong Mesh 3.0 ignores Mesh.mtls" in result.stderr
        assert {method for method, _ in standin.requests} == {"GET"}


def test_open_source_kuma_has_no_acmpca_backend(outputs: Path) -> None:
    with Faulty(product="kuma", version="2.14.3") as standin:
        standin.put({"type": "Mesh", "name": "default"})
        refused = run(outputs, "--base", "control-plane", env={"TOOLKIT_CONTROL_PLANE": standin.url})
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--base: the control plane is open-source Kuma, which has no acmpca backend" in refused.stderr


def test_a_context_of_kumactl_names_the_control_plane(outputs: Path, tmp_path: Path) -> None:
    with Faulty(token=TOKEN) as standin:
        standin.put({"type": "Mesh", "name": "default"})
        config = kumactl_config(tmp_path, standin.url)
        result = run(outputs, "--base", "control-plane", "--context", "here", "--kumactl-config", config)
    assert result.exit_code == 0, result.stderr
    assert "acmpca" in result.stdout


def test_a_file_gets_no_wider_than_its_base(outputs: Path, tmp_path: Path) -> None:
    live = tmp_path / "mesh.yaml"
    for before, after in ((0o600, 0o600), (0o640, 0o640), (0o666, 0o644), (0o400, 0o600)):
        live.write_text(LIVE)
        live.chmod(before)
        assert run(outputs, "--base", live, "--output-file", live).exit_code == 0
        assert live.stat().st_mode & 0o777 == after
        live.chmod(0o600)


def test_one_file_for_both_is_refused_or_holds_both(outputs: Path, tmp_path: Path) -> None:
    target = tmp_path / "mesh.yaml"
    twice = run(
        outputs, "--ca-cert", "secret", "--output-file", target, "--secret-file", tmp_path / "x" / ".." / "mesh.yaml"
    )
    assert (twice.exit_code, target.exists()) == (2, False)
    assert "both write" in twice.stderr
    live = tmp_path / "live.yaml"
    live.write_text(LIVE)
    lost = run(outputs, "--base", live, "--ca-cert", "secret", "--secret-file", live)
    assert (lost.exit_code, live.read_text()) == (2, LIVE)
    assert "is an input (--base)" in lost.stderr
    assert run(outputs, "--ca-cert", "secret", "--output-file", target).exit_code == 0
    assert [document["kind"] for document in load_stream(target.read_text(), "x")] == ["Secret", "Mesh"]  # type: ignore[index]


@pytest.mark.parametrize("source", [SECRET, f"inlineString={SECRET}", f"secret={SECRET}"])
def test_a_key_in_the_place_of_its_source_is_not_repeated(outputs: Path, source: str) -> None:
    result = run(outputs, "--access-key-secret", source, "--access-key", "secret=a")
    assert result.exit_code == 2
    assert "--access-key-secret" in result.stderr
    assert SECRET not in result.output
