"""Names: of meshes and backends, and what refers to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from toolkit.contract import dns_label
from toolkit.mesh.documents.wording import listed, shown
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.mesh.schema.secret import name_problem, object_name
from toolkit.yamltext.plain import at, items, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import Backend, MeshDocument
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
    "The control plane refuses it.",
    "Choose 1 to 63 lower-case letters, digits and hyphens; begin with a letter, and end with a letter or a digit.",
    "kumahq/kuma:pkg/core/resources/apis/mesh/meta_validator.go (ValidateMeta)",
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
    "The control plane may accept it. It makes names of Secrets and of Envoy's resources from it, and not every name "
    "works in them.",
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
SECRET_OF_BUILTIN = Rule(
    "MESH026",
    Severity.ERROR,
    "The name of a builtin backend can't be part of a Secret's name",
    "The control plane stores the CA in Secrets such as MESH.ca-builtin-cert-NAME. It refuses the Mesh if that is not "
    "a DNS name in lower case: name must be valid dns name.",
    "Choose at most 47 lower-case letters, digits and hyphens, ending with a letter or a digit.",
    "kumahq/kuma:pkg/plugins/ca/builtin/manager.go (ValidateBackend); asaskevich/govalidator:validator.go (IsDNSName); "
    "measured with Kuma 2.14.3 (capitals)",
)
MESH_LABEL_NAME = Rule(
    "MESH027",
    Severity.WARNING,
    "The name of a mesh is no DNS label",
    "The control plane accepts it with a warning: Kuma has deprecated names that RFC 1035 does not allow as a label.",
    "Choose 1 to 63 lower-case letters, digits and hyphens; begin with a letter, and end with a letter or a digit.",
    "kumahq/kuma:pkg/core/resources/apis/mesh/deprecated.go; measured with Kuma 2.14.3; RFC 1035, 2.3.1",
)
EGRESS_WITHOUT_MTLS = Rule(
    "MESH028",
    Severity.ERROR,
    "zoneEgress needs mTLS, and mTLS is off",
    "The control plane refuses the Mesh: mtls has to be set when zoneEgress enabled.",
    "Set mtls.enabledBackend, or remove zoneEgress.",
    f"{_VALIDATOR}, validateZoneEgress; measured with Kuma 2.14.3",
)
RULES = (
    NAMESPACE,
    MESH_NAME,
    REPEATED_NAME,
    UNKNOWN_BACKEND,
    MTLS_OFF,
    BACKEND_NAME,
    PERMISSIVE,
    SECRET_OF_BUILTIN,
    MESH_LABEL_NAME,
    EGRESS_WITHOUT_MTLS,
)

_MAX_LABEL = 63
_RFC_1035 = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
# asaskevich/govalidator:patterns.go, DNSName, without capitals
_DNS_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*[._]?")
_MAX_DNS_NAME = 255
# The number of PERMISSIVE is the second way to give it.
_ACCEPTS_PLAIN = ("PERMISSIVE", 1)


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
    yield from _mesh_name(mesh)
    if not mesh.is_universal and "namespace" in mapping(mesh.value.get("metadata")):
        yield finding_at(mesh, NAMESPACE, ("metadata", "namespace"), "a Mesh has no namespace")
    for section in _SECTIONS:
        yield from _section(mesh, section)
    yield from _mtls(mesh)


def _mesh_name(mesh: MeshDocument) -> Iterator[Finding]:
    name, path = mesh.name, mesh.name_path
    if not name:
        if at(mesh.value, path) == "":
            yield finding_at(mesh, MESH_NAME, path, "the name is empty")
        return
    try:
        object_name(name)
    except ValueError as error:
        yield finding_at(mesh, MESH_NAME, path, f"the name {shown(name)} {error}")
        return
    if len(name) > _MAX_LABEL:
        message = f"the name has {len(name)} characters, more than the {_MAX_LABEL} of a DNS label"
        yield finding_at(mesh, MESH_LABEL_NAME, path, message)
    elif not _RFC_1035.fullmatch(name):
        what = "contains a dot" if "." in name else "begins with a digit"
        yield finding_at(mesh, MESH_LABEL_NAME, path, f"the name {shown(name)} {what}")


def _section(mesh: MeshDocument, section: _Section) -> Iterator[Finding]:
    path = (*mesh.spec_path, section.name)
    value = mapping(mesh.spec.get(section.name))
    seen: dict[str, int] = {}
    for index, backend in enumerate(items(value.get("backends"))):
        name = mapping(backend).get("name") or ""
        if not isinstance(backend, dict) or not isinstance(name, str):
            continue
        if name in seen:
            message = f"backends[{seen[name]}] {f'is named {shown(name)}' if name else 'has no name'}, too"
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
        if problem := _secret_problem(mesh, backend):
            yield finding_at(mesh, SECRET_OF_BUILTIN, (*backend.path, "name"), problem)
        elif backend.name and not _is_label(backend.name):
            path = (*backend.path, "name")
            yield finding_at(mesh, BACKEND_NAME, path, f"the name {shown(backend.name)} is no DNS label")
        mode = backend.value.get("mode")
        if mode in _ACCEPTS_PLAIN and mode is not True:
            yield finding_at(mesh, PERMISSIVE, (*backend.path, "mode"), "PERMISSIVE also accepts plain traffic")
    if at(mesh.spec, ("routing", "zoneEgress")) is True and not mesh.mtls.get("enabledBackend"):
        path = (*mesh.spec_path, "routing", "zoneEgress")
        yield finding_at(mesh, EGRESS_WITHOUT_MTLS, path, "zoneEgress is true, and mtls has no enabledBackend")


def _secret_problem(mesh: MeshDocument, backend: Backend) -> str:
    """Return why the control plane can't store a builtin CA; empty where it can, or where it does not look."""
    if backend.type != "builtin" or not backend.name or not mesh.name or mesh.mtls.get("skipValidation") is True:
        return ""
    secret = f"{mesh.name}.ca-builtin-cert-{backend.name}"
    if len(secret.replace(".", "")) > _MAX_DNS_NAME or not _DNS_NAME.fullmatch(secret):
        return f"the Secret of its CA would be named {shown(secret)}, which is no DNS name in lower case"
    if not mesh.is_universal and name_problem(secret, "kubernetes"):
        return f"the Secret of its CA would be named {shown(secret)}, which Kubernetes refuses"
    return ""
