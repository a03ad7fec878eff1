"""Plan the move of a mesh from one CA to another without breaking traffic: the documents to apply, in order.

Kong Mesh trusts the CAs of all backends and signs with the enabled one. So a mesh moves in three steps: add, switch,
remove (Kong/developer.konghq.com:app/mesh/ca-rotation.md). Open-source Kuma accepts one backend, and rejects changes
of it while mTLS is on (kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go). There, mTLS is off for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast, get_args

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.documents import editable
from toolkit.mesh.documents.differences import are_same
from toolkit.mesh.documents.wording import show
from toolkit.mesh.render.merge import merge
from toolkit.mesh.rotate import instructions
from toolkit.mesh.rotate.notes import find_authority, list_authority_notes, list_mode_notes, list_secret_notes
from toolkit.mesh.schema.model import Mode
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.render.building import MeshOptions
    from toolkit.mesh.rotate.instructions import Words
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.secret import MeshSecret
    from toolkit.mesh.schema.versions import Product

# The backend types of open-source Kuma (kumahq/kuma:pkg/plugins/ca).
_KUMAS_OWN = ("builtin", "provided")


@dataclass(frozen=True)
class Step:
    """One document to apply, and the instructions for it.

    Attributes:
        number: from 1.
        name: one word, such as ``add``.
        text: the stream with the Mesh as it is after the step.
        is_done: whether the mesh is already in this state.
        words: instructions for people.
    """

    number: int
    name: str
    text: str
    is_done: bool
    words: Words


@dataclass(frozen=True)
class Rotation:
    """The plan of a move from one backend to another.

    Attributes:
        mesh: its name.
        old: the backend that the mesh leaves.
        new: the backend that the mesh moves to.
        steps: in order; none if the mesh trusts the new backend alone already.
        secrets: Secrets to apply before the first step.
        notes: what the operator should know beforehand.
        before: the stream before the rotation.
        form: of the documents.
        is_confidential: whether only the owner may read the texts with the Mesh.
        secrets_have_credentials: whether one of the Secrets contains a credential.
        others: backends that also stay trusted.
    """

    mesh: str
    old: str
    new: str
    steps: tuple[Step, ...]
    secrets: tuple[MeshSecret, ...]
    notes: tuple[str, ...]
    before: str
    form: Form
    is_confidential: bool = False
    secrets_have_credentials: bool = False
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin:
    """The mesh to move.

    Attributes:
        text: a stream with the current Mesh.
        source: name of the stream in errors.
        mesh: name of the Mesh; None for the only one.
    """

    text: str
    source: str
    mesh: str | None = None

    def read(self, text: str | None = None) -> EditableMesh:
        """Return the Mesh in the stream, or in a changed text of the stream."""
        meshes = editable.read_editable(self.text if text is None else text, self.source)
        return editable.choose(meshes, self.mesh, self.source)


@dataclass(frozen=True)
class Move(Origin):
    """The mesh to move, and the backend to leave.

    Attributes:
        leave: the backend to leave; None for the one that signs.
        product: Kong Mesh or open-source Kuma.
    """

    leave: str | None = None
    product: Product = "kong-mesh"


def plan_move_to_acmpca(move: Move, outputs: StackOutputs, options: MeshOptions) -> Rotation:
    """Return the plan of the move to the contract's CA.

    The new backend gets the mode of the old one, unless an option sets another.

    Raises:
        InvalidInputError: every way would break traffic, or an option is invalid.
    """
    mesh = move.read()
    if move.product == "kuma":
        raise InvalidInputError(
            "open-source Kuma has no acmpca backend",
            [Problem("--product", f"kuma has {' and '.join(_KUMAS_OWN)}; acmpca is a part of Kong Mesh")],
            "Name the backend to move to with --to FILE.",
        )
    old = _old(mesh, move, options.backend_name)
    _refuse_one_name(mesh, old, options.backend_name, outputs.certificate_authority.arn)
    mode = find_mode(mesh, mesh.enabled_backend)
    wanted = options.mode or mode
    if (mode, wanted) == ("PERMISSIVE", "STRICT"):
        raise mesh.refuse(
            ("backends", _position(mesh, mesh.enabled_backend), "mode"),
            "is PERMISSIVE, and the new backend would be STRICT: plain traffic would break when it is switched to",
            "Rotate without --mode, and make the mesh STRICT afterwards.",
        )
    notes = [*list_mode_notes(mode, wanted), *list_authority_notes(mesh, old, options.backend_name, outputs)]
    # Don't write a mode that the backend already has, or has by default.
    is_so = mesh.find_position(options.backend_name) is not None and find_mode(mesh, options.backend_name) == wanted
    merged = merge(outputs, mesh, options._replace(mode=None if is_so else wanted))
    if old == options.backend_name:
        if merged.secrets_have_credentials or mesh.editor.text != move.text:
            message = f"{old} already signs, with the CA of the contract, and has other settings"
            raise mesh.refuse((), message, "To change its settings, use toolkit render-mesh --base.")
        return _finished(move, mesh)
    rotation = _rotation(move, mesh, old, options.backend_name, notes)
    return replace(rotation, secrets=merged.secrets, secrets_have_credentials=merged.secrets_have_credentials)


def plan_move_to_backend(move: Move, backend: Object) -> Rotation:
    """Return the plan of the move to any backend, such as back from acmpca.

    Args:
        move: the mesh to move.
        backend: an item of ``mtls.backends`` as plain values.

    Raises:
        InvalidInputError: every way would break traffic.
    """
    mesh = move.read()
    name = backend["name"]
    if backend.get("type") == "certmanager" and mesh.form == "universal":
        raise mesh.refuse((), f"{name} is of type certmanager, which works on Kubernetes only")
    old = _old(mesh, move, name)
    if move.product == "kuma":
        return _permissive(move, mesh, old, backend)
    number = mesh.find_position(name)
    mode, wanted = find_mode(mesh, mesh.enabled_backend), backend.get("mode", "STRICT")
    notes = []
    if (mode, wanted) == ("PERMISSIVE", "STRICT"):
        if name == old:
            raise mesh.refuse(
                ("backends", _position(mesh, name), "mode"),
                "is PERMISSIVE, and the file's backend is STRICT: plain traffic would break",
                "That is no rotation: change the mode in the Mesh when no plain traffic is left.",
            )
        backend = {**backend, "mode": mode}
        wanted = mode
        notes = [f"{name} gets the mode PERMISSIVE, as {old} has it: STRICT would break plain traffic. Change it later"]
    is_there = number is not None and _are_same_backends(mesh.backends[number], backend)
    if name == old and is_there:
        _refuse_others(mesh, name)
        return _finished(move, mesh)
    if name == old or (mesh.enabled_backend == name and not is_there):
        raise _one_name(mesh, name, "Give the new one another name in the file that --to names.")
    notes += [*list_mode_notes(mode, wanted), *list_secret_notes(mesh, backend)]
    if number is not None and mesh.backends[number].get("conf") != backend.get("conf"):
        notes.append(
            f"{name} is already trusted, with another conf, which the first step replaces; if that is another CA, no "
            "proxy may still have a certificate of it"
        )
    _put(mesh, backend)
    return _rotation(move, mesh, old, name, notes)


def _rotation(move: Move, mesh: EditableMesh, old: str, new: str, notes: list[str]) -> Rotation:
    """Return the rotation with the steps add, switch and remove, of a mesh that has both backends."""
    private = mesh.is_confidential
    if mesh.enabled_backend != old:
        # The switch was already made. The earlier steps are still needed to go back.
        mesh.set(("enabledBackend",), old)
    texts = {"add": mesh.editor.text}
    mesh.set(("enabledBackend",), new)
    texts["switch"] = mesh.editor.text
    mesh.remove(("backends", _position(mesh, old)))
    texts["remove"] = mesh.editor.text
    others = sorted(backend["name"] for backend in mesh.backends if backend["name"] != new)
    if others:
        notes = [*notes, f"{', '.join(others)} stays trusted too; this rotation is about {old} and {new} only"]
    # Steps that the mesh already matches are done, so an interrupted rotation continues.
    steps = _steps(texts, _reached(move, texts.values()), instructions.describe_steps(mesh.name, old, new))
    return Rotation(mesh.name, old, new, steps, (), tuple(notes), move.text, mesh.form, private, others=tuple(others))


def _steps(texts: Mapping[str, str], done: int, words: Mapping[str, Words]) -> tuple[Step, ...]:
    return tuple(
        Step(number, name, text, number <= done, words[name])
        for number, (name, text) in enumerate(texts.items(), start=1)
    )


def _reached(move: Move, texts: Iterable[str]) -> int:
    """Return the latest step that the current Mesh already matches; 0 if it matches none.

    The Meshes are compared in the form that a control plane keeps, because it returns a Mesh without zero values such
    as ``mode: STRICT``.
    """
    there = _section(move.read())
    numbers = [number for number, text in enumerate(texts, start=1) if are_same(_section(move.read(text)), there)]
    return max(numbers, default=0)


def _section(mesh: EditableMesh) -> Object:
    """Return a Mesh with its mTLS section alone, to compare it."""
    return {"type": "Mesh", "mtls": mesh.mtls}


def _are_same_backends(one: Object, other: Object) -> bool:
    one, other = ({"type": "Mesh", "mtls": {"backends": [each]}} for each in (one, other))
    return are_same(one, other, heed_unknown=True)


def _finished(move: Move, mesh: EditableMesh) -> Rotation:
    """Return the rotation of a mesh that trusts the new backend alone: no step is left."""
    new, left = mesh.enabled_backend, move.leave
    gone = () if left in (None, new) else (f"the mesh has no backend {left}: it was removed, or the name is wrong",)
    return Rotation(mesh.name, new, new, (), (), gone, move.text, mesh.form, mesh.is_confidential)


def _permissive(move: Move, mesh: EditableMesh, old: str, backend: Object) -> Rotation:
    """Return the rotation for open-source Kuma, through plain traffic, because Kuma allows one backend only."""
    new = backend["name"]
    if backend.get("type") not in _KUMAS_OWN:
        raise mesh.refuse((), f"{new} is of type {backend.get('type')}; open-source Kuma has {', '.join(_KUMAS_OWN)}")
    if len(mesh.backends) != 1:
        raise mesh.refuse(("backends",), "must have one entry: open-source Kuma allows only one backend")
    if mesh.zone_egress:
        # kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateZoneEgress
        raise mesh.refuse(
            (),
            "can't be turned off while routing.zoneEgress is on: Kuma rejects that",
            "Turn routing.zoneEgress off for the rotation, which stops traffic between zones that relies on it.",
        )
    step = move.read()
    step.set(("enabledBackend",), old)
    step.set(("backends", 0, "mode"), "PERMISSIVE")
    texts = {"permissive": step.editor.text}
    step.set(("enabledBackend",), "")
    texts["off"] = step.editor.text
    step.remove(("backends", 0))
    _put(step, {**backend, "mode": "PERMISSIVE"})
    step.set(("enabledBackend",), new)
    texts["on"] = step.editor.text
    if (mode := backend.get("mode", "STRICT")) == "STRICT":
        step.set(("backends", 0, "mode"), mode)
        texts["strict"] = step.editor.text
    first = _reached(move, texts.values())
    if first == len(texts):
        return _finished(move, mesh)
    if not mesh.enabled_backend:
        first = list(texts).index("off") + 1
    steps = _steps(texts, first, instructions.describe_steps_of_kuma(mesh.name, old, new))
    notes = (*instructions.COST_OF_PERMISSIVE, *list_secret_notes(mesh, backend))
    private = mesh.is_confidential or step.is_confidential
    return Rotation(mesh.name, old, new, steps, (), notes, move.text, mesh.form, private)


def _old(mesh: EditableMesh, move: Move, new: str) -> str:
    """Return the backend that the mesh leaves."""
    enabled = mesh.enabled_backend
    if not enabled and move.product == "kuma" and len(mesh.backends) == 1:
        # On open-source Kuma mTLS is off in the middle of a rotation.
        return str(mesh.backends[0]["name"])
    if not enabled:
        raise mesh.refuse(
            ("enabledBackend",),
            "is missing: mTLS is off, so there is no CA to leave",
            "toolkit render-mesh --base turns it on with the new CA.",
        )
    if mesh.find_position(enabled) is None:
        raise mesh.refuse(("enabledBackend",), f"names {enabled}, which is not among the backends")
    if move.leave is not None:
        if mesh.find_position(move.leave) is None:
            if [backend["name"] for backend in mesh.backends] == [new]:
                # The last step was made already.
                return new
            raise mesh.refuse(("backends",), f"have none named {move.leave}", "Name another with --from.")
        if enabled not in (move.leave, new):
            raise mesh.refuse(
                ("enabledBackend",),
                f"names {enabled}, which is neither the backend to leave ({move.leave}) nor the new one ({new})",
                f"Rotate from {enabled} first, without --from. Then --from {move.leave} removes {move.leave}.",
            )
        return move.leave
    others = [backend["name"] for backend in mesh.backends if backend["name"] != new]
    # If the switch was already made, the only remaining step removes the other backend.
    return others[0] if enabled == new and len(others) == 1 else enabled


def _refuse_one_name(mesh: EditableMesh, old: str, new: str, arn: str) -> None:
    """Reject another CA for the name of the backend that signs, also if the switch was already made."""
    if new not in (old, mesh.enabled_backend):
        return
    if find_authority(mesh, new) != arn:
        raise _one_name(mesh, new, f"Give the new one another name: --backend-name {new}-2.")
    if old == new:
        _refuse_others(mesh, new)


def _refuse_others(mesh: EditableMesh, signing: str) -> None:
    """Reject a mesh whose other backends are all candidates to leave."""
    others = [each["name"] for each in mesh.backends if each["name"] != signing]
    if others:
        message = f"{signing} already signs; to stop trusting one of {', '.join(others)}, name it with --from"
        raise mesh.refuse(("enabledBackend",), message)


def _one_name(mesh: EditableMesh, name: str, hint: str) -> InvalidInputError:
    return mesh.refuse(
        ("backends", _position(mesh, name), "name"),
        f"{name} is the name of both the backend that signs and the new one; a change in place would give proxies "
        "certificates that other proxies do not trust yet",
        hint,
    )


def _put(mesh: EditableMesh, backend: Object) -> None:
    """Add a backend as the last one. A different backend with the same name is replaced."""
    number = mesh.find_position(backend["name"])
    if number is not None:
        if _are_same_backends(mesh.backends[number], backend):
            return
        mesh.remove(("backends", number))
    mesh.set(("backends", len(mesh.backends)), backend)


def _position(mesh: EditableMesh, name: str) -> int:
    """Return the index of a backend that the mesh has."""
    return [backend["name"] for backend in mesh.backends].index(name)


def find_mode(mesh: EditableMesh, backend: str) -> Mode:
    """Return the mode of a backend, which is STRICT by default.

    Raises:
        InvalidInputError: the Mesh has a mode that does not exist.
    """
    number = _position(mesh, backend)
    mode = mesh.backends[number].get("mode") or "STRICT"
    if mode not in get_args(Mode):
        message = f"is {show(mode)}; it must be {' or '.join(get_args(Mode))}"
        raise mesh.refuse(("backends", number, "mode"), message, "Correct it in the Mesh first.")
    return cast("Mode", mode)
