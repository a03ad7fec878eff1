"""`toolkit contract create` as a process of its own: CAs and roles that were made without Pulumi."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from click.testing import CliRunner
from moto.server import ThreadedMotoServer

from tests.support import AUTHORITY_ARN, contract_document, hierarchy, without
from toolkit import contract
from toolkit.cli import main
from toolkit.pki import pem
from toolkit.verify import authority_facts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

REGION, ACCOUNT = "eu-central-1", "123456789012"
ALGORITHMS = {"KeyAlgorithm": "EC_secp384r1", "SigningAlgorithm": "SHA384WITHECDSA"}


class ByHand(NamedTuple):
    """What somebody made with the AWS console."""

    arn: str
    root_arn: str
    role: str


def toolkit(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolkit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


def environment(aws: TestSandbox) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **aws.environment}


def waiting(pca: Any, kind: str, name: str) -> str:
    """A CA without a certificate."""
    configuration = {**ALGORITHMS, "Subject": {"CommonName": name}}
    made = pca.create_certificate_authority(
        CertificateAuthorityConfiguration=configuration, CertificateAuthorityType=kind, UsageMode="GENERAL_PURPOSE"
    )
    return str(made["CertificateAuthorityArn"])


def activate(pca: Any, arn: str, root: str, template: str, years: int) -> None:
    request = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    issued = pca.issue_certificate(
        CertificateAuthorityArn=root,
        Csr=request,
        SigningAlgorithm="SHA384WITHECDSA",
        TemplateArn=f"arn:aws:acm-pca:::template/{template}",
        Validity={"Type": "YEARS", "Value": years},
    )["CertificateArn"]
    found = pca.get_certificate(CertificateAuthorityArn=root, CertificateArn=issued)
    above = {"CertificateChain": found["CertificateChain"].encode()} if arn != root else {}
    pca.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn, Certificate=found["Certificate"].encode(), **above
    )


@pytest.fixture(scope="module")
def by_hand(running_sandbox: TestSandbox) -> ByHand:
    """A root, a CA below it and a role that the account may assume, made with boto3 alone."""
    pca, iam = running_sandbox.client("acm-pca", REGION), running_sandbox.client("iam")
    root = waiting(pca, "ROOT", "Root by hand")
    activate(pca, root, root, "RootCACertificate/V1", 9)
    arn = waiting(pca, "SUBORDINATE", "CA by hand")
    activate(pca, arn, root, "SubordinateCACertificate_PathLen0/V1", 4)
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    actions = ["DescribeCertificateAuthority", "GetCertificate", "GetCertificateAuthorityCertificate"]
    allowed = [
        {
            "Effect": "Allow",
            "Action": [f"acm-pca:{action}" for action in (*actions, "IssueCertificate")],
            "Resource": arn,
        }
    ]
    name = f"by-hand-{uuid.uuid4().hex[:8]}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="issue", PolicyDocument=policy(*allowed))
    return ByHand(arn, root, role)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_from_a_ca_made_by_hand_to_a_verified_mesh(aws: TestSandbox, by_hand: ByHand, tmp_path: Path) -> None:
    env = environment(aws)
    zones = ["--add-zone", f"frankfurt-1={REGION},{by_hand.role}", "--add-zone", f"ireland-1=eu-west-1,{by_hand.role}"]
    file = tmp_path / "contract.json"
    made = toolkit("contract", "create", "--arn", by_hand.arn, *zones, "--output-file", file, env=env)
    assert (made.returncode, made.stdout) == (0, ""), made.stderr
    assert "Warning" not in made.stderr
    loaded = contract.parse(file.read_text())
    authority = loaded.certificate_authority
    assert (authority.type, authority.usage_mode) == ("SUBORDINATE", "GENERAL_PURPOSE")
    assert (authority.key_algorithm, authority.signing_algorithm) == tuple(ALGORITHMS.values())
    assert len(pem.load_certificates(loaded.certificate_chain)) == 2
    shown = toolkit("contract", "show", "--contract", file, env=env)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "verifier        (none)" in shown.stdout
    mesh = toolkit("render-mesh", "--contract", file, "--output-file", tmp_path / "mesh.yaml", env=env)
    assert (mesh.returncode, mesh.stderr) == (0, "")
    verified = toolkit("verify", "--contract", file, "-f", tmp_path / "mesh.yaml", env=env)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "2 of 2 verified" in verified.stdout
    assert (
        "Note: no verifierRoleArn: the own role of frankfurt-1, ireland-1 is assumed (--role zone)" in verified.stderr
    )
    refused = toolkit("verify", "--contract", file, "--role", "verifier", env=env)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "zone ireland-1: has no verifierRoleArn in the contract" in refused.stderr
    assert toolkit("verify", "--contract", file, "--role", "zone", env=env).returncode == 0


def test_a_root_alone(aws: TestSandbox, by_hand: ByHand) -> None:
    words = ["contract", "create", "--arn", by_hand.root_arn, "--add-zone", f"a={REGION},{by_hand.role}"]
    made = toolkit(*words, "--endpoint-url", aws.endpoint_url, "-v", env=environment(aws))
    assert made.returncode == 0, made.stderr
    loaded = contract.parse(made.stdout)
    assert loaded.certificate_authority.type == "ROOT"
    assert loaded.certificate_chain == loaded.root_certificate
    for call in ("DescribeCertificateAuthority", "GetCertificateAuthorityCertificate"):
        assert f"acm-pca {call}: 200" in made.stderr


def test_without_aws_what_is_not_known_is_said(aws: TestSandbox, by_hand: ByHand, tmp_path: Path) -> None:
    words = ["contract", "create", "--arn", by_hand.arn, "--add-zone", f"a={REGION},{by_hand.role}"]
    complete = toolkit(*words, env=environment(aws))
    (tmp_path / "chain.pem").write_text(json.loads(complete.stdout)["certificateChain"])
    nowhere = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    made = toolkit(*words, "--chain", tmp_path / "chain.pem", env=nowhere)
    assert made.returncode == 0
    assert "Warning: AWS was not called, so it is unknown whether the CA is ACTIVE" in made.stderr
    assert "Warning: the CA's usageMode is unknown" in made.stderr
    assert "Note: assumed certificateAuthority.signingAlgorithm: SHA-256" in made.stderr
    expected = json.loads(complete.stdout)
    del expected["certificateAuthority"]["usageMode"]
    expected["certificateAuthority"]["signingAlgorithm"] = "SHA256WITHECDSA"
    assert json.loads(made.stdout) == expected
    (tmp_path / "contract.json").write_text(made.stdout)
    verified = toolkit("verify", "--contract", tmp_path / "contract.json", env=environment(aws))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "Warning: certificateAuthority.usageMode is missing" in verified.stderr
    assert "up to $0.75" in verified.stderr


def test_a_ca_that_can_not_issue(aws: TestSandbox) -> None:
    pca, env = aws.client("acm-pca", REGION), environment(aws)
    zone = ["--add-zone", "a=eu-west-1,arn:aws:iam::123456789012:role/a"]
    arn = waiting(pca, "ROOT", "Not yet")
    refused = toolkit("contract", "create", "--arn", arn, *zone, env=env)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"certificateAuthority.arn: {arn} is PENDING_CERTIFICATE" in refused.stderr
    activate(pca, arn, arn, "RootCACertificate/V1", 5)
    pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    warned = toolkit("contract", "create", "--arn", arn, *zone, env=env)
    assert warned.returncode == 0
    assert "Warning: the CA is DISABLED: AWS issues no certificates from it" in warned.stderr


def test_aws_is_asked_only_when_all_else_is_right(aws: TestSandbox) -> None:
    env = environment(aws)
    zone = ["--add-zone", "a=eu-west-1,arn:aws:iam::123456789012:role/a"]
    unknown = toolkit("contract", "create", "--arn", AUTHORITY_ARN, *zone, env=env)
    assert (unknown.returncode, unknown.stdout) == (3, "")
    assert "ResourceNotFoundException" in unknown.stderr
    assert "aws acm-pca list-certificate-authorities --region eu-central-1 prints. With --chain FILE" in unknown.stderr
    away = toolkit("contract", "create", "--arn", AUTHORITY_ARN, *zone, "--endpoint-url", "http://127.0.0.1:0", env=env)
    assert away.returncode == 2
    assert "the URL of the AWS endpoint is not valid" in away.stderr
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}
    denied = toolkit("contract", "create", "--arn", AUTHORITY_ARN, *zone, env={**env, **keys})
    assert denied.returncode == 3
    several = toolkit(
        "contract", "create", "--arn", AUTHORITY_ARN, *zone, "--lifetime", "x", "--namespace", "N", env={}
    )
    assert several.returncode == 2
    for path in ("dataPlaneLifetime (--lifetime):", "zones[0].namespace (--namespace):"):
        assert path in several.stderr
    assert "certificateChain" not in several.stderr


def test_aws_that_can_not_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority_facts, "_SECONDS", 1)
    words = ["--arn", AUTHORITY_ARN, "--add-zone", "a=eu-west-1,arn:aws:iam::123456789012:role/a"]
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}
    where = ["--endpoint-url", "http://127.0.0.1:9"]
    result = CliRunner().invoke(main, ["contract", "create", *words, *where], env=keys)
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"can't ask AWS for {AUTHORITY_ARN}: Could not connect" in result.stderr
    assert (
        "reaches AWS in that region (proxy, VPC endpoint, DNS). With --chain FILE, AWS is not asked." in result.stderr
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name the CA with --arn"),
        (["--arn", AUTHORITY_ARN], "name at least one zone"),
        (["--map", "a=b", "--arn", AUTHORITY_ARN], "--map needs"),
        (["--from-terraform", "a", "--from-cloudformation", "b"], "exclude each other"),
        (["--from-terraform", "-", "--chain", "-"], "there is one standard input"),
        (["--from-terraform", "none.json"], "can't read none.json"),
        (["--arn", "x", "--chain", "none.pem", "--add-zone", "a"], "can't read none.pem"),
        (["--arn", "x", "--chain", "x", "--profile", "p"], "have no effect with --chain"),
    ],
)
def test_options_that_do_not_go_together(words: list[str], said: str, tmp_path: Path) -> None:
    result = toolkit("contract", "create", *words, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    document = contract_document(hierarchy())
    chain, link = tmp_path / "chain.pem", tmp_path / "link"
    chain.write_text(document["certificateChain"])
    link.symlink_to(chain)
    words = ["contract", "create", "--arn", AUTHORITY_ARN, "--chain", str(chain)]
    zone = ["--add-zone", "a=eu-west-1,arn:aws:iam::123456789012:role/a"]
    for output in (chain, link, tmp_path / "." / "chain.pem"):
        refused = toolkit(*words, *zone, "--output-file", output)
        assert refused.returncode == 2
        assert "is an input (--chain), so --output-file can't write" in refused.stderr
    assert chain.read_text() == document["certificateChain"]
    # Nor is a file of before touched by a contract that can't be made.
    before = tmp_path / "contract.json"
    before.write_text("before")
    assert toolkit(*words, "--add-zone", "a=b", "--output-file", before).returncode == 2
    assert before.read_text() == "before"
    assert toolkit(*words, *zone, "--output-file", before).returncode == 0
    assert contract.parse(before.read_text()).zones[0].name == "a"


CONFIGURATION = """
variable "chain" { type = string }
output "ca_arn" { value = "%(arn)s" }
output "certificate_chain" { value = var.chain }
output "mesh_names" { value = toset(["two", "one"]) }
output "role_frankfurt" { value = "arn:aws:iam::123456789012:role/frankfurt" }
output "region" { value = "eu-central-1" }
output "lifetime" {
  value     = "12h"
  sensitive = true
}
variable "zones" {
  type = list(object({ name = string, region = string, role_arn = string, verifier_role_arn = optional(string) }))
  default = [{ name = "ireland-1", region = "eu-west-1", role_arn = "arn:aws:iam::123456789012:role/ireland" }]
}
output "zones" { value = var.zones }
output "nothing" { value = null }
"""


def terraform(directory: Path, configuration: str, **variables: str) -> str:
    """What `terraform output -json` prints of a configuration that has outputs alone."""
    program = shutil.which("terraform")
    if program is None:
        without("TERRAFORM", "terraform is not on the path")
    (directory / "main.tf").write_text(configuration)
    env = {**os.environ, **{f"TF_VAR_{name}": value for name, value in variables.items()}}
    for words in (["init"], ["apply", "-auto-approve"]):
        done = subprocess.run(
            [program, *words, "-no-color", "-input=false"],
            cwd=directory,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return subprocess.run(
        [program, "output", "-json"], cwd=directory, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.slow
def test_outputs_that_terraform_wrote(tmp_path: Path) -> None:
    document = contract_document(hierarchy())
    text = terraform(tmp_path, CONFIGURATION % {"arn": AUTHORITY_ARN}, chain=document["certificateChain"])
    words = [
        *("certificateAuthority.arn=ca_arn", "meshes=mesh_names", "dataPlaneLifetime=lifetime"),
        *("zones[frankfurt-1].roleArn=role_frankfurt", "zones[frankfurt-1].region=region"),
    ]
    mapped = [word for each in words for word in ("--map", each)]
    made = toolkit("contract", "create", "--from-terraform", "-", *mapped, input=text)
    assert made.returncode == 0, made.stderr
    loaded = contract.parse(made.stdout)
    assert loaded.certificate_chain == document["certificateChain"]
    assert (loaded.meshes, loaded.data_plane_lifetime) == (("one", "two"), "12h")
    assert [(zone.name, zone.region, zone.role_arn) for zone in loaded.zones] == [
        ("ireland-1", "eu-west-1", "arn:aws:iam::123456789012:role/ireland"),
        ("frankfurt-1", "eu-central-1", "arn:aws:iam::123456789012:role/frankfurt"),
    ]
    assert "Note: no verifierRoleArn for ireland-1, frankfurt-1" in made.stderr


@pytest.mark.slow
def test_a_contract_as_terraform_outputs_needs_no_step_between(tmp_path: Path) -> None:
    document = contract_document(hierarchy())
    outputs = {name: document[name] for name in ("schemaVersion", "certificateChain", "meshes", "zones")}
    outputs["certificateAuthority"] = {"arn": AUTHORITY_ARN, "usageMode": "GENERAL_PURPOSE"}
    blocks = {"output": {name: {"value": value} for name, value in outputs.items()}}
    (tmp_path / "outputs.tf.json").write_text(json.dumps(blocks))
    (tmp_path / "terraform.json").write_text(terraform(tmp_path, ""))
    shown = toolkit("contract", "show", "--contract", tmp_path / "terraform.json", "-o", "json")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout) == document
    rendered = toolkit("render-mesh", "--contract", "-", input=(tmp_path / "terraform.json").read_text())
    assert (rendered.returncode, rendered.stderr) == (0, "")
    assert "kind: Mesh" in rendered.stdout


@pytest.fixture
def cloudformation() -> Iterator[dict[str, str]]:
    """The environment of clients of moto's CloudFormation, which the sandbox does not have."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": REGION}
    yield {**keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    server.stop()


@pytest.mark.slow
def test_a_stack_as_the_aws_cli_describes_it(cloudformation: dict[str, str], tmp_path: Path) -> None:
    document = contract_document(hierarchy())
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "frankfurt", "AssumeRolePolicyDocument": {}}}
    values = {
        "CaArn": AUTHORITY_ARN,
        "certificateChain": document["certificateChain"],
        "meshes": {"Fn::Join": [",", ["one", "two"]]},
        "RoleFrankfurt": {"Fn::GetAtt": ["Role", "Arn"]},
        "Region": {"Ref": "AWS::Region"},
    }
    template = {"Resources": {"Role": role}, "Outputs": {name: {"Value": value} for name, value in values.items()}}
    named = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "endpoint_url": cloudformation["AWS_ENDPOINT_URL"]}
    client: Any = boto3.Session().client("cloudformation", region_name=REGION, **named)  # type: ignore[call-overload]
    client.create_stack(StackName="mesh", TemplateBody=json.dumps(template))
    command = [sys.executable, "-m", "awscli", "cloudformation", "describe-stacks", "--stack-name", "mesh"]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **cloudformation}
    described = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    words = [
        "certificateAuthority.arn=CaArn",
        "zones[frankfurt-1].roleArn=RoleFrankfurt",
        "zones[frankfurt-1].region=Region",
    ]
    mapped = [word for each in words for word in ("--map", each)]
    made = toolkit("contract", "create", "--from-cloudformation", "-", *mapped, input=described)
    assert made.returncode == 0, made.stderr
    loaded = contract.parse(made.stdout)
    assert (loaded.meshes, loaded.certificate_authority.arn) == (("one", "two"), AUTHORITY_ARN)
    (zone,) = loaded.zones
    assert (zone.region, zone.role_arn) == (REGION, "arn:aws:iam::123456789012:role/frankfurt")
