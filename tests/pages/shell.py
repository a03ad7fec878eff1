"""Runs the shell blocks of a page, one after the other, in one shell, as a reader would type them.

A block is run if its language is ``sh`` or ``console``. In a ``console`` block the lines behind ``$ `` are commands;
the lines below must be printed, in that order, and ``...`` alone stands for any lines. Numbers, identifiers and the
widths of tables may differ.

What a reader doesn't see is in HTML comments:

- ``<!-- not run: REASON -->`` before a block: the test leaves it out.
- ``<!-- exit: 1 -->`` before a block: its last command exits with 1.
- ``<!-- test setup``, commands, ``-->``: run by the test alone, at this place.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pathlib import Path

# A new shell, too, ends at the first command that fails.
_STRICT = "set -eu -o pipefail\n"
MARK = "@@block"
_PART = re.compile(
    r"^ *<!-- not run: (?P<reason>[^\n]+?) -->\n+(?= *```)"
    r"|^ *<!-- exit: (?P<exit>\d+) -->\n+(?= *```)"
    r"|^<!-- test setup\n(?P<setup>.*?)^-->$"
    r"|^(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """Commands of a page.

    Attributes:
        line: of the page, where the block begins.
        commands: what the shell is told.
        printed: lines that must be printed, in this order.
        exit_code: of the last command.
        reason: why the block is not run; empty, if it is.
    """

    line: int
    commands: str
    printed: tuple[str, ...] = ()
    exit_code: int = 0
    reason: str = ""


def read_blocks(text: str) -> Iterator[Block]:
    """Return the shell blocks of a page, and its setup."""
    reason, code = "", 0
    for part in _PART.finditer(text):
        line = text.count("\n", 0, part.start()) + 1
        if part["reason"]:
            reason = part["reason"]
        elif part["exit"]:
            code = int(part["exit"])
        elif part["setup"]:
            yield Block(line, part["setup"])
        else:
            lines = [found.removeprefix(part["indent"]) for found in part["code"].splitlines()]
            if part["language"] == "sh":
                yield Block(line, "\n".join([*lines, ""]), (), code, reason)
            elif part["language"] == "console":
                commands = [found.removeprefix("$ ") for found in lines if found.startswith("$ ")]
                printed = tuple(found for found in lines if not found.startswith("$ "))
                yield Block(line, "\n".join([*commands, ""]), printed, code, reason)
            reason, code = "", 0


def normalize(line: str) -> str:
    """Return a printed line without what differs from run to run: numbers, identifiers, widths."""
    line = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line)
    line = re.sub(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "#", line)
    line = re.sub(r"\d+", "#", line)
    line = re.sub(r"─+", "─", line)
    return " ".join(line.split())


def find_missing(expected: tuple[str, ...], printed: str) -> str:
    """Return the first expected line that wasn't printed in its place; empty, if all were."""
    remaining = iter([normalize(line) for line in printed.splitlines()])
    for line in expected:
        if line.strip() in ("", "..."):
            continue
        if normalize(line) not in remaining:
            return line
    return ""


def copy_repository(target: Path) -> None:
    """Copy what a fresh clone would have, and lend it the environment of the tests.

    Everything copied is old, so that ``make`` never finds the environment out of date.
    """
    root = find_project_root()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    existing = b"\0".join(name for name in listed.stdout.split(b"\0") if name and (root / os.fsdecode(name)).is_file())
    packed = subprocess.run(
        ["tar", "--null", "--files-from", "-", "--mtime=@0", "--create"],
        cwd=root,
        check=True,
        input=existing,
        capture_output=True,
    )
    subprocess.run(["tar", "--extract"], cwd=target, check=True, input=packed.stdout)
    if (root / ".venv").is_dir():
        (target / ".venv").symlink_to(root / ".venv")


def run_page(text: str, directory: Path, environment: dict[str, str]) -> None:
    """Run the blocks of a page in one shell.

    The shell reads them from a pipe, one line at a time, so that a command that opens another shell hands the rest of
    the page to it, as a terminal would.

    Raises:
        AssertionError: a command failed, or printed something else than the page shows.
    """
    blocks = [block for block in read_blocks(text) if not block.reason]
    script = "".join(
        f"printf '\\n{MARK} %s\\n' {number}\n{_STRICT}{_make_strict(block)}" for number, block in enumerate(blocks)
    )
    ours, theirs = os.pipe()
    with subprocess.Popen(
        ["bash", "-s"],
        stdin=ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=directory,
        env=environment,
        text=True,
    ) as shell:
        os.close(ours)
        with os.fdopen(theirs, "w") as pipe:
            pipe.write(script + f"printf '\\n{MARK} end\\n'\n")
        output, _ = shell.communicate(timeout=600)
    parts = re.split(rf"^{MARK} (\d+|end)\n", output, flags=re.MULTILINE)
    seen = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert "end" in seen, f"line {blocks[int(parts[-2])].line}: failed\n{output[-4000:]}"
    for number, block in enumerate(blocks):
        missing = find_missing(block.printed, seen[str(number)])
        assert not missing, f"line {block.line}: not printed: {missing!r}\n{seen[str(number)]}"


def _make_strict(block: Block) -> str:
    """Return commands with which the shell, and a shell that one of them opens, ends where a command fails."""
    commands = re.sub(r"^(.*-- bash)\n", rf"\1\n{_STRICT}", block.commands, flags=re.MULTILINE)
    if not block.exit_code:
        return commands
    return f"set +e\n{commands}code=$?\nset -e\n[ $code = {block.exit_code} ]\n"


def make_environment(home: Path) -> dict[str, str]:
    """Return the environment of a reader: this toolkit on PATH, no AWS, nothing configured."""
    kept = {name: value for name, value in os.environ.items() if name in {"LANG", "LC_ALL", "TMPDIR", "TERM"}}
    binaries = os.path.dirname(sys.executable)  # noqa: PTH120 - not resolved: a venv's python is a link
    return kept | {"HOME": str(home), "PATH": f"{binaries}:{os.environ['PATH']}", "COLUMNS": "100"}
