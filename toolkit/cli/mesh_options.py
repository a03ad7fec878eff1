"""Options of an acmpca backend and of a MeshIdentity, shared by the commands that render one."""

from __future__ import annotations

import functools
import os
import stat
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from toolkit.cli.options import STACKS_LIFETIME, can_ask, namespace_option, warn
from toolkit.cli.parameters import Decorator, combine, gather, option, parse_with
from toolkit.errors import InvalidInputError, Problem
from toolkit.values import Value

if TYPE_CHECKING:
    from toolkit.mesh.render.building import MeshOptions
    from toolkit.mesh.render.identity_documents import IdentityOptions
    from toolkit.mesh.render.static_credentials import Credentials
    from toolkit.mesh.schema.identity_spec import MeshTrustCreation
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.versions import MeshVersion

_WORKLOAD_PATH = "/workload/{{ .Workload }}"
_SOURCE = "inline, inlineString, secret, secret=NAME or file=PATH"


def _parse_source(text: str) -> Value:
    from toolkit.mesh.render.building import parse_choice

    return parse_choice(text)


_option = functools.partial(option, group="Mesh")
_source_option = functools.partial(_option, callback=parse_with(_parse_source), metavar="SOURCE")
expiration_option = functools.partial(_option, "--expiration", metavar="DURATION", show_default=STACKS_LIFETIME)
# The options of an acmpca backend, for :func:`take_options`.
mesh_options = combine(
    _option("--backend-name", default="acmpca", metavar="NAME", help="The mTLS backend of the Mesh."),
    _option(
        "--mode",
        type=click.Choice(["STRICT", "PERMISSIVE"]),
        show_default="STRICT in a new backend",
        help="PERMISSIVE also accepts plain traffic.",
    ),
    expiration_option(help="Lifetime of data plane certificates; one number and one unit of y, w, d, h, m, s, ms."),
    _option(
        "--common-name",
        metavar="TEMPLATE",
        help="Common name of data plane certificates; for example '{{ tag \"kuma.io/service\" }}.mesh'; none "
        "unless given.",
    ),
    _source_option(
        "--ca-cert",
        show_default="inline in a new backend",
        help=f"Where the CA chain is; {_SOURCE}, a file on every control plane's host.",
    ),
    _source_option(
        "--access-key",
        rare=True,
        help=f"Where control planes find their AWS access key: {_SOURCE}. Without it they use the default "
        "credential chain, such as IRSA.",
    ),
    _source_option(
        "--access-key-secret", rare=True, help="Where control planes find the access key's secret; the same sources."
    ),
    _option(
        "--credentials",
        metavar="env|prompt|FILE",
        reads=True,
        help="Where to read the values of both keys; AWS's variables, a prompt, or a file such as "
        "~/.aws/credentials. They become Secrets unless another SOURCE is given. Not needed with IRSA.",
    ),
    _option("--credentials-profile", default="default", metavar="NAME", rare=True, help="The file's profile."),
    _option(
        "--allow-inline-credentials",
        is_flag=True,
        allow_from_autoenv=False,
        rare=True,
        help="Allow credentials in a Mesh, where many users can read them.",
    ),
    _option("--request-timeout", metavar="DURATION", rare=True, help="Per certificate, such as 10s."),
    _option(
        "--root-chain-timeout",
        metavar="DURATION",
        show_default="10s, Kuma's own",
        rare=True,
        help="For the CA's chain, such as 30s.",
    ),
    _option(
        "--skip-validation",
        is_flag=True,
        rare=True,
        help="The control plane does not validate the backend when it is applied.",
    ),
    namespace_option(default="kong-mesh-system"),
)


def take_options(
    form: Form, meshes: Sequence[str], *, credentials: str | None, credentials_profile: str, **fields: Value
) -> MeshOptions:
    """Return the values of :data:`mesh_options` as one value, with the credentials that they name.

    Args:
        form: form of the documents.
        meshes: names of the meshes to render.
        credentials: where the values of both keys are.
        credentials_profile: the profile in that file.
        fields: the other values.

    Raises:
        UsageError: options exclude each other.
        InvalidInputError: the credentials are not valid.
    """
    from toolkit.mesh.render.building import MeshOptions

    for field in ("ca_cert", "access_key", "access_key_secret"):
        choice = fields[field]
        if len(meshes) > 1 and choice and choice.kind == "secret" and choice.name:
            name = f"--{field.replace('_', '-')} secret={choice.name}"
            raise click.UsageError(f"{name}: a Secret is one mesh's; choose the mesh with --mesh, or give no name")
    read = None if credentials is None else _credentials(credentials, credentials_profile)
    if fields["allow_inline_credentials"] and read:
        warn("credentials in a Mesh can be read by everyone who can read the Mesh; use a Secret or, better, a role")
    return MeshOptions(form=form, credentials=read, **fields)


