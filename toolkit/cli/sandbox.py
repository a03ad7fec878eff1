"""``toolkit sandbox``."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli.options import require_extra, say
from toolkit.cli.parameters import Command, option, parse_with, path_option
from toolkit.errors import ExternalError
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from toolkit.control_plane.rehearsal.names_and_labels import Mode
    from toolkit.mesh.schema.versions import Product
    from toolkit.sandbox.pulumi.stack_file import StackConfig
    from toolkit.sandbox.server import Sandbox


_EXAMPLES = """\b
Examples:
  toolkit sandbox -- aws acm-pca list-certificate-authorities
  toolkit sandbox --stack-file stacks/Pulumi.prod.yaml -- toolkit verify
  toolkit sandbox --stack-file stacks/Pulumi.prod.yaml -- bash
  toolkit sandbox --with-control-plane -- toolkit apply -f mesh.yaml --yes
  eval "$(toolkit sandbox --detach)" && aws sts get-caller-identity
"""
# Variables that would point a client to the real AWS or to other credentials.
_FOREIGN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
# The real token would be sent to the stand-in control plane, which accepts any token; real zones would be asked.
_FOREIGN_TOKEN = "TOOLKIT_CONTROL_PLANE_TOKEN"  # noqa: S105 - the variable's name
_ZONES = "TOOLKIT_APPLY_ZONE_CONTROL_PLANE"
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_MODES, _PRODUCTS = ("zone", "global", "read-only", "multi-zone"), ("kong-mesh", "kuma")
# A shell's exit codes for a program that was ended by a signal, can't be started, or does not exist.
_SIGNALED, _NOT_STARTED, _NOT_FOUND = 128, 126, 127


def _check_seconds(value: float) -> float:
    # click accepts NaN as a number in a range.
    if math.isnan(value):
        raise ValueError(f"'{value}' is not a number of seconds")
    return value


def _check_region(name: str) -> str:
    if not _REGION.fullmatch(name):
        raise ValueError(f"{name!r} is not a region, such as eu-central-1")
    return name


@click.command(
    name="sandbox",
    cls=Command,
    epilog=_EXAMPLES,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="a free one",
    metavar="PORT",
    help="Listen on this port of 127.0.0.1.",
)
@option(
    "--region",
    callback=parse_with(_check_region),
    default="eu-central-1",
    metavar="NAME",
    help="Region in the sandbox's environment.",
)
@path_option("--faults", reads=True, help="Faults to inject, as YAML.")
@option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    writes=True,
    help="Keep the state in this directory, and restore it at the start. Holds private keys; only you can read it.",
)
@path_option(
    "--stack-file",
    type=click.Path(path_type=Path, dir_okay=False),
    reads=True,
    help="Create this stack in the sandbox, and set TOOLKIT_CONTRACT to its contract.",
)
@option(
    "--with-control-plane",
    "control_plane",
    type=click.Choice(_MODES),
    is_flag=False,
    flag_value="zone",
    help="Also run a stand-in control plane in this mode (zone unless given), and set TOOLKIT_CONTROL_PLANE; "
    "multi-zone is a global one and one for each zone of the stack, or of zone z1.",
)
@option(
    "--control-plane-product",
    type=click.Choice(_PRODUCTS),
    show_default=_PRODUCTS[0],
    help="Product of the stand-in control plane.",
)
@option("--detach", is_flag=True, help="Run in the background; return when it is ready.")
@option(
    "--issuance-delay",
    type=click.FloatRange(0, 3600),
    callback=parse_with(_check_seconds),
    default=0,
    metavar="SECONDS",
    help="How long GetCertificate returns RequestInProgressException.",
)
@option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["export", "json"]),
    default="export",
    group="Output",
    help="How the environment is printed: for a shell to eval, or as JSON.",
)
@click.argument(
    "words",
    help="A command to run in its environment; the sandbox ends with it.",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="[-- COMMAND...]",
)
def command(*, detach: bool, form: Literal["export", "json"], words: tuple[str, ...], **chosen: Value) -> None:
    """Run an AWS on loopback until it is stopped, or for one command.

    Any AWS client works with it if it has its environment: boto3, the aws CLI, Terraform, Pulumi. It serves IAM, STS,
    S3, and AWS Private CA with AWS's rules. Ctrl-C or SIGTERM stops it.

    With --with-control-plane, you can also rehearse `toolkit apply` and `toolkit rotate --base control-plane` in it.
    """
    options = _Options(**chosen)
    if detach and words:
        raise click.UsageError("--detach and a command exclude each other: the sandbox ends with the command")
    if options.stack_file and options.state:
        raise click.UsageError("--stack-file and --state exclude each other: a stack fills an empty sandbox")
    if options.control_plane_product and not options.control_plane:
        raise click.UsageError("--control-plane-product needs --with-control-plane")
    ctx = click.get_current_context()
    if detach:
        given = {parameter.opts[0]: chosen.get(str(parameter.name)) for parameter in ctx.command.params}
        _detach([word for name, value in given.items() if value for word in (name, str(value))], form)
    else:
        ctx.exit(_serve(options, form, words))


@dataclass(frozen=True)
class _Options:
    """The sandbox's options, one field for each."""

    port: int
    region: str
    faults: Path | None
    state: Path | None
    stack_file: Path | None
    control_plane: Mode | Literal["multi-zone"] | None
    control_plane_product: Product | None
    issuance_delay: float


