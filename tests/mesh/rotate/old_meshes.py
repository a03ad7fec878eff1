"""Meshes of all five backends, in both forms, as they are before a move to MeshIdentity."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from tests.mesh.golden_documents import GOLDEN
from tests.support import AUTHORITY_ARN
from toolkit.mesh.documents.reader import read
from toolkit.mesh.rotate.identity_move import Given

if TYPE_CHECKING:
    from toolkit.mesh.schema.mesh import Form

OLD_CHAIN = (GOLDEN / "identity" / "old-chain.pem").read_text()
_END = "-----END CERTIFICATE-----\n"
OLD_ISSUING = OLD_CHAIN.partition(_END)[0] + _END
OLD_ROOT = OLD_CHAIN.removeprefix(OLD_ISSUING)
OTHER_ARN = AUTHORITY_ARN.replace("1111", "9999")
BUILTIN_SECRET = "default.ca-builtin-cert-old"
# The configuration of a backend of each type; `own` is an acmpca backend with the contract's CA.
CONFS: dict[str, dict[str, Any]] = {
    "builtin": {"caCert": {"RSAbits": 2048, "expiration": "10y"}},
    "provided": {"cert": {"inlineString": OLD_CHAIN}, "key": {"secret": "old-key"}},
    "vault": {
        "fromCp": {
            "address": "https://vault.example.com",
            "pki": "pki",
            "role": "mesh",
            "commonName": '{{ tag "kuma.io/service" }}.mesh',
            "auth": {"token": {"secret": "vault-token"}},
        }
    },
    "acmpca": {"arn": OTHER_ARN, "caCert": {"inline": base64.b64encode(OLD_CHAIN.encode()).decode()}},
    "own": {"arn": AUTHORITY_ARN, "caCert": {"file": "/etc/kong-mesh/ca-chain.pem"}},
    "certmanager": {"issuerRef": {"name": "mesh-ca"}, "caCert": {"secret": "old-chain"}},
}


def backend(kind: str, **more: Any) -> dict[str, Any]:
    """Return a backend named `old`; further fields are those of a backend."""
    return {"name": "old", "type": "acmpca" if kind == "own" else kind, "conf": CONFS[kind], **more}


def mesh(form: Form, *backends: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a Mesh whose first backend is enabled; further fields are those of the spec."""
    section = {"enabledBackend": backends[0]["name"], "backends": list(backends)}
    spec = {"mtls": section, **more}
    if form == "universal":
        return {"type": "Mesh", "name": "default", **spec}
    return {"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": {"name": "default"}, "spec": spec}


def scoped(form: Form, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return a resource of the mesh."""
    if form == "universal":
        return {"type": kind, "mesh": "default", "name": name, "spec": spec}
    metadata = {"name": name, "namespace": "kong-mesh-system", "labels": {"kuma.io/mesh": "default"}}
    return {"apiVersion": "kuma.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def secret(form: Form, name: str, value: str) -> dict[str, Any]:
    """Return a Secret of the mesh."""
    data = base64.b64encode(value.encode()).decode()
    if form == "universal":
        return {"type": "Secret", "mesh": "default", "name": name, "data": data}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "kong-mesh-system", "labels": {"kuma.io/mesh": "default"}},
        "type": "system.kuma.io/secret",
        "data": {"value": data},
    }


def allow_all(form: Form) -> dict[str, Any]:
    """Return the MeshTrafficPermission that a control plane creates with a mesh."""
    entry = {"targetRef": {"kind": "Mesh"}, "default": {"action": "Allow"}}
    return scoped(form, "MeshTrafficPermission", "allow-all", {"targetRef": {"kind": "Mesh"}, "from": [entry]})


def around(form: Form, kind: str) -> list[dict[str, Any]]:
    """Return the documents with which a Mesh of a kind of backend has no obstacle; vault needs its chain as well."""
    secrets = {"builtin": [(BUILTIN_SECRET, OLD_CHAIN)], "certmanager": [("old-chain", OLD_CHAIN)]}
    dataplane = {"type": "Dataplane", "mesh": "default", "name": "web", "networking": {"address": "192.0.2.1"}}
    found = [allow_all(form), *(secret(form, *each) for each in secrets.get(kind, []))]
    return [*found, dataplane] if form == "universal" else found


def stream(*documents: dict[str, Any]) -> str:
    """Return documents as a YAML stream, which JSON is as well."""
    return "---\n".join(json.dumps(document, indent=1) + "\n" for document in documents)


def given(document: dict[str, Any], *others: dict[str, Any], old_chain: str | None = None) -> Given:
    """Return what `plan_move_to_identity` takes."""
    documents = read([("others.yaml", stream(*others))] if others else [])
    return Given(stream(document), "mesh.yaml", None, documents, old_chain)
