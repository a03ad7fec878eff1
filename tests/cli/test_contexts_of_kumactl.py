"""`--context`: the control plane, the CA and the token of a context of kumactl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.control_plane.clients import ca_file, kumactl_config, server_files
from tests.control_plane.faulty import TOKEN, Faulty
from tests.support import Authority
from toolkit import cli

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty(token=TOKEN) as running:
        yield running


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.yaml"
    file.write_text("type: Mesh\nname: default\n")
    return file


def run(mesh: Path, *arguments: str | Path, **environment: Any) -> Result:
    environment = {"TOOLKIT_CONTROL_PLANE": None, "TOOLKIT_CONTROL_PLANE_TOKEN": None, **environment}
    result = CliRunner().invoke(cli.main, ["apply", "-f", str(mesh), "--yes", *map(str, arguments)], env=environment)
    assert TOKEN not in result.output
    return result


def test_a_context_is_all_that_is_needed(
    standin: Faulty, mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".kumactl").mkdir()
    kumactl_config(tmp_path, standin.url).rename(tmp_path / ".kumactl" / "config")
    monkeypatch.setenv("HOME", str(tmp_path))
    result = run(mesh, "--context", "here")
    assert result.exit_code == 0, result.stderr
    assert standin.url in result.stderr


def test_over_tls_with_the_ca_of_the_context(mesh: Path, tmp_path: Path) -> None:
    authority = Authority("Mesh CA")
    with Faulty(token=TOKEN, tls=server_files(tmp_path, authority)) as standin:
        trusted = ca_file(tmp_path, authority)
        config = kumactl_config(tmp_path, standin.url, f", caCertFile: '{trusted}'")
        there = ("--context", "here", "--kumactl-config", config)
        assert run(mesh, *there).exit_code == 0
        kumactl_config(tmp_path, standin.url, ", skipVerify: true")
        refused = run(mesh, *there)
        assert refused.exit_code == 2
        assert "skipVerify: skips the verification of the certificate, which is not supported" in refused.stderr
        assert run(mesh, *there, "--ca-file", trusted).exit_code == 0
        kumactl_config(tmp_path, standin.url, ", caCertFile: /no/such.pem")
        missing = run(mesh, *there)
        assert missing.exit_code == 2
        assert f"context here of {config}: /no/such.pem: No such file" in missing.stderr


def test_which_token_is_sent(standin: Faulty, mesh: Path, tmp_path: Path) -> None:
    config = kumactl_config(tmp_path, standin.url)
    there = ("--context", "here", "--kumactl-config", config)
    other = "another-token-of-somebody"
    assert run(mesh, *there, TOOLKIT_CONTROL_PLANE_TOKEN=other).exit_code == 0
    (tmp_path / "token").write_text(other)
    assert run(mesh, *there, "--token-file", tmp_path / "token").exit_code == 3
    config.write_text(config.read_text().replace(f", authType: tokens, authConf: {{token: {TOKEN}}}", ""))
    assert run(mesh, *there, TOOLKIT_CONTROL_PLANE_TOKEN=TOKEN).exit_code == 0
    # Without a token a user may change Meshes, and may not see Secrets (Kuma's admin_resource_access.go).
    mesh.write_text("type: Secret\nmesh: default\nname: chain\ndata: YQ==\n")
    without = run(mesh, *there)
    assert without.exit_code == 3
    assert "kumactl generate user-token" in without.stderr


def test_the_command_line_goes_before_the_environment(standin: Faulty, mesh: Path, tmp_path: Path) -> None:
    there = ("--context", "here", "--kumactl-config", kumactl_config(tmp_path, standin.url))
    assert run(mesh, *there, TOOLKIT_CONTROL_PLANE="http://127.0.0.1:1").exit_code == 0
    both = run(mesh, *there, "--control-plane", standin.url)
    assert both.exit_code == 2
    assert "--control-plane and --context both name the control plane" in both.stderr
    alone = run(mesh, "--kumactl-config", tmp_path / "kumactl-config", "--control-plane", standin.url)
    assert alone.exit_code == 2
    assert "--kumactl-config needs --context" in alone.stderr


def test_a_token_goes_unencrypted_to_no_other_host(mesh: Path, tmp_path: Path) -> None:
    config = kumactl_config(tmp_path, "http://mesh.example.com:5681")
    refused = run(mesh, "--context", "here", "--kumactl-config", config)
    assert refused.exit_code == 2
    assert f"context here of {config}: is an http:// address on another host" in refused.stderr
    config.write_text("contexts: [{name: here, controlPlane: x}]\nsecret: {token: hunter2-hunter2: x}\n")
    broken = run(mesh, "--context", "here", "--kumactl-config", config)
    assert broken.exit_code == 2
    assert "hunter2" not in broken.output
