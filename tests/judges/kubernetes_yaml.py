"""Go as a judge of YAML: the documents that kubectl and kumactl read in a text.

The program in `readers_of_yaml/` uses the libraries of Kubernetes, which its first build downloads.
"""

from __future__ import annotations

import base64
import functools
import threading
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.judges import go_programs, golang

_SOURCE = Path(__file__).with_name("readers_of_yaml")
_STARTING = threading.Lock()

Program = Literal["kubectl", "kumactl"]


class Read(NamedTuple):
    """What a program reads in a text.

    Attributes:
        documents: those before an error; empty ones are left out.
        error: its own words, empty where it reads everything.
    """

    documents: list[Any]
    error: str


def read(text: str, program: Program) -> Read:
    """Return what a program reads in a text."""
    with _STARTING:
        running = _started()
    encoded = base64.b64encode(text.encode()).decode()
    answer = running.ask({"text": encoded, "program": program})
    return Read(answer["documents"], answer["error"])


@functools.cache
def _started() -> golang.Program:
    return golang.Program(go_programs.build(_SOURCE, {"yaml": "."})["yaml"])
