"""``toolkit render-zone``: one zone or all of them, into new files and into those that exist."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_command_line import imported_by, toolkit
from tests.support import contract_document, hierarchy, zone_document
from tests.yamltext.yaml_writing import load_stream
from tests.zones.zone_values import read_environment
from toolkit.cli import main
from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "grpcs://global.mesh.example.com:5685"
NAMES = ("frankfurt", "paris", "machines")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    file = tmp_path / "outputs.json"
    document = contract_document(hierarchy())
    document["zones"] = [
        zone_document("frankfurt", "eu-central-1"),
        zone_document("paris", "eu-west-3") | {"identity": "pod-identity", "namespace": "mesh"},
        zone_document("machines", "eu-west-1") | {"identity": "ambient"},
    ]
    file.write_text(json.dumps(document))
    return file


def run(outputs: Path | str, *arguments: str | Path, **more: Any) -> Result:
    return CliRunner().invoke(main, ["render-zone", "--contract", str(outputs), *map(str, arguments)], **more)


def test_one_zone_goes_to_standard_output(outputs: Path) -> None:
    result = run(outputs, "--zone", "frankfurt", "--kds-address", ADDRESS)
    assert (result.exit_code, result.stderr) == (0, "")
    (values,) = load_stream(result.stdout, "x")
    assert values == {
        "kuma": {
            "controlPlane": {
                "mode": "zone",
                "zone": "frankfurt",
                "kdsGlobalAddress": ADDRESS,
                "envVars": {"AWS_REGION": "eu-central-1"},
                "serviceAccountAnnotations": {
                    "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/zone-frankfurt-0a1b2c3"
                },
            }
        }
    }


def test_the_environment_of_one_zone(outputs: Path, tmp_path: Path) -> None:
    file = tmp_path / "zone.env"
    result = run(outputs, "--zone", "machines", "--format", "env", "--kds-address", ADDRESS, "--output-file", file)
    assert (result.exit_code, result.output) == (0, "")
    assert read_environment(file.read_text()) == {
        "KUMA_MODE": "zone",
        "KUMA_MULTIZONE_ZONE_NAME": "machines",
        "KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS": ADDRESS,
        "AWS_REGION": "eu-west-1",
    }


@pytest.mark.parametrize(("form", "ending"), [("helm", "values.yaml"), ("env", "env")])
def test_every_zone_goes_to_a_file_of_its_own(outputs: Path, tmp_path: Path, form: str, ending: str) -> None:
    folder = tmp_path / "new" / "zones"
    result = run(outputs, "--format", form, "--kds-address", ADDRESS, "--output-dir", folder)
    assert (result.exit_code, result.stdout) == (0, "")
    assert {file.name for file in folder.iterdir()} == {f"{name}.{ending}" for name in NAMES}
    assert f"Written to {folder}/: {', '.join(sorted(file.name for file in folder.iterdir()))}\n" in result.stderr
    for name in NAMES:
        assert name in (folder / f"{name}.{ending}").read_text()
    some = tmp_path / "some"
    run(outputs, "--format", form, "--zone", "paris", "--zone", "paris", "--zone", "frankfurt", "--output-dir", some)
    assert {file.name for file in some.iterdir()} == {f"paris.{ending}", f"frankfurt.{ending}"}


def test_what_should_be_known_is_said_on_standard_error(outputs: Path) -> None:
    result = run(outputs, "--zone", "paris")
    assert result.exit_code == 0
    assert "Warning: zone paris: without --kds-address" in result.stderr
    assert "mesh/kong-mesh-control-plane only, but the release chart's is kong-mesh-system/" in result.stderr
    assert "Warning" not in result.stdout


def test_the_namespace_of_the_release_is_compared_with_the_roles(outputs: Path, tmp_path: Path) -> None:
    right = run(outputs, "--zone", "paris", "--kds-address", ADDRESS, "--namespace", "mesh")
    assert (right.exit_code, right.stderr) == (0, "")
    folder = tmp_path / "zones"
    wrong = run(outputs, "--kds-address", ADDRESS, "--namespace", "mesh", "--output-dir", folder)
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "--namespace: the role of zone frankfurt trusts namespace kong-mesh-system only, not 'mesh'" in wrong.stderr
    # The role of a machine trusts no service account.
    assert "machines" not in wrong.stderr
    assert not folder.exists()


def test_all_files_or_none(outputs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "zones"
    (folder / "machines.values.yaml").mkdir(parents=True)
    result = run(outputs, "--output-dir", folder)
    assert result.exit_code == 3
    assert [file.name for file in folder.iterdir()] == ["machines.values.yaml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "several zones: frankfurt, paris, machines; name one with --zone"),
        (["--output-file", "x.yaml"], "several zones"),
        (["--zone", "paris", "--zone", "frankfurt"], "several zones: paris, frankfurt;"),
        (["--zone", "paris", "--output-file", "x.yaml", "--output-dir", "x"], "give one of them"),
        (["--zone", "paris", "--base", "zone.env", "--format", "env"], "--base takes Helm values"),
        (["--zone", "paris", "--base", "-", "--contract", "-"], "can't both be -"),
        (["--zone", "paris", "--namespace", "x", "--format", "env"], "--namespace is a release's"),
        (["--zone", "nowhere"], "--zone: nowhere is not a zone of the contract. Zones: frankfurt, paris, machines"),
        (["--zone", "paris", "--kds-address", "grpc://x:1"], "--kds-address: 'grpc://x:1' is not of the form grpcs://"),
        (["--zone", "paris", "--base", "nowhere.yaml"], "can't read nowhere.yaml"),
        (["--format", "yaml"], "--format"),
    ],
)
def test_wrong_usage_writes_nothing(
    outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    result = run(outputs, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert list(here.iterdir()) == []


BASE = """\
# ours
kuma:
  controlPlane:
    replicas: 2 # two
    envVars: {AWS_REGION: us-east-1}
