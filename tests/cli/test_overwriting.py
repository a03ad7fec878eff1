"""No command overwrites a file that it reads: every command, every option that names a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner, Result

from tests.cli import document
from tests.cli.wrong_invocations import AWS
from toolkit.cli import main
from toolkit.cli.overwriting import Place, refuse_one_place, refuse_overwriting
from toolkit.cli.parameters import Argument, Option

ENTRIES = {ctx.command_path: ctx for ctx in document.commands(document.root())}
# Pulumi reads the project of the directory; a SPIFFE ID has a path.
NEITHER = {"--cwd", "--path"}
# Two directories whose files have fixed names, which no input of theirs can have: the demo reads a stack by its name,
# and a state file is not a valid fault plan or stack file.
FIXED_NAMES = {("toolkit demo", "--output-dir"), ("toolkit sandbox", "--state")}
MESH = "type: Mesh\nname: default\nmtls:\n  enabledBackend: ca-1\n  backends:\n  - name: ca-1\n    type: builtin\n"
IMAGE = ("--image", "registry.example/toolkit:0.1.0")
REQUIRED = {"toolkit render-job": IMAGE, "toolkit rotate": ("--base", "other"), "toolkit apply": ("-f", "other")}


class Clash(NamedTuple):
    """One option that reads and one that writes, of one command."""

    path: str
    reader: Option | Argument
    writer: Option

    def __str__(self) -> str:
        """Return what the test is called."""
        return f"{self.path} {name_of(self.reader)} {name_of(self.writer)}"


def name_of(parameter: click.Parameter) -> str:
    return max(parameter.opts, key=len)


def takes_file(parameter: click.Parameter, ctx: click.Context) -> bool:
    """Whether the value is a path: as its type, its metavar or its name says."""
    metavar = parameter.make_metavar(ctx)
    words = ("FILE", "DIR", "PATH", "LEDGER")
    is_named = any(word in f"{name_of(parameter)} {parameter.name}".upper().replace("PROFILE", "") for word in words)
    return isinstance(parameter.type, click.Path | click.File) or any(word in metavar for word in words) or is_named


def list_parameters() -> Iterator[tuple[str, click.Parameter, click.Context]]:
    for path, ctx in ENTRIES.items():
        yield from ((path, parameter, ctx) for parameter in ctx.command.params)


def list_clashes() -> list[Clash]:
    return [
        Clash(path, reader, writer)
        for path, reader, ctx in list_parameters()
        for writer in ctx.command.params
        if isinstance(reader, Option | Argument) and reader.reads and isinstance(writer, Option) and writer.writes
        if writer is not reader and reader.name not in writer.replaces and "DIR" not in str(writer.metavar)
    ]


def test_every_option_that_names_a_file_declares_its_use() -> None:
    undeclared = {
        (path, name_of(parameter))
        for path, parameter, ctx in list_parameters()
        if takes_file(parameter, ctx) and name_of(parameter) not in NEITHER
        if not (isinstance(parameter, Option | Argument) and (parameter.reads or parameter.writes))
    }
    assert undeclared == set()
    declared = [
        parameter
        for _, parameter, ctx in list_parameters()
        if isinstance(parameter, Option | Argument) and (parameter.reads or parameter.writes)
        if not takes_file(parameter, ctx)
    ]
    assert declared == []


def run(*arguments: str | Path, stdin: str = "") -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], input=stdin)


def link_hard(source: Path) -> str:
    Path("link").hardlink_to(source)
    return "link"


def link_softly(source: Path) -> str:
    Path("link").symlink_to(source)
    return "link"


def go_around(source: Path) -> str:
    Path("directory").mkdir()
    return f"directory/../{source}"


SPELLINGS: tuple[Callable[[Path], str], ...] = (str, lambda file: f"./{file}", go_around, link_hard, link_softly)


@pytest.mark.parametrize("clash", list_clashes(), ids=str)
def test_an_output_never_replaces_an_input(clash: Clash, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other").write_text(MESH)
    for number, spell in enumerate(SPELLINGS):
        source = Path(f"input{number}")
        source.write_text("the only copy")
        target = spell(source)
        # `-o` takes FORMAT=FILE; the last format is the one that its errors propose.
        value = f"json={target}" if "FORMAT" in str(clash.writer.metavar) else target
        read = [str(source)] if isinstance(clash.reader, Argument) else [name_of(clash.reader), str(source)]
        required = () if clash.reader.required else REQUIRED.get(clash.path, ())
        result = run(*clash.path.split()[1:], *required, name_of(clash.writer), value, *read)
        words = " ".join(result.stderr.split())
        assert result.exit_code == 2, words
        name = "FILE" if isinstance(clash.reader, Argument) else clash.reader.opts[0]
        assert f"{source} is an input ({name}), so " in words
        assert f"can't write {Path(target)}; choose another file" in words
        assert source.read_text() == "the only copy"
        Path("link").unlink(missing_ok=True)


def test_every_command_with_an_input_and_an_output_is_in_the_table() -> None:
    paths = {path for path, parameter, _ in list_parameters() if getattr(parameter, "writes", False)}
    reading = {path for path, parameter, _ in list_parameters() if getattr(parameter, "reads", False)}
    assert {clash.path for clash in list_clashes()} == (paths & reading) - {"toolkit sandbox"}


@pytest.mark.parametrize("name", ["1-add.yaml", "PLAN.txt"])
def test_a_rotation_keeps_its_base(name: str, tmp_path: Path, outputs: Path) -> None:
    directory = tmp_path / "rotation"
    directory.mkdir()
    base = directory / name
    base.write_text(MESH)
    result = run("rotate", "--contract", outputs, "--base", base, "--output-dir", directory)
    assert result.exit_code == 2
    assert f"{base} is an input (--base), so --output-dir can't write {base}" in " ".join(result.stderr.split())
    assert {file.name: file.read_text() for file in directory.iterdir()} == {name: MESH}
    result = run("rotate", "--contract", outputs, "--base", base, "-o", f"json={base}")
    assert (result.exit_code, base.read_text()) == (2, MESH)
    # A step's document is the next form of the base.
    result = run("rotate", "--contract", outputs, "--base", base, "--step", "1", "--output-file", base)
    assert result.exit_code == 0, result.stderr
    assert "type: acmpca" in base.read_text()


def test_a_rotation_may_read_its_way_back(tmp_path: Path, outputs: Path) -> None:
    base = tmp_path / "rotation" / "0-before.yaml"
    base.parent.mkdir()
    base.write_text(MESH)
    result = run("rotate", "--contract", outputs, "--base", base, "--output-dir", base.parent)
    assert result.exit_code == 0, result.stderr
    assert base.read_text() == MESH
    assert (base.parent / "1-add.yaml").exists()


def test_jobs_keep_their_mesh(tmp_path: Path, outputs: Path) -> None:
    directory = tmp_path / "jobs"
    made = run("render-mesh", "--contract", outputs, "--output-file", directory / "zone-1.job.yaml")
    assert made.exit_code == 0, made.stderr
    mesh = directory / "zone-1.job.yaml"
    before = mesh.read_text()
    link = tmp_path / "mesh.yaml"
    link.symlink_to(mesh)
    for source in (mesh, link):
        result = run("render-job", "--contract", outputs, *IMAGE, "-f", source, "--output-dir", directory)
        assert result.exit_code == 2
        assert f"{source} is an input (-f), so --output-dir can't write {mesh}" in " ".join(result.stderr.split())
        assert {file.name: file.read_text() for file in directory.iterdir()} == {mesh.name: before}


def test_values_keep_their_base(tmp_path: Path, outputs: Path) -> None:
    base = tmp_path / "zone-1.values.yaml"
    base.write_text("kuma: {}\n")
    command = ("render-zone", "--contract", outputs, "--zone", "zone-1", "--base", base)
    result = run(*command, "--output-dir", tmp_path)
    assert (result.exit_code, base.read_text()) == (2, "kuma: {}\n")
    # The file of one zone may be its own base.
    assert run(*command, "--output-file", base).exit_code == 0
    assert "zone-1" in base.read_text()


def test_every_directory_that_is_written_is_tested() -> None:
    written = {
        (path, name_of(parameter))
        for path, parameter, _ in list_parameters()
        if isinstance(parameter, Option) and parameter.writes and "DIR" in str(parameter.metavar)
    }
    tested = {(f"toolkit {name}", "--output-dir") for name in ("rotate", "render-job", "render-zone")}
    assert written == tested | FIXED_NAMES


def test_a_mesh_may_take_its_own_place_but_secrets_may_not(tmp_path: Path, outputs: Path) -> None:
    base = tmp_path / "mesh.yaml"
    base.write_text("type: Mesh\nname: default\n")
    command = ("render-mesh", "--contract", outputs, "--base", base, "--ca-cert", "secret")
    refused = run(*command, "--secret-file", base)
    assert (refused.exit_code, base.read_text()) == (2, "type: Mesh\nname: default\n")
    assert run(*command, "--output-file", base).exit_code == 0
    assert "type: acmpca" in base.read_text()


def test_words_are_no_files(tmp_path: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("env").write_text("a file that --credentials env does not read")
    arguments = ["render-mesh", "--contract", str(outputs), "--credentials", "env", "--output-file", "env"]
    result = CliRunner().invoke(main, arguments, env=AWS)
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("--kumactl-config", ".kumactl/config"),
        ("AWS_CONFIG_FILE", ".aws/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "token"),
        ("AWS_CA_BUNDLE", "bundle.pem"),
    ],
)
def test_files_that_no_option_names_are_inputs(
    name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("the only copy")
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    if not file.startswith("."):
        monkeypatch.setenv(name, str(path))
    result = run("verify", "--contract", "outputs.json", "-o", f"json={path}")
    assert (result.exit_code, path.read_text()) == (2, "the only copy")
    assert f"{path} is an input ({name}), so -o json can't write {path}" in " ".join(result.stderr.split())


def test_stdin_that_is_a_file_is_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "outputs.json"
    file.write_text("x")
    with file.open(encoding="utf-8") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        with pytest.raises(
            click.UsageError, match=r"standard input is an input \(--contract\), so -o json can't write"
        ):
            refuse_overwriting([Place("-o json", file)], [Place("--contract", "-")])
    # An output of this name is a file, which does not exist.
    refuse_overwriting([Place("-o json", "-")], [Place("--contract", file)])


@pytest.mark.parametrize("device", [os.devnull, "/dev/stdin"])
def test_a_device_is_no_file_that_can_be_lost(device: str) -> None:
    refuse_overwriting([Place("-o json", device)], [Place("--contract", device)])
    refuse_one_place([Place("-o json", os.devnull), Place("-o text", os.devnull)])


@pytest.mark.parametrize("file", ["missing", "a\0b", "x" * 300])
def test_what_does_not_exist_is_not_overwritten(file: str) -> None:
    refuse_overwriting([Place("-o json", file)], [Place("--contract", file)])


def test_two_outputs_need_two_files(tmp_path: Path) -> None:
    written = [Place("-o json", tmp_path / "a"), Place("--ledger", tmp_path / "b/../a")]
    with pytest.raises(click.UsageError, match="-o json and --ledger both write "):
        refuse_one_place(written)


@pytest.mark.parametrize("descriptor", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--contract", "outputs.json", "--ledger", "kept"),
        ("verify", "--contract", "outputs.json", "-o", "json=kept"),
        ("verify", "--contract", "outputs.json", "-o", "json=/dev/{descriptor}"),
        ("render-mesh", "--contract", "outputs.json", "--output-file", "kept"),
        ("lint", "outputs.json", "-o", "sarif=link"),
    ],
    ids=" ".join,
)
def test_a_redirected_stream_is_not_written_twice(descriptor: str, arguments: tuple[str, ...], outputs: Path) -> None:
    """``toolkit verify --ledger kept > kept``: the report and the ledger would replace each other."""
    kept = outputs.parent / "kept"
    (outputs.parent / "link").symlink_to(kept)
    words = [each.replace("{descriptor}", descriptor) for each in arguments]
    with kept.open("w", encoding="utf-8") as stream:
        ended = subprocess.run(
            [sys.executable, "-m", "toolkit", *words],
            check=False,
            cwd=outputs.parent,
            stdout=stream if descriptor == "stdout" else subprocess.PIPE,
            stderr=stream if descriptor == "stderr" else subprocess.PIPE,
            text=True,
        )
    said = kept.read_text() + (ended.stderr or "")
    name = {"stdout": "standard output", "stderr": "standard error"}[descriptor]
    assert ended.returncode == 2
    assert (
        f"{words[-1].removeprefix('sarif=').removeprefix('json=')}, which is {name}, too; choose another file" in said
    )
