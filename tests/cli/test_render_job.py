"""``toolkit render-job``: its options, and what runs in the pods that it makes, against the sandbox."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_command_line import imported_by, toolkit
from tests.jobs.job_documents import IMAGE, documents, pod_of
from tests.support import contract_document, hierarchy, pending_document, zone_document
from tests.verify.world import with_policy
from toolkit import contract
from toolkit.cli import main
from toolkit.cli.render_job import command
from toolkit.files import find_project_root
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import MeshOptions
from toolkit.sandbox.pulumi import program
from toolkit.verify.report import json as json_form

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs

# What the kubelet keeps of a termination message: its end (kubernetes/kubernetes:pkg/kubelet/container/runtime.go).
KEPT = 4096


def run(outputs: Path, *arguments: str | Path, **more: Any) -> Result:
    return CliRunner().invoke(
        main, ["render-job", "--contract", str(outputs), "--image", IMAGE, *map(str, arguments)], **more
    )


def test_all_zones_are_one_stream(outputs: Path, tmp_path: Path) -> None:
    result = run(outputs)
    assert (result.exit_code, result.stderr) == (0, "")
    found = documents(result.stdout)
    assert [document["kind"] for document in found] == ["ConfigMap", "Job"] * 2
    assert [document["metadata"]["labels"]["app.kubernetes.io/instance"] for document in found] == [
        *["zone-1"] * 2,
        *["zone-2"] * 2,
    ]
    file = tmp_path / "jobs.yaml"
    assert run(outputs, "--output-file", file).stdout == ""
    assert file.read_text() == result.stdout
    chosen = documents(run(outputs, "--zone", "zone-2", "--zone", "zone-2", "--zone", "zone-1").stdout)
    assert [document["metadata"]["name"] for document in chosen[1::2]] == [
        "toolkit-verify-zone-2",
        "toolkit-verify-zone-1",
    ]


def test_a_file_a_zone_all_or_none(outputs: Path, tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "jobs"
    result = run(outputs, "--output-dir", directory)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"Written to {directory}/: zone-1.job.yaml, zone-2.job.yaml\n"
    files = sorted(directory.iterdir())
    assert [file.name for file in files] == ["zone-1.job.yaml", "zone-2.job.yaml"]
    assert templating.join_documents([file.read_text() for file in files]) == run(outputs).stdout
    before = files[0].read_text()
    files[1].unlink()
    files[1].mkdir()
    refused = run(outputs, "--output-dir", directory, "--schedule", "@daily")
    assert refused.exit_code == 3
    assert files[0].read_text() == before
    assert sorted(directory.iterdir()) == files


def test_many_zones(outputs: Path, tmp_path: Path) -> None:
    document = contract_document(hierarchy())
    document["zones"] = [zone_document(f"zone-{number}", "eu-central-1") for number in range(100)]
    outputs.write_text(json.dumps(document))
    assert run(outputs, "--output-dir", tmp_path / "jobs", "--pod-namespace", "elsewhere").exit_code == 0
    files = list((tmp_path / "jobs").iterdir())
    assert len(files) == 100
    # Each holds its own zone alone: none grows with the others.
    assert max(file.stat().st_size for file in files) < 10_000
    said = run(outputs, "--pod-namespace", "elsewhere").stderr
    assert "zone-4 and 95 more do not run as the control plane does" in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--image", "toolkit"], "--image: 'toolkit' has no tag, so it means latest: name a version"),
        (["--image", "toolkit:latest"], "is not a version"),
        (["--zone", "zone-3"], "--zone: zone-3 is not a zone of the contract. Zones: zone-1, zone-2"),
        (["--schedule", "0 6 * *"], "--schedule: '0 6 * *' is not a schedule: use five fields"),
        (["--schedule", "TZ=UTC 0 6 * * *"], "use --time-zone"),
        (["--time-zone", "Europe/Berlin"], "--time-zone: has no effect without --schedule"),
        (["--pod-namespace", "A"], "--pod-namespace: must be 1 to 63 lower-case letters"),
        (["--pod-service-account", "A"], "--pod-service-account: must be 1 to 253 lower-case letters"),
        (["--lifetime", "9y"], "--lifetime: '9y': lasts longer than the CA"),
        (["--mesh", "other"], "--mesh: the contract has no mesh 'other', only default"),
        (["-f", "missing.yaml"], "can't read missing.yaml"),
        (["--backend-name", "a"], "--backend-name needs -f FILE"),
        (["--identity-name", "a"], "--identity-name needs -f FILE"),
        (["--output-file", "a", "--output-dir", "b"], "do not go together"),
        (["--timeout", "0"], "--timeout"),
        (["--retries", "6"], "--retries"),
    ],
)
def test_what_can_not_be_rendered(outputs: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    target = tmp_path / "jobs"
    where: list[str | Path] = [] if "-o" in arguments else ["--output-dir", target]
    result = run(outputs, *where, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert not target.exists()


def test_nothing_is_rendered_for_a_ca_that_waits(outputs: Path) -> None:
    outputs.write_text(json.dumps(pending_document()))
    result = run(outputs)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "has no certificate yet" in result.stderr
    both = CliRunner().invoke(main, ["render-job", "--contract", "-", "-f", "-", "--image", IMAGE])
    assert both.exit_code == 2
    assert "can't both be -" in both.stderr
    assert CliRunner().invoke(main, ["render-job", "--contract", str(outputs)]).exit_code == 2


def test_what_a_reader_may_not_expect_is_said(outputs: Path, tmp_path: Path) -> None:
    document = contract_document(hierarchy())
    document["zones"][1]["identity"] = "ambient"
    outputs.write_text(json.dumps(document))
    scheduled = run(outputs, "--schedule", "@daily")
    assert "Note: each run requests 2 certificates, one per zone; on AWS they cost up to $1.50\n" in scheduled.stderr
    assert "Note: identity ambient: the pods of zone-2 get the role of their machine" in scheduled.stderr
    account = run(outputs, "--zone", "zone-1", "--pod-service-account", "verifier")
    assert "Note: the pods of zone-1 do not run as the control plane does" in account.stderr
    same = run(outputs, "--zone", "zone-1", "--pod-service-account", "kong-mesh-control-plane")
    assert same.stderr == ""
    mesh = tmp_path / "mesh.yaml"
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}
    rendering = ["render-mesh", "--contract", str(outputs), "--credentials", "env", "--output-file", str(mesh)]
    assert CliRunner().invoke(main, rendering, env=keys).exit_code == 0
    refused = run(outputs, "--zone", "zone-1", "-f", mesh)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Secret default-acmpca-access-key is not a chain of certificates" in refused.stderr
    assert "Hint: Give the Mesh, and only the Secret of its caCert" in refused.stderr
    assert "AKIA" not in refused.stderr
    apart = [*rendering, "--secret-file", str(tmp_path / "secrets.yaml")]
    assert CliRunner().invoke(main, apart, env=keys).exit_code == 0
    said = run(outputs, "--zone", "zone-1", "-f", mesh)
    assert said.exit_code == 0
    assert "Note: the Mesh has an access key, which its control planes use" in said.stderr


@pytest.mark.parametrize(("bits", "wanted"), [(0o644, 0o644), (0o640, 0o640), (0o600, 0o600)])
def test_a_job_is_readable_to_no_more_people_than_its_mesh(
    outputs: Path, tmp_path: Path, bits: int, wanted: int
) -> None:
    mesh, job = tmp_path / "mesh.yaml", tmp_path / "job.yaml"
    rendering = ["render-mesh", "--contract", str(outputs), "--output-file", str(mesh)]
    assert CliRunner().invoke(main, rendering).exit_code == 0
    mesh.chmod(bits)
    assert run(outputs, "--zone", "zone-1", "-f", mesh, "--output-file", job).exit_code == 0
    assert job.stat().st_mode & 0o777 == wanted
    assert run(outputs, "-f", mesh, "--output-dir", tmp_path / "jobs").exit_code == 0
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "jobs").iterdir()} == {wanted}


def test_it_starts_fast(outputs: Path) -> None:
    assert imported_by("render-job", "--help") == set()
    assert imported_by("render-job", "--contract", outputs, "--image", IMAGE, "--schedule", "@daily") == set()


# What runs in the pods.


@pytest.fixture(scope="module")
def stack(running_sandbox: TestSandbox) -> StackOutputs:
    exports = program.run(find_project_root(), program.read_stack(find_project_root(), "prod"), running_sandbox)
    return contract.parse(json.dumps(exports))


@pytest.fixture
def rendered(stack: StackOutputs, tmp_path: Path) -> list[Any]:
    """The documents of all zones, with the Mesh as applied."""
    file, mesh = tmp_path / "outputs.json", tmp_path / "mesh.yaml"
    file.write_text(stack.to_json())
    applied = templating.render(stack, "default", MeshOptions(common_name="{{ tag `kuma.io/zone` }}.mesh"))
    mesh.write_text(applied.mesh)
    result = run(file, "-f", mesh, "--probe-denials")
    assert result.exit_code == 0, result.stderr
    return documents(result.stdout)


def token(zone: str, subject: str) -> str:
    """What EKS mounts into a pod of a service account: a token of the cluster's OIDC provider."""
    settings = json.loads(program.read_stack(find_project_root(), "prod").values["kong-mesh-pca:zones"])
    zones = {found["name"]: found for found in settings}
    issuer = "https://" + zones[zone]["oidcProviderArn"].partition("oidc-provider/")[2]
    claims = {"iss": issuer, "aud": ["sts.amazonaws.com"], "sub": subject, "exp": int(time.time()) + 600}
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims, "signature")]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


