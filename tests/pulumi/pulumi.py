"""Stands for the Pulumi CLI: takes its commands, and does with the sandbox what they say by the toolkit's own engine.

Beside it lies what a test tells it: `plugins.json`, and in `fail` the words of a command that shall fail. It writes
every call and its environment into `calls`.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any, cast

import boto3

from toolkit.sandbox import program
from toolkit.sandbox.engine import State

BESIDE = Path(sys.argv[0]).parent


class Remote:
    """The sandbox as another process sees it."""

    endpoint_url = os.environ.get("AWS_ENDPOINT_URL", "")
    credentials = ("sandbox", "sandbox")

    def session(self, region: str) -> boto3.Session:
        return boto3.Session(region_name=region)


def answer(words: list[str]) -> None:
    kept = Path(os.environ["PULUMI_BACKEND_URL"].removeprefix("file://"))
    state_file, outputs_file = kept / "state", kept / "outputs"
    state = pickle.loads(state_file.read_bytes()) if state_file.exists() else State()  # noqa: S301 - our own
    config, remote = program.read_stack(Path.cwd(), "sandbox"), cast("Any", Remote())
    if words[0] == "preview":
        program.preview(Path.cwd(), config, remote, state)
    elif words[0] == "up":
        done = program.up(Path.cwd(), config, remote, state)
        outputs_file.write_text(json.dumps(done.outputs))
        changed = [change for change in done.changes if change.operation != "same"]
        if changed and "--expect-no-changes" in words:
            sys.exit(f"error: no changes were expected but changes occurred: {changed}")
    elif words[:2] == ["stack", "output"]:
        sys.stdout.write(outputs_file.read_text())
    elif words[0] == "destroy":
        program.destroy(config, remote, state)
        (BESIDE / "left").write_text(json.dumps([resource.name for resource in state.real()]))
    state_file.write_bytes(pickle.dumps(state))


def main() -> None:
    words = sys.argv[1:]
    with (BESIDE / "calls").open("a") as stream:
        stream.write(json.dumps({"words": words, "env": dict(os.environ), "cwd": str(Path.cwd())}) + "\n")
    if words[:2] == ["plugin", "ls"]:
        sys.stdout.write((BESIDE / "plugins.json").read_text())
        return
    fail = BESIDE / "fail"
    if fail.exists() and " ".join(words).startswith(fail.read_text()):
        sys.stdout.write("said on standard output\n")
        sys.exit("error: said on standard error")
    if not (BESIDE / "idle").exists():
        answer(words)


if __name__ == "__main__":
    main()
