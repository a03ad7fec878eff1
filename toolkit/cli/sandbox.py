"""``toolkit sandbox``."""

from __future__ import annotations

import json
import shlex
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from toolkit.cli.options import sandbox_missing

if TYPE_CHECKING:
    from collections.abc import Iterator


_EXAMPLES = """\b
Examples:
  toolkit sandbox > sandbox.env &
  . ./sandbox.env && aws acm-pca list-certificate-authorities
"""


@click.command(name="sandbox", epilog=_EXAMPLES)
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="a free one", help="Of 127.0.0.1.")
@click.option("--region", default="eu-central-1", show_default=True, metavar="NAME", help="Region in the environment.")
@click.option("--faults", type=click.Path(path_type=Path), metavar="FILE", help="What goes wrong on purpose, as YAML.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep the state in this directory, and restore it at the start. Holds private keys; only you can read it.",
)
@click.option(
    "--issuance-delay",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="How long GetCertificate answers RequestInProgressException.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["export", "json"]),
    default="export",
    show_default=True,
    help="How the environment is printed: for a shell to eval, or as JSON.",
)
def command(
    *,
    port: int,
    region: str,
    faults: Path | None,
    state: Path | None,
    issuance_delay: float,
    form: Literal["export", "json"],
) -> None:
    """Run an AWS on loopback until it is stopped.

    Any AWS client that is given its environment works with it: boto3, the aws CLI, Terraform, Pulumi. It answers IAM,
    STS and S3, and AWS Private CA by AWS's rules. Ctrl-C or SIGTERM stops it.
    """
    try:
        from toolkit.sandbox.faults import Faults, read_plan
        from toolkit.sandbox.server import Sandbox
    except ModuleNotFoundError as error:
        raise sandbox_missing(error) from error

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    plan = Faults(read_plan(faults)) if faults else None
    with Sandbox(faults=plan, port=port, state=state) as aws:
        aws.private_ca.registry.issuance_delay = timedelta(seconds=issuance_delay)
        environment = {**aws.environment, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        click.echo("\n".join(_lines(environment, form)))
        click.echo(f"AWS on loopback is listening on {aws.endpoint_url}; Ctrl-C stops it.", err=True)
        stopped.wait()
    click.echo("Stopped.", err=True)


def _lines(environment: dict[str, Any], form: str) -> Iterator[str]:
    if form == "json":
        yield json.dumps(environment, indent=2)
        return
    # A profile or a session of the real AWS must not win over what follows.
    yield "unset AWS_PROFILE AWS_SESSION_TOKEN"
    for name, value in environment.items():
        yield f"export {name}={shlex.quote(value)}"