"""


def test_into_values_that_exist(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "values.yaml"
    base.write_text(BASE)
    base.chmod(0o640)
    arguments = ("--zone", "frankfurt", "--kds-address", ADDRESS, "--base", base)
    printed = run(outputs, *arguments)
    assert printed.exit_code == 0
    assert printed.stdout.startswith(BASE.replace("us-east-1", "eu-central-1"))
    assert base.read_text() == BASE
    for _ in range(2):
        assert run(outputs, *arguments, "--output-file", base).exit_code == 0
        assert base.read_text() == printed.stdout
        assert base.stat().st_mode & 0o777 == 0o640
    piped = run(outputs, *arguments[:-1], "-", "--output-file", tmp_path / "piped.yaml", input=BASE)
    assert piped.exit_code == 0
    assert (tmp_path / "piped.yaml").read_text() == printed.stdout
    # Nobody knows what came through the pipe.
    assert (tmp_path / "piped.yaml").stat().st_mode & 0o777 == 0o600


def test_what_was_replaced_is_said_on_standard_error(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "values.yaml"
    base.write_text(BASE)
    result = run(outputs, "--zone", "frankfurt", "--kds-address", ADDRESS, "--base", base, "--output-file", base)
    place = f"{base}:5:15 kuma.controlPlane.envVars.AWS_REGION"
    assert result.output == f"Note: zone frankfurt: {place}: 'us-east-1' -> 'eu-central-1'\n"
    again = run(outputs, "--zone", "frankfurt", "--kds-address", ADDRESS, "--base", base, "--output-file", base)
    assert again.output == ""


def test_line_ends_of_a_base_stay(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "values.yaml"
    base.write_bytes(BASE.replace("\n", "\r\n").encode())
    assert run(outputs, "--zone", "frankfurt", "--base", base, "--output-file", base).exit_code == 0
    assert b"\n" not in base.read_bytes().replace(b"\r\n", b"")


def test_one_base_for_all_zones(outputs: Path, tmp_path: Path) -> None:
    base, folder = tmp_path / "common.yaml", tmp_path / "zones"
    base.write_text(BASE)
    result = run(outputs, "--base", base, "--kds-address", ADDRESS, "--output-dir", folder)
    assert result.exit_code == 0
    for name in NAMES:
        text = (folder / f"{name}.values.yaml").read_text()
        assert text.startswith("# ours\n")
        assert f"    zone: {name}\n" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BASE + "    zone: paris\n", "values.yaml:6:5 kuma.controlPlane.zone: is 'paris', not frankfurt"),
        (BASE + "    mode: global\n", "values.yaml:6:5 kuma.controlPlane.mode: is global"),
        (BASE + "    x: y: z\n", "values.yaml:6:9"),
    ],
)
def test_a_base_that_is_not_the_zones_changes_nothing(outputs: Path, tmp_path: Path, text: str, words: str) -> None:
    base, other = tmp_path / "values.yaml", tmp_path / "other.yaml"
    base.write_text(text)
    for target in (base, other):
        result = run(outputs, "--zone", "frankfurt", "--base", base, "--output-file", target)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr
    assert base.read_text() == text
    assert not other.exists()
    # Nor does it when other zones would fit.
    assert run(outputs, "--base", base, "--output-dir", tmp_path / "zones").exit_code == 2
    assert not (tmp_path / "zones").exists()


ARGO = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
spec:
  source:
    helm:
      values: |
        kuma: {controlPlane: {mode: zone}}
"""
KUMA = """\
controlPlane:
  zone: frankfurt
  kdsGlobalAddress: grpcs://mesh.brookline.example:5685
  serviceAccountAnnotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/old-role
"""


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        (ARGO, "values.yaml:2:1 kind: this is a Kubernetes manifest", "extract them into a file"),
        ("apiVersion: v2\nname: a\nversion: 1.0.0\n", "values.yaml:1:1 apiVersion: this is a Chart.yaml", "--base"),
        ("- kuma: {}\n", "values.yaml:1:1: this is a list or a scalar", "--base"),
    ],
)
def test_a_base_that_is_not_values_changes_nothing(
    outputs: Path, tmp_path: Path, text: str, problem: str, hint: str
) -> None:
    base, other = tmp_path / "values.yaml", tmp_path / "other.yaml"
    base.write_text(text)
    for target in (("--output-file", base), ("--output-file", other), ("--output-dir", tmp_path / "zones")):
        result = run(outputs, "--zone", "frankfurt", "--kds-address", ADDRESS, "--base", base, *target)
        assert (result.exit_code, result.stdout) == (2, "")
        head, found, fix = result.stderr.splitlines()
        assert head == f"Error: {base} is not a Helm values file"
        assert found.strip().startswith(f"{tmp_path}/{problem}")
        assert fix.startswith("Hint: ")
        assert hint in fix
    assert base.read_text() == text
    assert not other.exists()
    assert not (tmp_path / "zones").exists()
    piped = run(outputs, "--zone", "frankfurt", "--base", "-", input=text)
    assert (piped.exit_code, piped.stdout) == (2, "")