class Node:
    """What a cluster does with the documents, as far as it matters here."""

    def __init__(self, aws: TestSandbox, stack: StackOutputs, directory: Path) -> None:
        self._aws = aws
        self._roles = {zone.name: zone.role_arn for zone in stack.zones}
        self._directory = directory

    def start(self, config_map: dict[str, Any], job: dict[str, Any]) -> tuple[subprocess.CompletedProcess[str], Path]:
        """Run a pod; what is left of it is its log and its termination message."""
        pod, zone = pod_of(job), job["metadata"]["labels"]["app.kubernetes.io/instance"]
        (container,) = pod["containers"]
        root = self._directory / zone
        for name, text in config_map["data"].items():
            file = root / container["volumeMounts"][0]["mountPath"].lstrip("/") / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        message = root / container["terminationMessagePath"].lstrip("/")
        message.parent.mkdir(exist_ok=True)
        message.touch()
        message.chmod(0o666)
        # IRSA: aws/amazon-eks-pod-identity-webhook:README.md.
        secret = root / "token"
        secret.write_text(
            token(zone, f"system:serviceaccount:{job['metadata']['namespace']}:{pod['serviceAccountName']}")
        )
        environment = {entry["name"]: entry["value"] for entry in container["env"]}
        environment |= {"AWS_ROLE_ARN": self._roles[zone], "AWS_WEB_IDENTITY_TOKEN_FILE": str(secret)}
        environment |= {"AWS_ENDPOINT_URL": self._aws.endpoint_url, "AWS_EC2_METADATA_DISABLED": "true"}
        mounted = [
            argument.replace("/etc/", f"{root}/etc/").replace("/dev/", f"{root}/dev/") for argument in container["args"]
        ]
        command = [sys.executable, "-c", "from toolkit.cli import main; main()", *mounted]
        number = message.stat().st_ino
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
        assert message.stat().st_ino == number
        return result, self._kept(message, zone)

    def _kept(self, message: Path, zone: str) -> Path:
        kept = self._directory / f"{zone}.json"
        kept.write_bytes(message.read_bytes()[-KEPT:])
        return kept


