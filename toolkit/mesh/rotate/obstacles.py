"""Find the settings of a Mesh that can't be moved to a MeshIdentity automatically."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from toolkit.mesh.documents.typed import DEFAULT_MESH, Backend, DataplaneDocument, Document, MeshDocument
from toolkit.mesh.documents.wording import show_path
from toolkit.mesh.schema.backends import CHAIN_FIELDS
from toolkit.pki import chain, pem
from toolkit.yamltext.plain import AnyMapping, at, items, mapping, text

if TYPE_CHECKING:
    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.rotate.old_chains import OldChain
    from toolkit.yamltext.nodes import Path

PREPARE, PUBLISH, TRUST, SWITCH, FINISH = range(1, 6)
# Kong Mesh 3.0 requires of meshes the names of Kubernetes Services (Kong Mesh's UPGRADE.md).
_RFC_1035 = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


class Obstacle(NamedTuple):
    """A decision that a person must make.

    Attributes:
        before: the stage that must not be applied before the decision, 1 to 5; 0 if it stops no stage.
        place: the position as ``source:line:column path``; empty for the whole input.
        message: what can't be moved.
        fix: what to do.
    """

    before: int
    place: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{f'{self.place}: ' if self.place else ''}{self.message}"


def find_obstacles(mesh: MeshDocument, documents: Documents, chains: Sequence[OldChain], arn: str) -> list[Obstacle]:
    """Return all obstacles of a move.

    Args:
        mesh: the current Mesh.
        documents: the documents with the mesh's Dataplanes.
        chains: the chains of its backends.
        arn: the ARN of the new CA.
    """
    return [
        *_of_name(mesh),
        *_of_routing(mesh),
        *(each for backend in mesh.backends for each in _of_backend(mesh, backend)),
        *_of_settings(mesh, arn),
        *_of_chains(mesh, chains),
        *_of_dataplanes(mesh, documents),
    ]


def _at(document: Document, before: int, path: Path, message: str, fix: str) -> Obstacle:
    return Obstacle(before, document.show_place(path), message, fix)


def _of_name(mesh: MeshDocument) -> Iterator[Obstacle]:
    if not _RFC_1035.fullmatch(mesh.name):
        message = f"{mesh.name} is not an RFC 1035 label, which Kong Mesh 3.0 requires"
        yield _at(mesh, FINISH, mesh.name_path, message, "Move its proxies to a mesh with another name first.")


def _of_routing(mesh: MeshDocument) -> Iterator[Obstacle]:
    if mapping(mesh.spec.get("routing")).get("zoneEgress") is True:
        # kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateZoneEgress
        yield _at(
            mesh,
            FINISH,
            (*mesh.spec_path, "routing", "zoneEgress"),
            "is true, which a 2.x control plane accepts only in a Mesh with mtls",
            "Keep mtls until the upgrade to 3.0, or turn zoneEgress off, which stops traffic that relies on it.",
        )


def _of_backend(mesh: MeshDocument, backend: Backend) -> Iterator[Obstacle]:
    path: Path = (*backend.path, "conf")
    if backend.type == "acmpca" and backend.conf.get("auth") is not None:
        yield _at(
            mesh,
            TRUST,
            (*path, "auth"),
            "has static credentials; the extension acmpca uses the AWS default credential chain only",
            "Give each zone control plane a role (toolkit render-zone), and remove auth from this backend first.",
        )
    name: Path = ("fromCp", "commonName") if backend.type == "vault" else ("commonName",)
    if at(backend.conf, name) is not None:
        yield _at(
            mesh,
            SWITCH,
            (*path, *name),
            "sets a common name; certificates of a MeshIdentity have an empty subject",
            "Change everything that reads the common name to read the SPIFFE ID.",
        )


def _of_settings(mesh: MeshDocument, arn: str) -> Iterator[Obstacle]:
    """Yield the settings that a MeshIdentity does not have; they stop no stage."""
    fix = "Nothing to do, unless something relies on them."
    gone = [show_path(path) for path in _find_others(mesh.mtls, _SECTION)]
    if gone:
        yield _at(mesh, 0, mesh.mtls_path, _name_gone(gone), fix)
    for backend in mesh.backends:
        kept = _KEPT | {("conf", field) for kind, field in CHAIN_FIELDS.items() if kind == backend.type}
        if backend.name == mesh.enabled:
            kept |= {("mode",), ("dpCert", "rotation", "expiration")}
        if backend.conf.get("arn") == arn:
            kept.add(("conf", "arn"))
        gone = [show_path(path) for path in _find_others(backend.value, kept)]
        if gone:
            yield _at(mesh, 0, backend.path, _name_gone(gone), fix)


def _name_gone(fields: Sequence[str]) -> str:
    return f"stage {FINISH} removes {', '.join(fields)}, which a MeshIdentity doesn't have"


# The fields of mtls and of a backend that stages or other obstacles handle.
_SECTION: set[Path] = {("enabledBackend",), ("backends",)}
_KEPT: set[Path] = {("name",), ("type",), ("conf", "auth"), ("conf", "commonName")}


def _find_others(value: AnyMapping, kept: Collection[Path], path: Path = ()) -> Iterator[Path]:
    """Yield the paths of a mapping that are not kept; of an inner mapping without kept paths, only its own path."""
    for name, inner in value.items():
        here: Path = (*path, str(name))
        if here in kept or inner is None:
            continue
        if isinstance(inner, dict) and any(each[: len(here)] == here for each in kept):
            yield from _find_others(inner, kept, here)
        else:
            yield here


def _of_chains(mesh: MeshDocument, chains: Sequence[OldChain]) -> Iterator[Obstacle]:
    paths = {backend.name: backend.path for backend in mesh.backends}
    for each in chains:
        if each.problem:
            yield _at(
                mesh,
                TRUST,
                paths[each.backend],
                f"{each.backend}: {each.problem}. Without its root, no proxy trusts old certificates from stage "
                f"{TRUST} on",
                "Give the CA's chain up to its root with --old-chain FILE.",
            )
        for ca in pem.read(each.bundle).certificates:
            if (expired := ca.not_valid_after_utc) <= datetime.now(UTC):
                name = f"{each.backend}: {chain.get_display_name(ca)}"
                message = f"{name} expired on {expired:%Y-%m-%d}, and stage {TRUST} still adds it to a MeshTrust"
                fix = "Other proxies reject its certificates. If some are still in use, renew the CA first."
                yield _at(mesh, 0, paths[each.backend], message, fix)


def _of_dataplanes(mesh: MeshDocument, documents: Documents) -> Iterator[Obstacle]:
    of_mesh = [each for each in documents.dataplanes if _mesh_of(each) == mesh.name]
    for dataplane in of_mesh:
        for index, outbound in enumerate(items(dataplane.networking.get("outbound"))):
            service = text(mapping(mapping(outbound).get("tags")).get("kuma.io/service"))
            if service:
                yield _at(
                    dataplane,
                    FINISH,
                    (*dataplane.networking_path, "outbound", index, "tags"),
                    f"{dataplane.name} reaches {service} by kuma.io/service: without mtls it sends plaintext, and "
                    "every request fails",
                    f"Write backendRef: {{kind: MeshService, name: {service}, port: ...}} instead of tags.",
                )
    if mesh.is_universal and not of_mesh:
        yield Obstacle(
            0,
            "",
            "no Dataplane was given, so outbounds were not checked",
            f"Run kumactl get dataplanes --mesh {mesh.name} -o yaml > dataplanes.yaml, and add -f dataplanes.yaml.",
        )


def _mesh_of(dataplane: DataplaneDocument) -> str:
    # The mesh of a Dataplane is a top-level field on Kubernetes too.
    return text(dataplane.value.get("mesh")) or DEFAULT_MESH
