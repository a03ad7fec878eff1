"""MeshIdentities, MeshTrusts and Meshes as somebody applied them, for tests of what reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support import contract, hierarchy
from toolkit.mesh.documents.applied import Applied, choose_applied
from toolkit.mesh.documents.applied_identity import AppliedIdentity
from toolkit.mesh.documents.reader import read

if TYPE_CHECKING:
    from toolkit.mesh.schema.mesh import Form

OUTPUTS = contract(hierarchy())
ARN, CHAIN = OUTPUTS.certificate_authority.arn, OUTPUTS.certificate_chain
FORMS: tuple[Form, ...] = ("kubernetes", "universal")


def scoped(kind: str, name: str, spec: object, form: Form = "universal", mesh: str = "default") -> dict[str, Any]:
    if form == "universal":
        return {"type": kind, "mesh": mesh, "name": name, "spec": spec}
    metadata = {"name": name, "namespace": "kong-mesh-system", "labels": {"kuma.io/mesh": mesh}}
    return {"apiVersion": "kuma.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def identity(name: str = "issue", form: Form = "universal", mesh: str = "default", **config: Any) -> dict[str, Any]:
    extension = {"name": "acmpca", "config": {"arn": ARN, **config}}
    spec = {"selector": {}, "provider": {"type": "Extension", "extension": extension}}
    return scoped("MeshIdentity", name, spec, form, mesh)


def trust(domain: str, *bundles: object, name: str = "t", form: Form = "universal") -> dict[str, Any]:
    found = [{"type": "Pem", "pem": {"value": bundle}} for bundle in bundles]
    return scoped("MeshTrust", name, {"trustDomain": domain, "caBundles": found}, form)


def mesh(name: str = "default", enabled: str = "acm") -> dict[str, Any]:
    backends = [
        {"name": "acm", "type": "acmpca", "conf": {"arn": ARN, "caCert": {"inlineString": CHAIN}}},
        {"name": "own", "type": "builtin"},
    ]
    return {"type": "Mesh", "name": name, "mtls": {"enabledBackend": enabled, "backends": backends}}


def choose(*documents: object, **names: str | None) -> Applied | AppliedIdentity:
    return choose_applied(read([("x.yaml", "\n---\n".join(json.dumps(document) for document in documents))]), **names)


def chosen(*documents: object, **names: str | None) -> AppliedIdentity:
    found = choose(*documents, **names)
    assert isinstance(found, AppliedIdentity)
    return found


def changed(path: tuple[str | int, ...], value: object, document: dict[str, Any] | None = None) -> dict[str, Any]:
    made = document or identity()
    place: Any = made
    for part in path[:-1]:
        place = place.setdefault(part, {}) if isinstance(part, str) else place[part]
    place[path[-1]] = value
    return made
