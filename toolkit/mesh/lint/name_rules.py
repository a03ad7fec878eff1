"""Check the names of meshes and backends, and the fields that refer to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.contract import check_dns_label
from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.schema.secret import check_object_name, find_name_problem
from toolkit.yamltext.plain import at, items, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import Backend, Document, MeshDocument
    from toolkit.mesh.lint.findings import Finding


NAMESPACE = RULES["MESH005"]
MESH_NAME = RULES["MESH020"]
REPEATED_NAME = RULES["MESH021"]
UNKNOWN_BACKEND = RULES["MESH022"]
MTLS_OFF = RULES["MESH023"]
BACKEND_NAME = RULES["MESH024"]
PERMISSIVE = RULES["MESH025"]
SECRET_OF_BUILTIN = RULES["MESH026"]
MESH_LABEL_NAME = RULES["MESH027"]
EGRESS_WITHOUT_MTLS = RULES["MESH028"]

_MAX_LABEL = 63
_RFC_1035 = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
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


def _is_label(name: str) -> bool:
    """Return whether a name is an RFC 1123 DNS label."""
    try:
        check_dns_label(name)
    except ValueError:
        return False
    return True


def check(mesh: MeshDocument) -> Iterator[Finding]:
    """Yield the findings of this module."""
    yield from check_name(mesh)
    if not mesh.is_universal and "namespace" in mapping(mesh.value.get("metadata")):
        yield report(mesh, NAMESPACE, ("metadata", "namespace"), "a Mesh has no namespace")
    for section, field in _SECTIONS.items():
        yield from _section(mesh, section, field)
    yield from _mtls(mesh)


def check_name(document: Document) -> Iterator[Finding]:
    """Yield the findings about the name of a document."""
    name, path = document.name, document.name_path
    if not name:
        if at(document.value, path) == "":
            yield report(document, MESH_NAME, path, "the name is empty")
        return
    try:
        check_object_name(name)
    except ValueError as error:
        yield report(document, MESH_NAME, path, f"the name {show(name)} {error}")
        return
    if len(name) > _MAX_LABEL:
        message = f"the name has {len(name)} characters, more than the {_MAX_LABEL} of a DNS label"
        yield report(document, MESH_LABEL_NAME, path, message)
    elif not _RFC_1035.fullmatch(name):
        what = "contains a dot" if "." in name else "begins with a digit"
        yield report(document, MESH_LABEL_NAME, path, f"the name {show(name)} {what}")


def _section(mesh: MeshDocument, section: str, field: str) -> Iterator[Finding]:
    path = (*mesh.spec_path, section)
    value = mapping(mesh.spec.get(section))
    seen: dict[str, int] = {}
    for index, backend in enumerate(items(value.get("backends"))):
        name = mapping(backend).get("name") or ""
        if not isinstance(backend, dict) or not isinstance(name, str):
            continue
        if name in seen:
            message = f"backends[{seen[name]}] {f'is named {show(name)}' if name else 'has no name'}, too"
            yield report(mesh, REPEATED_NAME, (*path, "backends", index, "name"), message)
        seen.setdefault(name, index)
    chosen = text(value.get(field))
    if chosen and chosen not in seen:
        there = join_words([show(name) for name in seen if name][:10])
        message = f"no backend is named {show(chosen)}; there {'is ' + there if there else 'are none'}"
        yield report(mesh, UNKNOWN_BACKEND, (*path, field), message)


def _mtls(mesh: MeshDocument) -> Iterator[Finding]:
    if mesh.backends and mesh.mtls.get("enabledBackend") in (None, ""):
        path = (*mesh.mtls_path, "enabledBackend")
        there = join_words([show(backend.name) for backend in mesh.backends if backend.name][:10])
        yield report(mesh, MTLS_OFF, path, "enabledBackend is missing: mTLS is off", there and f"Name one of {there}.")
    for backend in mesh.backends:
        if problem := _secret_problem(mesh, backend):
            yield report(mesh, SECRET_OF_BUILTIN, (*backend.path, "name"), problem)
        elif backend.name and not _is_label(backend.name):
            path = (*backend.path, "name")
            yield report(mesh, BACKEND_NAME, path, f"the name {show(backend.name)} is no DNS label")
        mode = backend.value.get("mode")
        if mode in _ACCEPTS_PLAIN and mode is not True:
            yield report(mesh, PERMISSIVE, (*backend.path, "mode"), "PERMISSIVE also accepts plain traffic")
    if at(mesh.spec, ("routing", "zoneEgress")) is True and not mesh.mtls.get("enabledBackend"):
        path = (*mesh.spec_path, "routing", "zoneEgress")
        yield report(mesh, EGRESS_WITHOUT_MTLS, path, "zoneEgress is true, and mtls has no enabledBackend")


def _secret_problem(mesh: MeshDocument, backend: Backend) -> str:
    """Return why the control plane can't store a builtin CA; empty if it can, or if it does not check."""
    if backend.type != "builtin" or not backend.name or not mesh.name or mesh.mtls.get("skipValidation") is True:
        return ""
    secret = f"{mesh.name}.ca-builtin-cert-{backend.name}"
    if len(secret.replace(".", "")) > _MAX_DNS_NAME or not _DNS_NAME.fullmatch(secret):
        return f"the Secret of its CA would be named {show(secret)}, which is no DNS name in lower case"
    if not mesh.is_universal and find_name_problem(secret, "kubernetes"):
        return f"the Secret of its CA would be named {show(secret)}, which Kubernetes refuses"
    return ""
