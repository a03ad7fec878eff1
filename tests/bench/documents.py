"""How fast Mesh documents come, beside what they are made with: two ratios, each within one run on one machine."""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from tests.support import contract_document, hierarchy
from toolkit.contract import StackOutputs
from toolkit.mesh import render
from toolkit.mesh.options import Choice, MeshOptions

if TYPE_CHECKING:
    from collections.abc import Callable

# A whole process of render-mesh against one that only imports what it is made with.
MOST_START_UP = 2.5
BARE = ("-c", "import click, jinja2, ruamel.yaml")
STARTS = 25
# Meshes rendered a second against documents dumped a second by ruamel.yaml alone.
LEAST_RATE = 1 / 3
MESHES, ROUNDS = 1000, 3


def start_up() -> float:
    """How many times longer ``toolkit render-mesh --outputs FILE`` takes; the median of pairs run in turn."""
    with tempfile.TemporaryDirectory() as directory:
        outputs = Path(directory) / "outputs.json"
        outputs.write_text(json.dumps(contract_document(hierarchy())))
        own = [str(Path(sys.executable).with_name("toolkit")), "render-mesh", "--outputs", str(outputs)]
        bare = [sys.executable, *BARE]
        for command in (own, bare):
            process(command)
        pairs = [(process(own), process(bare)) for _ in range(STARTS)]
    return statistics.median(own_time / bare_time for own_time, bare_time in pairs)


def process(command: list[str]) -> float:
    """Seconds from the start of a process to its end; modules are compiled as an installation would have them."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begun


def rate() -> float:
    """Meshes rendered in the time in which ruamel.yaml dumps one."""
    document = contract_document(hierarchy())
    document["meshes"] = [f"mesh-{number}" for number in range(MESHES)]
    outputs = StackOutputs.model_validate(document, strict=False)
    options = MeshOptions(common_name='{{ tag "kuma.io/service" }}.mesh', ca_cert=Choice("inline"))
    texts = [render.render(outputs, name, options).mesh for name in outputs.meshes]
    documents = [YAML(typ="safe", pure=True).load(text) for text in texts]

    def rendered() -> None:
        for name in outputs.meshes:
            render.render(outputs, name, options)

    def dumped() -> None:
        yaml = YAML()
        yaml.width = 1 << 30
        for found in documents:
            yaml.dump(found, io.StringIO())

    return best(dumped) / best(rendered)


def best(work: Callable[[], Any]) -> float:
    """Seconds that the work takes in the best of several rounds."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> None:
    found_start, found_rate = start_up(), rate()
    out = sys.stdout.write
    out(f"start-up: {found_start:.2f} times a bare import of what render-mesh is made with (at most {MOST_START_UP})\n")
    out(f"rendering: {found_rate:.2f} times the rate at which ruamel.yaml dumps the same (at least {LEAST_RATE:.2f})\n")
    sys.exit(found_start > MOST_START_UP or found_rate < LEAST_RATE)


if __name__ == "__main__":
    main()
