"""Add the acmpca backend to an existing Mesh. Every other character of the text stays the same.

A field whose option was not set keeps its current value. The contract always decides the CA and its chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.mesh.documents.confidential import INLINE
from toolkit.mesh.documents.data_sources import Resolved, read_secret_value, read_value
from toolkit.mesh.documents.wording import show
from toolkit.mesh.render.building import Built, Choice, MeshOptions, build
from toolkit.mesh.schema.model import SOURCE_KINDS
from toolkit.pki import duration, pem
from toolkit.values import Object
from toolkit.yamltext.plain import at, mapping

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.schema.secret import MeshSecret
    from toolkit.yamltext.nodes import Path


_EXPIRATION = ("dpCert", "rotation", "expiration")


@dataclass(frozen=True)
class Merged:
    """The result of a merge, besides the changed text.

    Attributes:
        secrets: Secrets that the Mesh names and that are not in the same text.
        notes: what the operator should know.
        warnings: what breaks traffic when the document is applied to a live mesh.
        secrets_have_credentials: whether one of the Secrets contains a credential.
    """

    secrets: tuple[MeshSecret, ...]
    notes: tuple[str, ...]
    secrets_have_credentials: bool
    warnings: tuple[str, ...] = ()


def merge(outputs: StackOutputs, mesh: EditableMesh, options: MeshOptions) -> Merged:
    """Add the acmpca backend to a mesh, or update it to the contract and the options.

    A second merge changes nothing. If another backend is enabled, it stays enabled: a move from one CA to another takes
    several steps (:mod:`toolkit.mesh.rotate.rotation`).

    Raises:
        InvalidInputError: an option is invalid, the backend's name belongs to another type of backend, or the form of
            the text can't be changed in part. Then discard the mesh: some of the changes may have been made.
    """
    number = mesh.find_position(options.backend_name)
    existing: Object = {} if number is None else mesh.backends[number]
    if number is not None and existing.get("type") != "acmpca":
        raise mesh.refuse(
            ("backends", number, "type"),
            f"{options.backend_name} is of type {existing.get('type')}; an acmpca backend needs a name of its own",
            "Choose one with --backend-name, and move to it with toolkit rotate.",
        )
    options = options._replace(form=mesh.form, ca_cert=options.ca_cert or _choice(existing))
    built = build(outputs, mesh.name, options)
    wanted = built.backend
    warnings = [*_warnings(mesh, existing, wanted)]
    notes = _enable(mesh, options.backend_name)
    if number is None:
        mesh.set(("backends", len(mesh.backends)), wanted)
    else:
        _update(mesh, ("backends", number), existing, _chosen(mesh, wanted, existing, options))
        _refuse_lifetime(outputs, mesh, number)
    if options.skip_validation:
        mesh.set(("skipValidation",), value=True)
    outside = _outside(mesh, built)
    return Merged(outside, notes, built.secrets_have_credentials, tuple(warnings))


def _warnings(mesh: EditableMesh, existing: Object, wanted: Object) -> Iterator[str]:
    name, enabled = wanted["name"], mesh.enabled_backend
    if not enabled:
        # Kong/developer.konghq.com:app/mesh/mutual-tls.md
        yield (
            f"mesh {mesh.name}: mTLS was off and this Mesh turns it on: all traffic that no MeshTrafficPermission "
            "allows will be denied"
        )
    before = at(existing, ("conf", "arn"))
    if enabled == name and isinstance(before, str) and before != wanted["conf"]["arn"]:
        yield (
            f"mesh {mesh.name}: {name} signs, and this Mesh replaces its CA {before}: until all certificates are "
            "renewed, proxies with old and new ones do not trust each other; "
            f"toolkit rotate --backend-name {name}-2 moves a live mesh without breaking traffic"
        )


def _enable(mesh: EditableMesh, name: str) -> tuple[str, ...]:
    """Set the backend as the enabled one, if none is enabled."""
    enabled = mesh.enabled_backend
    if enabled == name:
        return ()
    if enabled and mesh.find_position(enabled) is None:
        hint = f"Correct the name; without enabledBackend, {name} signs."
        raise mesh.refuse(("enabledBackend",), f"is {show(enabled)}, which is not among the backends", hint)
    if enabled:
        note = f"{enabled} still signs, {name} is trusted beside it; toolkit rotate moves the mesh to it"
        return (f"mesh {mesh.name}: {note}",)
    mesh.set(("enabledBackend",), name)
    return ()


def _choice(existing: Object) -> Choice:
    """Return the current data source of the chain; inline if the backend is new or has no valid one."""
    source = mapping(at(existing, ("conf", "caCert")))
    given = [(kind, source[kind]) for kind in SOURCE_KINDS if isinstance(source.get(kind), str)]
    if len(given) != 1:
        return Choice("inline")
    kind, value = given[0]
    return Choice(kind, value if kind in ("secret", "file") else None)


def _chosen(mesh: EditableMesh, wanted: Object, existing: Object, options: MeshOptions) -> Object:
    """Return the fields of the wanted backend that the contract or an option sets. Other fields keep their values."""
    conf = dict(wanted["conf"])
    # The same certificates with other line ends or blank lines are not a change.
    source, old = conf["caCert"], mapping(at(existing, ("conf", "caCert")))
    certificates = _certificates(mesh, source)
    if certificates is not None and certificates == _certificates(mesh, old) and source.keys() == old.keys():
        del conf["caCert"]
    chosen: Object = {"conf": conf}
    if options.mode is not None:
        chosen["mode"] = options.mode
    issued = dict(wanted["dpCert"])
    if options.expiration is None and at(existing, _EXPIRATION) is not None:
        del issued["rotation"]
    if issued:
        chosen["dpCert"] = issued
    if "rootChain" in wanted:
        chosen["rootChain"] = wanted["rootChain"]
    return chosen


def _update(mesh: EditableMesh, path: Path, old: Object, new: Object) -> None:
    for key, value in new.items():
        there = old.get(key)
        if isinstance(value, dict) and isinstance(there, dict) and not _changes_source(there, value):
            _update(mesh, (*path, key), there, value)
        elif there != value:
            mesh.set((*path, key), value)


def _changes_source(old: Object, new: Object) -> bool:
    """Return whether a data source is replaced with another kind. Then no field of the old one may stay."""
    return bool(new.keys() & set(SOURCE_KINDS)) and old.keys() != new.keys()


def _refuse_lifetime(outputs: StackOutputs, mesh: EditableMesh, number: int) -> None:
    """Reject a lifetime of the Mesh that the CA can't sign."""
    path: Path = ("backends", number, *_EXPIRATION)
    text, hint = str(at(mesh.backends[number], _EXPIRATION)), "Choose another with --expiration."
    try:
        problem = outputs.certificate_authority.check_lifetime(duration.parse(text))
    except ValueError as error:
        raise mesh.refuse(path, str(error), hint) from error
    if problem:
        raise mesh.refuse(path, f"{text} {problem}", hint)


def _outside(mesh: EditableMesh, built: Built) -> tuple[MeshSecret, ...]:
    """Return the Secrets that are not in the Mesh's own text, and update those that are."""
    outside = []
    for secret in built.secrets:
        there = mesh.find_secret(secret.name, secret.namespace)
        if there is None:
            outside.append(secret)
            continue
        held = read_secret_value(there)
        old = held.value if isinstance(held, Resolved) else ""
        # As in the Mesh itself, the same certificates with other line ends are not a change.
        if old != secret.value and (_parsed(old) is None or _parsed(old) != _parsed(secret.value)):
            mesh.set_secret(there, secret.value)
    return tuple(outside)


def _certificates(mesh: EditableMesh, source: Object) -> tuple[x509.Certificate, ...] | None:
    """Return the certificates that a data source contains itself; None if it has none that can be read."""
    resolved = read_value(mesh.document, (), source, mesh.documents) if source.keys() & INLINE else None
    return None if resolved is None else _parsed(resolved.value)


def _parsed(text: str) -> tuple[x509.Certificate, ...] | None:
    try:
        return pem.load_certificates(text)
    except ValueError:
        return None