def test_a_job_in_every_zone_and_all_of_them_merged(
    aws: TestSandbox, stack: StackOutputs, rendered: list[Any], tmp_path: Path
) -> None:
    node = Node(aws, stack, tmp_path)
    roles = {zone.name: zone.role_arn for zone in stack.zones}
    files: list[str | Path] = []
    for config_map, job in zip(rendered[::2], rendered[1::2], strict=True):
        result, kept = node.start(config_map, job)
        assert result.returncode == 0, result.stdout + result.stderr
        # The log is for people: every check of the zone, with the zone's own role.
        assert "denied-minting" in result.stdout
        role = roles[job["metadata"]["labels"]["app.kubernetes.io/instance"]].rpartition("/")[2]
        assert f"assumed-role/{role}/" in result.stdout
        assert "Every zone gets certificates: 1 of 1" in result.stdout
        (zone,) = json_form.parse(kept.read_text(), kept.name).zones
        assert len(zone.certificates_issued) == 1
        files += ["--merge", kept]
    merged = toolkit("verify", "--contract", tmp_path / "outputs.json", *files, "-o", "json")
    assert merged.returncode == 0, merged.stderr
    report = json_form.parse(merged.stdout, "merged")
    assert [zone.zone for zone in report.zones] == [zone.name for zone in stack.zones]
    assert report.certificates_issued == 3
    # A zone whose Job was forgotten is missing.
    missing = toolkit("verify", "--contract", tmp_path / "outputs.json", *files[:4])
    assert missing.returncode == 1
    assert "No result for 1 zone (ireland-1)" in missing.stdout


