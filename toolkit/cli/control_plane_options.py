"""Options of every command that talks to a control plane."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from click.core import ParameterSource

from toolkit.cli.options import with_options
from toolkit.errors import ExternalError, InvalidInputError
from toolkit.redaction import check_characters

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.control_plane.client import ControlPlane
    from toolkit.control_plane.connection import Token

_Command = TypeVar("_Command", bound="Callable[..., object]")
TOKEN_VARIABLE = "TOOLKIT_CONTROL_PLANE_TOKEN"  # noqa: S105 - the variable's name
# The parameters of the options.
NAMES = ("control_plane", "context", "kumactl_config", "token_file", "ca_file", "timeout", "insecure_http")
_MAX_TOKEN_FILE = 64 * 1024


def control_plane_options(function: _Command) -> _Command:
    """How a control plane is reached.

    The command gets :data:`NAMES`, which :func:`open_control_plane` takes.
    """
    return with_options(
        function,
        click.option(
            "--control-plane",
            metavar="URL",
            envvar="TOOLKIT_CONTROL_PLANE",
            show_envvar=True,
            callback=_unless_a_context_is_named,
            help="The control plane's HTTP API, such as https://host:5682; the global one in multi-zone.",
        ),
        click.option(
            "--context",
            metavar="NAME",
            help="A context of kumactl: its control plane's address, CA and token.",
        ),
        click.option(
            "--kumactl-config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The file with kumactl's contexts; ~/.kumactl/config unless given.",
        ),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help=f"A file with a user token; without it the context's token is used, or {TOKEN_VARIABLE}.",
        ),
        click.option(
            "--ca-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The CA that signed the control plane's certificate, as PEM; the system's CAs unless given.",
        ),
        click.option(
            "--timeout",
            type=click.IntRange(min=1, max=3600),
            default=15,
            show_default=True,
            metavar="SECONDS",
            help="How long the control plane may take for one answer.",
        ),
        click.option("--insecure-http", is_flag=True, help="Send the token unencrypted, over http:// to another host."),
    )


def _unless_a_context_is_named(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """Return the control plane; None if it is the environment's and the command line names a context.

    click reads the environment after the command line, so that the other options are known here.
    """
    is_environment = ctx.get_parameter_source("control_plane") is ParameterSource.ENVIRONMENT
    return None if is_environment and ctx.params.get("context") else value


def open_control_plane(
    *,
    control_plane: str | None,
    context: str | None,
    kumactl_config: Path | None,
    token_file: Path | None,
    ca_file: Path | None,
    timeout: int,
    insecure_http: bool,
) -> ControlPlane:
    """Return a client for the control plane that the options name; close it, or use it in a ``with`` statement.

    Raises:
        click.UsageError: no control plane is named, or one in two ways.
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
        return ControlPlane(Access(found.url, token, found.ca_file, timeout, insecure_http, found.place, ca_place))
    if not control_plane:
        raise click.UsageError("name the control plane with --control-plane URL, TOOLKIT_CONTROL_PLANE or --context")
    return ControlPlane(Access(control_plane, _token(token_file), ca_file, timeout, insecure_http))


def _token(token_file: Path | None) -> Token | None:
    """The user token; it never was an argument, where other users of the machine could read it."""
    from toolkit.control_plane.connection import Token

    if token_file is None:
        value = os.environ.get(TOKEN_VARIABLE, "").strip()
        if problem := check_characters(value):
            raise ExternalError(
                f"{TOKEN_VARIABLE} {problem}", "Set it to the token alone, as kumactl generate user-token prints it."
            )
        return Token(value, TOKEN_VARIABLE) if value else None
    try:
        with token_file.open(encoding="ascii") as stream:
            value = stream.read(_MAX_TOKEN_FILE)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no token"
        # The cause would carry what was read.
        raise InvalidInputError(f"can't read the token file {token_file}: {reason}") from None
    return Token(value.strip(), str(token_file))
