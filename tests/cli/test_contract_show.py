"""`toolkit contract show`, `csr` and `schema` as processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.support import (
    AUTHORITY_ARN,
    Authority,
    contract,
    contract_document,
    hierarchy,
    pending_document,
    zone_document,
)
from toolkit.cli import contract_show
from toolkit.cli.options import ContractSource, Look
from toolkit.contract.json_schema import build_json_schema
from toolkit.contract.pending import PendingStack
from toolkit.pki import chain

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def issuing() -> Authority:
    return hierarchy()


@pytest.fixture
def active(issuing: Authority, tmp_path: Path) -> Path:
    return written(tmp_path / "active.json", contract_document(issuing))


@pytest.fixture
def pending(tmp_path: Path) -> Path:
    return written(tmp_path / "pending.json", pending_document())


def written(file: Path, document: dict[str, Any]) -> Path:
    file.write_text(json.dumps(document))
    return file


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", "contract", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)


def test_the_table_says_everything_of_an_active_stack(active: Path, issuing: Authority) -> None:
    result = run("show", "--contract", active)
    assert (result.returncode, result.stderr) == (0, "")
    authority = contract_document(issuing)["certificateAuthority"]
    for field in ("arn", "type", "usageMode", "keyAlgorithm", "signingAlgorithm"):
        assert authority[field] in result.stdout, field
    for certificate in issuing.chain():
        assert chain.get_display_name(certificate) in result.stdout
        assert chain.format_fingerprint(certificate) in result.stdout
        assert f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC" in result.stdout
    assert "in 1824 days" in result.stdout
    assert "data plane lifetime   24h" in result.stdout
    for zone in contract_document(issuing)["zones"]:
        for value in zone.values():
            assert value in result.stdout, value
    assert "\x1b" not in result.stdout


def test_a_directory_in_the_environment_counts_only_without_a_contract(
    active: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_CONTRACT_SHOW_CWD", "gone")
    assert run("show", "--contract", active).returncode == 0
    result = run("show")
    assert result.returncode == 2
    assert "Directory 'gone' does not exist" in result.stderr


def test_json_is_the_contract(active: Path, pending: Path, issuing: Authority, tmp_path: Path) -> None:
    document = contract_document(issuing)
    result = run("show", "--contract", active, "-o", "json")
    assert (result.returncode, result.stdout) == (0, contract(issuing).to_json())
    again = run("show", "--contract", "-", "-o", "json", input=result.stdout)
    assert again.stdout == result.stdout
    assert json.loads(again.stdout) == document
    target = tmp_path / "deep" / "outputs.json"
    assert run("show", "--contract", pending, "-o", f"json={target}").stdout == ""
    assert json.loads(target.read_text()) == json.loads(pending.read_text())


def test_what_a_contract_leaves_out_is_filled_in(issuing: Authority) -> None:
    document = contract_document(issuing)
    del document["dataPlaneLifetime"]
    filled = run("show", "--contract", "-", "-o", "json", input=json.dumps(document | {"vpcId": "vpc-1"}))
    assert json.loads(filled.stdout) == document | {"dataPlaneLifetime": "24h"}


def test_the_schema_needs_no_stack(tmp_path: Path) -> None:
    result = run("schema", env={"PATH": str(tmp_path)})
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == build_json_schema()


def test_the_request_alone(pending: Path, tmp_path: Path) -> None:
    result = run("csr", "--contract", pending)
    assert (result.returncode, result.stderr) == (0, "")
    authority = json.loads(pending.read_text())["pendingCertificateAuthority"]
    assert result.stdout == authority["certificateSigningRequest"]
    file = tmp_path / "issuing-ca.csr"
    assert run("csr", "--contract", pending, "--output-file", file).stdout == ""
    assert x509.load_pem_x509_csr(file.read_bytes()).is_signature_valid
    openssl = ["openssl", "req", "-in", str(file), "-noout", "-verify", "-subject"]
    assert b"Test Issuing CA" in subprocess.run(openssl, capture_output=True, check=True).stdout


def test_an_active_stack_has_no_request(active: Path) -> None:
    result = run("csr", "--contract", active)
    assert (result.returncode, result.stdout) == (2, "")
    assert "has its certificate" in result.stderr


def test_the_hint_of_an_active_stack_fetches_the_request(
    live_file: Path, running_sandbox: TestSandbox, tmp_path: Path
) -> None:
    result = run("csr", "--contract", live_file)
    command = result.stderr.rpartition("fetch the CA's request from AWS: ")[2]
    assert command.startswith("aws acm-pca get-certificate-authority-csr ")
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": str(tmp_path), **running_sandbox.environment}
    subprocess.run(["/bin/sh", "-c", command], check=True, cwd=tmp_path, env=environment)
    assert x509.load_pem_x509_csr((tmp_path / "issuing-ca.csr").read_bytes()).is_signature_valid


def test_a_pending_stack_says_what_is_next(pending: Path) -> None:
    result = run("show", "--contract", pending)
    assert (result.returncode, result.stderr) == (0, "")
    assert AUTHORITY_ARN in result.stdout
    assert "CN=Test Issuing CA" in result.stdout
    steps = [
        f"toolkit contract csr --contract {pending} > issuing-ca.csr",
        "pulumi config set issuedCertificate < issuing-ca.pem",
        "pulumi config set issuedCertificateChain < above.pem",
        "pulumi up",
    ]
    places = [result.stdout.index(f"  {step}\n") for step in steps]
    assert places == sorted(places)


def test_the_next_steps_are_for_the_same_stack(tmp_path: Path) -> None:
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(pending_document())}\nEND\n")
    pulumi.chmod(0o755)
    result = run("show", "--stack", "org/a b", "--cwd", tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert result.returncode == 0, result.stderr
    where = f"--stack 'org/a b' --cwd {tmp_path}"
    assert f"  toolkit contract csr {where} > issuing-ca.csr\n" in result.stdout
    assert f"  pulumi up {where}\n" in result.stdout


@pytest.mark.parametrize("arguments", [["show"], ["show", "-o", "json"], ["csr"]])
def test_broken_input(arguments: list[str], active: Path) -> None:
    document = json.loads(active.read_text()) | {"pendingCertificateAuthority": 1, "meshes": "\x1b]0;owned\x07"}
    result = run(*arguments, "--contract", "-", input=json.dumps(document))
    assert (result.returncode, result.stdout) == (2, "")
    assert "pendingCertificateAuthority: is set together with certificateAuthority" in result.stderr
    del document["pendingCertificateAuthority"]
    result = run(*arguments, "--contract", "-", input=json.dumps(document))
    assert (result.returncode, result.stdout) == (2, "")
    assert "meshes:" in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    ("left", "lifetime", "warnings"),
    [
        (timedelta(days=89, hours=1), "24h", ["the CA expires on {end}, in 89 days"]),
        (
            timedelta(hours=6),
            "24h",
            ["the CA expires on {end}, in less than a day", "24h lasts longer than the CA"],
        ),
        (timedelta(days=200), "1y", ["1y lasts longer than the CA"]),
        (timedelta(minutes=-5), "24h", ["the CA ended on {end}, less than a day ago"]),
        (timedelta(days=91), "24h", []),
    ],
)
@pytest.mark.parametrize("form", ["table", "json"])
def test_a_ca_that_ends_is_warned_of(
    left: timedelta, lifetime: str, warnings: list[str], form: str, tmp_path: Path
) -> None:
    ending = Authority("Test Issuing CA", Authority("Test Root CA"), not_after=NOW + left)
    file = written(tmp_path / "outputs.json", contract_document(ending) | {"dataPlaneLifetime": lifetime})
    result = run("show", "--contract", file, "-o", form)
    assert result.returncode == 0
    assert "Warning" not in result.stdout
    for line, words in zip(result.stderr.splitlines(), warnings, strict=True):
        assert line.startswith("Warning: ")
        assert words.format(end=f"{NOW + left:%Y-%m-%d}") in line


def test_names_are_data(issuing: Authority) -> None:
    strange = Authority("[red]x[/red] :smile: \x1b[31m\u202e\x07", parent=issuing.parent, path_length=0)
    text = contract_show.show_active(contract(strange), NOW, Look(color=False, width=100))
    assert r"[red]x[/red] :smile: \x1b[31m\u202e\x07" in text
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize("width", [20, 60, 100, 300])
@pytest.mark.parametrize("color", [True, False])
def test_what_is_to_be_copied_is_whole_at_any_width(width: int, color: bool, issuing: Authority) -> None:
    document = contract_document(issuing)
    document["zones"] = [zone_document("z" * 40, "eu-west-1")]
    document["zones"][0]["serviceAccount"] = "s" * 253
    stack = contract(issuing).model_validate(document, strict=False)
    text = contract_show.show_active(stack, NOW, Look(color=color, width=width))
    assert ("\x1b" in text) is color
    for whole in (AUTHORITY_ARN, stack.zones[0].role_arn, chain.format_fingerprint(issuing.certificate)):
        assert whole in text
    waiting = PendingStack.model_validate(pending_document())
    assert AUTHORITY_ARN in contract_show.show_pending(
        waiting, ContractSource(None, None, None), Look(color=color, width=width)
    )
