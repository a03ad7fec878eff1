"""Check the backends of a Mesh: their names, the fields that refer to them, and what products and versions have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.lint.metadata_rules import check_name
from toolkit.mesh.schema import versions
from toolkit.mesh.schema.secret import find_name_problem
from toolkit.pki.dns_label import check_dns_label
from toolkit.values import Value
from toolkit.yamltext.plain import at, items, mapping, text

if TYPE_CHECKING:
    from toolkit.mesh.documents.typed import Backend, MeshDocument
    from toolkit.yamltext.nodes import Path

# asaskevich/govalidator:patterns.go, DNSName, without capitals
_DNS_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*[._]?")
_MAX_DNS_NAME = 255
# PERMISSIVE can also be given as its number.
_ACCEPTS_PLAIN = ("PERMISSIVE", 1)
# The sections of a Mesh with backends, each with the field that names one of them.
_SECTIONS = {
    "mtls": "enabledBackend",
    "tracing": "defaultBackend",
    "logging": "defaultBackend",
    "metrics": "enabledBackend",
}
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
_DROPPED = "MESH124"
# Every mesh of 3.0 has this mode, and 3.0 rejects any other. With it, MeshIdentities work.
_ONLY_MODE = "Exclusive"


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about the name of a Mesh, its backends and their product."""
    yield from check_name(mesh)
    if not mesh.is_universal and "namespace" in mapping(mesh.value.get("metadata")):
        yield report(mesh, "MESH005", ("metadata", "namespace"), "a Mesh has no namespace")
    for section, field in _SECTIONS.items():
        yield from _section(mesh, section, field)
    yield from _mtls(mesh)
    for backend in mesh.backends:
        yield from _backend(mesh, backend)
    if context.target.product == "kuma":
        yield from _open_source(mesh)
    version = context.target.mesh_version
    if version is not None:
        yield from _version(mesh, version)
        if context.target.product == "kong-mesh":
            yield from _acmpca(mesh, version)
    # Every mesh of 3.0 has the mode that MeshIdentities need.
    if version is None or version < versions.FIRST_WITHOUT_MTLS:
        yield from _mesh_services(mesh, context)


def _section(mesh: MeshDocument, section: str, field: str) -> Iterator[Finding]:
    path = (*mesh.spec_path, section)
    value = mapping(mesh.spec.get(section))
    yield from report_repeated(mesh, "MESH021", (*path, "backends"), value.get("backends"))
    names = [text(mapping(backend).get("name")) for backend in items(value.get("backends"))]
    chosen = text(value.get(field))
    if chosen and chosen not in names:
        there = join_words([show(name) for name in dict.fromkeys(names) if name][:10])
        message = f"no backend is named {show(chosen)}; backends: {there or 'none'}"
        yield report(mesh, "MESH022", (*path, field), message)


def report_repeated(mesh: MeshDocument, code: str, path: Path, entries: Value) -> Iterator[Finding]:
    """Yield the findings about entries of a list that have the name of an earlier one, or that also have none."""
    seen: dict[str, int] = {}
    for index, entry in enumerate(items(entries)):
        name = mapping(entry).get("name") or ""
        if not isinstance(entry, dict) or not isinstance(name, str):
            continue
        if name in seen:
            named = f"is also named {show(name)}" if name else "has no name either"
            yield report(mesh, code, (*path, index, "name"), f"{path[-1]}[{seen[name]}] {named}")
        seen.setdefault(name, index)


def _mtls(mesh: MeshDocument) -> Iterator[Finding]:
    if mesh.backends and mesh.mtls.get("enabledBackend") in (None, ""):
        path = (*mesh.mtls_path, "enabledBackend")
        there = join_words([show(backend.name) for backend in mesh.backends if backend.name][:10])
        yield report(mesh, "MESH023", path, "enabledBackend is missing: mTLS is off", there and f"Name one of {there}.")
    if at(mesh.spec, ("routing", "zoneEgress")) is True and not mesh.mtls.get("enabledBackend"):
        path = (*mesh.spec_path, "routing", "zoneEgress")
        yield report(mesh, "MESH028", path, "zoneEgress is true, and mtls has no enabledBackend")


