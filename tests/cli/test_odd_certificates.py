"""Certificates and texts that were once taken for good, through the command line in a process of its own."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.judges import defects
from tests.judges.authorities import Ca
from tests.judges.pem_parts import pem
from tests.support import AUTHORITY_ARN, contract_document, hierarchy

if TYPE_CHECKING:
    from pathlib import Path

CHAINS = {case.name: case.text for case in defects.cases()}
GOOD = pem(*Ca("Issuing", Ca("Root")).chain())


def run(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the toolkit; no warning of a library may reach the user."""
    command = [sys.executable, "-m", "toolkit", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory)
    assert "Warning:" not in done.stderr
    assert "Traceback" not in done.stderr
    return done


def mesh(text: str) -> str:
    return f"""\
type: Mesh
name: harbour
mtls:
  enabledBackend: pca
  backends:
    - name: pca
      type: acmpca
      dpCert: {{rotation: {{expiration: 24h}}}}
      conf:
        arn: {AUTHORITY_ARN}
        caCert: {{inline: {base64.b64encode(text.encode()).decode()}}}
"""


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (GOOD.replace("-----\n-----", "----------"), "MESH070", "END and BEGIN are on one line"),
        (GOOD.replace("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nX: y\n\n"), "MESH070", "headers"),
        (f"\ufeff{GOOD}", "MESH070", "a byte order mark is in the BEGIN or END line; Go loses this certificate"),
        (GOOD.replace("\n", " "), "MESH070", "the line ends are lost; in YAML write the text under |"),
        (GOOD.replace("\n", " \n"), "", "nothing found"),
        (CHAINS["ku-no-cert-sign"], "MESH141", "without keyCertSign"),
        (CHAINS["nc-uri-other"], "MESH145", "refuse spiffe://harbour/service, kuma://kuma.io/service/service"),
        (CHAINS["serial-negative-root"], "MESH070", "Go refuses a negative one"),
        (CHAINS["serial-zero"], "MESH070", "a serial number that is not positive"),
        (CHAINS["cross-signed-last-old-root-missing"], "", "nothing found"),
    ],
)
def test_lint(tmp_path: Path, text: str, code: str, words: str) -> None:
    (tmp_path / "mesh.yaml").write_text(mesh(text))
    done = run("lint", "mesh.yaml", directory=tmp_path)
    assert (done.returncode, code in done.stdout) == (1 if code else 0, True)
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["serial-negative", "serial-zero-root", "algorithm-parameters", "name-no-text"])
def test_no_warning_of_a_library_reaches_the_user(tmp_path: Path, name: str) -> None:
    (tmp_path / "mesh.yaml").write_text(mesh(CHAINS[name]))
    document = contract_document(hierarchy()) | {"certificateChain": CHAINS[name]}
    (tmp_path / "outputs.json").write_text(json.dumps(document))
    for arguments in (["lint", "mesh.yaml"], ["contract", "show"], ["render-mesh"], ["verify", "-f", "mesh.yaml"]):
        given = [] if arguments[0] == "lint" else ["--contract", "outputs.json"]
        assert run(*arguments, *given, directory=tmp_path).returncode in (0, 1, 2)


def test_a_joined_contract_writes_nothing(tmp_path: Path) -> None:
    document = contract_document(hierarchy())
    document["certificateChain"] = document["certificateChain"].replace("-----\n-----", "----------")
    (tmp_path / "outputs.json").write_text(json.dumps(document))
    done = run("render-mesh", "--contract", "outputs.json", directory=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "certificateChain: line" in done.stderr


def test_outputs_in_utf_16(tmp_path: Path) -> None:
    (tmp_path / "outputs.json").write_text(json.dumps(contract_document(hierarchy())), encoding="utf-16")
    done = run("contract", "show", "--contract", "outputs.json", directory=tmp_path)
    assert done.returncode == 2
    assert "UTF-16, as PowerShell's > writes it" in done.stderr
