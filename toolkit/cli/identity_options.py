"""Define the options of a MeshIdentity for the commands that render one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from toolkit.cli.options import with_options
from toolkit.cli.parameters import option
from toolkit.errors import InvalidInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.mesh.render.identity_documents import IdentityOptions
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.versions import MeshVersion
    from toolkit.values import Object

_Command = TypeVar("_Command", bound="Callable[..., object]")
_GROUP = "Mesh"
WORKLOAD_PATH = "/workload/{{ .Workload }}"
DEFAULT_NAME = "acmpca"
# The parameters of the options.
NAMES = ("identity_name", "trust_domain", "path", "workload", "creation")


def identity_options(*, rare: bool = False) -> Callable[[_Command], _Command]:
    """Return the options of a MeshIdentity; :func:`take_identity_options` combines their values.

    Args:
        rare: whether only ``--help-all`` shows them.
    """

    def add(function: _Command) -> _Command:
        return with_options(
            function,
            option(
                "--identity-name",
                default=DEFAULT_NAME,
                show_default=True,
                metavar="NAME",
                group=_GROUP,
                rare=rare,
                help="Name of the MeshIdentity; MeshTrusts are named NAME-ZONE.",
            ),
            option(
                "--trust-domain",
                show_default="{{ .Mesh }}.{{ .Zone }}.mesh.local, one per zone",
                metavar="TEMPLATE",
                group=_GROUP,
                rare=rare,
                help="Trust domain of SPIFFE IDs; without {{ .Zone }} it is the same in all zones.",
            ),
            option(
                "--path",
                show_default="Kuma's, by the environment of the zone",
                metavar="TEMPLATE",
                group=_GROUP,
                rare=rare,
                help="Path of SPIFFE IDs. Kuma's is /ns/{{ .Namespace }}/sa/{{ .ServiceAccount }} on Kubernetes, "
                f"{WORKLOAD_PATH} on Universal.",
            ),
            option(
                "--workload",
                is_flag=True,
                group=_GROUP,
                rare=rare,
                help=f"Write the path {WORKLOAD_PATH} for all zones, as on Universal.",
            ),
            option(
                "--mesh-trust-creation",
                "creation",
                type=click.Choice(["Enabled", "Disabled"]),
                default="Enabled",
                show_default=True,
                group=_GROUP,
                rare=rare,
                help="Whether zone control planes make a MeshTrust for their own zone too.",
            ),
        )

    return add


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


def take_identity_options(chosen: Object, form: Form, expiration: str | None, namespace: str) -> IdentityOptions:
    """Take the options of a MeshIdentity out of a command's parameters.

    Raises:
        click.UsageError: two of them exclude each other.
    """
    from toolkit.mesh.render.identity_documents import IdentityOptions

    taken = {name: chosen.pop(name) for name in NAMES}
    if taken["workload"] and taken["path"] is not None:
        raise click.UsageError("--workload and --path exclude each other")
    return IdentityOptions(
        form=form,
        name=taken["identity_name"],
        trust_domain=taken["trust_domain"],
        path=WORKLOAD_PATH if taken["workload"] else taken["path"],
        expiry=expiration,
        mesh_trust_creation=taken["creation"],
        namespace=namespace,
    )
