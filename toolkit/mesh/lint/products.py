"""What depends on the product and its version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import listed, shown
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.mesh.schema import versions
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.mesh.schema.versions import MeshVersion

_UPGRADE = "Kong/developer.konghq.com:app/assets/mesh/raw/UPGRADE.md"
_MIGRATE = (
    "Move to MeshIdentity while the control planes are on 2.14: developer.konghq.com/mesh/migrate-mtls-to-meshidentity."
)

SEVERAL_BACKENDS = Rule(
    "MESH110",
    Severity.ERROR,
    "Open-source Kuma takes one mTLS backend, and there are several",
    "The control plane refuses the Mesh: cannot have more than 1 backends.",
    "Keep one backend; moving from one CA to another without a break is a feature of Kong Mesh.",
    "kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go; Kong/developer.konghq.com:app/mesh/ca-rotation.md",
)
ENTERPRISE = Rule(
    "MESH111",
    Severity.ERROR,
    "Open-source Kuma does not have this type of backend",
    "The control plane refuses the Mesh: could not find installed plugin for this type.",
    "Use builtin or provided, or Kong Mesh.",
    "kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go; Kong/developer.konghq.com:app/mesh/enterprise.md",
)
KUBERNETES_ONLY = Rule(
    "MESH112",
    Severity.ERROR,
    "A certmanager backend stands in a document for Universal",
    "cert-manager runs in Kubernetes only; a Universal control plane has no such backend.",
    "Choose another backend.",
    "Kong/developer.konghq.com:app/mesh/cert-manager.md",
)
NO_MTLS = Rule(
    "MESH120",
    Severity.ERROR,
    "The version has no Mesh.mtls any more",
    "3.0 drops mtls without an error; traffic is plain, and proxies get no certificates.",
    _MIGRATE,
    _UPGRADE,
)
LAST_WITH_MTLS = Rule(
    "MESH121",
    Severity.WARNING,
    "The next major version has no Mesh.mtls any more",
    "3.0 drops mtls without an error; traffic is plain then, and proxies get no certificates.",
    _MIGRATE,
    _UPGRADE,
)
STORM = Rule(
    "MESH122",
    Severity.NOTE,
    "In this version a failing CA is asked again every second",
    "While issuing fails, each proxy asks every second; what is issued and can't be fetched is paid for.",
    f"Update to {versions.FIRST_WITHOUT_STORM}, and let toolkit verify prove that every zone may issue and fetch.",
    "kumahq/kuma#17448",
)
TOO_OLD = Rule(
    "MESH123",
    Severity.ERROR,
    "The version has no acmpca backend yet",
    "The control plane refuses the Mesh: could not find installed plugin for this type.",
    f"Update to {versions.FIRST_WITH_ACMPCA} or later.",
    "Kong/developer.konghq.com:app/mesh/changelog.md (1.8)",
)
DROPPED = Rule(
    "MESH124",
    Severity.WARNING,
    "The version passes over this part of a Mesh",
    "3.0 took it out of the Mesh and drops it without an error, or refuses it.",
    "Move it to the policy that took its place: developer.konghq.com/mesh/migrate-policies-to-3.",
    f"{_UPGRADE}; Kong/kong-mesh-v3-readiness:docs/deprecated-features.md",
)
RULES = (SEVERAL_BACKENDS, ENTERPRISE, KUBERNETES_ONLY, NO_MTLS, LAST_WITH_MTLS, STORM, TOO_OLD, DROPPED)

_OPEN_SOURCE = ("builtin", "provided")
_ENTERPRISE = ("vault", "acmpca", "certmanager")
_MTLS_IS_OLD = versions.FIRST_WITH_MESH_IDENTITY_EXTENSION
# What 3.0 took out of a Mesh beside mtls.
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
# In 3.0 every mesh behaves so, and another mode is refused.
_ONLY_MODE = "Exclusive"


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """The findings of this module."""
    if context.product == "kuma":
        yield from _open_source(mesh)
    for backend in mesh.backends:
        if backend.type == "certmanager" and mesh.is_universal:
            yield finding_at(mesh, KUBERNETES_ONLY, (*backend.path, "type"), "certmanager works in Kubernetes only")
    if context.version is not None:
        yield from _version(mesh, context.version)
        if context.product == "kong-mesh":
            yield from _acmpca(mesh, context.version)


def _open_source(mesh: MeshDocument) -> Iterator[Finding]:
    if len(mesh.backends) > 1:
        message = f"Kuma cannot have more than 1 backends; there are {len(mesh.backends)}"
        yield finding_at(mesh, SEVERAL_BACKENDS, (*mesh.mtls_path, "backends"), message)
    for backend in mesh.backends:
        if backend.type in _ENTERPRISE:
            message = f"{shown(backend.type)} is a backend of Kong Mesh; Kuma has {listed([*_OPEN_SOURCE])}"
            yield finding_at(mesh, ENTERPRISE, (*backend.path, "type"), message)


def _version(mesh: MeshDocument, version: MeshVersion) -> Iterator[Finding]:
    if version >= versions.FIRST_WITHOUT_MTLS:
        if mesh.spec.get("mtls") is not None:
            yield finding_at(
                mesh, NO_MTLS, mesh.mtls_path, f"{version} has no Mesh.mtls: it is dropped without an error"
            )
        for path in _DROPPED_BY_3_0:
            if at(mesh.spec, path) is not None:
                message = f"{version} has no {'.'.join(path)}"
                yield finding_at(mesh, DROPPED, (*mesh.spec_path, *path), message)
        if (mode := at(mesh.spec, ("meshServices", "mode"))) not in (None, _ONLY_MODE):
            message = f"{version} knows no mode but {_ONLY_MODE}; this is {shown(mode)}"
            yield finding_at(mesh, DROPPED, (*mesh.spec_path, "meshServices", "mode"), message)
    elif version >= _MTLS_IS_OLD and mesh.spec.get("mtls") is not None:
        yield finding_at(mesh, LAST_WITH_MTLS, mesh.mtls_path, f"{version} is the last minor version with Mesh.mtls")


def _acmpca(mesh: MeshDocument, version: MeshVersion) -> Iterator[Finding]:
    for backend in mesh.backends:
        if backend.type != "acmpca":
            continue
        path = (*backend.path, "type")
        if version < versions.FIRST_WITH_ACMPCA:
            yield finding_at(mesh, TOO_OLD, path, f"{version} has no acmpca; it came with {versions.FIRST_WITH_ACMPCA}")
        elif version < versions.FIRST_WITHOUT_STORM:
            yield finding_at(mesh, STORM, path, f"{version} asks a failing CA again every second for each proxy")
