"""The sandbox runs for one command, in the background, and filled with a stack."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest

from tests.infra import shapes
from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = [sys.executable, "-c"]
TOOLKIT = [*PYTHON, "from toolkit.cli import main; main()"]
MINUTE = 60


def sandbox(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [*TOOLKIT, "sandbox", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=5 * MINUTE, env=env, check=False)


def code(text: str) -> list[str]:
    return ["--", *PYTHON, text]


def stack_file(directory: Path, name: str, text: str | None = None) -> Path:
    file = directory / f"Pulumi.{name}.yaml"
    file.write_text(shapes._TEXTS[name] if text is None else text, encoding="utf-8")
    return file


def test_the_toolkit_is_found_without_an_activated_environment() -> None:
    seen = sandbox("--", "toolkit", "version", env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    assert (seen.returncode, seen.stdout.partition(" ")[0]) == (0, "toolkit"), seen.stderr


def test_a_command_has_the_environment_and_its_exit_code_counts() -> None:
    foreign = {**os.environ, "AWS_PROFILE": "real", "AWS_SESSION_TOKEN": "real", "AWS_CONFIG_FILE": "/nonexistent"}
    seen = sandbox(*code("import json, os; print(json.dumps(dict(os.environ)))"), env=foreign)
    assert (seen.returncode, seen.stderr) == (0, "")
    environment = json.loads(seen.stdout)
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "TOOLKIT_CONTRACT"} & set(environment)
    assert sandbox(*code("raise SystemExit(7)")).returncode == 7
    killed = sandbox(*code("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert killed.returncode == 128 + signal.SIGKILL


def test_options_of_the_command_are_its_own() -> None:
    assert sandbox("--", *TOOLKIT, "verify", "--help").stdout.startswith("Usage:")
    # Also without the two hyphens.
    assert sandbox(*TOOLKIT, "verify", "--help").stdout.startswith("Usage:")


@pytest.mark.parametrize(("word", "expected"), [("no-such-command", 127), ("/", 126)])
def test_a_command_that_can_not_run(word: str, expected: int) -> None:
    failed = sandbox("--", word)
    assert failed.returncode == expected
    assert failed.stderr.startswith(f"Error: can't run {word}: ")


def test_a_signal_reaches_the_command_and_the_sandbox_ends_with_it() -> None:
    waiting = (
        "import signal, sys; signal.signal(15, lambda *_: sys.exit(3)); print('ready', flush=True); signal.pause()"
    )
    process = subprocess.Popen(
        [*TOOLKIT, "sandbox", *code(waiting)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=MINUTE)
    assert (process.returncode, stderr) == (3, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--detach", "--", "true"), "--detach and a command exclude each other"),
        (
            ("--stack-file", "Pulumi.a.yaml", "--state", "d", "--", "true"),
            "--stack-file and --state exclude each other",
        ),
        (("--stack-file", "prod.yaml", "--", "true"), "its name must be Pulumi.<stack>.yaml"),
        (("--stack-file", "nowhere/Pulumi.a.yaml", "--", "true"), "can't read nowhere/Pulumi.a.yaml"),
    ],
)
def test_what_can_not_be_asked_for(arguments: Sequence[str], words: str) -> None:
    refused = sandbox(*arguments)
    assert refused.returncode == 2
    assert words in refused.stderr


def test_a_sandbox_in_the_background() -> None:
    started = sandbox("--detach")
    assert started.returncode == 0
    # A shell takes what it prints.
    shown = subprocess.run(
        ["/bin/sh", "-c", f"eval {shlex.quote(started.stdout)}; env"], capture_output=True, text=True, check=True
    ).stdout
    environment = dict(line.split("=", 1) for line in shown.splitlines() if line.startswith("AWS_"))
    pid = int(started.stderr.rpartition(" ")[2])
    try:
        session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        sts = session.client("sts", endpoint_url=environment["AWS_ENDPOINT_URL"])
        assert sts.get_caller_identity()["Account"] == shapes.HOME
    finally:
        os.kill(pid, signal.SIGTERM)


def test_a_background_that_does_not_start_says_why(tmp_path: Path) -> None:
    failed = sandbox("--detach", "--stack-file", tmp_path / "Pulumi.none.yaml")
    assert failed.returncode == 3
    assert failed.stdout == ""
    assert failed.stderr.startswith("Error: the sandbox did not start: can't read ")


@pytest.mark.slow
@pytest.mark.parametrize("name", shapes.NAMES)
def test_every_stack_of_the_documentation_is_verified(tmp_path: Path, name: str) -> None:
    done = sandbox("--stack-file", stack_file(tmp_path, name), "--", *TOOLKIT, "verify", "--no-handshakes")
    if name == "under-external-ca":
        # Somebody else has to sign its request first.
        assert done.returncode == 2
        assert "the stack's CA has no certificate yet" in done.stderr
        # The preview and the creation warn of it.
        assert done.stderr.count("The CA waits for its certificate: ") == 1
    else:
        assert (done.returncode, "Every zone gets certificates" in done.stdout) == (0, True), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("stack", ["prod", "dev", "sandbox"])
def test_every_stack_of_the_repository_is_verified(stack: str) -> None:
    file = find_project_root() / "stacks" / f"Pulumi.{stack}.yaml"
    done = sandbox("--stack-file", file, "--", *TOOLKIT, "verify")
    assert done.returncode == 0, done.stderr


def test_the_accounts_are_those_of_the_file(tmp_path: Path) -> None:
    text = shapes._TEXTS["accounts-ram"].replace(shapes.HOME, "444455556666").replace(shapes.ELSEWHERE, "777788889999")
    done = sandbox(
        "--stack-file", stack_file(tmp_path, "moved", text), "--", *TOOLKIT, "contract", "show", "-o", "json"
    )
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)
    assert outputs["certificateAuthority"]["arn"].split(":")[4] == "444455556666"
    assert [zone["accountId"] for zone in outputs["zones"]] == ["444455556666", "777788889999"]


def test_a_stack_that_is_refused_runs_no_command(tmp_path: Path) -> None:
    text = shapes._TEXTS["root"].replace("topology: root", "topology: roof")
    done = sandbox("--stack-file", stack_file(tmp_path, "wrong", text), *code("print('ran')"))
    assert done.returncode == 2
    assert "kong-mesh-pca:topology" in done.stderr
    assert done.stdout == ""


def test_zones_of_a_file_beside_the_stacks(tmp_path: Path) -> None:
    zones = [{"name": "quay", "region": "eu-central-1", "identity": "ambient"}]
    (tmp_path / "zones.yaml").write_text(json.dumps(zones))
    text = "config:\n  aws:region: eu-central-1\n  kong-mesh-pca:zonesFile: zones.yaml\n"
    done = sandbox("--stack-file", stack_file(tmp_path, "many", text), "--", *TOOLKIT, "verify")
    assert done.returncode == 0, done.stderr


def test_the_contract_of_the_environment_gives_way_to_a_stack_that_is_named(tmp_path: Path) -> None:
    environment = {**os.environ, "TOOLKIT_CONTRACT": str(tmp_path / "none.json"), "PATH": str(tmp_path)}
    for command in (["contract", "show"], ["verify"], ["render-mesh"]):
        read = subprocess.run([*TOOLKIT, *command], capture_output=True, text=True, env=environment, check=False)
        assert (read.returncode, "none.json" in read.stderr) == (2, True)
        for option in ("--stack", "--cwd"):
            words = [*TOOLKIT, *command, option, str(tmp_path)]
            named = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
            # No Pulumi is on the path.
            assert (named.returncode, "none.json" in named.stderr) == (3, False)


@pytest.mark.parametrize(
    ("options", "product", "status"),
    [
        ((), "Kong Mesh", 201),
        (("zone",), "Kong Mesh", 201),
        (("read-only",), "Kong Mesh", 405),
        (("global", "--control-plane-product", "kuma"), "Kuma", 201),
    ],
)
def test_a_control_plane_beside_it(options: tuple[str, ...], product: str, status: int) -> None:
    asks = (
        "import httpx, json, os\n"
        "url = os.environ['TOOLKIT_CONTROL_PLANE']\n"
        "put = httpx.put(url + '/meshes/m', json={'type': 'Mesh', 'name': 'm'})\n"
        "token = os.environ.get('TOOLKIT_CONTROL_PLANE_TOKEN')\n"
        "print(json.dumps([httpx.get(url).json()['product'], put.status_code, token]))"
    )
    foreign = {**os.environ, "TOOLKIT_CONTROL_PLANE": "https://real", "TOOLKIT_CONTROL_PLANE_TOKEN": "real"}
    seen = sandbox("--with-control-plane", *options, *code(asks), env=foreign)
    assert (seen.returncode, seen.stderr) == (0, "")
    assert json.loads(seen.stdout) == [product, status, None]


def test_a_control_plane_in_the_background() -> None:
    started = sandbox("--with-control-plane", "global", "--detach", "-o", "json")
    assert started.returncode == 0
    number = int(started.stderr.rpartition("kill ")[2])
    try:
        url = json.loads(started.stdout)["TOOLKIT_CONTROL_PLANE"]
        assert httpx.get(f"{url}/meshes").json()["total"] == 1
    finally:
        os.kill(number, signal.SIGTERM)
    wrong = sandbox("--control-plane-product", "kuma", *code("pass"))
    assert wrong.returncode == 2
    assert "--control-plane-product needs --with-control-plane" in wrong.stderr
