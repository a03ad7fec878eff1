"""Read existing meshes from a file, standard input or a control plane, for the commands that change them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from toolkit.cli.control_plane_options import NAMES, control_plane_options, open_control_plane
from toolkit.cli.options import note, warn, with_options
from toolkit.cli.parameters import option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.versions import MeshVersion
    from toolkit.values import Object, Value

_Command = TypeVar("_Command", bound="Callable[..., object]")
CONTROL_PLANE = "control-plane"
_ENTERPRISE = "Kong Mesh"


class Base(NamedTuple):
    """The existing meshes.

    Attributes:
        meshes: in order; meshes of one text share an editor.
        version: the control plane's version; None for other products and without a control plane.
        product: the control plane's product; empty without a control plane.
        insights: MeshInsights by the mesh's name.
    """

    meshes: list[EditableMesh]
    version: MeshVersion | None
    product: str
    insights: dict[str, Object]


def base_options(*, required: bool = False) -> Callable[[_Command], _Command]:
    """Add the options for existing meshes: ``base``, and those of :func:`control_plane_options`."""

    def add(function: _Command) -> _Command:
        return with_options(
            function,
            option(
                "--base",
                required=required,
                metavar=f"FILE|-|{CONTROL_PLANE}",
                reads=True,
                help=f"The existing Mesh; a file with one or more, - for standard input, {CONTROL_PLANE} to read it "
                "from there. Everything that is not changed is kept.",
            ),
            option(
                "--mesh-version",
                metavar="VERSION",
                rare=True,
                help="The version of Kong Mesh, such as 2.14.2; by default that of the control plane, if there is one.",
            ),
            control_plane_options,
        )

    return add


def take_access(chosen: Object) -> Object:
    """Remove the values of :func:`control_plane_options` from a command's parameters, and return them."""
    return {name: chosen.pop(name) for name in NAMES}


def read_base(
    base: str, access: Mapping[str, Value], meshes: Sequence[str], form: Form, *, with_insights: bool = False
) -> Base:
    """Read the meshes of ``--base``.

    Args:
        base: the option's value.
        access: access to the control plane; see :func:`take_access`.
        meshes: names of the meshes to read from a control plane.
        form: the form for meshes from a control plane.
        with_insights: whether to read MeshInsights too.

    Raises:
        InvalidInputError: the text can't be read, or contains no valid Mesh.
        ExternalError: the control plane can't be reached, or returned an error.
    """
    from toolkit.files import name_source, read_text
    from toolkit.mesh.documents.editable import read_editable, write_mesh

    if base != CONTROL_PLANE:
        text = read_text(base)
        return Base(read_editable(text, name_source(base)), None, "", {})
    documents: list[EditableMesh] = []
    insights = {}
    with open_control_plane(**access) as control_plane:
        index = control_plane.get_index()
        for name in meshes:
            resource = control_plane.get_mesh(name)
            if with_insights and (insight := control_plane.get_insight(name)) is not None:
                insights[name] = insight
            if resource is not None:
                documents += read_editable(write_mesh(resource, form), f"Mesh {name} of the control plane")
    version = _version(index.version) if index.product == _ENTERPRISE else None
    return Base(documents, version, index.product, insights)


def note_list(mesh: EditableMesh) -> None:
    """Note that kumactl can't apply the documents, if the Mesh is in a list.

    Source: kumahq/kuma:app/kumactl/cmd/apply/apply.go, which reads single resources only.
    """
    if mesh.document.base and mesh.document.is_universal:
        note("the documents are in a list, which kumactl apply does not accept; toolkit apply does")


def read_mode(base: str | None) -> int:
    """Return the permission bits of an output without credentials: no wider than the base's own."""
    from toolkit.files import PRIVATE, PUBLIC

    if base is None or base in ("-", CONTROL_PLANE):
        return PUBLIC
    return Path(base).stat().st_mode & PUBLIC | PRIVATE


def _version(text: str) -> MeshVersion | None:
    from toolkit.mesh.schema.versions import MeshVersion

    try:
        return MeshVersion.parse(text)
    except ValueError:
        return None


def heed_version(mesh_version: str | None, known: MeshVersion | None = None) -> None:
    """Reject a version without the acmpca backend, and warn of limitations of other versions.

    Args:
        mesh_version: the operator's ``--mesh-version``.
        known: the control plane's version, if ``mesh_version`` is None.

    Raises:
        BadParameter: ``mesh_version`` is not a version.
        InvalidInputError: the version has no acmpca backend.
    """
    from toolkit.mesh.schema import versions

    version = known if mesh_version is None else parse_version(mesh_version)
    if version is None:
        return
    versions.refuse_version(version, _name_successor(click.get_current_context()))
    for warning in versions.list_warnings(version):
        warn(warning)


def parse_version(text: str) -> MeshVersion:
    """Return the version that ``--mesh-version`` names.

    Raises:
        BadParameter: it is not a version.
    """
    from toolkit.mesh.schema.versions import MeshVersion

    try:
        return MeshVersion.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--mesh-version") from error


def _name_successor(ctx: click.Context) -> str:
    """Return the command that renders a MeshIdentity instead of the Mesh that a command would render."""
    chosen = ctx.params
    words = ["toolkit"]
    base = chosen.get("base")
    # Without mtls there is nothing to move from.
    is_new = base is None or chosen.get("target") == "mesh-identity"
    words += ["render-identity"] if is_new else ["rotate", "--to", "mesh-identity", "--base", str(base)]
    named = (("--contract", "contract_file"), ("--stack", "stack"), ("--cwd", "cwd"), ("--mesh", "mesh"))
    words += [word for option_name, name in named if chosen.get(name) for word in (option_name, str(chosen[name]))]
    words += [word for mesh in chosen.get("meshes") or () for word in ("--mesh", mesh)]
    return shlex.join(words)
