"""The meshes that exist: from a file, standard input or a control plane; shared by the commands that change them."""

from __future__ import annotations

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
    """The meshes that exist.

    Attributes:
        meshes: in their order; meshes of one text share their editor.
        version: of the control plane that was asked, when it is one of Kong Mesh.
        product: its product; empty when no control plane was asked.
        insights: what it sees of each mesh's proxies, by the mesh's name.
    """

    meshes: list[EditableMesh]
    version: MeshVersion | None
    product: str
    insights: dict[str, Object]


def base_options(*, required: bool = False) -> Callable[[_Command], _Command]:
    """Where the meshes that exist are read: ``base`` and what :func:`control_plane_options` gives."""

    def add(function: _Command) -> _Command:
        return with_options(
            function,
            option(
                "--base",
                required=required,
                metavar=f"FILE|-|{CONTROL_PLANE}",
                help=f"The Mesh as it is; a file with one or more, - for standard input, {CONTROL_PLANE} to read it "
                "there. What is not changed stays to the character.",
            ),
            option(
                "--mesh-version",
                metavar="VERSION",
                rare=True,
                help="The version of Kong Mesh, such as 2.14.2; the control plane's, where one is asked.",
            ),
            control_plane_options,
        )

    return add


def take_access(chosen: Object) -> Object:
    """Take what :func:`control_plane_options` put into a command's parameters out of them."""
    return {name: chosen.pop(name) for name in NAMES}


def read_base(
    base: str, access: Mapping[str, Value], meshes: Sequence[str], form: Form, *, with_insights: bool = False
) -> Base:
    """Read what ``--base`` names.

    Args:
        base: the option.
        access: to the control plane; see :func:`take_access`.
        meshes: which meshes to ask a control plane for.
        form: in which to write what a control plane says.
        with_insights: whether to ask it for its view of the proxies, too.

    Raises:
        InvalidInputError: the text can't be read, or holds no Mesh that can be used.
        ExternalError: the control plane can't be reached or refuses.
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
    """Say how a list of kumactl can be applied, if the Mesh is in one.

    Source: kumahq/kuma:app/kumactl/cmd/apply/apply.go, which reads resources alone.
    """
    if mesh.document.base and mesh.document.is_universal:
        note("the documents are in a list, which kumactl apply does not accept; toolkit apply does")


def read_mode(base: str | None) -> int:
    """The permission bits of what is made of a base and holds no credential: no wider than the base's own."""
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
    """Refuse a version that has no acmpca backend, and say what is to be known of the others.

    Args:
        mesh_version: what the operator says.
        known: what the control plane says; the operator's word counts more.

    Raises:
        InvalidInputError: the version is none, or has no acmpca backend.
    """
    from toolkit.mesh.schema import versions

    version = known
    if mesh_version is not None:
        try:
            version = versions.MeshVersion.parse(mesh_version)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--mesh-version") from error
    if version is None:
        return
    versions.refuse_version(version)
    for warning in versions.list_warnings(version):
        warn(warning)
