"""Names: of meshes and backends, and what refers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from toolkit.contract import dns_label
from toolkit.mesh.documents.wording import listed, shown
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.yamltext.plain import at, items, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

_VALIDATOR = "kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go"
_MTLS = "Kong/developer.konghq.com:app/mesh/mutual-tls.md"

NAMESPACE = Rule(
    "MESH005",
    Severity.NOTE,
    "A Mesh has a namespace",
    "A Mesh belongs to the cluster; Kubernetes passes over the namespace.",
    "Remove metadata.namespace.",
    "Kong/developer.konghq.com:app/mesh/mesh.md",
)
MESH_NAME = Rule(
    "MESH020",
    Severity.ERROR,
    "The name of a mesh can't be used",
    "The control plane refuses it; it becomes part of SPIFFE identities and of DNS names.",
    "Choose 1 to 63 lower-case letters, digits and hyphens, not beginning or ending with a hyphen.",
    "kumahq/kuma:pkg/core/resources/apis/mesh, the name of a Mesh; RFC 1123, 2.1",
)
REPEATED_NAME = Rule(
    "MESH021",
    Severity.ERROR,
    "Two backends have the same name",
    "The control plane refuses the Mesh: name is already used for another backend.",
    "Give each backend a name of its own.",
    f"{_VALIDATOR}, validateMtls",
)
UNKNOWN_BACKEND = Rule(
    "MESH022",
    Severity.ERROR,
    "The backend that is enabled does not exist",
    "The control plane refuses the Mesh: has to be set to one of the backends in the mesh.",
    "Name one of the backends.",
    f"{_VALIDATOR}, validateMtls",
)
MTLS_OFF = Rule(
    "MESH023",
    Severity.WARNING,
    "There are mTLS backends, and none is enabled",
    "Without enabledBackend mTLS is off for the whole mesh: all traffic is plain, and no certificate is issued.",
    "Set enabledBackend to the backend that shall sign.",
    _MTLS,
)
BACKEND_NAME = Rule(
    "MESH024",
    Severity.WARNING,
    "The name of an mTLS backend is no DNS label",
    "A control plane makes names of Secrets and of Envoy's resources from it; not every name works in them.",
    "Choose 1 to 63 lower-case letters, digits and hyphens, not beginning or ending with a hyphen.",
    f"{_MTLS} (Storage of Secrets)",
)
PERMISSIVE = Rule(
    "MESH025",
    Severity.WARNING,
    "An mTLS backend accepts plain traffic",
    "With PERMISSIVE whoever reaches a proxy's port talks to the service without a certificate.",
    "Set mode to STRICT, or leave it out, once every client is in the mesh.",
    f"{_MTLS} (Permissive mTLS)",
)
RULES = (NAMESPACE, MESH_NAME, REPEATED_NAME, UNKNOWN_BACKEND, MTLS_OFF, BACKEND_NAME, PERMISSIVE)

_MAX_NAME = 63


class _Section(NamedTuple):
    """A part of a Mesh that has backends, and names one of them."""

    name: str
    chosen: str


_SECTIONS = (
    _Section("mtls", "enabledBackend"),
    _Section("tracing", "defaultBackend"),
    _Section("logging", "defaultBackend"),
    _Section("metrics", "enabledBackend"),
)


def _is_label(name: str) -> bool:
    """Whether it is a DNS label of RFC 1123."""
    try:
        dns_label(name)
    except ValueError:
        return False
    return True


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """The findings of this module."""
    name = mesh.name
    if name and not _is_label(name):
        many = f"has {len(name)} characters, and may have {_MAX_NAME}" if len(name) > _MAX_NAME else "is no DNS label"
        yield finding_at(mesh, MESH_NAME, mesh.name_path, f"the name {shown(name)} {many}")
    elif at(mesh.value, mesh.name_path) == "":
        yield finding_at(mesh, MESH_NAME, mesh.name_path, "the name is empty")
    if not mesh.is_universal and "namespace" in mapping(mesh.value.get("metadata")):
        yield finding_at(mesh, NAMESPACE, ("metadata", "namespace"), "a Mesh has no namespace")
    for section in _SECTIONS:
        yield from _section(mesh, section)
    yield from _mtls(mesh)


def _section(mesh: MeshDocument, section: _Section) -> Iterator[Finding]:
    path = (*mesh.spec_path, section.name)
    value = mapping(mesh.spec.get(section.name))
    seen: dict[str, int] = {}
    for index, backend in enumerate(items(value.get("backends"))):
        name = text(mapping(backend).get("name"))
        if name and name in seen:
            message = f"backends[{seen[name]}] is named {shown(name)}, too"
            yield finding_at(mesh, REPEATED_NAME, (*path, "backends", index, "name"), message)
        seen.setdefault(name, index)
    chosen = text(value.get(section.chosen))
    if chosen and chosen not in seen:
        there = listed([shown(name) for name in seen if name][:10])
        message = f"no backend is named {shown(chosen)}; there {'is ' + there if there else 'are none'}"
        yield finding_at(mesh, UNKNOWN_BACKEND, (*path, section.chosen), message)


def _mtls(mesh: MeshDocument) -> Iterator[Finding]:
    if mesh.backends and mesh.mtls.get("enabledBackend") in (None, ""):
        path = (*mesh.mtls_path, "enabledBackend")
        there = listed([shown(backend.name) for backend in mesh.backends if backend.name][:10])
        yield finding_at(
            mesh, MTLS_OFF, path, "enabledBackend is missing: mTLS is off", there and f"Name one of {there}."
        )
    for backend in mesh.backends:
        if backend.name and not _is_label(backend.name):
            path = (*backend.path, "name")
            yield finding_at(mesh, BACKEND_NAME, path, f"the name {shown(backend.name)} is no DNS label")
        if backend.value.get("mode") == "PERMISSIVE":
            yield finding_at(mesh, PERMISSIVE, (*backend.path, "mode"), "PERMISSIVE also accepts plain traffic")
