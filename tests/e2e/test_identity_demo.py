"""`toolkit demo --mesh-identity` plays the whole move, and says when a proxy is lost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from toolkit import identity_demo
from toolkit.cli import main
from toolkit.mesh.documents.reader import read
from toolkit.verify.handshakes.trust_domains import SpiffeTrust

if TYPE_CHECKING:
    from pathlib import Path

STAGES = ["prepare", "publish", "trust", "switch", "finish"]


@pytest.mark.slow
def test_no_handshake_is_lost_and_every_zone_is_ready(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["demo", "--mesh-identity", "--output-dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    stages = re.findall(
        r"^   \d (\w+) +certificates: ([a-z ]+?) +(\d+) of (\d+) handshakes", result.output, re.MULTILINE
    )
    assert [name for name, *_ in stages] == STAGES
    assert all(good == made and int(made) > 0 for *_, good, made in stages)
    assert [worlds for _, worlds, *_ in stages] == ["old", "old", "old", "old and new", "new"]
    assert result.output.count("ready in 3 of 3 zones") == 3
    assert "Kong has not released its documentation" in result.output
    applied = read([(file.name, file.read_text()) for file in sorted(tmp_path.iterdir())])
    assert {document.kind for document in applied.all} == {
        "Mesh",
        "MeshIdentity",
        "MeshTrust",
        "MeshTrafficPermission",
    }


@pytest.mark.slow
def test_a_lost_handshake_fails_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the CAs of the old world, old proxies are lost."""
    right = identity_demo._read_trust

    def forget(*arguments: object) -> object:
        trust = right(*arguments)  # type: ignore[arg-type]  # passed on as they are
        if isinstance(trust, SpiffeTrust):
            trust = SpiffeTrust(
                {name: pem for name, pem in trust.bundles.items() if name != "default"}, trust.server_ids
            )
        return trust

    monkeypatch.setattr(identity_demo, "_read_trust", forget)
    result = CliRunner().invoke(main, ["demo", "--mesh-identity", "--output-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "trust domain default has no MeshTrust" in result.output
    quiet = CliRunner().invoke(main, ["demo", "-q", "--mesh-identity", "--output-dir", str(tmp_path)])
    assert quiet.exit_code == 1
    assert all(re.match(r"   \d \w+ lost: ", line) for line in quiet.output.splitlines()), quiet.output
    assert re.search(r"4 switch +certificates: old and new +6 of 30 handshakes", result.output), result.output