def _backend(mesh: MeshDocument, backend: Backend) -> Iterator[Finding]:
    if problem := _secret_problem(mesh, backend):
        yield report(mesh, "MESH026", (*backend.path, "name"), problem)
    elif backend.name and not _is_label(backend.name):
        yield report(mesh, "MESH024", (*backend.path, "name"), f"the name {show(backend.name)} is not a DNS label")
    mode = backend.value.get("mode")
    if mode in _ACCEPTS_PLAIN and mode is not True:
        yield report(mesh, "MESH025", (*backend.path, "mode"), "PERMISSIVE also accepts plain traffic")
    if backend.type == "certmanager" and mesh.is_universal:
        yield report(mesh, "MESH112", (*backend.path, "type"), "certmanager works in Kubernetes only")


def _is_label(name: str) -> bool:
    """Return whether a name is an RFC 1123 DNS label."""
    try:
        check_dns_label(name)
    except ValueError:
        return False
    return True


def _secret_problem(mesh: MeshDocument, backend: Backend) -> str:
    """Return why the control plane can't store a builtin CA; empty if it can, or if it does not check."""
    if backend.type != "builtin" or not backend.name or not mesh.name or mesh.mtls.get("skipValidation") is True:
        return ""
    secret = f"{mesh.name}.ca-builtin-cert-{backend.name}"
    if len(secret.replace(".", "")) > _MAX_DNS_NAME or not _DNS_NAME.fullmatch(secret):
        return f"the Secret of its CA would be named {show(secret)}, which is not a lower-case DNS name"
    if not mesh.is_universal and find_name_problem(secret, "kubernetes"):
        return f"the Secret of its CA would be named {show(secret)}, which Kubernetes rejects"
    return ""


def _open_source(mesh: MeshDocument) -> Iterator[Finding]:
    if len(mesh.backends) > 1:
        message = f"Kuma cannot have more than 1 backends; there are {len(mesh.backends)}"
        yield report(mesh, "MESH110", (*mesh.mtls_path, "backends"), message)
    for backend in mesh.backends:
        if backend.type in _ENTERPRISE:
            message = f"{show(backend.type)} is a backend of Kong Mesh; Kuma has {join_words([*_OPEN_SOURCE])}"
            yield report(mesh, "MESH111", (*backend.path, "type"), message)


def _version(mesh: MeshDocument, version: versions.MeshVersion) -> Iterator[Finding]:
    if version >= versions.FIRST_WITHOUT_MTLS:
        if mesh.spec.get("mtls") is not None:
            message = f"{version} has no Mesh.mtls: it is ignored without an error, and traffic is plaintext"
            yield report(mesh, "MESH120", mesh.mtls_path, message)
        for path in _DROPPED_BY_3_0:
            if at(mesh.spec, path) is not None:
                message = f"{version} has no {'.'.join(path)}"
                yield report(mesh, _DROPPED, (*mesh.spec_path, *path), message)
        if (mode := at(mesh.spec, ("meshServices", "mode"))) not in (None, _ONLY_MODE):
            message = f"{version} accepts only the mode {_ONLY_MODE}; this is {show(mode)}"
            yield report(mesh, _DROPPED, (*mesh.spec_path, "meshServices", "mode"), message)
    elif version >= _MTLS_IS_OLD and mesh.spec.get("mtls") is not None:
        yield report(mesh, "MESH121", mesh.mtls_path, f"{version} is the last minor version with Mesh.mtls")


def _acmpca(mesh: MeshDocument, version: versions.MeshVersion) -> Iterator[Finding]:
    for backend in mesh.backends:
        if backend.type != "acmpca":
            continue
        path = (*backend.path, "type")
        if version < versions.FIRST_WITH_ACMPCA:
            yield report(mesh, "MESH123", path, f"{version} has no acmpca; it came with {versions.FIRST_WITH_ACMPCA}")
        elif version < versions.FIRST_WITHOUT_STORM:
            yield report(mesh, "MESH122", path, f"{version} asks a failing CA again every second for each proxy")


def _mesh_services(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the finding about a Mesh whose MeshServices keep its MeshIdentities from working.

    Source: kumahq/kuma:pkg/core/resources/apis/meshidentity/status/updater.go (MeshServicesDisabled).
    """
    mode = at(mesh.spec, ("meshServices", "mode"))
    identities = context.documents.list_scoped("MeshIdentity", mesh.name)
    if mode != _ONLY_MODE and identities and mesh.name:
        now = f"is {show(mode)}" if isinstance(mode, str) else "is missing"
        message = f"meshServices.mode {now}, and the MeshIdentity {show(identities[0].name)} needs {_ONLY_MODE}"
        yield report(mesh, "MESH183", (*mesh.spec_path, "meshServices", "mode"), message)
