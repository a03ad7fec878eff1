"""Options of every command that connects to a control plane."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from click.core import ParameterSource

from toolkit.cli.options import with_options
from toolkit.cli.parameters import option
from toolkit.errors import ExternalError, InvalidInputError
from toolkit.files import read_at_most
from toolkit.redaction import check_characters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolkit.control_plane.client import ControlPlane
    from toolkit.control_plane.connection import Token
    from toolkit.control_plane.waiting import Zone
    from toolkit.values import Value

_Command = TypeVar("_Command", bound="Callable[..., object]")
TOKEN_VARIABLE = "TOOLKIT_CONTROL_PLANE_TOKEN"  # noqa: S105 - the variable's name
# The options' parameter names.
NAMES = (
    "control_plane",
    "context",
    "kumactl_config",
    "token_file",
    "ca_file",
    "control_plane_timeout",
    "insecure_http",
)
_GROUP = "Control plane"
_MAX_TOKEN_FILE = 64 * 1024
_LONGEST_WAIT_SECONDS = 24 * 3600


def control_plane_options(function: _Command) -> _Command:
    """Add the options to connect to a control plane.

    The command gets the parameters :data:`NAMES`, for :func:`open_control_plane`.
    """
    return with_options(
        function,
        option(
            "--control-plane",
            metavar="URL",
            envvar="TOOLKIT_CONTROL_PLANE",
            callback=_unless_a_context_is_named,
            group=_GROUP,
            help="Address of the control plane's HTTP API, such as https://host:5682; the global one in multi-zone. "
            "[env: TOOLKIT_CONTROL_PLANE]",
        ),
        option(
            "--context",
            metavar="NAME",
            group=_GROUP,
            help="A kumactl context, for the control plane's address, CA and token.",
        ),
        _rare_options,
    )


def _rare_options(function: _Command) -> _Command:
    """Add rare options: kumactl's file, files with the token and the CA, and the timeout."""
    return with_options(
        function,
        option(
            "--kumactl-config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            reads=True,
            group=_GROUP,
            rare=True,
            help="The file with kumactl's contexts; ~/.kumactl/config unless given.",
        ),
        option(
            "--token-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            reads=True,
            group=_GROUP,
            rare=True,
            help=f"A file with a user token; without it the context's token is used, or {TOKEN_VARIABLE}.",
        ),
        option(
            "--ca-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            reads=True,
            group=_GROUP,
            rare=True,
            help="The CA that signed the control plane's certificate, as PEM; the system's CAs unless given.",
        ),
        option(
            "--control-plane-timeout",
            type=click.IntRange(min=1, max=3600),
            default=15,
            show_default=True,
            metavar="SECONDS",
            group=_GROUP,
            rare=True,
            help="Time limit for one request.",
        ),
        option(
            "--insecure-http",
            is_flag=True,
            allow_from_autoenv=False,
            group=_GROUP,
            rare=True,
            help="Allow sending the token unencrypted, over http:// to another host.",
        ),
    )


