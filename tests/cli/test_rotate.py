from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.control_plane.clients import kumactl_config
from tests.control_plane.faulty import TOKEN, Faulty
from toolkit.cli import main
from toolkit.mesh.documents.editable import read_editable

if TYPE_CHECKING:
    from pathlib import Path

# Neither credentials nor a machine that would give some.
NO_AWS = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": "", "AWS_PROFILE": ""}
BEFORE = """\
apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata:
  name: default
spec:
  mtls:
    enabledBackend: ca-1 # builtin
    backends:
      - name: ca-1
        type: builtin
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.yaml"
    file.write_text(BEFORE)
    return file


def run(*arguments: str | Path, **more: Any) -> Result:
    return CliRunner().invoke(main, ["rotate", *map(str, arguments)], **more)


def signs(text: str) -> str:
    found = read_editable(text, "x")
    return found[-1].enabled_backend


def test_the_plan(outputs: Path, base: Path) -> None:
    result = run("--base", base, "--contract", outputs)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "Mesh default: from ca-1 to acmpca, in 3 steps"
    assert [line for line in lines if line[:2] in ("1.", "2.", "3.")] == [
        "1. add: trust acmpca beside ca-1; ca-1 still signs",
        "2. switch: let acmpca sign; both are trusted",
        "3. remove: trust acmpca alone",
    ]
    # Nothing that kubectl would take: three documents applied at once are no rotation.
    assert "kind: Mesh" not in result.stdout
    assert sum(line.startswith("   back    ") for line in lines) == 3


def test_one_step_at_a_time_from_what_is_live(outputs: Path, base: Path) -> None:
    for number, expected in enumerate(["ca-1", "acmpca", "acmpca"], start=1):
        result = run("--base", base, "--contract", outputs, "--step", str(number))
        assert result.exit_code == 0
        assert signs(result.stdout) == expected
        assert "wait    " in result.stderr
        base.write_text(result.stdout)
    assert "ca-1" not in base.read_text().replace("# builtin", "")
    over = run("--base", base, "--contract", outputs)
    nothing = "Mesh default: acmpca signs, and no other backend is trusted. There is nothing to rotate.\n"
    assert (over.exit_code, over.stdout) == (0, nothing)
    again = run("--base", base, "--contract", outputs, "--step", "3")
    assert (again.exit_code, again.stdout) == (2, "")
    assert f"there is no step 3. {nothing}" in again.stderr
    as_json = json.loads(run("--base", base, "--contract", outputs, "-o", "json").stdout)
    assert (as_json["from"], as_json["to"], as_json["steps"]) == ("acmpca", "acmpca", [])
    assert "Note" not in run("--base", "-", "--contract", outputs, input=_with_version(base.read_text())).stderr
    written = base.parent / "rotation"
    assert run("--base", base, "--contract", outputs, "--output-dir", written).exit_code == 0
    assert (written / "PLAN.txt").read_text() == nothing


def _with_version(text: str) -> str:
    return text.replace("  name: default\n", "  name: default\n  resourceVersion: '7'\n", 1)


def test_a_step_from_a_base_that_is_not_there_yet_says_so(outputs: Path, base: Path) -> None:
    second = run("--base", base, "--contract", outputs, "--step", "2")
    assert "Note: the base does not contain step 1 yet" in second.stderr
    base.write_text(run("--base", base, "--contract", outputs, "--step", "1").stdout)
    assert "does not contain step" not in run("--base", base, "--contract", outputs, "--step", "2").stderr


def test_secrets_come_with_the_first_step_alone(outputs: Path, base: Path) -> None:
    first = run("--base", base, "--contract", outputs, "--ca-cert", "secret", "--step", "1")
    assert first.stdout.index("kind: Secret") < first.stdout.index("kind: Mesh")
    second = run("--base", base, "--contract", outputs, "--ca-cert", "secret", "--step", "2")
    assert "kind: Secret" not in second.stdout


def test_all_of_it_in_a_directory(outputs: Path, base: Path, tmp_path: Path) -> None:
    directory = tmp_path / "rotation"
    result = run("--base", base, "--contract", outputs, "--ca-cert", "secret", "--output-dir", directory)
    assert (result.exit_code, result.stdout) == (0, "")
    names = ["0-before.yaml", "1-add.yaml", "1-secrets.yaml", "2-switch.yaml", "3-remove.yaml", "PLAN.txt"]
    assert sorted(file.name for file in directory.iterdir()) == names
    assert (directory / "0-before.yaml").read_text() == BEFORE
    assert (directory / "1-secrets.yaml").stat().st_mode & 0o777 == 0o600
    plan = (directory / "PLAN.txt").read_text()
    assert f"back    apply the Mesh as it was before\n           kubectl apply -f {directory}/0-before.yaml\n" in plan
    assert f"kubectl apply -f {directory}/1-secrets.yaml && kubectl apply -f {directory}/1-add.yaml" in plan


def test_the_documents_are_no_wider_than_the_base(outputs: Path, base: Path, tmp_path: Path) -> None:
    base.chmod(0o600)
    directory, step = tmp_path / "rotation", tmp_path / "step.yaml"
    assert run("--base", base, "--contract", outputs, "--output-dir", directory).exit_code == 0
    assert run("--base", base, "--contract", outputs, "--step", "1", "--output-file", step).exit_code == 0
    assert {file.stat().st_mode & 0o777 for file in [step, *directory.glob("*.yaml")]} == {0o600}


def test_the_plan_names_what_is_left_where_others_stay(outputs: Path, base: Path) -> None:
    base.write_text(f"{BEFORE}      - name: ca-0\n        type: builtin\n")
    arguments = ["--base", str(base), "--contract", str(outputs)]
    for number in (1, 2, 3):
        lines = (line for line in run(*arguments).stdout.splitlines() if line.startswith("   apply "))
        (line,) = (line for line in lines if f"--step {number} |" in line)
        command = line.removeprefix("   apply   toolkit rotate ").partition(" | ")[0]
        step = run(*command.split())
        assert step.exit_code == 0
        base.write_text(step.stdout)
        arguments = command.partition(" --step")[0].split()
        (mesh,) = read_editable(base.read_text(), "x")
    assert [backend["name"] for backend in mesh.backends] == ["ca-0", "acmpca"]


def test_the_plan_of_a_mesh_on_standard_input_asks_for_it_again(outputs: Path) -> None:
    arguments = ["--base", "-", "--contract", str(outputs)]
    plan = run(*arguments, input=BEFORE).stdout
    again = f"kubectl get mesh default -o yaml | toolkit rotate --base - --contract {outputs} --step 2"
    assert f"   apply   {again} | kubectl apply -f -\n" in plan


def test_the_plan_repeats_options_and_names_what_was_piped_in(outputs: Path, base: Path) -> None:
    chosen = ("--ca-cert", "secret=chain", "--mesh-version", "2.14", "--skip-validation", "--common-name", "a b")
    result = run("--base", base, *chosen, "--contract", "-", "-o", "json", "-v", input=outputs.read_text())
    assert "Note: the commands read outputs.json: save what you piped into --contract - there\n" in result.stderr
    again = "--contract outputs.json --common-name 'a b' --ca-cert secret=chain --skip-validation --step 2"
    step = json.loads(result.stdout)["steps"][1]
    assert step["apply"] == f"toolkit rotate --base {base} --mesh-version 2.14.0 {again} | kubectl apply -f -"
    target = run("--base", base, "--to", "-", input=BEFORE.replace("ca-1", "ca-2"))
    assert f"toolkit rotate --base {base} --to stdin.yaml --step 1 |" in target.stdout
    assert "Note: the commands read stdin.yaml: save what you piped into --to - there\n" in target.stderr


def test_the_plan_for_programs(outputs: Path, base: Path, tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    arguments = ["--base", str(base), "--contract", str(outputs), "-o", "text", "-o", f"json={kept}"]
    shown = run(*arguments)
    plan = json.loads(kept.read_text())
    assert (plan["mesh"], plan["from"], plan["to"], plan["form"]) == ("default", "ca-1", "acmpca", "kubernetes")
    assert [(step["number"], step["name"], step["done"]) for step in plan["steps"]] == [
        (1, "add", False),
        (2, "switch", False),
        (3, "remove", False),
    ]
    for step in plan["steps"]:
        command = f"toolkit rotate --base {base} --contract {outputs} --step {step['number']}"
        assert step["apply"] == f"{command} | kubectl apply -f -"
        assert f"   apply   {step['apply']}\n" in shown.stdout
        # No control plane was asked.
        assert (step["ready"], step["notReadyBecause"]) == (None, None)
    assert [bool(step["verify"]) for step in plan["steps"]] == [True, False, False]


def test_the_plan_names_the_command_that_proves_issuance(outputs: Path, base: Path, tmp_path: Path) -> None:
    directory = tmp_path / "a rotation"
    result = run("--base", base, "--contract", outputs, "--ca-cert", "secret", "--output-dir", directory)
    assert result.exit_code == 0, result.stderr
    (line,) = (line for line in (directory / "PLAN.txt").read_text().splitlines() if line.startswith("   verify  "))
    words = shlex.split(line.removeprefix("   verify  "))
    files = ["-f", f"{directory}/1-add.yaml", "-f", f"{directory}/1-secrets.yaml"]
    named = ["--mesh", "default", "--backend-name", "acmpca"]
    assert words == ["toolkit", "verify", "--contract", str(outputs), *files, *named]
    # Its documents are read; only AWS is missing.
    again = CliRunner().invoke(main, [*words[1:], "--endpoint-url", "http://127.0.0.1:9"], env=NO_AWS)
    assert again.exit_code == 3, again.stderr


def test_no_issuance_is_proven_from_a_ca_that_is_not_on_aws(base: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.yaml"
    target.write_text(BEFORE.replace("ca-1", "ca-2"))
    assert "verify  " not in run("--base", base, "--to", target).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "yaml"), "-o yaml write one --step's document"),
        (("--diff",), "name the step"),
        (("--step", "1", "-o", "text"), "-o text is the plan"),
        (("--step", "1", "--diff", "-o", "json"), "--diff writes no document"),
        (("--output-dir", "x", "-o", "json"), "leave --step and -o out"),
    ],
)
def test_forms_that_do_not_fit(outputs: Path, base: Path, arguments: tuple[str, ...], words: str) -> None:
    result = run("--base", base, "--contract", outputs, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_what_a_step_changes(outputs: Path, base: Path) -> None:
    result = run("--base", base, "--contract", outputs, "--step", "2", "--diff")
    changed = [line for line in result.stdout.splitlines()[2:] if line[0] in "+-"]
    assert changed == ["-    enabledBackend: ca-1 # builtin", "+    enabledBackend: acmpca # builtin"]
    dashed = run("--base", base, "--contract", outputs, "--step", "2", "-o", "-").stdout
    assert dashed == run("--base", base, "--contract", outputs, "--step", "2").stdout


def test_a_resource_version_holds_for_one_step_alone(outputs: Path, base: Path) -> None:
    live = BEFORE.replace("  name: default\n", "  name: default\n  resourceVersion: '7'\n")
    base.write_text(live)
    assert "has a metadata.resourceVersion" in run("--base", base, "--contract", outputs).stderr
    piped = run("--base", "-", "--contract", outputs, "--step", "1", input=live)
    assert piped.exit_code == 0
    assert "resourceVersion" not in piped.stderr


def test_and_back(outputs: Path, base: Path, tmp_path: Path) -> None:
    after = tmp_path / "after.yaml"
    target = tmp_path / "before.yaml"
    target.write_text(BEFORE)
    base.write_text(run("--base", base, "--contract", outputs, "--step", "2").stdout)
    assert run("--base", base, "--contract", outputs, "--step", "3", "--output-file", after).exit_code == 0
    result = run("--base", after, "--to", target, "--step", "2")
    assert result.exit_code == 0
    assert signs(result.stdout) == "ca-1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--step", "4"], "there is no step 4; the rotation has 3"),
        (["--output-file", "x.yaml"], "--output-file and -o yaml write one --step's document"),
        (["--step", "1", "--output-dir", "x"], "leave --step and -o out"),
        (["--backend-name", "ca-1"], "is the name of both the backend that signs and the new one"),
        (["--mesh", "other"], "there is no Mesh other in"),
        (["--product", "kuma"], "open-source Kuma has no acmpca backend"),
        (["--mesh-version", "3.0"], "3.0.0 can't have an mTLS backend"),
        (["--from", "ca-7"], "have none named ca-7"),
    ],
)
def test_what_can_not_be_rotated(outputs: Path, base: Path, arguments: list[str], words: str) -> None:
    result = run("--base", base, "--contract", outputs, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_one_standard_input_only(base: Path) -> None:
    assert run("--base", "-", "--contract", "-").exit_code == 2
    assert run("--base", base, "--to", "-", input="type: Mesh\nname: default\n").exit_code == 2
    without = run("--base", "control-plane")
    assert without.exit_code == 2
    assert "needs --mesh NAME" in without.stderr
    assert run("--contract", "x").exit_code == 2


def test_open_source_kuma_is_told_what_it_costs(tmp_path: Path, base: Path) -> None:
    target = tmp_path / "target.yaml"
    target.write_text(BEFORE.replace("ca-1", "ca-2"))
    result = run("--base", base, "--to", target, "--product", "kuma")
    assert result.exit_code == 0
    assert "in 4 steps" in result.stdout
    assert "Note: while it is off, traffic is neither encrypted nor authenticated" in result.stderr


def counts(**online: int) -> dict[str, Any]:
    return {name.replace("_", "-"): {"total": 3, "online": count} for name, count in online.items()}


def see(standin: Faulty, supported: dict[str, Any], issued: dict[str, Any]) -> None:
    """Let the control plane see its three proxies so."""
    standin.stand_in.insights["default"] = {
        "type": "MeshInsight",
        "name": "default",
        "dataplanes": {"total": 3, "online": 3},
        "mTLS": {"supportedBackends": supported, "issuedBackends": issued},
    }


def test_no_step_is_printed_before_the_one_before_it_is_live(outputs: Path) -> None:
    with Faulty() as standin:
        backends = [{"name": "ca-1", "type": "builtin"}]
        mtls = {"enabledBackend": "ca-1", "backends": backends}
        standin.state["/meshes/default"] = {"type": "Mesh", "name": "default", "mtls": mtls}
        there = {"TOOLKIT_CONTROL_PLANE": standin.url}
        arguments = ("--base", "control-plane", "--mesh", "default", "--contract", outputs, "--step")
        # It says nothing of proxies, and then that they trust a backend of that name, whatever that was.
        for _ in range(2):
            early = run(*arguments, "2", env=there)
            assert (early.exit_code, early.stdout) == (1, "")
            assert "step 2 (switch) would break traffic: step 1 has not been applied" in early.stderr
            see(standin, counts(ca_1=3, acmpca=3), counts(ca_1=3))
        (added,) = read_editable(run(*arguments, "1", env=there).stdout, "x")
        standin.state["/meshes/default"]["mtls"] = added.mtls
        standin.stand_in.insights.clear()
        late = run(*arguments, "2", env=there)
        assert late.exit_code == 0
        assert "has no data on the mesh's proxies yet" in late.stderr


def test_through_a_control_plane_and_never_too_soon(outputs: Path, tmp_path: Path) -> None:
    with Faulty() as standin:
        there = {"TOOLKIT_CONTROL_PLANE": standin.url}
        live = {"type": "Mesh", "name": "default", "routing": {"localityAwareLoadBalancing": True}}
        backends = [{"name": "ca-1", "type": "builtin"}]
        standin.state["/meshes/default"] = {**live, "mtls": {"enabledBackend": "ca-1", "backends": backends}}
        see(standin, counts(ca_1=3), counts(ca_1=3))
        arguments = ("--base", "control-plane", "--mesh", "default", "--contract", outputs, "--ca-cert", "secret")

        def step(number: int, *more: str) -> Result:
            return run(*arguments, "--step", str(number), *more, env=there)

        def apply(document: str) -> None:
            file = tmp_path / "step.yaml"
            file.write_text(document)
            result = CliRunner().invoke(main, ["apply", "-f", str(file), "--yes"], env=there)
            assert result.exit_code == 0, result.stderr

        plan = run(*arguments, env=there)
        assert "now     not yet: 0 of 3 proxies that are online trust acmpca" in plan.stdout
        apply(step(1).stdout)
        early = step(2)
        assert (early.exit_code, early.stdout) == (1, "")
        assert "step 2 (switch) would break traffic: 0 of 3 proxies that are online trust acmpca" in early.stderr
        assert step(2, "--force").exit_code == 0
        see(standin, counts(ca_1=3, acmpca=3), counts(ca_1=3))
        apply(step(2).stdout)
        assert standin.state["/meshes/default"]["mtls"]["enabledBackend"] == "acmpca"
        assert step(3).exit_code == 1
        see(standin, counts(ca_1=3, acmpca=3), counts(acmpca=3))
        apply(step(3).stdout)
        mesh = standin.state["/meshes/default"]
        assert [backend["name"] for backend in mesh["mtls"]["backends"]] == ["acmpca"]
        assert mesh["routing"] == {"localityAwareLoadBalancing": True}
        assert "/meshes/default/secrets/default-acmpca-ca-chain" in standin.state


def test_a_context_of_kumactl_names_the_control_plane(outputs: Path, tmp_path: Path) -> None:
    with Faulty(token=TOKEN) as standin:
        standin.put(
            {
                "type": "Mesh",
                "name": "default",
                "mtls": {"enabledBackend": "ca-1", "backends": [{"name": "ca-1", "type": "builtin"}]},
            }
        )
        there = ("--context", "here", "--kumactl-config", kumactl_config(tmp_path, standin.url))
        line = ("--base", "control-plane", "--mesh", "default", "--contract", outputs, *there)
        result, plan = run(*line, "--step", "1"), run(*line)
        missing = run(*line, "--mesh", "payments", "--step", "1")
    assert result.exit_code == 0, result.stderr
    assert "acmpca" in result.stdout
    # The plan applies to the same control plane.
    assert f"--step 1 | toolkit apply --context here --kumactl-config {there[-1]} -f - --yes\n" in plan.stdout
    assert "kumactl apply" not in plan.stdout
    assert "the control plane has no mesh payments" in missing.stderr


def test_a_mesh_that_the_contract_does_not_have(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "mesh.yaml"
    base.write_text(
        "{type: Mesh, name: payments, mtls: {enabledBackend: ca-1, backends: [{name: ca-1, type: builtin}]}}"
    )
    for arguments in ((), ("--mesh", "payments"), ("--to", "mesh-identity")):
        result = run("--base", base, "--contract", outputs, *arguments)
        assert result.exit_code == 2
        assert result.stderr.endswith(
            "Error: the contract does not have the mesh\n"
            "  meshes: 'payments' is not a mesh of the contract, which has: default\n"
            "Hint: Add the mesh to the contract's meshes, or choose another mesh with --mesh.\n"
        )


def test_a_control_plane_of_open_source_kuma(outputs: Path) -> None:
    with Faulty(product="kuma") as standin:
        backends = [{"name": "ca-1", "type": "builtin"}]
        mtls = {"enabledBackend": "ca-1", "backends": backends}
        standin.state["/meshes/default"] = {"type": "Mesh", "name": "default", "mtls": mtls}
        there = {"TOOLKIT_CONTROL_PLANE": standin.url}
        arguments = ("--base", "control-plane", "--contract", outputs)
        refused = run(*arguments, "--mesh", "default", env=there)
        assert refused.exit_code == 2
        assert "is open-source Kuma, which allows one backend" in refused.stderr
        missing = run(*arguments, "--mesh", "other", env=there)
        assert missing.exit_code == 2
        assert "the control plane has no mesh other" in missing.stderr


def test_the_mesh_before_the_first_step_is_kept(tmp_path: Path, outputs: Path, base: Path) -> None:
    """The way back must not be replaced when the plan is made again half-way."""
    first, directory = base.read_text(), tmp_path / "rotation"
    arguments = ("--base", base, "--contract", outputs, "--output-dir", directory)
    assert run(*arguments).exit_code == 0
    base.write_text((directory / "1-add.yaml").read_text())
    again = run(*arguments)
    assert again.exit_code == 0, again.output
    assert (directory / "0-before.yaml").read_text() == first
    assert "is kept as an earlier run wrote it" in again.stderr


@pytest.mark.parametrize("options", [(), ("--mesh", "other"), ("--step", "1"), ("--to", "mesh-identity")])
def test_a_file_without_a_mesh(outputs: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    result = run("--base", tmp_path / "empty.yaml", "--contract", outputs, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"no Mesh found in {tmp_path / 'empty.yaml'}" in result.stderr