def _credentials(where: str, profile: str) -> Credentials:
    from toolkit.files import name_source, read_text
    from toolkit.mesh.render import static_credentials

    if where == "env":
        return static_credentials.read_from_environment(os.environ)
    if where == "prompt":
        if not can_ask():
            raise click.UsageError(
                "--credentials prompt needs a terminal to ask on, and standard input is not one; use env or a FILE"
            )
        access_key = click.prompt("AWS access key", err=True)
        secret = click.prompt("AWS access key secret", hide_input=True, err=True)
        return static_credentials.check_credentials(access_key, secret, "the prompt")
    text = read_text(where, "is not an AWS credentials file")
    return static_credentials.read_from_file(text, name_source(where), profile)


def refuse_public(options: str = "--output-file") -> None:
    """Reject an AWS credential on a terminal, or on standard output that is a file which others can read.

    Args:
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
        raise click.UsageError(f"an AWS credential would go to {place}; name a file with {options}, which gets 0600")


class IdentityChoices(NamedTuple):
    """The values of :func:`identity_options`."""

    identity_name: str
    trust_domain: str | None
    path: str | None
    workload: bool
    creation: MeshTrustCreation

    def to_options(self, form: Form, expiration: str | None, namespace: str) -> IdentityOptions:
        """Return them with the other options of a MeshIdentity.

        Raises:
            click.UsageError: two of them exclude each other.
        """
        from toolkit.mesh.render.identity_documents import IdentityOptions

        if self.workload and self.path is not None:
            raise click.UsageError("--workload and --path exclude each other")
        return IdentityOptions(
            form=form,
            name=self.identity_name,
            trust_domain=self.trust_domain,
            path=_WORKLOAD_PATH if self.workload else self.path,
            expiry=expiration,
            mesh_trust_creation=self.creation,
            namespace=namespace,
        )


def identity_options(*, rare: bool = False) -> Decorator:
    """Return the options of a MeshIdentity: ``identity``.

    Args:
        rare: whether only ``--help-all`` shows them.
    """
    add = functools.partial(_option, rare=rare)
    return gather(
        "identity",
        IdentityChoices,
        add(
            "--identity-name",
            default="acmpca",
            metavar="NAME",
            help="Name of the MeshIdentity; MeshTrusts are named NAME-ZONE.",
        ),
        add(
            "--trust-domain",
            show_default="{{ .Mesh }}.{{ .Zone }}.mesh.local, one per zone",
            metavar="TEMPLATE",
            help="Trust domain of SPIFFE IDs; without {{ .Zone }} it is the same in all zones.",
        ),
        add(
            "--path",
            show_default="Kuma's, by the environment of the zone",
            metavar="TEMPLATE",
            help="Path of SPIFFE IDs. Kuma's is /ns/{{ .Namespace }}/sa/{{ .ServiceAccount }} on Kubernetes, "
            f"{_WORKLOAD_PATH} on Universal.",
        ),
        add("--workload", is_flag=True, help=f"Write the path {_WORKLOAD_PATH} for all zones, as on Universal."),
        add(
            "--mesh-trust-creation",
            "creation",
            type=click.Choice(["Enabled", "Disabled"]),
            default="Enabled",
            help="Whether zone control planes make a MeshTrust for their own zone too.",
        ),
    )


def refuse_old_version(version: MeshVersion, instead: str) -> None:
    """Reject a version that has no extension acmpca.

    Args:
        version: of Kong Mesh.
        instead: what to do with such a version.

    Raises:
        InvalidInputError: the version is too old.
    """
    from toolkit.mesh.schema.versions import FIRST_WITH_MESH_IDENTITY_EXTENSION as FIRST

    if version < FIRST:
        raise InvalidInputError(
            f"Kong Mesh {version} has no MeshIdentity extension acmpca",
            [Problem("--mesh-version", f"the extension came with Kong Mesh {FIRST}")],
            instead,
        )
