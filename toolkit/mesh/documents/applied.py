"""Read the acmpca backend of an applied Mesh, above all its trust bundle.

For MeshIdentities, see :mod:`toolkit.mesh.documents.applied_identity`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.applied_identity import (
    AppliedIdentity,
    choose_identity,
    list_identities,
    read_identity,
    refuse_provider,
)
from toolkit.mesh.documents.data_sources import Reason, Resolved, Unresolved, resolve
from toolkit.mesh.documents.wording import show
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.secret import KUBERNETES_TYPE, MESH_LABEL
from toolkit.pki import pem
from toolkit.text import take_line

if TYPE_CHECKING:
    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import Backend, MeshDocument, ScopedDocument

_HINTS = {
    Reason.FILE: "Run without -f: then certificates are verified against the contract's chain.",
    Reason.SECRET_NOT_GIVEN: "Give the Secret's document too, with a second -f FILE.",
}


class Applied(NamedTuple):
    """An acmpca backend of a Mesh.

    Attributes:
        mesh: name of the Mesh.
        bundle: the ``caCert`` as PEM text, which proxies trust.
        common_name: the template of common names; None if it has none.
        authority_arn: the CA's ARN.
        has_access_key: whether its control planes use an access key instead of the zone's role.
        place: the position of its ``conf``, as ``source:line:column path``.
    """

    mesh: str
    bundle: str
    common_name: str | None
    authority_arn: str
    has_access_key: bool
    place: str = "-f: conf"


def read_applied(documents: Documents, mesh: str | None = None, backend: str | None = None) -> Applied:
    """Return the enabled acmpca backend of a Mesh, or another one.

    Args:
        documents: the Mesh, and the Secret that it names.
        mesh: name of the Mesh; None for the only one.
        backend: name of the backend, such as one that is trusted but does not sign yet; None for the enabled one.

    Raises:
        InvalidInputError: the Mesh or the backend does not exist, or the trust bundle can't be read.
    """
    chosen = documents.choose(mesh)
    signing = _backend(chosen, backend)
    authority_arn, common_name = signing.conf.get("arn"), signing.conf.get("commonName")
    if not isinstance(authority_arn, str):
        raise chosen.refuse((*signing.path, "conf", "arn"), "is missing or is not a text")
    return Applied(
        chosen.name,
        _bundle(chosen, signing, documents),
        common_name if isinstance(common_name, str) else None,
        authority_arn,
        bool(signing.conf.get("auth")),
        chosen.show_place((*signing.path, "conf")),
    )


def choose_applied(
    documents: Documents, mesh: str | None = None, backend: str | None = None, identity: str | None = None
) -> Applied | AppliedIdentity:
    """Return the issuer of AWS Private CA's certificates: a Mesh's acmpca backend, or a MeshIdentity.

    A name decides. Without a name:

    - If no Mesh has an enabled acmpca backend, it is the MeshIdentity.
    - If no MeshIdentity has the extension acmpca, it is the Mesh.

    Args:
        documents: the Mesh, the Secret that it names, MeshIdentities and MeshTrusts.
        mesh: name of the mesh; None for the only one.
        backend: name of the Mesh's backend, which chooses the Mesh.
        identity: name of the MeshIdentity, which chooses it.

    Raises:
        InvalidInputError: several documents issue certificates, none does, or the chosen one can't be read.
    """
    if identity:
        return read_identity(choose_identity(documents, mesh, identity), documents)
    found = list_identities(documents, mesh)
    if backend or not found:
        others = [] if documents.meshes else documents.list_scoped("MeshIdentity", mesh)
        if others:
            raise refuse_provider(others[0])
        return read_applied(documents, mesh, backend)
    issuing = [each for each in documents.meshes if mesh in (None, each.name) and _issues(each)]
    if issuing or found[1:]:
        raise _refuse_several(issuing, found)
    return read_identity(found[0], documents)


def _issues(mesh: MeshDocument) -> bool:
    return any(backend.name == mesh.enabled and backend.type == ACMPCA for backend in mesh.backends)


def _refuse_several(meshes: Sequence[MeshDocument], identities: Sequence[ScopedDocument]) -> InvalidInputError:
    names = [f"Mesh {take_line(mesh.name)} with the enabled backend {take_line(mesh.enabled)}" for mesh in meshes]
    names += [f"MeshIdentity {take_line(each.name)} of mesh {take_line(each.mesh)}" for each in identities]
    choices = ["--identity-name NAME for a MeshIdentity"]
    if meshes:
        choices.append("--backend-name NAME for a backend of the Mesh")
    hint = f"Choose one with {' or '.join(choices)}; choose a mesh with --mesh."
    return InvalidInputError(f"several documents issue certificates of AWS Private CA: {', '.join(names)}", hint=hint)


def _backend(mesh: MeshDocument, name: str | None) -> Backend:
    wanted, enabled = name or mesh.enabled, (*mesh.mtls_path, "enabledBackend")
    if not wanted:
        raise mesh.refuse(enabled, "is missing: mTLS is off in this Mesh")
    chosen = next((backend for backend in mesh.backends if backend.name == wanted), None)
    if chosen is None and name:
        raise mesh.refuse((*mesh.mtls_path, "backends"), f"have none named {show(name)}")
    if chosen is None:
        raise mesh.refuse(enabled, f"names {show(wanted)}, which is not among the backends")
    if chosen.type != "acmpca":
        hint = "" if name else "Name a backend that does not sign yet with --backend-name."
        message = f"is {show(chosen.type) if chosen.type else 'missing'}, not acmpca: another CA signs in this Mesh"
        raise mesh.refuse((*chosen.path, "type"), message, hint)
    return chosen


def _bundle(mesh: MeshDocument, backend: Backend, documents: Documents) -> str:
    path = (*backend.path, "conf", "caCert")
    chain = resolve(mesh, path, backend.conf.get("caCert"), documents)
    if not isinstance(chain, Resolved):
        raise chain.document.refuse(chain.path, chain.message, _hint(chain, mesh))
    try:
        pem.load_certificates(chain.value)
    except ValueError as error:
        raise chain.document.refuse(chain.path, str(error)) from error
    return chain.value


def _hint(unresolved: Unresolved, mesh: MeshDocument) -> str:
    hint = unresolved.fix or _HINTS.get(unresolved.reason, "")
    if unresolved.reason is Reason.SECRET_UNUSABLE and not mesh.is_universal:
        return f"A Secret of this mesh has type: {KUBERNETES_TYPE} and the label {MESH_LABEL}: {mesh.name}."
    return hint
