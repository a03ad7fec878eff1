"""``toolkit sandbox``."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import signal
import sysconfig
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli.options import explain_missing_extra, say
from toolkit.cli.parameters import Command, option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolkit.control_plane.rehearsal.names_and_labels import Mode
    from toolkit.mesh.schema.versions import Product
    from toolkit.sandbox.pulumi.stack_file import StackConfig
    from toolkit.sandbox.server import Sandbox
    from toolkit.values import Object, Value


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
# Options whose field has another name.
_OPTIONS = {"control_plane": "--with-control-plane"}
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_MODES, _PRODUCTS = ("zone", "global", "read-only", "multi-zone"), ("kong-mesh", "kuma")
# A shell's exit codes for a program that was ended by a signal, can't be started, or does not exist.
_SIGNALED, _NOT_STARTED, _NOT_FOUND = 128, 126, 127


class _Seconds(click.FloatRange):
    """Seconds, up to an hour. click's own type accepts NaN."""

    def __init__(self) -> None:
        super().__init__(0, 3600)

    def convert(self, value: Value, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        """Return the number."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return number


class _Region(click.ParamType[object]):
    """A region name in AWS's form."""

    name = "region"

    def convert(self, value: Value, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        """Return the name."""
        if not _REGION.fullmatch(str(value)):
            self.fail(f"{value!r} is not a region, such as eu-central-1", param, ctx)
        return value


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
    type=_Region(),
    default="eu-central-1",
    show_default=True,
    metavar="NAME",
    help="Region in the sandbox's environment.",
)
@option("--faults", type=click.Path(path_type=Path), metavar="FILE", reads=True, help="Faults to inject, as YAML.")
@option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    writes=True,
    help="Keep the state in this directory, and restore it at the start. Holds private keys; only you can read it.",
)
@option(
    "--stack-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
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
    type=_Seconds(),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="How long GetCertificate returns RequestInProgressException.",
)
@option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["export", "json"]),
    default="export",
    show_default=True,
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
    if detach:
        from toolkit.cli import sandbox_detached

        given = {_OPTIONS.get(name, f"--{name.replace('_', '-')}"): value for name, value in vars(options).items()}
        arguments = [word for name, value in given.items() if value for word in (name, str(value))]
        sandbox_detached.start(arguments, lambda environment: click.echo("\n".join(_lines(environment, form))))
    else:
        click.get_current_context().exit(_serve(options, form, words))


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


def _serve(options: _Options, form: Literal["export", "json"], words: Sequence[str]) -> int:
    """Run a sandbox until it is stopped or its command ends, and return the exit code."""
    config = _read(options.stack_file)
    try:
        from toolkit.sandbox.faults import Faults, read_plan
        from toolkit.sandbox.pulumi.stack_file import find_account
        from toolkit.sandbox.server import Sandbox
    except ModuleNotFoundError as error:
        raise explain_missing_extra("sandbox", error) from error

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    plan = Faults(read_plan(options.faults)) if options.faults else None
    account = find_account(config) if config else None
    with (
        Sandbox(faults=plan, port=options.port, state=options.state, account=account) as aws,
        _filled(aws, config, options.stack_file) as more,
        _control_plane(aws, _read_zones(more), options.control_plane, options.control_plane_product) as rehearsed,
    ):
        aws.private_ca.registry.issuance_delay = timedelta(seconds=options.issuance_delay)
        at = config.region if config else options.region
        environment = {**aws.environment, "AWS_REGION": at, "AWS_DEFAULT_REGION": at, **more, **rehearsed}
        if words:
            return _run(words, environment)
        click.echo("\n".join(_lines(environment, form)))
        say(f"AWS on loopback is listening on {aws.endpoint_url}; Ctrl-C stops it.")
        if rehearsed:
            where = rehearsed["TOOLKIT_CONTROL_PLANE"]
            say(f"The stand-in control plane ({options.control_plane}) is listening on {where}.")
        stopped.wait()
    say("Stopped.")
    return 0


