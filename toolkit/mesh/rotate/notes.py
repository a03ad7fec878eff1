"""Say what an operator should know before the first step of a rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import find_secrets_named
from toolkit.values import Object
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.editable import EditableMesh


def list_authority_notes(mesh: EditableMesh, old: str, new: str, outputs: StackOutputs) -> list[str]:
    """Return notes on the CAs of the backend to leave and of the new one."""
    arn = outputs.certificate_authority.arn
    notes = [f"{old} and the new backend are the same CA, {arn}"] if find_authority(mesh, old) == arn else []
    if (there := find_authority(mesh, new)) not in (None, arn):
        notes.append(
            f"{new} is already trusted, with another CA, {there}; the first step removes that CA, so no proxy may "
            "still have a certificate of it"
        )
    return notes


def list_mode_notes(old: object, new: object) -> list[str]:
    """Return a note if the new backend has another mode than the old one, and so accepts plain traffic."""
    if (old, new) == ("STRICT", "PERMISSIVE"):
        return ["the new backend is PERMISSIVE: from the switch on, plain traffic is accepted too"]
    return []


def list_secret_notes(mesh: EditableMesh, backend: Object) -> list[str]:
    """Return a note if the new backend needs Secrets."""
    named = sorted({name for _, name in find_secrets_named(backend.get("conf"))})
    return [f"mesh {mesh.name} needs the Secrets {', '.join(named)} before the first step"] if named else []


def find_authority(mesh: EditableMesh, backend: str) -> object:
    """Return the ARN of an acmpca backend's CA; None for other backends, and if the mesh has no such backend."""
    number = mesh.find_position(backend)
    values = {} if number is None else mesh.backends[number]
    return at(values, ("conf", "arn")) if values.get("type") == "acmpca" else None
