"""``toolkit lint`` as a user meets it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from tests.mesh.lint.worlds import ACCESS_KEY, GOOD, ISSUING
from tests.support import contract_document
from toolkit import cli

if TYPE_CHECKING:
    from pathlib import Path

WARNED = GOOD.replace("mode: STRICT", "mode: PERMISSIVE")
NOTED = GOOD.replace("secret: chain\n", "secret: elsewhere\n")
WRONG = GOOD.replace("mode: STRICT", "mode: STRCT")
PROGRAM = [sys.executable, "-c", "from toolkit.cli import main; main()", "lint"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    texts = {"good": GOOD, "warned": WARNED, "noted": NOTED, "wrong": WRONG, "broken": "a: ["}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "outputs.json").write_text(json.dumps(contract_document(ISSUING)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli.main, ["lint", *arguments], input=stdin)


def codes(result: Result) -> list[str]:
    return [finding["code"] for finding in json.loads(result.stdout)["findings"]]


@pytest.mark.parametrize(
    ("name", "exits"),
    [
        ("good", {"error": 0, "warning": 0, "note": 0, "never": 0}),
        ("noted", {"error": 0, "warning": 0, "note": 1, "never": 0}),
        ("warned", {"error": 0, "warning": 1, "note": 1, "never": 0}),
        ("wrong", {"error": 1, "warning": 1, "note": 1, "never": 0}),
        ("broken", {"error": 2, "warning": 2, "note": 2, "never": 2}),
        ("missing", {"error": 2, "never": 2}),
    ],
)
def test_how_it_ends(files: Path, name: str, exits: dict[str, int]) -> None:
    for fail_on, code in exits.items():
        assert lint(f"{name}.yaml", "--fail-on", fail_on).exit_code == code, fail_on
    assert lint(f"{name}.yaml").exit_code == exits["error"]
    assert files.exists()


@pytest.mark.usefixtures("files")
def test_findings_go_to_standard_output_and_what_they_come_to_elsewhere() -> None:
    result = lint("wrong.yaml")
    assert result.stdout.startswith("wrong.yaml:11:9: error MESH014 ")
    assert result.stderr == "1 error in 1 file\n"
    good = lint("good.yaml", "warned.yaml", "--select", "MESH01")
    assert (good.stdout, good.stderr) == ("", "nothing found in 2 files\n")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("unreadable", ["broken.yaml", "missing.yaml", "."])
def test_what_can_not_be_read_hides_nothing(unreadable: str) -> None:
    result = lint(unreadable, "wrong.yaml", "-o", "json")
    assert result.exit_code == 2
    assert codes(result) == ["MESH001", "MESH014"]
    # Not even to be asked for no errors at all changes that.
    quiet = lint(unreadable, "wrong.yaml", "-o", "json", "--ignore", "MESH0", "--fail-on", "never")
    assert (quiet.exit_code, codes(quiet)) == (2, [])


@pytest.mark.usefixtures("files")
def test_where_it_is_no_yaml_is_said() -> None:
    result = lint("broken.yaml")
    assert result.stderr.splitlines()[:2] == [
        "Error: broken.yaml is not YAML",
        "  broken.yaml:1:5: expected the node content, but found '<stream end>'",
    ]
    assert "found no Mesh and no Secret of Kong Mesh in 1 document" in lint("outputs.json").stderr


@pytest.mark.usefixtures("files")
def test_a_file_that_is_missing_is_said_to_be_missing() -> None:
    result = lint("missing.yaml", "good.yaml")
    first, second, *_ = result.stdout.splitlines()
    assert first.endswith("can't read missing.yaml: No such file or directory")
    assert second == "  fix: Name a file that exists and that you can read."


@pytest.mark.usefixtures("files")
def test_standard_input() -> None:
    result = lint("-", stdin=WRONG)
    assert result.exit_code == 1
    assert result.stdout.startswith("standard input:11:9: error MESH014")
    assert lint("-", "wrong.yaml", "-", stdin=GOOD).exit_code == 2
    twice = lint("wrong.yaml", "wrong.yaml", "-o", "json")
    assert codes(twice) == ["MESH014"]


@pytest.mark.usefixtures("files")
def test_codes_are_chosen_by_how_they_begin() -> None:
    every = ["noted.yaml", "warned.yaml", "wrong.yaml", "-o", "json"]
    # The same Mesh three times.
    assert set(codes(lint(*every))) == {"MESH003", "MESH014", "MESH025", "MESH036"}
    assert set(codes(lint(*every, "--select", "MESH02", "--select", "mesh036"))) == {"MESH025", "MESH036"}
    assert set(codes(lint(*every, "--ignore", "MESH0"))) == set()
    assert set(codes(lint(*every, "--select", "MESH0", "--ignore", "MESH003"))) == {"MESH014", "MESH025", "MESH036"}
    chosen = lint("wrong.yaml", "--ignore", "MESH014")
    assert (chosen.exit_code, chosen.stdout) == (0, "")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a FILE to check"),
        (["good.yaml", "--select", "MESH999"], "--select 'MESH999': no code begins with it"),
        (["good.yaml", "--ignore", ""], "--ignore ''"),
        (["good.yaml", "--tag", "version"], "--tag takes KEY=VALUE"),
        (["good.yaml", "--tag", "=1"], "--tag takes KEY=VALUE"),
        (["good.yaml", "--mesh-version", "two"], "'two' is not a version"),
        (["good.yaml", "--product", "istio"], "--product"),
        (["good.yaml", "--format", "xml"], "--format"),
        (["-", "--contract", "-"], "can't both be -"),
        (["good.yaml", "--contract", "missing.json"], "can't read missing.json"),
        (["good.yaml", "--contract", "good.yaml"], "good.yaml is not JSON"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    result = lint(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


@pytest.mark.usefixtures("files")
def test_versions_products_and_tags() -> None:
    assert codes(lint("good.yaml", "-o", "json", "--mesh-version", "2.14.1")) == ["MESH121", "MESH122"]
    assert "MESH120" in codes(lint("good.yaml", "-o", "json", "--mesh-version", "v3.0.0"))
    kuma = codes(lint("good.yaml", "-o", "json", "--product", "kuma", "--namespace", "kong-mesh-system"))
    assert kuma == ["MESH111"]
    assert codes(lint("good.yaml", "-o", "json", "--tag", f"version={'v' * 65}")) == ["MESH091"]


@pytest.mark.usefixtures("files")
def test_the_contract_is_asked_only_if_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert lint("good.yaml").exit_code == 0
    assert lint("good.yaml", "--stack", "prod").exit_code == 3
    assert lint("good.yaml", "--cwd", ".").exit_code == 3
    assert lint("good.yaml", "--contract", "outputs.json").exit_code == 0
    contract = json.dumps(contract_document(ISSUING) | {"meshes": ["other"]})
    assert codes(lint("good.yaml", "--contract", "-", "-o", "json", stdin=contract)) == ["MESH133"]


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_every_form_goes_to_a_file(files: Path, form: str) -> None:
    result = lint("wrong.yaml", "-o", f"{form}=found")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "MESH014" in (files / "found").read_text()


def test_it_is_coloured_on_a_terminal_only(files: Path) -> None:
    plain = subprocess.run([*PROGRAM, "wrong.yaml"], capture_output=True, text=True, check=False, cwd=files)
    assert "\x1b" not in plain.stdout + plain.stderr
    ours, theirs = pty.openpty()
    subprocess.run([*PROGRAM, "wrong.yaml"], stdout=theirs, stderr=subprocess.DEVNULL, check=False, cwd=files)
    os.close(theirs)
    assert b"\x1b[31m" in os.read(ours, 65536)
    os.close(ours)


def test_much_to_read_shows_its_progress_on_a_terminal_only(files: Path) -> None:
    one = GOOD if GOOD.endswith("\n") else GOOD + "\n"
    many = [one.replace("name: default", f"name: mesh-{number}").replace("mesh: default", f"mesh: mesh-{number}")
            for number in range(80)]  # fmt: skip
    (files / "many.yaml").write_text("---\n".join(many))
    plain = subprocess.run([*PROGRAM, "many.yaml"], capture_output=True, text=True, check=False, cwd=files)
    assert "Reading and checking" not in plain.stdout + plain.stderr
    shown: dict[str, bytes] = {}
    for name in ("good.yaml", "many.yaml"):
        ours, theirs = pty.openpty()
        with subprocess.Popen([*PROGRAM, name], stdout=subprocess.DEVNULL, stderr=theirs, cwd=files):
            os.close(theirs)
            shown[name] = read_all(ours)
        os.close(ours)
    assert b"Reading and checking" in shown["many.yaml"]
    assert b"Reading and checking" not in shown["good.yaml"]


def read_all(terminal: int) -> bytes:
    read = b""
    # Linux ends the reading of a terminal that nobody writes to with an error.
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 65536):
            read += part
    return read


def test_what_is_confidential_is_in_no_output(files: Path) -> None:
    text = GOOD.replace("secret: access-key\n", f"inlineString: {ACCESS_KEY}\n")
    text = text.replace("mode: STRICT", f"mode: {ACCESS_KEY}")
    (files / "mesh.yaml").write_text(text.replace("accessKeySecret:", f"accessKeySecrets: # {ACCESS_KEY}"))
    for form in ("text", "json", "sarif"):
        result = lint("mesh.yaml", "-o", form)
        assert "MESH100" in result.stdout
        assert ACCESS_KEY not in result.stdout + result.stderr


def test_it_starts_fast(files: Path) -> None:
    heavy = ("pulumi", "pulumi_aws", "boto3", "botocore", "moto", "jinja2", "rich", "httpx")
    program = (
        "import sys\nfrom toolkit.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    for arguments in (["--help"], ["good.yaml"], ["good.yaml", "--contract", "outputs.json", "-o", "sarif"]):
        line = [sys.executable, "-c", program, "lint", *arguments]
        result = subprocess.run(line, capture_output=True, text=True, check=False, cwd=files)
        assert result.returncode == 0, result.stderr
        assert result.stderr.splitlines()[-1] == "[]"
