"""Run the whole demo: start an AWS, run the Pulumi program, render the Mesh, verify the zones."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from toolkit import contract
from toolkit.files import PRIVATE, PUBLIC, write_all
from toolkit.mesh.documents.applied import read_applied
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import Choice, MeshOptions
from toolkit.pki import chain, duration, pem
from toolkit.sandbox.pulumi import program
from toolkit.sandbox.server import Sandbox
from toolkit.verify.handshakes.openssl import Trust, make_handshakes
from toolkit.verify.identity import AssumeRole
from toolkit.verify.plan import Plan
from toolkit.verify.report.html import render as render_html
from toolkit.verify.report.json import render as render_json
from toolkit.verify.runner import Run, verify

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.contract import StackOutputs
    from toolkit.mesh.render.templating import RenderedMesh
    from toolkit.verify.results import Report

COMMON_NAME = '{{ tag "kuma.io/service" }}.mesh'


class Story:
    """Tells the steps of a demo on standard output.

    Args:
        quiet: whether to tell nothing.

    Attributes:
        resources: the types of the resources that the Pulumi program created.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.resources: list[str] = []
        self._quiet = quiet
        self._begun = time.monotonic()
        self._steps = 0

    def tell(self, text: str) -> None:
        """Print a line."""
        if not self._quiet:
            click.echo(text)

    def tell_step(self, title: str, more: str) -> None:
        """Print the next step."""
        self._steps += 1
        self.tell(f"{click.style(f'{self._steps}. {title}', bold=True)}: {more}")

    def tell_detail(self, text: str) -> None:
        """Print a line about the current step."""
        self.tell(f"   {text}")

    def tell_files(self, directory: Path, names: Iterable[str]) -> None:
        """Print the files that were written, and the time that the demo took."""
        self.tell(f"Written to {directory}/ in {time.monotonic() - self._begun:.1f} s:")
        for name in names:
            self.tell_detail(name)


@dataclass(frozen=True)
class Demo:
    """The results of the demo.

    Attributes:
        outputs: the contract.
        report: the result of the verification.
        files: names of the written files, in reading order.
    """

    outputs: StackOutputs
    report: Report
    files: tuple[str, ...]


def run(project_dir: Path, stack: str, directory: Path, story: Story) -> Demo:
    """Run every step with the stack's own settings.

    Args:
        project_dir: the directory of ``Pulumi.yaml`` and ``__main__.py``.
        stack: the name of a stack with a file in ``stacks/``.
        directory: the directory for the results.
        story: tells the progress.

    Returns:
        The results; the verification may have failed.

    Raises:
        ToolkitError: a step failed; then nothing is written.
    """
    with provision(project_dir, stack, story) as (aws, outputs):
        mesh = outputs.meshes[0]
        in_secret = MeshOptions(common_name=COMMON_NAME, ca_cert=Choice("secret"))
        kubernetes = templating.render(outputs, mesh, in_secret)
        universal = templating.render(outputs, mesh, MeshOptions(form="universal", common_name=COMMON_NAME))
        story.tell_step("The Mesh is rendered", f"mesh {mesh}, for Kubernetes and for Universal")
        source = AssumeRole(endpoint_url=aws.endpoint_url, credentials=aws.credentials)
        plan = _plan(outputs, kubernetes)
        verified = verify(outputs, plan, source)
        if verified.trouble:
            raise verified.trouble
    met = tuple(make_handshakes(verified.proxies, Trust(plan.trust_bundle, plan.mesh, plan.service)))
    verified = verified._replace(report=replace(verified.report, handshakes=met))
    files = _files(outputs, kubernetes, universal, verified)
    write_all({directory / name: content for name, content in files.items()})
    return Demo(outputs, verified.report, tuple(files))


@contextmanager
def provision(project_dir: Path, stack: str, story: Story) -> Iterator[tuple[Sandbox, StackOutputs]]:
    """Start an AWS, run the Pulumi program in it, and yield it with the contract.

    Args:
        project_dir: the directory of ``Pulumi.yaml`` and ``__main__.py``.
        stack: the name of a stack with a file in ``stacks/``.
        story: tells the progress.
    """
    config = program.read_stack(project_dir, stack)
    with Sandbox() as aws:
        story.tell_step("An AWS is running", f"{aws.endpoint_url}, on this machine's loopback only")
        exports = program.run(project_dir, config, aws, lambda kind, _: story.resources.append(kind))
        # Convert to JSON and back, so that the command line reads exactly what the program wrote.
        outputs = contract.parse(json.dumps(exports), "the stack's outputs")
        created = f"{len(story.resources)} resources: CAs, roles and their policies"
        story.tell_step("The Pulumi program ran", created)
        for certificate in pem.load_certificates(outputs.certificate_chain):
            ends = f"valid until {certificate.not_valid_after_utc:%Y-%m-%d}"
            algorithm = outputs.certificate_authority.key_algorithm
            story.tell_detail(f"{chain.get_display_name(certificate)}, {algorithm}, {ends}")
        story.tell_detail(f"issues: {outputs.certificate_authority.arn}")
        yield aws, outputs


def _plan(outputs: StackOutputs, rendered: RenderedMesh) -> Plan:
    """Plan the verification against the rendered Mesh, read back from the documents."""
    texts = [("mesh.yaml", rendered.mesh), ("secret.yaml", templating.join_documents(rendered.secrets))]
    said = read_applied(read(texts))
    lifetime = duration.parse(outputs.data_plane_lifetime)
    return Plan(said.mesh, said.bundle, lifetime=lifetime)


def _files(
    outputs: StackOutputs, kubernetes: RenderedMesh, universal: RenderedMesh, verified: Run
) -> dict[str, tuple[str, int]]:
    *intermediates, root = pem.load_certificates(outputs.certificate_chain)
    leaves = {f"certificates/{proxy.zone}.pem": (pem.write([proxy.issued.leaf]), PUBLIC) for proxy in verified.proxies}
    return {
        "outputs.json": (outputs.to_json(), PUBLIC),
        "mesh.yaml": (kubernetes.mesh, PUBLIC),
        "secret.yaml": (templating.join_documents(kubernetes.secrets), PRIVATE),
        "universal-mesh.yaml": (universal.mesh, PUBLIC),
        "verify.json": (render_json(verified.report), PUBLIC),
        "verify.html": (render_html(verified.report), PUBLIC),
        "certificates/root.pem": (pem.write([root]), PUBLIC),
        # A stack whose root issues directly has no intermediate CA.
        **({"certificates/intermediate.pem": (pem.write(intermediates), PUBLIC)} if intermediates else {}),
        **leaves,
    }