def _serve(options: _Options, form: str, words: Sequence[str]) -> int:
    """Run a sandbox until it is stopped or its command ends, and return the exit code."""
    config = None
    if options.stack_file:
        from toolkit.sandbox.pulumi.stack_file import read_stack_file

        config = read_stack_file(options.stack_file)
    with require_extra("sandbox"):
        from toolkit.sandbox.faults import Faults, read_plan
        from toolkit.sandbox.pulumi.stack_file import find_account
        from toolkit.sandbox.server import Sandbox
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    plan = Faults(read_plan(options.faults)) if options.faults else None
    account = find_account(config) if config else None
    with ExitStack() as stack:
        aws = stack.enter_context(Sandbox(faults=plan, port=options.port, state=options.state, account=account))
        region = config.region if config else options.region
        environment = {**aws.environment, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        zones: list[str] = []
        if config and options.stack_file:
            zones = _fill(stack, aws, config, options.stack_file, environment)
        if options.control_plane:
            environment |= _start_control_planes(stack, aws, zones, options)
        aws.private_ca.registry.issuance_delay = timedelta(seconds=options.issuance_delay)
        if words:
            return _run(words, environment)
        click.echo(_describe(environment, form))
        say(f"AWS on loopback is listening on {aws.endpoint_url}; Ctrl-C stops it.")
        if options.control_plane:
            where = environment["TOOLKIT_CONTROL_PLANE"]
            say(f"The stand-in control plane ({options.control_plane}) is listening on {where}.")
        stopped.wait()
    say("Stopped.")
    return 0


def _fill(
    stack: ExitStack, aws: Sandbox, config: StackConfig, stack_file: Path, environment: dict[str, str]
) -> list[str]:
    """Create a stack in the sandbox, add the variables that name its contract, and return the names of its zones.

    The file of the contract exists until the exit stack is closed.
    """
    from toolkit.sandbox.pulumi import prerequisites, program

    say(f"Creating stack {config.stack} in the sandbox ...")
    folders = stack_file.resolve().parents
    project = next((folder for folder in folders if (folder / "Pulumi.yaml").is_file()), folders[0])
    outputs = program.rehearse(config, aws, project)
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="toolkit-sandbox-"))
    contract = Path(directory) / "outputs.json"
    contract.write_text(json.dumps(outputs, indent=2) + "\n", encoding="utf-8")
    environment |= {**prerequisites.make_caller_environment(config, aws), "TOOLKIT_CONTRACT": str(contract)}
    return [zone["name"] for zone in outputs.get("zones", ())]


