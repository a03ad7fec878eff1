"""Every command and option that a page names exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import pytest

from tests.cli.document import root
from tests.pages.markdown import PAGES, Code, read_command_lines, read_spans
from toolkit.cli import LazySubcommands

if TYPE_CHECKING:
    from pathlib import Path

# Options of other programs, which pages name alone.
FOREIGN = {
    "--account": "make test-aws",
    "--auth-conf": "kumactl",
    "--env-file": "docker",
    "--keep": "make test-aws",
    "--record": "make test-aws",
    "--secret": "pulumi",
    "--show-secrets": "pulumi",
    "--skip-preview": "pulumi",
    "--valid-for": "kumactl",
    "--var": "kumactl",
}
# The changelog names the options of before, too.
CURRENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
# What ends a command in a line of a shell.
_END = re.compile(r"^(\||\|\||&&|;|&|>|>>|2>|<|\)|#.*)$")


def all_commands() -> Iterator[click.Context]:
    """Every group and command."""
    waiting = [root()]
    while waiting:
        ctx = waiting.pop()
        yield ctx
        if isinstance(ctx.command, LazySubcommands):
            for name in ctx.command.list_commands(ctx):
                inner = ctx.command.get_command(ctx, name)
                assert inner is not None
                waiting.append(click.Context(inner, info_name=name, parent=ctx))


COMMANDS = {ctx.command_path: ctx for ctx in all_commands()}


def options(ctx: click.Context) -> set[str]:
    found = {name for each in ctx.command.get_params(ctx) for name in (*each.opts, *each.secondary_opts)}
    return found | {"--help", "-h"}


EVERY = set().union(*(options(ctx) for ctx in COMMANDS.values()))


def words(text: str) -> list[str]:
    """The words of a command; of prose that begins like one, those before it stops being a command."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";|&<>()")
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return text.split()


def invocations(code: Code) -> Iterator[list[str]]:
    """The calls of toolkit in a line: the words of each."""
    found = words(code.text)
    for start, word in enumerate(found):
        if word in {"toolkit", "kong-mesh-pca"} and (
            start == 0 or found[start - 1] in {"&&", "|", ";", "--", "(", "exec"}
        ):
            call: list[str] = []
            for following in found[start + 1 :]:
                if _END.match(following):
                    break
                call.append(following)
            yield call


def complaints(code: Code, call: list[str]) -> Iterator[str]:
    """What of a call doesn't exist."""
    place = f"{code.page}:{code.line}: {code.text}"
    path = "toolkit"
    for word in call:
        if word in {"--", "..."} or word.startswith("$"):
            return
        if word.startswith("-") and word != "-":
            name = word.partition("=")[0].rstrip(",.")
            short = not name.startswith("--") and set(name[1:]) <= {"v", "q", "y"}
            if name not in options(COMMANDS[path]) and name not in options(COMMANDS["toolkit"]) and not short:
                yield f"{place}: {path} has no option {name}"
        elif f"{path} {word}" in COMMANDS:
            path = f"{path} {word}"
        elif isinstance(COMMANDS[path].command, click.Group) and re.fullmatch(r"[a-z][a-z-]+", word):
            yield f"{place}: {path} has no command {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    found = [
        said
        for code in (*read_spans(page), *read_command_lines(page))
        for call in invocations(code)
        for said in complaints(code, call)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: page.name)
def test_an_option_that_is_named_alone_exists(page: Path) -> None:
    spans = [(code, re.match(r"--[a-z][a-z-]*", code.text)) for code in read_spans(page)]
    unknown = [
        f"{code.page}:{code.line}: {name[0]}" for code, name in spans if name and name[0] not in EVERY | {*FOREIGN}
    ]
    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("toolkit veryfy", "toolkit has no command veryfy"),
        ("toolkit verify --zoned x | cat", "toolkit verify has no option --zoned"),
        ("cd x && toolkit contract shew", "toolkit contract has no command shew"),
        ("toolkit sandbox -- toolkit lint --nope", "toolkit lint has no option --nope"),
    ],
)
def test_what_does_not_exist_is_found(text: str, complaint: str) -> None:
    code = Code("page.md", 1, text)
    assert any(said.endswith(complaint) for call in invocations(code) for said in complaints(code, call))
