"""Check the rules that depend on the product and its version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.schema import versions
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.mesh.schema.versions import MeshVersion


SEVERAL_BACKENDS = RULES["MESH110"]
ENTERPRISE = RULES["MESH111"]
KUBERNETES_ONLY = RULES["MESH112"]
NO_MTLS = RULES["MESH120"]
LAST_WITH_MTLS = RULES["MESH121"]
STORM = RULES["MESH122"]
TOO_OLD = RULES["MESH123"]
DROPPED = RULES["MESH124"]

_OPEN_SOURCE = ("builtin", "provided")
_ENTERPRISE = ("vault", "acmpca", "certmanager")
_MTLS_IS_OLD = versions.FIRST_WITH_MESH_IDENTITY_EXTENSION
# The fields other than mtls that 3.0 removed from a Mesh.
_DROPPED_BY_3_0 = (
    ("tracing",),
    ("logging",),
    ("metrics",),
    ("networking", "outbound", "passthrough"),
    ("routing", "zoneEgress"),
    ("routing", "localityAwareLoadBalancing"),
    ("routing", "defaultForbidMeshExternalServiceAccess"),
    ("constraints",),
    ("skipCreatingInitialPolicies",),
)
# Every mesh of 3.0 has this mode, and 3.0 rejects any other.
_ONLY_MODE = "Exclusive"


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    if context.target.product == "kuma":
        yield from _open_source(mesh)
    for backend in mesh.backends:
        if backend.type == "certmanager" and mesh.is_universal:
            yield report(mesh, KUBERNETES_ONLY, (*backend.path, "type"), "certmanager works in Kubernetes only")
    if context.target.mesh_version is not None:
        yield from _version(mesh, context.target.mesh_version)
        if context.target.product == "kong-mesh":
            yield from _acmpca(mesh, context.target.mesh_version)


def _open_source(mesh: MeshDocument) -> Iterator[Finding]:
    if len(mesh.backends) > 1:
        message = f"Kuma cannot have more than 1 backends; there are {len(mesh.backends)}"
        yield report(mesh, SEVERAL_BACKENDS, (*mesh.mtls_path, "backends"), message)
    for backend in mesh.backends:
        if backend.type in _ENTERPRISE:
            message = f"{show(backend.type)} is a backend of Kong Mesh; Kuma has {join_words([*_OPEN_SOURCE])}"
            yield report(mesh, ENTERPRISE, (*backend.path, "type"), message)


def _version(mesh: MeshDocument, version: MeshVersion) -> Iterator[Finding]:
    if version >= versions.FIRST_WITHOUT_MTLS:
        if mesh.spec.get("mtls") is not None:
            yield report(
                mesh,
                NO_MTLS,
                mesh.mtls_path,
                f"{version} has no Mesh.mtls: it is ignored without an error, and traffic is plaintext",
            )
        for path in _DROPPED_BY_3_0:
            if at(mesh.spec, path) is not None:
                message = f"{version} has no {'.'.join(path)}"
                yield report(mesh, DROPPED, (*mesh.spec_path, *path), message)
        if (mode := at(mesh.spec, ("meshServices", "mode"))) not in (None, _ONLY_MODE):
            message = f"{version} knows no mode but {_ONLY_MODE}; this is {show(mode)}"
            yield report(mesh, DROPPED, (*mesh.spec_path, "meshServices", "mode"), message)
    elif version >= _MTLS_IS_OLD and mesh.spec.get("mtls") is not None:
        yield report(mesh, LAST_WITH_MTLS, mesh.mtls_path, f"{version} is the last minor version with Mesh.mtls")


def _acmpca(mesh: MeshDocument, version: MeshVersion) -> Iterator[Finding]:
    for backend in mesh.backends:
        if backend.type != "acmpca":
            continue
        path = (*backend.path, "type")
        if version < versions.FIRST_WITH_ACMPCA:
            yield report(mesh, TOO_OLD, path, f"{version} has no acmpca; it came with {versions.FIRST_WITH_ACMPCA}")
        elif version < versions.FIRST_WITHOUT_STORM:
            yield report(mesh, STORM, path, f"{version} asks a failing CA again every second for each proxy")
