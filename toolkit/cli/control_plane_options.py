"""Options of every command that connects to a control plane."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import click
from click.core import ParameterSource

from toolkit.cli.parameters import combine, gather, option, parse_with, path_option
from toolkit.errors import ExternalError, InvalidInputError
from toolkit.files import read_at_most
from toolkit.redaction import check_characters

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.control_plane.client import ControlPlane
    from toolkit.control_plane.connection import Token
    from toolkit.control_plane.waiting import Zone

TOKEN_VARIABLE = "TOOLKIT_CONTROL_PLANE_TOKEN"  # noqa: S105 - the variable's name
_MAX_TOKEN_FILE = 64 * 1024
_LONGEST_WAIT_SECONDS = 24 * 3600


def _unless_a_context_is_named(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """Return the control plane; None if it comes from the environment and the command line names a context.

    click reads the environment after the command line, so the other options are known here.
    """
    is_environment = ctx.get_parameter_source("control_plane") is ParameterSource.ENVIRONMENT
    return None if is_environment and ctx.params.get("context") else value


class Access(NamedTuple):
    """How to reach a control plane: the values of :data:`control_plane_options`."""

    control_plane: str | None
    context: str | None
    kumactl_config: Path | None
    token_file: Path | None
    ca_file: Path | None
    control_plane_timeout: int
    insecure_http: bool

    def open(self) -> ControlPlane:
        """Return a client for the control plane. Close it, or use it in a ``with`` statement.

        Raises:
            click.UsageError: no control plane is named, or it is named twice.
            InvalidInputError: an option, the context or the token is not valid.
            ExternalError: the token of the environment contains control characters, or a proxy's URL is not valid.
        """
        from toolkit.control_plane import connection
        from toolkit.control_plane.client import ControlPlane
        from toolkit.control_plane.contexts import read_context

        if self.kumactl_config is not None and self.context is None:
            raise click.UsageError("--kumactl-config needs --context: the name of a context in it")
        if self.control_plane and self.context is not None:
            raise click.UsageError("--control-plane and --context both name the control plane; give one of them")
        if self.context is not None:
            found = read_context(self.context, self.kumactl_config, self.ca_file)
        elif self.control_plane:
            found = connection.Access(self.control_plane, ca_file=self.ca_file)
        else:
            raise click.UsageError(
                "name the control plane with --control-plane URL, TOOLKIT_CONTROL_PLANE or --context"
            )
        token = found.token if found.token is not None and self.token_file is None else _token(self.token_file)
        timeout, insecure = self.control_plane_timeout, self.insecure_http
        return ControlPlane(replace(found, token=token, timeout=timeout, insecure_http=insecure))

    def open_zones(self, named: Sequence[str]) -> list[Zone]:
        """Return clients for zone control planes. They get no token: MeshIdentities are no secret.

        Args:
            named: pairs of a zone's name and a URL, as ``NAME=URL``.

        Raises:
            click.UsageError: a pair is not valid, or a zone is named twice.
            InvalidInputError: a URL or the CA file is not valid.
            ExternalError: a proxy's URL is not valid.
        """
        from toolkit.control_plane import connection
        from toolkit.control_plane.client import ControlPlane
        from toolkit.control_plane.waiting import Zone

        zones: dict[str, Zone] = {}
        for pair in named:
            name, _, url = pair.partition("=")
            if not name or not url or ":" in name:
                raise click.UsageError("--zone-control-plane takes NAME=URL, such as z1=https://z1.example.com:5682")
            if name in zones:
                raise click.UsageError(f"--zone-control-plane names zone {name} twice")
            trusted = self.ca_file if url.startswith("https:") else None
            place = f"--zone-control-plane {name}"
            access = connection.Access(url, None, trusted, self.control_plane_timeout, place=place)
            zones[name] = Zone(name, ControlPlane(access))
        return list(zones.values())


_option = functools.partial(option, group="Control plane")
_rare_file_option = functools.partial(path_option, group="Control plane", rare=True, reads=True)
control_plane_options = gather(
    "access",
    Access,
    _option(
        "--control-plane",
        metavar="URL",
        envvar="TOOLKIT_CONTROL_PLANE",
        callback=_unless_a_context_is_named,
        help="Address of the control plane's HTTP API, such as https://host:5682; the global one in multi-zone. "
        "[env: TOOLKIT_CONTROL_PLANE]",
    ),
    _option("--context", metavar="NAME", help="A kumactl context, for the control plane's address, CA and token."),
    _rare_file_option("--kumactl-config", help="The file with kumactl's contexts; ~/.kumactl/config unless given."),
    _rare_file_option(
        "--token-file", help=f"A file with a user token; without it the context's token is used, or {TOKEN_VARIABLE}."
    ),
    _rare_file_option(
        "--ca-file", help="The CA that signed the control plane's certificate, as PEM; the system's CAs unless given."
    ),
    _option(
        "--control-plane-timeout",
        type=click.IntRange(min=1, max=3600),
        default=15,
        metavar="SECONDS",
        rare=True,
        help="Time limit for one request.",
    ),
    _option(
        "--insecure-http",
        is_flag=True,
        allow_from_autoenv=False,
        rare=True,
        help="Allow sending the token unencrypted, over http:// to another host.",
    ),
)


def _parse_duration(text: str) -> float:
    """Return the seconds of a duration such as ``90s`` or ``1m30s``."""
    from toolkit.mesh.schema.go_duration import parse_nanoseconds

    try:
        seconds = parse_nanoseconds(text) / 1e9
    except ValueError as error:
        raise ValueError(f"{text!r} {error}") from error
    if not 0 < seconds <= _LONGEST_WAIT_SECONDS:
        raise ValueError(f"{text!r} is not between 0s and 24h")
    return seconds


# Whether and how to wait for conditions: ``wait``, ``wait_timeout`` and ``zone_control_planes``.
wait_options = combine(
    _option(
        "--wait",
        is_flag=True,
        help="After the writes, wait until every zone control plane reports that the MeshIdentities are ready.",
    ),
    _option(
        "--zone-control-plane",
        "zone_control_planes",
        multiple=True,
        metavar="NAME=URL",
        help="A zone and its control plane's HTTP API, for --wait; repeatable.",
    ),
    _option(
        "--wait-timeout",
        callback=parse_with(_parse_duration),
        default="2m",
        metavar="DURATION",
        help="How long --wait waits, such as 90s.",
    ),
)


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
