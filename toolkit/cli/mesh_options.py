"""Options of an acmpca backend, shared by the commands that render one."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, TypeVar

import click

from toolkit.cli.options import STACKS_LIFETIME, can_ask, namespace_option, warn, with_options
from toolkit.cli.parameters import option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal

    from toolkit.mesh.render.building import MeshOptions
    from toolkit.mesh.render.static_credentials import Credentials
    from toolkit.values import Value

_Command = TypeVar("_Command", bound="Callable[..., object]")
_GROUP = "Mesh"
_SOURCE = "inline, inlineString, secret, secret=NAME or file=PATH"


class _Source(click.ParamType[object]):
    """The data source of a value in the Mesh."""

    name = "source"

    def convert(self, value: Value, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        """Read the text of the option."""
        from toolkit.mesh.render.building import parse_choice

        if not isinstance(value, str):
            return value
        try:
            return parse_choice(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def mesh_options(function: _Command) -> _Command:
    """Add the options of an acmpca backend, for :func:`take_options`."""
    return with_options(
        function,
        option(
            "--backend-name",
            default="acmpca",
            show_default=True,
            metavar="NAME",
            group=_GROUP,
            help="The mTLS backend of the Mesh.",
        ),
        option(
            "--mode",
            type=click.Choice(["STRICT", "PERMISSIVE"]),
            show_default="STRICT in a new backend",
            group=_GROUP,
            help="PERMISSIVE also accepts plain traffic.",
        ),
        option(
            "--expiration",
            show_default=STACKS_LIFETIME,
            metavar="DURATION",
            group=_GROUP,
            help="Lifetime of data plane certificates; one number and one unit of y, w, d, h, m, s, ms.",
        ),
        option(
            "--common-name",
            metavar="TEMPLATE",
            group=_GROUP,
            help="Common name of data plane certificates; for example '{{ tag \"kuma.io/service\" }}.mesh'; none "
            "unless given.",
        ),
        _source_options,
        option("--request-timeout", metavar="DURATION", group=_GROUP, rare=True, help="Per certificate, such as 10s."),
        option(
            "--root-chain-timeout",
            metavar="DURATION",
            show_default="10s, Kuma's own",
            group=_GROUP,
            rare=True,
            help="For the CA's chain, such as 30s.",
        ),
        option(
            "--skip-validation",
            is_flag=True,
            group=_GROUP,
            rare=True,
            help="The control plane does not validate the backend when it is applied.",
        ),
        namespace_option(default="kong-mesh-system"),
    )


def _source_options(function: _Command) -> _Command:
    """Add the options for the sources of the chain and the credentials."""
    return with_options(
        function,
        option(
            "--ca-cert",
            type=_Source(),
            show_default="inline in a new backend",
            metavar="SOURCE",
            group=_GROUP,
            help=f"Where the CA chain is; {_SOURCE}, a file on every control plane's host.",
        ),
        option(
            "--access-key",
            type=_Source(),
            metavar="SOURCE",
            group=_GROUP,
            rare=True,
            help=f"Where control planes find their AWS access key: {_SOURCE}. Without it they use the default "
            "credential chain, such as IRSA.",
        ),
        option(
            "--access-key-secret",
            type=_Source(),
            metavar="SOURCE",
            group=_GROUP,
            rare=True,
            help="Where control planes find the access key's secret; the same sources.",
        ),
        option(
            "--credentials",
            metavar="env|prompt|FILE",
            reads=True,
            group=_GROUP,
            help="Where to read the values of both keys; AWS's variables, a prompt, or a file such as "
            "~/.aws/credentials. They become Secrets unless another SOURCE is given. Not needed with IRSA.",
        ),
        option(
            "--credentials-profile",
            default="default",
            show_default=True,
            metavar="NAME",
            group=_GROUP,
            rare=True,
            help="The file's profile.",
        ),
        option(
            "--allow-inline-credentials",
            is_flag=True,
            allow_from_autoenv=False,
            group=_GROUP,
            rare=True,
            help="Allow credentials in a Mesh, where many users can read them.",
        ),
    )


def take_options(
    form: Literal["kubernetes", "universal"], chosen: Mapping[str, Value], meshes: Sequence[str]
) -> MeshOptions:
    """Return the operator's options as one value, with the credentials.

    Args:
        form: form of the documents.
        chosen: the command's parameters from :func:`mesh_options`.
        meshes: names of the meshes to render.

    Raises:
        UsageError: options exclude each other.
        InvalidInputError: the credentials are not valid.
    """
    from toolkit.mesh.render.building import MeshOptions

    fields = dict(chosen)
    where, profile = fields.pop("credentials"), fields.pop("credentials_profile")
    for field in ("ca_cert", "access_key", "access_key_secret"):
        choice = fields[field]
        if len(meshes) > 1 and choice and choice.kind == "secret" and choice.name:
            name = f"--{field.replace('_', '-')} secret={choice.name}"
            raise click.UsageError(f"{name}: a Secret is one mesh's; choose the mesh with --mesh, or give no name")
    credentials = None if where is None else _credentials(where, profile)
    if fields["allow_inline_credentials"] and credentials:
        warn("credentials in a Mesh can be read by whoever may read the Mesh; use a Secret or, better, a role")
    return MeshOptions(form=form, credentials=credentials, **fields)


def _credentials(where: str, profile: str) -> Credentials:
    from toolkit.files import name_source, read_text
    from toolkit.mesh.render import static_credentials

    if where == "env":
        return static_credentials.read_from_environment(os.environ)
    if where == "prompt":
        if not can_ask():
            raise click.UsageError(
                "--credentials prompt needs a terminal to ask on, and standard input is none; take env or a FILE"
            )
        access_key = click.prompt("AWS access key", err=True)
        secret = click.prompt("AWS access key secret", hide_input=True, err=True)
        return static_credentials.check_credentials(access_key, secret, "the prompt")
    text = read_text(where, "is not an AWS credentials file")
    return static_credentials.read_from_file(text, name_source(where), profile)


def refuse_public(what: str, options: str = "--output-file") -> None:
    """Reject a credential on a terminal, or on standard output that is a file which others can read.

    Args:
        what: the credential, for the error.
        options: the command's options that write to a file.

    Raises:
        UsageError: standard output is a terminal or such a file. A pipe is allowed.
    """
    try:
        output = os.fstat(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):
        return  # It is closed or not a file, such as a test's buffer.
    is_wide = stat.S_ISREG(output.st_mode) and bool(output.st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    if sys.stdout.isatty() or is_wide:
        place = "this terminal" if sys.stdout.isatty() else "a file that others may read"
        raise click.UsageError(f"{what} would go to {place}; name a file with {options}, which gets 0600")