def _read(stack_file: Path | None) -> StackConfig | None:
    if stack_file is None:
        return None
    from toolkit.sandbox.pulumi.stack_file import read_stack_file

    return read_stack_file(stack_file)


@contextmanager
def _filled(aws: Sandbox, config: StackConfig | None, stack_file: Path | None) -> Iterator[dict[str, str]]:
    """Create a stack in the sandbox, and yield the variables that name its contract, which exists within the block."""
    import tempfile

    if config is None or stack_file is None:
        yield {}
        return
    from toolkit.sandbox.pulumi import filling

    say(f"Creating stack {config.stack} in the sandbox ...")
    outputs = filling.fill(config, aws, _project_directory(stack_file))
    with tempfile.TemporaryDirectory(prefix="toolkit-sandbox-") as directory:
        contract = Path(directory) / "outputs.json"
        contract.write_text(json.dumps(outputs, indent=2) + "\n", encoding="utf-8")
        yield {**filling.make_caller_environment(config, aws), "TOOLKIT_CONTRACT": str(contract)}


def _read_zones(variables: Mapping[str, str]) -> list[str]:
    """Return the zones of the stack's contract; without a contract that has zones, that of a stand-in."""
    from toolkit.control_plane.rehearsal.names_and_labels import ZONE

    contract = variables.get("TOOLKIT_CONTRACT")
    exports = json.loads(Path(contract).read_text(encoding="utf-8")) if contract else {}
    return [zone["name"] for zone in exports.get("zones", ())] or [ZONE]


@contextmanager
def _control_plane(
    aws: Sandbox, zones: Sequence[str], mode: Mode | Literal["multi-zone"] | None, product: Product | None
) -> Iterator[dict[str, str]]:
    """Run a stand-in control plane if a mode is given, and yield the variables that name it and its zones'."""
    if mode is None:
        yield {}
        return
    from toolkit.control_plane.rehearsal.api import StandIn
    from toolkit.control_plane.rehearsal.web_server import Rehearsal
    from toolkit.pki import pem

    def read_chain(arn: str) -> str:
        authority = aws.private_ca.registry.authorities.get(arn)
        return pem.write(authority.certificates) if authority is not None else ""

    made = product or "kong-mesh"
    stand_in = StandIn(product=made, mode="global" if mode == "multi-zone" else mode, chains=read_chain)
    with ExitStack() as stack:
        rehearsal = stack.enter_context(Rehearsal(stand_in))
        named = {"TOOLKIT_CONTROL_PLANE": rehearsal.url}
        if mode == "multi-zone":
            of_zones = [StandIn(product=made, chains=read_chain, upstream=stand_in, zone=zone) for zone in zones]
            urls = [stack.enter_context(Rehearsal(each)).url for each in of_zones]
            named[_ZONES] = "\n".join(f"{zone}={url}" for zone, url in zip(zones, urls, strict=True))
        yield named


def _foreign(environment: dict[str, str]) -> tuple[str, ...]:
    """Return the variables that must be unset with an environment."""
    return (*_FOREIGN, _FOREIGN_TOKEN, _ZONES) if "TOOLKIT_CONTROL_PLANE" in environment else _FOREIGN


def _project_directory(stack_file: Path) -> Path:
    """Return the directory of the stack's Pulumi.yaml; the stack file's own directory if there is none."""
    folders = stack_file.resolve().parents
    return next((folder for folder in folders if (folder / "Pulumi.yaml").is_file()), folders[0])


def _run(words: Sequence[str], environment: dict[str, str]) -> int:
    """Run a command in the sandbox's environment, and return its exit code as a shell would.

    If it can't be started, print the error and return 126 or 127.
    """
    import subprocess

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


def _lines(environment: Object, form: str) -> Iterator[str]:
    if form == "json":
        yield json.dumps(environment, indent=2)
        return
    # A profile or a session token of the real AWS would take precedence over the variables below.
    yield f"unset {' '.join(_foreign(environment))}"
    for name, value in environment.items():
        yield f"export {name}={shlex.quote(value)}"
