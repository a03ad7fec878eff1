"""The commands of docs/reference/contract.md for a CA that exists, run as they are written against the sandbox."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_contract_create import ACCOUNT, REGION, activate, policy, waiting
from tests.cli.test_documented_rehearsals import blocks, run, shell
from tests.support import AUTHORITY_ARN
from toolkit import contract
from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

__all__ = ["shell"]
ROLES = ("mesh-frankfurt-1", "mesh-ireland-1", "verify-ireland-1")
OPTIONS, CHAIN, TERRAFORM, CLOUDFORMATION = blocks("reference/contract.md", "sh", "## A CA that exists")


@pytest.fixture(scope="module")
def authority(running_sandbox: TestSandbox) -> str:
    """The ARN of a CA whose roles have the names of the document."""
    pca, iam = running_sandbox.client("acm-pca", REGION), running_sandbox.client("iam")
    arn = waiting(pca, "ROOT", "Root of the document")
    activate(pca, arn, arn, "RootCACertificate/V1", 9)
    (allowed,) = re.findall(r"^`acm-pca:IssueCertificate`, (.*) on the CA\.$", _document(), re.MULTILINE)
    actions = ["IssueCertificate", *re.findall(r"`(\w+)`", allowed)]
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    issue = {"Effect": "Allow", "Action": [f"acm-pca:{action}" for action in actions], "Resource": arn}
    for name in ROLES:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))
        iam.put_role_policy(RoleName=name, PolicyName="issue", PolicyDocument=policy(issue))
    return arn


def _document() -> str:
    return (find_project_root() / "docs" / "reference" / "contract.md").read_text(encoding="utf-8")


@pytest.fixture
def env(aws: TestSandbox, shell: dict[str, str]) -> dict[str, str]:
    del shell["TOOLKIT_CONTRACT"]
    return shell | aws.environment


def with_arn(lines: list[str], arn: str) -> list[str]:
    return [line.replace(AUTHORITY_ARN, arn) for line in lines]


def prints(program: str, document: object, directory: Path) -> None:
    """Put a program on the path that prints a document, in the place of one that asks a cloud."""
    file = directory / "bin" / program
    text = shlex.quote(json.dumps(document))
    file.write_text(f"#!/bin/sh\nprintf %s {text}\n")
    file.chmod(0o755)


def test_from_options_as_documented(authority: str, env: dict[str, str], tmp_path: Path) -> None:
    said = run(with_arn(OPTIONS, authority), env, tmp_path)
    assert "2 of 2 verified" in said
    assert "Note: no verifierRoleArn for frankfurt-1: toolkit verify assumes roleArn (--role zone)" in said
    loaded = contract.parse((tmp_path / "contract.json").read_text())
    assert [zone.verifying_role_arn.rpartition("/")[2] for zone in loaded.zones] == ["mesh-frankfurt-1", ROLES[2]]


def test_from_a_chain_as_documented(authority: str, aws: TestSandbox, env: dict[str, str], tmp_path: Path) -> None:
    found = aws.client("acm-pca", REGION).get_certificate_authority_certificate(CertificateAuthorityArn=authority)
    (tmp_path / "chain.pem").write_text(found["Certificate"])
    nowhere = {name: value for name, value in env.items() if not name.startswith("AWS_")}
    said = run(with_arn(CHAIN, authority), nowhere, tmp_path)
    assert "Warning: AWS was not called" in said
    assert contract.parse((tmp_path / "contract.json").read_text()).certificate_authority.usage_mode is None


def test_from_terraform_as_documented(authority: str, env: dict[str, str], tmp_path: Path) -> None:
    (block,) = blocks("reference/contract.md", "hcl", "### From Terraform")
    names = re.findall(r'^output "(\w+)"', "\n".join(block), re.MULTILINE)
    zones = re.findall(r'name = "([\w-]+)", region = "([\w-]+)"', "\n".join(block))
    role = f"arn:aws:iam::{ACCOUNT}:role/{ROLES[0]}"
    values = [authority, [{"name": name, "region": region, "roleArn": role} for name, region in zones]]
    outputs = {
        name: {"sensitive": False, "type": "dynamic", "value": value} for name, value in zip(names, values, strict=True)
    }
    prints("terraform", outputs, tmp_path)
    run(TERRAFORM, env, tmp_path)
    loaded = contract.parse((tmp_path / "contract.json").read_text())
    assert [(zone.name, zone.region) for zone in loaded.zones] == zones
    assert loaded.certificate_authority.arn == authority


def test_from_cloudformation_as_documented(authority: str, env: dict[str, str], tmp_path: Path) -> None:
    values = {"CaArn": authority, "RoleFrankfurt": f"arn:aws:iam::{ACCOUNT}:role/{ROLES[0]}", "Region": REGION}
    outputs = [{"OutputKey": name, "OutputValue": value} for name, value in values.items()]
    prints("aws", {"Stacks": [{"StackName": "mesh-ca", "Outputs": outputs}]}, tmp_path)
    run(CLOUDFORMATION, env, tmp_path)
    (zone,) = contract.parse((tmp_path / "contract.json").read_text()).zones
    assert (zone.name, zone.region) == ("frankfurt-1", REGION)