def _unless_a_context_is_named(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """Return the control plane; None if it comes from the environment and the command line names a context.

    click reads the environment after the command line, so the other options are known here.
    """
    is_environment = ctx.get_parameter_source("control_plane") is ParameterSource.ENVIRONMENT
    return None if is_environment and ctx.params.get("context") else value


class _Duration(click.ParamType[object]):
    """A duration such as ``90s`` or ``1m30s``, as seconds."""

    name = "duration"

    def convert(self, value: Value, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        """Return the seconds."""
        from toolkit.mesh.schema.go_duration import parse_nanoseconds

        if not isinstance(value, str):
            return value
        try:
            seconds = parse_nanoseconds(value) / 1e9
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)
        if not 0 < seconds <= _LONGEST_WAIT_SECONDS:
            self.fail(f"{value!r} is not between 0s and 24h", param, ctx)
        return seconds


def wait_options(function: _Command) -> _Command:
    """Add the options to wait for conditions: ``wait``, ``wait_timeout`` and ``zone_control_planes``."""
    return with_options(
        function,
        option(
            "--wait",
            is_flag=True,
            group=_GROUP,
            help="After the writes, wait until every zone control plane reports that the MeshIdentities are ready.",
        ),
        option(
            "--zone-control-plane",
            "zone_control_planes",
            multiple=True,
            metavar="NAME=URL",
            group=_GROUP,
            help="A zone and its control plane's HTTP API, for --wait; repeatable.",
        ),
        option(
            "--wait-timeout",
            type=_Duration(),
            default="2m",
            show_default=True,
            metavar="DURATION",
            group=_GROUP,
            help="How long --wait waits, such as 90s.",
        ),
    )


def open_zones(named: Sequence[str], *, ca_file: Path | None, control_plane_timeout: int) -> list[Zone]:
    """Return clients for zone control planes. They get no token: MeshIdentities are no secret.

    Args:
        named: pairs of a zone's name and a URL, as ``NAME=URL``.
        ca_file: the CA of their certificates.
        control_plane_timeout: seconds for each response.

    Raises:
        click.UsageError: a pair is not valid, or a zone is named twice.
        InvalidInputError: a URL or the CA file is not valid.
        ExternalError: a proxy's URL is not valid.
    """
    from toolkit.control_plane.client import ControlPlane
    from toolkit.control_plane.connection import Access
    from toolkit.control_plane.waiting import Zone

    zones: dict[str, Zone] = {}
    for pair in named:
        name, _, url = pair.partition("=")
        if not name or not url or ":" in name:
            raise click.UsageError("--zone-control-plane takes NAME=URL, such as z1=https://z1.example.com:5682")
        if name in zones:
            raise click.UsageError(f"--zone-control-plane names zone {name} twice")
        trusted = ca_file if url.startswith("https:") else None
        access = Access(url, None, trusted, control_plane_timeout, place=f"--zone-control-plane {name}")
        zones[name] = Zone(name, ControlPlane(access))
    return list(zones.values())


def open_control_plane(
    *,
    control_plane: str | None,
    context: str | None,
    kumactl_config: Path | None,
    token_file: Path | None,
    ca_file: Path | None,
    control_plane_timeout: int,
    insecure_http: bool,
) -> ControlPlane:
    """Return a client for the control plane that the options name. Close it, or use it in a ``with`` statement.

    Raises:
        click.UsageError: no control plane is named, or it is named twice.
        InvalidInputError: an option, the context or the token is not valid.
        ExternalError: the token of the environment contains control characters, or a proxy's URL is not valid.
    """
    from toolkit.control_plane.client import ControlPlane
    from toolkit.control_plane.connection import Access
    from toolkit.control_plane.contexts import read_context

    if kumactl_config is not None and context is None:
        raise click.UsageError("--kumactl-config needs --context: the name of a context in it")
    if control_plane and context is not None:
        raise click.UsageError("--control-plane and --context both name the control plane; give one of them")
    if context is not None:
        found = read_context(context, kumactl_config, ca_file)
        token = found.token if found.token is not None and token_file is None else _token(token_file)
        ca_place = found.place if ca_file is None else "--ca-file"
        return ControlPlane(
            Access(found.url, token, found.ca_file, control_plane_timeout, insecure_http, found.place, ca_place)
        )
    if not control_plane:
        raise click.UsageError("name the control plane with --control-plane URL, TOOLKIT_CONTROL_PLANE or --context")
    return ControlPlane(Access(control_plane, _token(token_file), ca_file, control_plane_timeout, insecure_http))


def _token(token_file: Path | None) -> Token | None:
    """Return the user token from a file or the environment. Other users could read it in an argument."""
    from toolkit.control_plane.connection import Token

    if token_file is None:
        value = os.environ.get(TOKEN_VARIABLE, "").strip()
        if problem := check_characters(value):
            raise ExternalError(
                f"{TOKEN_VARIABLE} {problem}", "Set it to the token alone, as kumactl generate user-token prints it."
            )
        return Token(value, TOKEN_VARIABLE) if value else None
    try:
        value = read_at_most(token_file, _MAX_TOKEN_FILE).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a token"
        # Without the cause, which quotes the file's content.
        raise InvalidInputError(f"can't read the token file {token_file}: {reason}") from None
    return Token(value.strip(), str(token_file))
