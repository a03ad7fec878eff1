"""``toolkit sandbox --detach``: a sandbox that goes on when the command has returned."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from toolkit.cli.options import say
from toolkit.errors import ExternalError

if TYPE_CHECKING:
    from collections.abc import Callable


def start(arguments: list[str], ready: Callable[[dict[str, str]], None]) -> None:
    """Start a sandbox in the background, and return when it answers.

    Args:
        arguments: of ``toolkit sandbox``.
        ready: is given its environment.

    Raises:
        ExternalError: it did not start.
    """
    command = [sys.executable, "-m", "toolkit", "sandbox", *arguments, "-o", "json"]
    # What it says later goes nowhere; what it says before it is ready is the reason why it did not start.
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8") as said:
        process = subprocess.Popen(  # noqa: S603 - this very program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        )
        # JSON ends with a brace at the beginning of a line.
        text = ""
        for line in process.stdout or ():
            text += line
            if line.rstrip() == "}":
                break
        if not text.rstrip().endswith("}"):
            process.wait()
            said.seek(0)
            lines = said.read().strip().splitlines() or ["it said nothing"]
            raise ExternalError(f"the sandbox did not start: {lines[0].removeprefix('Error: ')}", *lines[1:2])
    ready(json.loads(text))
    say(f"The sandbox runs in the background; stop it with: kill {process.pid}")
