"""``toolkit rotate --to mesh-identity``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.control_plane.faulty import Faulty
from tests.mesh.golden_documents import golden_outputs
from tests.mesh.golden_identities import IDENTITIES
from tests.mesh.rotate.old_meshes import (
    OLD_CHAIN,
    OLD_ISSUING,
    allow_all,
    around,
    backend,
    mesh,
    scoped,
    stream,
)
from tests.yamltext.yaml_writing import load_stream
from toolkit.cli import main
from toolkit.mesh.documents.editable import write_mesh

if TYPE_CHECKING:
    from pathlib import Path

STAGES = ("prepare", "publish", "trust", "switch", "finish")


class Move:
    """Files for a move, and the command."""

    def __init__(self, directory: Path) -> None:
        self.base = directory / "mesh.yaml"
        self.others = directory / "others.yaml"
        self.contract = directory / "outputs.json"
        self.chain = directory / "old.pem"
        self.contract.write_text(golden_outputs().to_json())
        self.chain.write_text(OLD_CHAIN)
        self.write("kubernetes", mesh("kubernetes", backend("builtin")), *around("kubernetes", "builtin"))

    def write(self, form: Any, document: dict[str, Any], *others: dict[str, Any]) -> None:
        assert ("kind" in document) is (form == "kubernetes")
        self.base.write_text(stream(document))
        self.others.write_text(stream(*others) or "{}\n")

    def run(self, *arguments: str | Path, **more: Any) -> Result:
        command = ["rotate", "--to", "mesh-identity", "--base", self.base, "--contract", self.contract]
        return CliRunner().invoke(main, [*map(str, [*command, "-f", self.others, *arguments])], **more)


@pytest.fixture
def move(tmp_path: Path) -> Move:
    return Move(tmp_path)


def test_the_plan(move: Move) -> None:
    result = move.run()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "Mesh default: from Mesh.mtls to MeshIdentity acmpca, in 5 stages"
    assert lines[1] == "Experimental: Kong has not released documentation of the extension acmpca."
    found = [line.split(":")[0] for line in lines if line[:2] in ("1.", "2.", "3.", "4.", "5.")]
    assert found == [f"{number}. {name}" for number, name in enumerate(STAGES, start=1)]
    assert "to know: " in result.stdout
    assert "before stage" not in result.stdout
    assert "kind: MeshIdentity" not in result.stdout


def test_the_plan_names_what_was_piped_in(move: Move) -> None:
    command = ["rotate", "--to", "mesh-identity", "--base", str(move.base), "--contract", str(move.contract), "-f", "-"]
    result = CliRunner().invoke(main, command, input=move.others.read_text())
    assert result.exit_code == 0
    assert (
        f"--base {move.base} --to mesh-identity --filename stdin.yaml --contract {move.contract} --step 1 |"
        in result.stdout
    )
    assert "--filename -" not in result.stdout
    assert "Note: the commands read stdin.yaml: save what you piped into -f - there\n" in result.stderr


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
@pytest.mark.parametrize("name", ["one-trust-domain-per-zone", "one-trust-domain"])
def test_each_stage(move: Move, form: Any, name: str) -> None:
    old = backend("acmpca", mode="PERMISSIVE", dpCert={"rotation": {"expiration": "1d"}})
    old["conf"] = old["conf"] | {"caCert": {"inlineString": OLD_ISSUING}}
    move.base.write_text(write_mesh(mesh("universal", old, meshServices={"mode": "Disabled"}), form))
    move.others.write_text(stream(allow_all(form)))
    one = ["--trust-domain", "mesh.example.com", "--identity-name", "aws"] if name == "one-trust-domain" else []
    for number, stage in enumerate(STAGES, start=1):
        # Without the MeshIdentities of the mesh, the last stage is not printed.
        forced = ["--force"] if stage == "finish" else []
        result = move.run("--old-chain", move.chain, "--step", str(number), *one, *forced)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == (IDENTITIES / f"rotate-{form}-{name}-{number}-{stage}.yaml").read_text()
        assert "back    " in result.stderr
        assert "the mesh is PERMISSIVE" in result.stderr


def test_a_stage_as_json(move: Move) -> None:
    result = move.run("--step", "2", "-o", "json")
    assert json.loads(result.stdout) == load_stream(move.run("--step", "2").stdout, "x")[0]


def test_the_plan_for_programs(move: Move) -> None:
    move.write("kubernetes", mesh("kubernetes", backend("vault")), allow_all("kubernetes"))
    plan = json.loads(move.run("-o", "json").stdout)
    assert {name: plan[name] for name in ("schemaVersion", "mesh", "to", "meshIdentity", "form", "experimental")} == {
        "schemaVersion": 1,
        "mesh": "default",
        "to": "mesh-identity",
        "meshIdentity": "acmpca",
        "form": "kubernetes",
        "experimental": True,
    }
    assert sorted(each["before"] for each in plan["decisions"]) == [0, 3, 4]
    assert [(step["number"], step["name"]) for step in plan["steps"]] == list(enumerate(STAGES, start=1))
    assert [step["ready"] for step in plan["steps"]] == [True, True, False, False, False]
    assert not any(step["done"] for step in plan["steps"])
    for step in plan["steps"]:
        assert step["apply"]
        assert step["wait"]
        assert step["back"]


def test_a_stage_behind_an_obstacle(move: Move) -> None:
    move.write("kubernetes", mesh("kubernetes", backend("vault")), allow_all("kubernetes"))
    assert move.run("--step", "2").exit_code == 0
    for number in (3, 4, 5):
        result = move.run("--step", str(number))
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"Not yet: stage {number} ({STAGES[number - 1]}) needs a decision" in result.stderr
        assert "Vault has its CA chain" in result.stderr
        assert "--old-chain FILE" in result.stderr
        forced = move.run("--step", str(number), "--force")
        assert forced.exit_code == 0
        assert forced.stdout
    known = move.run("--step", "3", "--old-chain", move.chain)
    assert known.exit_code == 0
    assert known.stdout.index("default-mtls") < known.stdout.index("kind: MeshIdentity")


def test_all_of_it_in_a_directory(move: Move, tmp_path: Path) -> None:
    directory = tmp_path / "move"
    result = move.run("--output-dir", directory)
    assert (result.exit_code, result.stdout) == (0, "")
    names = ["0-before.yaml", *(f"{number}-{name}.yaml" for number, name in enumerate(STAGES, start=1)), "PLAN.txt"]
    assert sorted(file.name for file in directory.iterdir()) == names
    kept: list[Any] = load_stream((directory / "0-before.yaml").read_text(), "x")
    *permissions, before = kept
    assert before == load_stream(move.base.read_text(), "x")[0]
    assert [each["spec"] for each in permissions] == [allow_all("kubernetes")["spec"]]
    for number, name in enumerate(STAGES, start=1):
        printed = move.run("--step", str(number), "--force").stdout
        assert (directory / f"{number}-{name}.yaml").read_text() == printed
    plan = (directory / "PLAN.txt").read_text()
    assert f"kubectl apply -f {directory}/3-trust.yaml" in plan
    assert f"-f {directory}/3-trust.yaml --mesh default" in plan


def test_the_way_back_is_kept_from_the_first_run(move: Move, tmp_path: Path) -> None:
    directory = tmp_path / "move"
    assert move.run("--output-dir", directory).exit_code == 0
    before = (directory / "0-before.yaml").read_text()
    prepared: list[Any] = load_stream((directory / "1-prepare.yaml").read_text(), "x")
    move.base.write_text(stream(prepared[-1]))
    again = move.run("--output-dir", directory)
    assert again.exit_code == 0
    assert (directory / "0-before.yaml").read_text() == before
    assert f"{directory}/0-before.yaml is kept as an earlier run wrote it" in again.stderr


def test_mtls_is_not_removed_before_the_issuer_selects(move: Move, tmp_path: Path) -> None:
    refused = move.run("--step", "5")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "stage 5 (finish) comes after stage 4: traffic would be plaintext" in refused.stderr
    noted = move.run("--step", "4")
    assert noted.exit_code == 0
    assert "stage 3 is not in the input" in noted.stderr
    switched = tmp_path / "switched.yaml"
    switched.write_text(noted.stdout)
    assert move.run("--step", "5", "-f", switched).exit_code == 0
    assert move.run("--step", "5", "--diff").exit_code == 0


def test_a_control_plane_shows_which_stage_comes_next(move: Move, standin: Faulty) -> None:
    standin.state["/meshes/default/meshtrafficpermissions/all"] = scoped(
        "universal", "MeshTrafficPermission", "all", allow_all("universal")["spec"]
    )
    command = ["rotate", "--to", "mesh-identity", "--base", "control-plane", "--contract", str(move.contract)]
    command += ["--mesh", "default"]
    there = {"TOOLKIT_CONTROL_PLANE": standin.url}
    for number in (2, 3, 4, 5):
        result = CliRunner().invoke(main, [*command, "--step", str(number)], env=there)
        assert (result.exit_code, result.stdout) == (1, ""), number
        assert f"comes after stage {number - 1}" in result.stderr
    assert CliRunner().invoke(main, [*command, "--step", "1"], env=there).exit_code == 0
    assert CliRunner().invoke(main, [*command, "--step", "4", "--force"], env=there).exit_code == 0


def with_credentials() -> dict[str, Any]:
    old = backend("own")
    key = {"accessKey": {"inlineString": "AKIAMADEUPMADEUPMADE"}, "accessKeySecret": {"inlineString": "made-up"}}
    old["conf"] = old["conf"] | {"auth": {"awsCredentials": key}}
    return mesh("kubernetes", old)


def test_documents_with_credentials_are_private(move: Move, tmp_path: Path) -> None:
    move.write("kubernetes", with_credentials(), allow_all("kubernetes"))
    directory = tmp_path / "move"
    assert move.run("--output-dir", directory).exit_code == 0
    assert {file.stat().st_mode & 0o777 for file in directory.glob("*.yaml")} == {0o600}
    assert "made-up" not in (directory / "PLAN.txt").read_text()
    step = tmp_path / "step.yaml"
    assert move.run("--step", "1", "--output-file", step).exit_code == 0
    assert step.stat().st_mode & 0o777 == 0o600
    # What has no credentials may be shown, and they are an obstacle on the way.
    assert move.run("--step", "2").exit_code == 0
    assert "has static credentials" in move.run("--step", "3").stderr
    assert "made-up" not in move.run().output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "old"],
        ["--product", "kuma"],
        ["--backend-name", "x"],
        ["--mode", "STRICT"],
        ["--ca-cert", "secret"],
        ["--common-name", "x"],
        ["--request-timeout", "5s"],
        ["--skip-validation"],
    ],
)
def test_options_without_an_effect_are_refused(move: Move, arguments: list[str]) -> None:
    result = move.run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{arguments[0]} has no effect with --to mesh-identity" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--identity-name", "x"],
        ["--trust-domain", "x"],
        ["--path", "/x"],
        ["--workload"],
        ["--mesh-trust-creation", "Disabled"],
        ["-f", "mesh.yaml"],
        ["--old-chain", "old.pem"],
    ],
)
def test_options_that_need_a_mesh_identity(move: Move, arguments: list[str]) -> None:
    with_files = [str(move.base.parent / each) if "." in each else each for each in arguments]
    result = CliRunner().invoke(
        main, ["rotate", "--base", str(move.base), "--contract", str(move.contract), *with_files]
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert "needs --to mesh-identity" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--identity-name", "z"], "--identity-name"),
        (["--identity-name", "A"], "--identity-name"),
        (["--trust-domain", "A"], "--trust-domain"),
        (["--path", "x"], "--path"),
        (["--expiration", "1d12h"], "--expiration"),
        (["--namespace", "a_b"], "--namespace"),
        (["--mesh", "nope"], "there is no Mesh nope"),
        (["--mesh-version", "2.13.9"], "--mesh-version: the extension came with Kong Mesh 2.14.0"),
        (["--mesh-version", "3.0"], "Kong Mesh 3.0.0"),
        (["--step", "6"], "--step"),
    ],
)
def test_refusals_name_the_option(move: Move, arguments: list[str], words: str) -> None:
    result = move.run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_an_old_chain_that_is_none(move: Move) -> None:
    move.chain.write_text("x")
    result = move.run("--old-chain", move.chain)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--old-chain: " in result.stderr


def test_a_mesh_without_mtls(move: Move) -> None:
    move.base.write_text("type: Mesh\nname: default\n")
    result = move.run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "mTLS is off, so there is nothing to move" in result.stderr


def test_the_difference(move: Move) -> None:
    changed = {}
    for number in range(1, 6):
        result = move.run("--step", str(number), "--diff")
        assert result.exit_code == 0
        lines = [line for line in result.stdout.splitlines() if not line.startswith(("---", "+++"))]
        changed[number] = [line for line in lines if line.startswith(("-", "+"))]
    assert any("Exclusive" in line for line in changed[1])
    # New documents, another selector, and the section that goes.
    assert all(line.startswith("+") for line in changed[2] + changed[3])
    assert changed[4] == ["-  selector: {}", "+  selector:", "+    dataplane:", "+      matchLabels: {}"]
    assert any('"mtls"' in line for line in changed[5])
    assert not any("MeshIdentity" in line for line in changed[5])


def test_a_move_goes_on_where_it_stopped(move: Move, tmp_path: Path) -> None:
    directory = tmp_path / "move"
    assert move.run("--output-dir", directory).exit_code == 0
    prepared: list[Any] = load_stream((directory / "1-prepare.yaml").read_text(), "x")
    move.base.write_text(stream(prepared[-1]))
    before = [each for each in around("kubernetes", "builtin") if each["kind"] == "Secret"]
    reached = [prepared[0], *before]
    for number, name in enumerate(STAGES[:4], start=1):
        if number > 1:
            found: list[Any] = load_stream((directory / f"{number}-{name}.yaml").read_text(), "x")
            names = [each["metadata"]["name"] for each in found]
            reached = [each for each in reached if each["metadata"]["name"] not in names] + found
        move.others.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": reached}))
        steps = json.loads(move.run("-o", "json").stdout)["steps"]
        assert [step["done"] for step in steps] == [each <= number for each in range(1, 6)]
    assert "(done)" in move.run().stdout
    again = move.run("--step", "4")
    assert again.exit_code == 0
    assert "the mesh is past stage 4 already" in again.stderr


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty(version="2.14.3") as running:
        running.state["/meshes/default"] = mesh("universal", backend("own"))
        yield running


def test_a_control_plane_has_the_mesh(move: Move, standin: Faulty) -> None:
    permission = scoped("universal", "MeshTrafficPermission", "allow-all", allow_all("universal")["spec"])
    move.others.write_text(stream(permission))
    there = {"TOOLKIT_CONTROL_PLANE": standin.url}
    command = ["rotate", "--to", "mesh-identity", "--base", "control-plane", "--contract", str(move.contract)]
    without = CliRunner().invoke(main, command, env=there)
    assert without.exit_code == 2
    assert "needs --mesh NAME" in without.stderr
    command += ["--mesh", "default", "-f", str(move.others)]
    plan = json.loads(CliRunner().invoke(main, [*command, "-o", "json"], env=there).stdout)
    assert (plan["form"], plan["mesh"]) == ("universal", "default")
    prepared: list[Any] = load_stream(CliRunner().invoke(main, [*command, "--step", "1"], env=there).stdout, "x")
    assert [each["type"] for each in prepared] == ["MeshTrafficPermission", "Mesh"]
    assert prepared[-1]["mtls"] == mesh("universal", backend("own"))["mtls"]
    absent = CliRunner().invoke(main, [*command[:-4], "--mesh", "nope"], env=there)
    assert absent.exit_code == 2
    assert "the control plane has no mesh nope" in absent.stderr


def test_a_control_plane_is_asked_for_everything_but_secrets(move: Move, standin: Faulty) -> None:
    outbound = {"port": 80, "tags": {"kuma.io/service": "backend"}}
    standin.state["/meshes/default/dataplanes/web"] = {
        "type": "Dataplane",
        "mesh": "default",
        "name": "web",
        "networking": {"address": "127.0.0.1", "outbound": [outbound]},
    }
    named = scoped("universal", "MeshTrafficPermission", "one", {"targetRef": {"kind": "Mesh"}, **allow_one("backend")})
    standin.state["/meshes/default/meshtrafficpermissions/one"] = named
    command = ["rotate", "--to", "mesh-identity", "--base", "control-plane", "--contract", str(move.contract)]
    command += ["--mesh", "default", "-o", "json"]
    result = CliRunner().invoke(main, command, env={"TOOLKIT_CONTROL_PLANE": standin.url})
    assert result.exit_code == 0, result.stderr
    decisions = {each["message"]: each for each in json.loads(result.stdout)["decisions"]}
    (legacy,) = [each for message, each in decisions.items() if message.startswith("web reaches backend")]
    assert (legacy["before"], legacy["place"].partition(":")[0]) == (5, "the control plane")
    assert any("names clients by MeshSubset" in message for message in decisions)


def allow_one(service: str) -> dict[str, Any]:
    target = {"kind": "MeshSubset", "tags": {"kuma.io/service": service}}
    return {"from": [{"targetRef": target, "default": {"action": "Allow"}}]}


def test_a_control_plane_that_is_too_old(move: Move) -> None:
    with Faulty(version="2.13.1") as old:
        old.state["/meshes/default"] = mesh("universal", backend("own"))
        command = ["rotate", "--to", "mesh-identity", "--base", "control-plane", "--mesh", "default"]
        arguments = [*command, "--contract", str(move.contract)]
        result = CliRunner().invoke(main, arguments, env={"TOOLKIT_CONTROL_PLANE": old.url})
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Kong Mesh 2.13.1 has no MeshIdentity extension acmpca" in result.stderr
