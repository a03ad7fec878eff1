"""A CA and roles that an operator made with the aws CLI alone: a contract, a Mesh, the proof, a rotation.

The same from the outputs of Terraform. Each command runs in a shell, as the operator types it or as the plan prints it.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from ruamel.yaml import YAML

from tests.cli.test_contract_create import ACCOUNT, REGION, policy
from tests.sandbox.test_aws_cli import AWS, TEMPLATE, Cli
from toolkit import contract

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

FRANKFURT, IRELAND = "frankfurt-1", "ireland-1"
READING = ("DescribeCertificateAuthority", "GetCertificate", "GetCertificateAuthorityCertificate")
TEMPLATE_OF_PROXIES = {"StringEquals": {"acm-pca:TemplateArn": f"{TEMPLATE}/EndEntityCertificate/V1"}}
WHOLE_ACCOUNT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
POD_IDENTITY = {"Service": "pods.eks.amazonaws.com"}
SAFE_YAML = YAML(typ="safe", pure=True)


class Operator(Cli):
    """Somebody with the aws CLI and a directory full of JSON, as in AWS's user guides."""

    def document(self, name: str, text: str) -> str:
        return self.write(name, text).replace("fileb://", "file://")

    def create(self, kind: str, common_name: str) -> str:
        subject = {"Country": "DE", "Organization": "By hand", "CommonName": common_name}
        configuration = {"KeyAlgorithm": "RSA_2048", "SigningAlgorithm": "SHA256WITHRSA", "Subject": subject}
        words = ["--certificate-authority-configuration", self.document("ca_config.json", json.dumps(configuration))]
        words += ["--certificate-authority-type", kind, "--query", "CertificateAuthorityArn", "--output", "text"]
        arn = self("create-certificate-authority", *words)
        self("wait", "certificate-authority-csr-created", "--certificate-authority-arn", arn)
        return arn

    def install(self, arn: str, signer: str, template: str, days: int) -> None:
        """Have a CA's request signed, and import what comes back."""
        found = self.get(signer, self.issue(signer, self.write("ca.csr", self.csr(arn)), template, days))
        words = ["--certificate-authority-arn", arn, "--certificate", self.write("ca.pem", found["Certificate"])]
        if arn != signer:
            words += ["--certificate-chain", self.write("chain.pem", found["CertificateChain"])]
        self("import-certificate-authority-certificate", *words)

    def iam(self, *arguments: str) -> str:
        """Run a command of IAM; the class above runs those of AWS Private CA."""
        done = subprocess.run(
            [AWS, "iam", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            cwd=self._directory,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def make_role(self, name: str, trusted: dict[str, str], *allowed: dict[str, Any]) -> str:
        """Make a role with one policy, and return its ARN."""
        actions = ["sts:AssumeRole", "sts:TagSession"]
        trust = self.document("trust.json", policy({"Effect": "Allow", "Principal": trusted, "Action": actions}))
        words = ["--role-name", name, "--assume-role-policy-document", trust, "--query", "Role.Arn", "--output", "text"]
        arn = self.iam("create-role", *words)
        words = ["--role-name", name, "--policy-name", "issue", "--policy-document"]
        self.iam("put-role-policy", *words, self.document("policy.json", policy(*allowed)))
        return arn


def allow(authorities: list[str], *operations: str, **more: object) -> dict[str, Any]:
    actions = [f"acm-pca:{operation}" for operation in operations]
    return {"Effect": "Allow", "Action": actions, "Resource": authorities, **more}


@dataclass(frozen=True)
class Made:
    """What the operator made.

    Attributes:
        operator: who made it.
        pca: an administrator's client, which has no part in the making: it shows what AWS has.
        issuing: the CA below a root.
        successor: another CA, with no other above it.
        frankfurt: the role of a zone that has no verifier role.
        ireland: the role of the other zone; only EKS can assume it.
        verifier: the verifier role of that zone.
    """

    operator: Operator
    pca: Any
    issuing: str
    successor: str
    frankfurt: str
    ireland: str
    verifier: str

    @property
    def zones(self) -> list[dict[str, str]]:
        """The zones as an output of Terraform."""
        return [
            {"name": FRANKFURT, "region": REGION, "roleArn": self.frankfurt},
            {"name": IRELAND, "region": "eu-west-1", "roleArn": self.ireland, "verifierRoleArn": self.verifier},
        ]

    def read_chain(self, authority: str) -> str:
        """Return the CA's certificate and those above it, as AWS has them."""
        found = self.pca.get_certificate_authority_certificate(CertificateAuthorityArn=authority)
        return "\n".join(found[name] for name in ("Certificate", "CertificateChain") if name in found)

    def load_chain(self, authority: str) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(self.read_chain(authority).encode())

    def load_certificate(self, authority: str, arn: str) -> x509.Certificate:
        found = self.pca.get_certificate(CertificateAuthorityArn=authority, CertificateArn=arn)
        return x509.load_pem_x509_certificate(found["Certificate"].encode())


@pytest.fixture(scope="module")
def made(running_sandbox: TestSandbox, tmp_path_factory: pytest.TempPathFactory) -> Made:
    operator = Operator(running_sandbox, tmp_path_factory.mktemp("operator"))
    root = operator.create("ROOT", "Root by hand")
    operator.install(root, root, "RootCACertificate/V1", 3650)
    issuing = operator.create("SUBORDINATE", "Issuing CA by hand")
    operator.install(issuing, root, "SubordinateCACertificate_PathLen0/V1", 1825)
    successor = operator.create("ROOT", "Successor by hand")
    operator.install(successor, successor, "RootCACertificate/V1", 3650)
    both = [issuing, successor]
    zones = allow(both, *READING, "IssueCertificate")
    pinned = (allow(both, *READING), allow(both, "IssueCertificate", Condition=TEMPLATE_OF_PROXIES))
    name = uuid.uuid4().hex[:8]
    return Made(
        operator,
        running_sandbox.client("acm-pca", REGION),
        issuing,
        successor,
        frankfurt=operator.make_role(f"mesh-frankfurt-{name}", {**POD_IDENTITY, **WHOLE_ACCOUNT}, zones),
        ireland=operator.make_role(f"mesh-ireland-{name}", POD_IDENTITY, zones),
        verifier=operator.make_role(f"verify-ireland-{name}", WHOLE_ACCOUNT, *pinned),
    )


class Shell:
    """The shell in which the operator runs the toolkit; there is no Pulumi in it."""

    def __init__(self, aws: TestSandbox, directory: Path) -> None:
        programs = Path(sys.executable).parent
        self.directory = directory
        self._env = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(directory), **aws.environment}

    def __call__(self, command: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            env=self._env | variables,
            cwd=self.directory,
            timeout=120,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        # Nobody made this CA with Pulumi, so no note and no hint may send the operator there.
        assert "pulumi" not in (done.stderr + done.stdout).lower(), f"{command}\n{done.stdout}{done.stderr}"
        return done

    def read(self, name: str) -> str:
        return (self.directory / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text, encoding="utf-8")

    def read_mtls(self, name: str) -> dict[str, Any]:
        (mesh,) = SAFE_YAML.load_all(self.read(name))
        return dict(mesh["spec"]["mtls"])


@pytest.fixture
def shell(aws: TestSandbox, tmp_path: Path) -> Shell:
    return Shell(aws, tmp_path)


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def check_backend(backend: dict[str, Any], made: Made, authority: str) -> None:
    """The backend names the CA, and its caCert is the chain that AWS returns for it."""
    assert (backend["type"], backend["conf"]["arn"]) == ("acmpca", authority)
    bundle = base64.b64decode(backend["conf"]["caCert"]["inline"])
    assert x509.load_pem_x509_certificates(bundle) == made.load_chain(authority)


def check_report(report: dict[str, Any], made: Made, authority: str) -> None:
    """Every zone passed, with the role that it has, and AWS has its certificate as one of the CA's."""
    assert (report["passed"], report["certificateAuthorityArn"]) == (True, authority)
    assert len(report["handshakes"]) == 2
    chain = made.load_chain(authority)
    roles = {FRANKFURT: made.frankfurt, IRELAND: made.verifier}
    assert [zone["zone"] for zone in report["zones"]] == list(roles)
    for zone in report["zones"]:
        (identity,) = [check for check in zone["checks"] if check["name"] == "identity"]
        assert f":assumed-role/{roles[zone['zone']].rpartition('/')[2]}/" in identity["found"]
        (issued,) = zone["certificatesIssued"]
        leaf = made.load_certificate(authority, issued)
        for below, above in itertools.pairwise([leaf, *chain, chain[-1]]):
            below.verify_directly_issued_by(above)
        facts = zone["certificate"]
        assert facts["sha256Fingerprint"] == fingerprint(leaf)
        assert [link["sha256Fingerprint"] for link in facts["chain"]] == list(map(fingerprint, chain))
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert "spiffe://default/toolkit-verify" in names.get_values_for_type(x509.UniformResourceIdentifier)


def go_all_the_way(shell: Shell, made: Made, first: str, second: str) -> None:
    """From a document with a contract to a proven Mesh, and to the first step of a rotation.

    Args:
        shell: with both documents in its directory.
        made: what is in AWS.
        first: the document of the CA below a root.
        second: the document of its successor.
    """
    shell(f"toolkit render-mesh --contract {first} --output-file mesh.yaml")
    mtls = shell.read_mtls("mesh.yaml")
    assert (mtls["enabledBackend"], len(mtls["backends"])) == ("acmpca", 1)
    check_backend(mtls["backends"][0], made, made.issuing)
    assert shell(f"toolkit lint mesh.yaml --contract {first}").stdout == ""
    verified = shell(f"toolkit verify --contract {first} -f mesh.yaml -o table -o json=report.json")
    assert "2 of 2 verified" in verified.stdout
    (said,) = [line for line in verified.stderr.splitlines() if "--role zone" in line]
    assert FRANKFURT in said
    assert IRELAND not in said
    check_report(json.loads(shell.read("report.json")), made, made.issuing)

    rotate = f"toolkit rotate --base mesh.yaml --contract {second} --backend-name acmpca-2"
    shell(f"{rotate} --output-dir rotation")
    steps = [shell.read_mtls(f"rotation/{name}.yaml") for name in ("1-add", "2-switch", "3-remove")]
    trusted = [[backend["name"] for backend in mtls["backends"]] for mtls in steps]
    assert [mtls["enabledBackend"] for mtls in steps] == ["acmpca", "acmpca-2", "acmpca-2"]
    assert trusted == [["acmpca", "acmpca-2"], ["acmpca", "acmpca-2"], ["acmpca-2"]]
    check_backend(steps[0]["backends"][0], made, made.issuing)
    check_backend(steps[0]["backends"][1], made, made.successor)
    check_backend(steps[2]["backends"][0], made, made.successor)

    # The plan in a directory, then the plan for programs: each has one command, which proves the successor.
    (command,) = re.findall("^   verify  (.*)$", shell.read("rotation/PLAN.txt"), re.MULTILINE)
    options = f"--contract {second} -f {{}} --mesh default --backend-name acmpca-2"
    assert command == f"toolkit verify {options.format('rotation/1-add.yaml')}"
    prove(shell, made, command)
    plan = json.loads(shell(f"{rotate} -o json").stdout)
    assert (plan["from"], plan["to"]) == ("acmpca", "acmpca-2")
    command, *others = [step["verify"] for step in plan["steps"]]
    assert others == [None, None]
    assert command == f"{rotate} --step 1 | toolkit verify {options.format('-')}"
    prove(shell, made, command)


def prove(shell: Shell, made: Made, command: str) -> None:
    """Run a command of a plan as it is printed; a variable asks for the report besides."""
    done = shell(command, TOOLKIT_VERIFY_OUTPUT="table\njson=proof.json")
    assert "2 of 2 verified" in done.stdout
    check_report(json.loads(shell.read("proof.json")), made, made.successor)
    (shell.directory / "proof.json").unlink()


@pytest.mark.slow
def test_a_ca_made_with_the_aws_cli_alone(shell: Shell, made: Made) -> None:
    zones = f"--add-zone {FRANKFURT}={REGION},{made.frankfurt} "
    zones += f"--add-zone {IRELAND}=eu-west-1,{made.ireland},{made.verifier} --zone-identity pod-identity"
    for authority, file, kind in ((made.issuing, "first", "SUBORDINATE"), (made.successor, "second", "ROOT")):
        done = shell(f"toolkit contract create --arn {authority} {zones} --output-file {file}.json")
        assert "Warning" not in done.stderr
        loaded = contract.parse(shell.read(f"{file}.json"))
        assert loaded.certificate_authority.type == kind
        assert x509.load_pem_x509_certificates(loaded.certificate_chain.encode()) == made.load_chain(authority)
        assert [zone.verifying_role_arn for zone in loaded.zones] == [made.frankfurt, made.verifier]
    go_all_the_way(shell, made, "first.json", "second.json")


def terraform_type(value: object) -> object:
    """Return a value's type as Terraform writes it in JSON."""
    if isinstance(value, dict):
        return ["object", {name: terraform_type(each) for name, each in value.items()}]
    if isinstance(value, list):
        return ["tuple", [terraform_type(each) for each in value]]
    return "string" if isinstance(value, str) else "number"


def terraform_output(outputs: dict[str, object]) -> str:
    """Return what ``terraform output -json`` prints."""
    printed = {
        name: {"sensitive": False, "type": terraform_type(value), "value": value} for name, value in outputs.items()
    }
    return json.dumps(printed, indent=2, sort_keys=True) + "\n"


@pytest.mark.slow
def test_outputs_of_terraform_with_the_names_of_a_contract(shell: Shell, made: Made) -> None:
    for authority, file in ((made.issuing, "first.json"), (made.successor, "second.json")):
        outputs = {
            "schemaVersion": 1,
            "certificateAuthority": {"arn": authority, "usageMode": "GENERAL_PURPOSE"},
            "certificateChain": made.read_chain(authority),
            "meshes": ["default"],
            "zones": made.zones,
        }
        shell.write(file, terraform_output(outputs))
    go_all_the_way(shell, made, "first.json", "second.json")


@pytest.mark.slow
def test_outputs_of_terraform_with_other_names(shell: Shell, made: Made) -> None:
    zones = [{name: value for name, value in zone.items() if name != "verifierRoleArn"} for zone in made.zones]
    fields = {
        "certificateAuthority.arn": "ca_arn",
        "zones": "mesh_zones",
        f"zones[{IRELAND}].verifierRoleArn": "verify_role",
    }
    words = " ".join(f"--map '{field}={output}'" for field, output in fields.items())
    for authority, file in ((made.issuing, "first"), (made.successor, "second")):
        outputs: dict[str, object] = {"ca_arn": authority, "mesh_zones": zones, "verify_role": made.verifier}
        shell.write("terraform.json", terraform_output({**outputs, "vpc_id": "vpc-0a1b2c3d"}))
        shell(f"toolkit contract create --from-terraform terraform.json {words} --output-file {file}.json")
    go_all_the_way(shell, made, "first.json", "second.json")


@pytest.mark.slow
def test_a_forgotten_permission_is_explained(shell: Shell, made: Made) -> None:
    allowed = allow([made.issuing], "DescribeCertificateAuthority", "IssueCertificate")
    role = made.operator.make_role(f"forgotten-{uuid.uuid4().hex[:8]}", WHOLE_ACCOUNT, allowed)
    zone = f"--add-zone {FRANKFURT}={REGION},{role}"
    shell(f"toolkit contract create --arn {made.issuing} {zone} --output-file contract.json")
    failed = shell("toolkit verify --contract contract.json -o wide", code=1)
    assert "Allow acm-pca:GetCertificate on the CA" in " ".join(failed.stdout.split())
