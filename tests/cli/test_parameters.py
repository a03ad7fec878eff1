"""What every command has: groups of options, a help that fits, variables of the environment, and what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from tests.cli import document
from toolkit.cli import main
from toolkit.cli.parameters import GROUPS, Command, Option, option

if TYPE_CHECKING:
    from pathlib import Path

# The terminal that most people still have.
COLUMNS, LINES = 80, 60
ENTRIES = {ctx.command_path: ctx for ctx in document.commands(document.root())}
# What would waive a question or a protection must be said each time.
NEVER_FROM_THE_ENVIRONMENT = {"--yes", "--force", "--insecure-http", "--allow-inline-credentials"}


def run(arguments: Sequence[str], **environment: str) -> str:
    result = CliRunner().invoke(main, list(arguments), env={"COLUMNS": str(COLUMNS), **environment})
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("path", ENTRIES)
def test_the_help_of_a_command_fits_a_screen(path: str) -> None:
    lines = run([*path.split()[1:], "--help"]).splitlines()
    assert len(lines) <= LINES, "\n".join(lines)


@pytest.mark.parametrize("path", ENTRIES)
def test_all_help_shows_every_option(path: str) -> None:
    shown = run([*path.split()[1:], "--help-all"])
    for parameter in ENTRIES[path].command.params:
        # A hidden option only says why it can't be given.
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert max(parameter.opts, key=len) in shown


def test_every_option_is_in_the_reference() -> None:
    assert document.PART.text == document.PART.renewed


@pytest.mark.parametrize("path", ENTRIES)
def test_options_stand_in_groups_that_help_shows(path: str) -> None:
    for parameter in ENTRIES[path].command.params:
        if not isinstance(parameter, click.Argument):
            assert isinstance(parameter, Option), parameter
            assert parameter.group in GROUPS


# Options of one name take one kind of value in all commands, and stand for one thing.
SHORT = {
    "-s": "--stack",
    "-C": "--cwd",
    "-f": "--filename",
    "-o": "--output",
    "-n": "--namespace",
    "-y": "--yes",
    "-v": "--verbose",
    "-q": "--quiet",
}


def test_a_name_means_one_thing_in_all_commands() -> None:
    metavars: dict[str, set[str]] = {}
    for ctx in ENTRIES.values():
        for parameter in ctx.command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                long = max(parameter.opts, key=len)
                assert all(SHORT.get(each, long) == long for each in parameter.opts), parameter.opts
                metavars.setdefault(long, set()).add(parameter.make_metavar(ctx))
    several = {name: kinds for name, kinds in metavars.items() if len(kinds) > 1}
    # How the sandbox prints its environment is no file's business. A base may be asked of a control plane or not.
    assert several.keys() <= {"--output", "--base", "--format", "--identity", "--chain", "--timeout", "--mode"}


def test_an_option_comes_from_its_variable_and_the_command_line_wins() -> None:
    said: list[object] = []

    @click.group(context_settings={"auto_envvar_prefix": "TOOLKIT"})
    def group() -> None: ...

    @group.command("try-it", cls=Command)
    @option("--name", "another_name", envvar="TOOLKIT_NAME")
    @option("--file", "files", multiple=True)
    @option("--yes", is_flag=True, allow_from_autoenv=False)
    def command(*, another_name: str | None, files: tuple[str, ...], yes: bool) -> None:
        said.append((another_name, files, yes))

    environment = {
        "TOOLKIT_TRY_IT_NAME": "own",
        "TOOLKIT_NAME": "everybody's",
        "TOOLKIT_TRY_IT_FILE": "a b.yaml\n\n/c;d:e.yaml\n",
    }
    runner = CliRunner()
    assert runner.invoke(group, ["try-it"], env=environment).exit_code == 0
    assert runner.invoke(group, ["try-it", "--name", "mine", "--file", "x"], env=environment).exit_code == 0
    assert runner.invoke(group, ["try-it"], env={"TOOLKIT_NAME": "everybody's"}).exit_code == 0
    assert said == [
        ("own", ("a b.yaml", "/c;d:e.yaml"), False),
        ("mine", ("x",), False),
        ("everybody's", (), False),
    ]


def test_what_waives_a_question_never_comes_from_the_environment() -> None:
    found = set()
    for ctx in ENTRIES.values():
        for parameter in ctx.command.params:
            if isinstance(parameter, Option) and parameter.expose_value:
                names = set(parameter.opts)
                assert (parameter.find_variable(ctx) is None) == bool(names & NEVER_FROM_THE_ENVIRONMENT), names
                found |= names & NEVER_FROM_THE_ENVIRONMENT
    assert found == NEVER_FROM_THE_ENVIRONMENT


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["verfy"], "No such command 'verfy'. Did you mean verify?"),
        (["contract", "shwo"], "No such command 'shwo'. Did you mean show?"),
        (["verify", "--probe-denial"], "'--probe-denials'"),
        (["lint", "-o", "sarfi"], "Did you mean sarif?"),
        (["xyz"], "No such command 'xyz'.\n"),
    ],
)
def test_what_was_probably_meant(arguments: list[str], meant: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert meant in result.stderr


def test_an_error_names_the_variable_that_a_value_comes_from(outputs: Path) -> None:
    contract = ["--contract", str(outputs)]
    for arguments, environment, words in (
        (contract, {"TOOLKIT_VERIFY_TIMEOUT": "soon"}, "'--timeout' from TOOLKIT_VERIFY_TIMEOUT: 'soon'"),
        ([], {"TOOLKIT_CONTRACT": "", "TOOLKIT_VERIFY_OUTPUT": "x"}, "from TOOLKIT_VERIFY_OUTPUT: 'x' is not a format"),
        ([*contract, "--timeout", "soon"], {"TOOLKIT_VERIFY_TIMEOUT": "1"}, "'--timeout': 'soon'"),
    ):
        result = CliRunner().invoke(main, ["verify", *arguments], env=environment)
        assert result.exit_code == 2
        assert words in result.stderr


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("TOOLKIT_VERIFY_ZONES", "is not the variable of an option of main verify. Did you mean TOOLKIT_VERIFY_ZONE"),
        ("TOOLKIT_VERIFY_YES", "is not the variable of an option of main verify."),
    ],
)
def test_a_variable_that_is_none_is_an_error(outputs: Path, variable: str, words: str) -> None:
    """It would have no effect, and certificates would be issued all the same."""
    arguments = ["verify", "--contract", str(outputs)]
    result = CliRunner().invoke(main, arguments, env={variable: "1"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{variable} {words}" in result.stderr
    assert "Asking" not in result.stderr
    # Kubernetes tells a pod of its Services like this.
    service = {"TOOLKIT_VERIFY_SERVICE_HOST": "10.0.0.1", "TOOLKIT_VERIFY_PORT": "tcp://10.0.0.1:80"}
    assert "variable" not in CliRunner().invoke(main, [*arguments, "--lifetime", "x"], env=service).stderr
    # Those of other commands are no business of this one.
    assert "variable" not in CliRunner().invoke(main, ["contract", "schema"], env={variable: "1"}).stderr


def test_required_options_are_marked() -> None:
    assert "  --image REFERENCE" in run(["render-job", "--help"])
    (line,) = (line for line in run(["rotate", "--help"]).splitlines() if "--base FILE" in line)
    assert line.endswith("[required]")


@pytest.mark.parametrize("path", ENTRIES)
def test_no_empty_name_is_taken_for_the_current_directory(path: str) -> None:
    """``toolkit lint "$FILE"`` with a variable that is not set."""
    ctx = ENTRIES[path]
    for parameter in ctx.command.params:
        kind = str(parameter.metavar)
        if "FILE" not in kind and "DIR" not in kind:
            continue
        words = [""] if isinstance(parameter, click.Argument) else [parameter.opts[0], ""]
        result = CliRunner().invoke(main, [*path.split()[1:], *words])
        what = "it is empty; name a directory" if "DIR" in kind else "it is empty; name a file"
        assert result.exit_code == 2, parameter
        assert ("'' is not a format" if "FORMAT" in kind else what) in result.stderr, parameter
