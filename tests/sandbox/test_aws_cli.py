"""The aws CLI runs the steps of AWS's own user guide, from creating a CA to restoring it.

Source: AWS Private CA user guide, "Creating and signing a private CA" and "Issuing and managing certificates".
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolkit.pki import pem

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

AWS = Path(sys.executable).parent / "aws"
TEMPLATE = "arn:aws:acm-pca:::template"


class Cli:
    """The aws CLI, pointed at the sandbox by its environment alone."""

    def __init__(self, sandbox: TestSandbox, directory: Path) -> None:
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(directory),
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            **sandbox.environment,
        }
        self._directory = directory

    def __call__(self, *arguments: str, fails: str = "") -> str:
        result = subprocess.run(
            [AWS, "acm-pca", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            cwd=self._directory,
            timeout=120,
        )
        if fails:
            assert result.returncode != 0
            assert fails in result.stderr
        else:
            assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def write(self, name: str, text: str) -> str:
        (self._directory / name).write_text(text + "\n")
        return f"fileb://{name}"

    def create(self, kind: str, common_name: str) -> str:
        configuration = {
            "KeyAlgorithm": "RSA_2048",
            "SigningAlgorithm": "SHA256WITHRSA",
            "Subject": {"Country": "US", "Organization": "Example Corp", "CommonName": common_name},
        }
        arguments = ["--certificate-authority-configuration", json.dumps(configuration)]
        arguments += ["--certificate-authority-type", kind, "--idempotency-token", common_name.replace(" ", "")]
        arn = self("create-certificate-authority", *arguments, "--query", "CertificateAuthorityArn", "--output", "text")
        self("wait", "certificate-authority-csr-created", "--certificate-authority-arn", arn)
        return arn

    def csr(self, arn: str) -> str:
        return self("get-certificate-authority-csr", "--certificate-authority-arn", arn, "--output", "text")

    def issue(self, arn: str, csr: str, template: str, days: int) -> str:
        arguments = ["--certificate-authority-arn", arn, "--csr", csr, "--signing-algorithm", "SHA256WITHRSA"]
        arguments += ["--template-arn", f"{TEMPLATE}/{template}", "--validity", f"Value={days},Type=DAYS"]
        issued = self("issue-certificate", *arguments, "--query", "CertificateArn", "--output", "text")
        both = ["--certificate-authority-arn", arn, "--certificate-arn", issued]
        self("wait", "certificate-issued", *both)
        return issued

    def get(self, arn: str, certificate_arn: str) -> dict[str, str]:
        both = ["--certificate-authority-arn", arn, "--certificate-arn", certificate_arn]
        return dict(json.loads(self("get-certificate", *both, "--output", "json")))

    def status(self, arn: str) -> str:
        query = ["--query", "CertificateAuthority.Status", "--output", "text"]
        return self("describe-certificate-authority", "--certificate-authority-arn", arn, *query)


@pytest.mark.slow
def test_the_steps_of_the_user_guide(aws: TestSandbox, tmp_path: Path) -> None:
    cli = Cli(aws, tmp_path)
    root = cli.create("ROOT", "Guide Root CA")
    assert cli.status(root) == "PENDING_CERTIFICATE"
    own = cli.issue(root, cli.write("root.csr", cli.csr(root)), "RootCACertificate/V1", 3650)
    certificate = cli.write("root.pem", cli.get(root, own)["Certificate"])
    imported = ["--certificate-authority-arn", root, "--certificate", certificate]
    cli("import-certificate-authority-certificate", *imported)
    assert cli.status(root) == "ACTIVE"

    issuing = cli.create("SUBORDINATE", "Guide Issuing CA")
    request = cli.write("issuing.csr", cli.csr(issuing))
    below = cli.get(root, cli.issue(root, request, "SubordinateCACertificate_PathLen0/V1", 1825))
    imported = ["--certificate", cli.write("issuing.pem", below["Certificate"])]
    imported += ["--certificate-chain", cli.write("chain.pem", below["CertificateChain"])]
    cli("import-certificate-authority-certificate", "--certificate-authority-arn", issuing, *imported)
    assert cli.status(issuing) == "ACTIVE"

    command = "openssl req -new -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf.example"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    leaf_arn = cli.issue(issuing, "fileb://leaf.csr", "EndEntityCertificate/V1", 30)
    leaf = cli.get(issuing, leaf_arn)
    cli.write("leaf.pem", leaf["Certificate"])
    verified = ["openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem"]
    result = subprocess.run(verified, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "leaf.pem: OK", result.stderr

    serial = f"{pem.load_certificate(leaf['Certificate']).serial_number:040x}"
    revoked = ["--certificate-authority-arn", issuing, "--certificate-serial", serial]
    cli("revoke-certificate", *revoked, "--revocation-reason", "KEY_COMPROMISE")
    cli(
        "revoke-certificate",
        *revoked,
        "--revocation-reason",
        "KEY_COMPROMISE",
        fails="RequestAlreadyProcessedException",
    )

    named = ["--certificate-authority-arn", issuing]
    cli("delete-certificate-authority", *named, fails="InvalidStateException")
    cli("update-certificate-authority", *named, "--status", "DISABLED")
    assert cli.status(issuing) == "DISABLED"
    cli("delete-certificate-authority", *named, "--permanent-deletion-time-in-days", "7")
    assert cli.status(issuing) == "DELETED"
    cli("restore-certificate-authority", *named)
    assert cli.status(issuing) == "DISABLED"
    cli("update-certificate-authority", *named, "--status", "ACTIVE")
    assert cli.status(issuing) == "ACTIVE"
