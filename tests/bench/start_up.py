"""How long commands take to start, beside a process that only imports what they need: ratios within one run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support import contract_document, hierarchy

CLICK = "import click"
DOCUMENTS = "import click, jinja2, ruamel.yaml, cryptography.x509; from pydantic import BaseModel"
# The arguments of the command, what a bare process imports, and how many times longer the command may take.
CASES = {
    "toolkit --version": (["--version"], CLICK, 1.3),
    "render-mesh": (["render-mesh", "--contract", "outputs.json"], DOCUMENTS, 1.15),
    "lint": (["lint", "mesh.yaml"], DOCUMENTS, 1.15),
}
STARTS = 25


def measure(arguments: list[str], imports: str, directory: Path) -> float:
    """Return how many times longer a command takes than the imports: the median of pairs run in turn."""
    own = [str(Path(sys.executable).with_name("toolkit")), *arguments]
    bare = [sys.executable, "-c", imports]
    for command in (own, bare):
        process(command, directory)
    pairs = [(process(own, directory), process(bare, directory)) for _ in range(STARTS)]
    return statistics.median(own_time / bare_time for own_time, bare_time in pairs)


def process(command: list[str], directory: Path) -> float:
    """Seconds from the start of a process to its end; modules are compiled as an installation would have them."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=directory
    )
    return time.perf_counter() - begun


def main() -> None:
    is_slow = False
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "outputs.json").write_text(json.dumps(contract_document(hierarchy())))
        own = str(Path(sys.executable).with_name("toolkit"))
        rendering = [own, "render-mesh", "--contract", "outputs.json", "--output-file", "mesh.yaml"]
        subprocess.run(rendering, check=True, cwd=directory)
        for command, (arguments, imports, most) in CASES.items():
            ratio = measure(arguments, imports, directory)
            sys.stdout.write(f"start-up of {command}: {ratio:.2f} times `{imports}` (at most {most})\n")
            is_slow = is_slow or ratio > most
    sys.exit(is_slow)


if __name__ == "__main__":
    main()
