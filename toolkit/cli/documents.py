"""Read existing meshes from a file, standard input or a control plane, and write documents or show a diff."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from toolkit.cli.control_plane_options import Access, control_plane_options
from toolkit.cli.exits import write_stdout
from toolkit.cli.options import choose_look, note, repeat_options, version_option, warn
from toolkit.cli.parameters import Decorator, combine, option
from toolkit.errors import InvalidInputError
from toolkit.values import Object

if TYPE_CHECKING:
    import re

    from toolkit.control_plane.client import ControlPlane
    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.versions import MeshVersion

CONTROL_PLANE = "control-plane"
_ENTERPRISE = "Kong Mesh"
# A value of one line: base64, and PEM with escaped line ends. PEM in a block has a line for each line.
_LONG_VALUE = r"(?P<base64>[A-Za-z0-9+/]{200,}={0,2})|-----BEGIN .{200,}?-----END [A-Z ]+-----(?:\\n)*"
# The colors of a diff, by the first character of a line.
DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


class Base(NamedTuple):
    """The existing meshes.

    Attributes:
        meshes: in order; meshes of one text share an editor.
        version: the control plane's version; None for other products and without a control plane.
        product: the control plane's product; empty without a control plane.
        control_plane: is open until the command ends; None without a control plane.
    """

    meshes: list[EditableMesh]
    version: MeshVersion | None = None
    product: str = ""
    control_plane: ControlPlane | None = None


def base_options(*, required: bool = False) -> Decorator:
    """Return the options for existing meshes: ``base``, ``mesh_version`` and ``access``."""
    return combine(
        option(
            "--base",
            required=required,
            metavar=f"FILE|-|{CONTROL_PLANE}",
            reads=True,
            help=f"The existing Mesh; a file with one or more, - for standard input, {CONTROL_PLANE} to read it "
            "from there. Everything that is not changed is kept.",
        ),
        version_option(
            rare=True,
            help="The version of Kong Mesh, such as 2.14.2; by default that of the control plane, if there is one.",
        ),
        control_plane_options,
    )


def read_base(base: str, access: Access, meshes: Sequence[str], form: Form) -> Base:
    """Read the meshes of ``--base``.

    Args:
        base: the option's value.
        access: how to reach the control plane.
        meshes: names of the meshes to read from a control plane.
        form: the form for meshes from a control plane.

    Raises:
        InvalidInputError: the text can't be read, or contains no valid Mesh.
        ExternalError: the control plane can't be reached, or returned an error.
    """
    from toolkit.files import name_source, read_text
    from toolkit.mesh.documents.editable import read_editable, write_mesh

    if base != CONTROL_PLANE:
        text = read_text(base)
        return Base(read_editable(text, name_source(base)))
    documents: list[EditableMesh] = []
    control_plane = click.get_current_context().with_resource(access.open())
    index = control_plane.get_index()
    for name in meshes:
        resource = control_plane.get_mesh(name)
        if resource is not None:
            documents += read_editable(write_mesh(resource, form), f"Mesh {name} of the control plane")
    version = index.number if index.product == _ENTERPRISE else None
    return Base(documents, version, index.product, control_plane)


def read_moving(base: str, access: Access, mesh: str | None, version: MeshVersion | None) -> Base:
    """Read the mesh of ``--base`` that a rotation moves.

    Args:
        base: the option's value.
        access: how to reach the control plane.
        mesh: its name; None for the only one in a file.
        version: the version that the user named.

    Returns:
        The first mesh has the text with the one to move. The version is the named one, if there is one.

    Raises:
        InvalidInputError: the text can't be read, the control plane has no such mesh, or its version has no acmpca
            backend.
        ExternalError: the control plane can't be reached, or returned an error.
    """
    from toolkit.files import name_source
    from toolkit.mesh.documents.editable import choose

    existing = read_base(base, access, [mesh or ""], "universal")
    version = version or existing.version
    heed_version(version)
    if not existing.meshes and base == CONTROL_PLANE:
        raise InvalidInputError(f"the control plane has no mesh {mesh}")
    if not existing.meshes:
        # Raises the error that a file has no Mesh.
        choose([], mesh, name_source(base))
    return existing._replace(version=version)


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


def heed_version(version: MeshVersion | None) -> None:
    """Reject a version without the acmpca backend, and warn of limitations of other versions; None is any version.

    Raises:
        InvalidInputError: the version has no acmpca backend.
    """
    from toolkit.mesh.schema import versions

    if version is None:
        return
    versions.refuse_version(version, _name_successor(click.get_current_context().params))
    for warning in versions.list_warnings(version):
        warn(warning)


def _name_successor(chosen: Object) -> str:
    """Return the command that renders a MeshIdentity instead of the Mesh that a command would render."""
    import shlex

    base = chosen.get("base")
    # Without mtls there is nothing to move from.
    is_new = base is None or chosen.get("target") == "mesh-identity"
    words = ["render-identity"] if is_new else ["rotate", "--to", "mesh-identity", "--base", str(base)]
    return shlex.join(["toolkit", *words, *repeat_options(("contract_file", "stack", "cwd", "mesh", "meshes"))])


def lay_out(stream: str, form: str) -> str:
    """Return a YAML stream as ``yaml`` or ``json``.

    Raises:
        InvalidInputError: JSON can't represent the stream.
    """
    if form == "yaml":
        return stream
    from toolkit.mesh.render.json_form import convert_to_json

    text = convert_to_json(stream)
    if text.startswith('{\n  "items": ['):
        note("several documents are one list, which kumactl apply does not accept; toolkit apply does")
    return text


def show_diff(before: str, after: str, names: tuple[str, str]) -> None:
    """Print the differences of two texts as ``diff -u`` does; nothing if they are the same.

    Long values, such as a chain of CAs, are shown as in the differences of ``toolkit apply``.

    Args:
        before: the current text.
        after: the new text.
        names: names of the two texts in the diff.
    """
    import difflib

    look = choose_look(None)
    changed = difflib.unified_diff(
        before.splitlines(), after.splitlines(), fromfile=names[0], tofile=names[1], lineterm=""
    )
    lines = map(shorten_values, changed)
    write_stdout(
        "".join(f"{click.style(line, fg=DIFF_STYLES.get(line[:1])) if look.color else line}\n" for line in lines)
    )


def shorten_values(line: str) -> str:
    """Return a line with the size and a digest instead of each long value in base64 or PEM.

    Different values never get the same digest: only the one canonical form of base64 is decoded first.
    """
    import re

    return re.sub(_LONG_VALUE, _show_size, line)


def _show_size(match: re.Match[str]) -> str:
    from base64 import b64decode, b64encode

    from toolkit.mesh.documents.differences import show_digest

    text = match[0].encode()
    decoded = b64decode(text, validate=True) if match["base64"] and len(text) % 4 == 0 else b""
    return f"({show_digest(decoded if b64encode(decoded) == text else text)})"
