"""`toolkit apply` twice over real HTTP: what the control plane keeps in a form of its own is no difference."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.control_plane.faulty import ARN, TOKEN, Fault, Faulty
from toolkit import cli
from toolkit.control_plane.rehearsal.exchange import Reply

if TYPE_CHECKING:
    from pathlib import Path


SECRET = "type: Secret\nmesh: default\nname: chain\ndata: Y2hhaW4=\n"
HEAD = "type: Mesh\nname: default\n"
MTLS = f"""\
mtls:
  enabledBackend: acm
  backends:
    - {{name: acm, type: acmpca, conf: {{arn: '{ARN}', caCert: {{secret: chain}}}}}}
"""
EGRESS = "routing: {zoneEgress: true, localityAwareLoadBalancing: true}\n"
WITH_EGRESS = f"{SECRET}---\n{HEAD}{MTLS}{EGRESS}"
# What kumactl get meshes -o yaml prints.
KUMACTL_LIST = """\
total: 1
items:
  - type: Mesh
    name: default
    creationTime: '2026-01-01T00:00:00Z'
    routing: {zoneEgress: true}
    mtls: {enabledBackend: b, backends: [{name: b, type: builtin}]}
next: null
"""
MESH, CHAIN = "/meshes/default", "/meshes/default/secrets/chain"


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty(token=TOKEN) as running:
        yield running


def run(standin: Faulty, file: Path, text: str) -> Result:
    file.write_text(text)
    environment = {"TOOLKIT_CONTROL_PLANE": standin.url, "TOOLKIT_CONTROL_PLANE_TOKEN": TOKEN}
    return CliRunner().invoke(cli.main, ["apply", "-f", str(file), "--yes"], env=environment)


def backend(more: str) -> str:
    return f"{HEAD}mtls:\n  enabledBackend: b\n  backends:\n    - {{name: b, type: builtin, {more}}}\n"


def prometheus(conf: str) -> str:
    return f"{HEAD}metrics:\n  enabledBackend: p\n  backends:\n    - {{name: p, type: prometheus, conf: {conf}}}\n"


@pytest.mark.parametrize(
    "text",
    [
        WITH_EGRESS,
        backend("rootChain: {requestTimeout: 1m}"),
        backend("dpCert: {rotation: {expiration: 1d}, requestTimeout: 1h30m}"),
        backend("mode: 1"),
        backend("mode: STRICT, rootChain: {}, conf: {}"),
        prometheus("{skipMTLS: true}"),
        prometheus("{skipMTLS: false}"),
        prometheus("{tls: {mode: disabled}}"),
        prometheus("{port: 1234, tls: {}}"),
        prometheus("{tls: {enabled: true}}"),
        f"{HEAD}meshServices: {{mode: 3}}\nrouting: {{}}\nlogging:\n",
        f"{HEAD}unknown: {{a: 1}}\n",
        KUMACTL_LIST,
    ],
)
def test_a_second_run_has_nothing_to_do(standin: Faulty, tmp_path: Path, text: str) -> None:
    first = run(standin, tmp_path / "mesh.yaml", text)
    assert first.exit_code == 0, first.output
    written = len(standin.writes)
    second = run(standin, tmp_path / "mesh.yaml", text)
    assert second.exit_code == 0, second.output
    assert second.stderr.splitlines()[-1].startswith("Nothing to do: ")
    assert len(standin.writes) == written


def test_zone_egress_waits_for_mtls(standin: Faulty, tmp_path: Path) -> None:
    first: dict[str, Any] = {}

    def look(_number: int, method: str, path: str) -> None:
        if (method, path) == ("PUT", CHAIN):
            first.update(standin.state[MESH])

    standin.fault = look
    result = run(standin, tmp_path / "mesh.yaml", WITH_EGRESS)
    assert standin.writes == [MESH, CHAIN, MESH]
    assert first["routing"] == {"localityAwareLoadBalancing": True}
    assert standin.state[MESH]["routing"] == {"localityAwareLoadBalancing": True, "zoneEgress": True}
    assert "created Mesh default, without its mTLS and zone egress until its Secrets are there" in result.stderr


def test_zone_egress_without_mtls_is_rejected_before_anything_is_written(standin: Faulty, tmp_path: Path) -> None:
    result = run(standin, tmp_path / "mesh.yaml", f"{SECRET}---\n{HEAD}{EGRESS}")
    assert result.exit_code == 2
    assert "Mesh default: routing.zoneEgress: needs mTLS: set mtls.enabledBackend" in result.stderr
    assert standin.writes == []
    # 3.0 has no mTLS in a Mesh.
    standin.stand_in.version = "3.0.0"
    standin.fault = lambda _number, method, _path: Fault(Reply(201)) if method == "PUT" else None
    assert "zoneEgress: needs" not in run(standin, tmp_path / "mesh.yaml", f"{HEAD}{EGRESS}").stderr


def test_a_field_that_is_dropped_is_named_in_a_warning(standin: Faulty, tmp_path: Path) -> None:
    for _ in range(2):
        result = run(standin, tmp_path / "mesh.yaml", f"{HEAD}metrix: {{a: 1}}\n")
        assert result.exit_code == 0
        warning = "Warning: Mesh default: Kong Mesh 2.13.1 does not know metrix and drops it without an error"
        assert warning in result.stderr.splitlines()
        assert "+metrix" not in result.stderr


def test_the_same_documents_applied_twice_at_once(standin: Faulty, tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(WITH_EGRESS)
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", "apply", "-f", str(file), "--yes"]
    environment = {**os.environ, "TOOLKIT_CONTROL_PLANE": standin.url, "TOOLKIT_CONTROL_PLANE_TOKEN": TOKEN}
    processes = [
        subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0 or "someone else has changed it" in said, said
    assert "Nothing to do: 2 unchanged" in run(standin, tmp_path / "mesh.yaml", WITH_EGRESS).stderr


def test_another_writer_may_have_come_further_with_the_same_documents(standin: Faulty, tmp_path: Path) -> None:
    with Faulty(token=TOKEN) as finished:
        run(finished, tmp_path / "mesh.yaml", WITH_EGRESS)

    def overtake(_number: int, method: str, path: str) -> None:
        # Between the plan and the first write.
        if (method, path) == ("GET", MESH) and [*standin.requests].count(("GET", MESH)) == 2:
            standin.state.update(finished.state)

    standin.fault = overtake
    result = run(standin, tmp_path / "mesh.yaml", WITH_EGRESS)
    assert result.exit_code == 0, result.output
    assert standin.writes == []


def test_a_conflict_says_that_someone_else_writes(standin: Faulty, tmp_path: Path) -> None:
    # As Kuma 2.14.3 answers two writers.
    body = b'{"type":"/std-errors","status":409,"title":"Conflict","detail":"resource conflict: type=\\"Mesh\\""}'
    standin.fault = lambda _number, method, path: Fault(Reply(409, body)) if method == "PUT" and path == CHAIN else None
    result = run(standin, tmp_path / "mesh.yaml", WITH_EGRESS)
    assert result.exit_code == 3
    assert "409 Conflict: Conflict: resource conflict: type=" in result.stderr
    assert "The same command finishes the job" in result.stderr
    standin.fault = lambda _number, _method, _path: None
    assert run(standin, tmp_path / "mesh.yaml", WITH_EGRESS).exit_code == 0