def test_values_of_open_source_kuma_are_warned_of_and_stay(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "values.yaml"
    base.write_text(KUMA)
    for _ in range(2):
        result = run(outputs, "--zone", "frankfurt", "--kds-address", ADDRESS, "--base", base, "--output-file", base)
        assert (result.exit_code, result.stdout) == (0, "")
        (warning,) = result.stderr.splitlines()
        assert warning.startswith(f"Warning: {base}:1:1 controlPlane: ")
        assert base.read_text().startswith(f"{KUMA}kuma:\n  controlPlane:\n")


def test_credentials_in_a_base_are_warned_of_and_not_shown(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "values.yaml"
    base.write_text("kuma: {controlPlane: {envVars: {AWS_SECRET_ACCESS_KEY: hunter-2}}}\n")
    result = run(outputs, "--zone", "frankfurt", "--kds-address", ADDRESS, "--base", base)
    assert result.exit_code == 0
    assert "AWS_SECRET_ACCESS_KEY: static credentials override the zone's role" in result.stderr
    assert "hunter-2" not in result.stderr


def test_a_role_that_is_annotated_for_nothing_is_warned_of_and_stays(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "values.yaml"
    base.write_text(BASE + "    serviceAccountAnnotations: {eks.amazonaws.com/role-arn: 'arn:x'} # old\n")
    result = run(outputs, "--zone", "paris", "--base", base, "--kds-address", ADDRESS)
    assert result.exit_code == 0
    assert "    serviceAccountAnnotations: {eks.amazonaws.com/role-arn: 'arn:x'} # old\n" in result.stdout
    assert "values.yaml:6:33 kuma.controlPlane.serviceAccountAnnotations" in result.stderr
    assert "identity pod-identity" in result.stderr


def test_it_starts_fast(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "values.yaml"
    base.write_text(BASE)
    one = ("render-zone", "--contract", outputs, "--zone", "paris")
    for arguments in (("render-zone", "--help"), one, (*one, "--format", "env"), (*one, "--base", base)):
        assert imported_by(*arguments) == set()


def test_a_real_process_reads_the_contract_from_a_pipe(outputs: Path) -> None:
    result = toolkit(
        "render-zone", "--contract", "-", "--zone", "machines", "--format", "env", input=outputs.read_text()
    )
    assert result.returncode == 0
    assert "KUMA_MULTIZONE_ZONE_NAME=machines\n" in result.stdout
    assert "Traceback" not in result.stderr
    assert toolkit("render-zone", "--contract", "-", input="{}").returncode == 2


def test_the_page_names_every_option() -> None:
    page = (find_project_root() / "docs" / "reference" / "zones.md").read_text()
    for option in ("--zone", "--format", "--kds-address", "--namespace", "--base", "--output-dir", "-o"):
        assert f"{option}" in page, option


@pytest.mark.parametrize(
    ("zone", "form", "version", "code"),
    [
        ("frankfurt", "helm", "2.4.9", 2),
        ("frankfurt", "helm", "2.5.0", 0),
        ("frankfurt", "env", "2.4.9", 0),
        ("paris", "helm", "2.4.9", 0),
        ("machines", "helm", "2.4.9", 0),
    ],
)
def test_a_chart_without_annotations_is_refused_for_irsa(
    outputs: Path, zone: str, form: str, version: str, code: int
) -> None:
    result = run(outputs, "--zone", zone, "--format", form, "--kds-address", ADDRESS, "--mesh-version", version)
    assert result.exit_code == code
    if code:
        assert "the chart of 2.4.9 has no serviceAccountAnnotations; they came with 2.5.0" in result.stderr
        assert result.stdout == ""