def test_a_zone_that_fails_fails_its_job_and_says_why(
    aws: TestSandbox, stack: StackOutputs, rendered: list[Any], tmp_path: Path
) -> None:
    arn = stack.certificate_authority.arn
    actions = ["acm-pca:DescribeCertificateAuthority", "acm-pca:IssueCertificate"]
    with_policy(aws, stack.zones[0].role_arn, [{"Effect": "Allow", "Action": actions, "Resource": arn}])
    result, kept = Node(aws, stack, tmp_path).start(rendered[0], rendered[1])
    assert result.returncode == 1
    assert kept.stat().st_size <= KEPT
    (zone,) = json_form.parse(kept.read_text(), kept.name).zones
    (failed,) = [check for check in zone.checks if check.failed]
    assert failed.name == "fetch"
    assert "acm-pca:GetCertificate" in failed.found
    assert failed.advice
    assert len(zone.certificates_issued) == 1
    merged = toolkit("verify", "--contract", tmp_path / "outputs.json", "--merge", kept)
    assert merged.returncode == 1
    assert "acm-pca:GetCertificate" in merged.stdout


def test_another_service_account_is_found_out(aws: TestSandbox, stack: StackOutputs, tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(stack.to_json())
    config_map, job = documents(run(file, "--zone", "frankfurt-1", "--pod-service-account", "other").stdout)
    result, kept = Node(aws, stack, tmp_path).start(config_map, job)
    assert result.returncode == 1
    (zone,) = json_form.parse(kept.read_text(), kept.name).zones
    assert [check.name for check in zone.checks if check.failed] == ["identity"]
    assert not zone.certificates_issued


def test_a_real_report_needs_to_be_compact(
    aws: TestSandbox, stack: StackOutputs, rendered: list[Any], tmp_path: Path
) -> None:
    """What Kubernetes would keep of the whole report is no JSON."""
    result, kept = Node(aws, stack, tmp_path).start(rendered[0], rendered[1])
    assert result.returncode == 0
    whole = json_form.render(json_form.parse(kept.read_text(), "x"))
    assert kept.stat().st_size <= KEPT
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **aws.environment}
    full = toolkit(
        "verify", "--contract", tmp_path / "outputs.json", "--zone", "frankfurt-1", "-o", "json", env=environment
    )
    assert len(full.stdout) > KEPT > kept.stat().st_size
    cut = tmp_path / "cut.json"
    cut.write_text(full.stdout[-KEPT:])
    refused = toolkit("verify", "--contract", tmp_path / "outputs.json", "--merge", cut)
    assert refused.returncode == 2
    assert "cut.json is not a report" in refused.stderr
    assert len(whole) > kept.stat().st_size


KUBECTL = """\
#!/bin/sh
echo "$@" >> "$0.calls"
case "$*" in
  *"get jobs"*) echo Complete ;;
  *"get pods"*) cat "$(dirname "$0")/$2.json" ;;
esac
"""


def test_what_the_document_says_gathers_the_reports(
    aws: TestSandbox, stack: StackOutputs, rendered: list[Any], tmp_path: Path
) -> None:
    text = (find_project_root() / "docs" / "reference" / "jobs.md").read_text()
    block = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[1]
    cluster, home = tmp_path / "cluster", tmp_path / "home"
    cluster.mkdir()
    home.mkdir()
    node = Node(aws, stack, cluster)
    for config_map, job in zip(rendered[:4:2], rendered[1:4:2], strict=True):
        node.start(config_map, job)
    # A pod without credentials writes no report: Kubernetes then shows the end of its log.
    (cluster / "ireland-1.json").write_text("Error: there are no AWS credentials\n")
    kubectl, program_file = cluster / "kubectl", cluster / "toolkit"
    kubectl.write_text(KUBECTL)
    program_file.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from toolkit.cli import main; main()" "$@"\n')
    for file in (kubectl, program_file):
        file.chmod(0o755)
    (home / "outputs.json").write_text(stack.to_json())
    result = subprocess.run(
        ["sh", "-uc", block],
        cwd=home,
        env={"PATH": f"{cluster}:/usr/bin:/bin", "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 1, result.stderr
    assert result.stderr == "ireland-1 has no report: Error: there are no AWS credentials\n"
    assert "No result for 1 zone (ireland-1)" in result.stdout
    assert result.stdout.count("passed  chain-lifetime") == 2
    calls = (cluster / "kubectl.calls").read_text().splitlines()
    assert [call for call in calls if "replace" in call] == [
        f"--context {zone.name} replace --force -f jobs/{zone.name}.job.yaml" for zone in stack.zones
    ]


def test_the_document_describes_every_option() -> None:
    text = (find_project_root() / "docs" / "reference" / "jobs.md").read_text()
    for parameter in command.params:
        # Those of the contract, and what every command has.
        if getattr(parameter, "group", "") not in ("Contract", "Common"):
            assert any(f"`{option}`" in text for option in parameter.opts), parameter.name
