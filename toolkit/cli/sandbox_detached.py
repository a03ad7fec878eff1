"""``toolkit sandbox --detach``: run a sandbox in the background."""

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
    """Start a sandbox in the background, and return when it is ready.

    Args:
        arguments: arguments of ``toolkit sandbox``.
        ready: is called with the sandbox's environment.

    Raises:
        ExternalError: the sandbox did not start.
    """
    command = [sys.executable, "-m", "toolkit", "sandbox", *arguments, "-o", "json"]
    # Capture stderr, which has the reason if the sandbox does not start. Later output is discarded.
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8") as said:
        process = subprocess.Popen(  # noqa: S603 - this very program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        )
        # The JSON ends with a line that is only a brace.
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
