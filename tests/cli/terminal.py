"""Runs a command on a terminal: a pseudoterminal of a given width, on which a person may answer."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


_PATIENCE_SECONDS = 60


class Shown(NamedTuple):
    """What a person saw, and the exit code."""

    text: str
    exit_code: int


def run_on_terminal(
    *arguments: str | Path,
    answers: Mapping[str, str] | None = None,
    columns: int = 100,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Shown:
    """Run a command of the toolkit with all three of its streams on a terminal.

    Args:
        arguments: of the command.
        answers: what is typed, by the question that is waited for.
        columns: the terminal's width.
        environment: variables besides those that every process has.
        cwd: where it runs.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    process = subprocess.Popen(
        [sys.executable, "-m", "toolkit", *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env={**variables, **(environment or {})},
        # Without the terminal of whoever runs the tests, questions come here.
        start_new_session=True,
    )
    os.close(theirs)
    # One that waits for an answer that nobody gives would wait for ever.
    guard = threading.Timer(_PATIENCE_SECONDS, process.kill)
    guard.start()
    text = _talk(ours, dict(answers or {}))
    os.close(ours)
    code = process.wait()
    guard.cancel()
    return Shown(text.replace("\r\n", "\n"), code)


def _talk(terminal: int, answers: dict[str, str]) -> str:
    """Read until the other end is closed everywhere; answer each question once."""
    seen = bytearray()
    try:
        while part := os.read(terminal, 65536):
            seen.extend(part)
            for question in [question for question in answers if question.encode() in seen]:
                os.write(terminal, answers.pop(question).encode())
    except OSError:
        # Linux says so when the last one that has the other end is gone.
        pass
    return seen.decode()