def _start_control_planes(stack: ExitStack, aws: Sandbox, zones: list[str], options: _Options) -> dict[str, str]:
    """Run stand-in control planes until the exit stack is closed, and return the variables that name them."""
    from toolkit.control_plane.rehearsal.api import StandIn
    from toolkit.control_plane.rehearsal.names_and_labels import ZONE
    from toolkit.control_plane.rehearsal.web_server import Rehearsal
    from toolkit.pki import pem

    def read_chain(arn: str) -> str:
        authority = aws.private_ca.registry.authorities.get(arn)
        return pem.write(authority.certificates) if authority is not None else ""

    product = options.control_plane_product or "kong-mesh"
    mode = options.control_plane or "zone"
    first = StandIn(product=product, mode="global" if mode == "multi-zone" else mode, chains=read_chain)
    named = {"TOOLKIT_CONTROL_PLANE": stack.enter_context(Rehearsal(first)).url}
    if mode == "multi-zone":
        pairs = []
        for zone in zones or [ZONE]:
            stand_in = StandIn(product=product, chains=read_chain, upstream=first, zone=zone)
            pairs.append(f"{zone}={stack.enter_context(Rehearsal(stand_in)).url}")
        named[_ZONES] = "\n".join(pairs)
    return named


def _foreign(environment: dict[str, str]) -> tuple[str, ...]:
    """Return the variables that must be unset with an environment."""
    return (*_FOREIGN, _FOREIGN_TOKEN, _ZONES) if "TOOLKIT_CONTROL_PLANE" in environment else _FOREIGN


def _run(words: Sequence[str], environment: dict[str, str]) -> int:
    """Run a command in the sandbox's environment, and return its exit code as a shell would.

    If it can't be started, print the error and return 126 or 127.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in _foreign(environment)}
    # Add the toolkit's own directory to the end of PATH, so that the command finds it without an activated venv.
    own = sysconfig.get_path("scripts")
    inherited["PATH"] = os.pathsep.join(filter(None, (inherited.get("PATH"), own)))
    try:
        process = subprocess.Popen(words, env={**inherited, **environment})  # noqa: S603 - the user's own command
    except OSError as error:
        click.echo(f"Error: can't run {words[0]}: {error.strerror or error}", err=True)
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_STARTED
    # A terminal sends Ctrl-C to both processes. SIGTERM is sent to this process only, so pass it on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    return code if code >= 0 else _SIGNALED - code


def _describe(environment: Object, form: str) -> str:
    if form == "json":
        return json.dumps(environment, indent=2)
    # A profile or a session token of the real AWS would take precedence over the variables below.
    lines = [f"unset {' '.join(_foreign(environment))}"]
    return "\n".join([*lines, *(f"export {name}={shlex.quote(value)}" for name, value in environment.items())])


def _detach(arguments: list[str], form: str) -> None:
    """Start a sandbox in the background, and print its environment when it is ready.

    Raises:
        ExternalError: the sandbox did not start.
    """
    command = [sys.executable, "-m", "toolkit", "sandbox", *arguments, "-o", "json"]
    # The variable of the option would make the other process start one, too.
    own = f"{click.get_current_context().auto_envvar_prefix}_DETACH"
    environment = {name: value for name, value in os.environ.items() if name != own}
    # Capture stderr, which has the reason if the sandbox does not start. Later output is discarded.
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8") as said:
        process = subprocess.Popen(  # noqa: S603 - this very program
            command,
            env=environment,
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
    # First, because stdout may fail, and the sandbox runs on.
    say(f"The sandbox runs in the background; stop it with: kill {process.pid}")
    click.echo(_describe(json.loads(text), form))
