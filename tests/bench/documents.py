"""How fast Mesh documents come, beside what they are made with: ratios, each within one run on one machine."""

from __future__ import annotations

import base64
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from ruamel.yaml import YAML

from tests.support import AUTHORITY_ARN, contract_document, hierarchy
from toolkit.cli import main as main_command
from toolkit.contract import StackOutputs
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import Choice, MeshOptions
from toolkit.pki import pem

# Meshes rendered a second against documents dumped a second by ruamel.yaml alone.
LEAST_RATE = 1 / 3
MESHES, ROUNDS = 1000, 3
# render-mesh --base of a stream of 1 MB, and lint, against ruamel.yaml that only loads the same text.
MOST_MERGING, MERGED = 3.0, 500
MOST_LINTING, LINTED = 2.0, 3000
CHAINS = 10
OTHER_AUTHORITY = AUTHORITY_ARN[:-12] + "0123456789ab"
MESH = """\
apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata:
  name: {name}
spec:
  mtls:
    enabledBackend: pca   # signs
    backends:
      - name: pca
        type: acmpca
        dpCert:
          rotation:
            expiration: 24h
        conf:
          arn: {arn}
          caCert:
            inline: {chain}
  routing:
    localityAwareLoadBalancing: true
"""


def merging() -> float:
    """How many times longer ``render-mesh --base`` takes for a stream of Meshes than ruamel.yaml takes to load it."""
    document = contract_document(hierarchy())
    document["meshes"] = [f"mesh-{number}" for number in range(MERGED)]
    with tempfile.TemporaryDirectory() as directory:
        outputs, base = Path(directory) / "outputs.json", Path(directory) / "base.yaml"
        outputs.write_text(json.dumps(document))
        text = stream(document["meshes"])
        base.write_text(text)
        options = ["--contract", str(outputs), "--base", str(base), "--output-file", str(Path(directory) / "out.yaml")]

        def merged() -> None:
            result = CliRunner().invoke(main_command, ["render-mesh", *options])
            assert result.exit_code == 0, result.output

        return best(merged) / best(lambda: loaded(text))


def linting() -> float:
    """How many times longer ``lint`` takes for Meshes than ruamel.yaml takes to load the same text."""
    text = stream([f"mesh-{number}" for number in range(LINTED)])
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "meshes.yaml"
        file.write_text(text)

        def linted() -> None:
            result = CliRunner().invoke(main_command, ["lint", str(file)])
            assert result.exit_code == 0, result.output

        return best(linted) / best(lambda: loaded(text))


def stream(names: list[str]) -> str:
    """Meshes of about two kilobytes: a builtin backend that signs, and one with a chain of its own."""
    chains = [encoded(pem.write(hierarchy().chain())) for _ in range(CHAINS)]
    return "---\n".join(
        MESH.format(name=name, arn=OTHER_AUTHORITY, chain=chains[number % CHAINS]) for number, name in enumerate(names)
    )


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def loaded(text: str) -> list[object]:
    return list(YAML(typ="safe", pure=True).load_all(text))


def rate() -> float:
    """Meshes rendered in the time in which ruamel.yaml dumps one."""
    document = contract_document(hierarchy())
    document["meshes"] = [f"mesh-{number}" for number in range(MESHES)]
    outputs = StackOutputs.model_validate(document, strict=False)
    options = MeshOptions(common_name='{{ tag "kuma.io/service" }}.mesh', ca_cert=Choice("inline"))
    texts = [templating.render(outputs, name, options).mesh for name in outputs.meshes]
    documents = [YAML(typ="safe", pure=True).load(text) for text in texts]

    def rendered() -> None:
        for name in outputs.meshes:
            templating.render(outputs, name, options)

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
    found_rate, found_merging, found_linting = rate(), merging(), linting()
    out = sys.stdout.write
    out(f"rendering: {found_rate:.2f} times the rate at which ruamel.yaml dumps the same (at least {LEAST_RATE:.2f})\n")
    out(f"merging: {found_merging:.2f} times ruamel.yaml's load of {MERGED} Meshes (at most {MOST_MERGING})\n")
    out(f"linting: {found_linting:.2f} times ruamel.yaml's load of {LINTED} Meshes (at most {MOST_LINTING})\n")
    is_slow = found_merging > MOST_MERGING or found_linting > MOST_LINTING
    sys.exit(found_rate < LEAST_RATE or is_slow)


if __name__ == "__main__":
    main()
