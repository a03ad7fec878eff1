"""Contracts, Meshes and Secrets around a chain, which is put into them as any text."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.support import AUTHORITY_ARN, contract_document, hierarchy

if TYPE_CHECKING:
    from datetime import datetime

ZONE = {"name": "zone-1", "region": "eu-central-1", "identity": "ambient"}
SECRET = "chain"
_CONTRACT = contract_document(hierarchy())


def contract(
    chain: str, root: str, not_after: datetime, *, is_root: bool = False, key: Mapping[str, str] | None = None
) -> str:
    """Return a contract as JSON; all but the chain is valid for a CA with such a key that expires then."""
    authority = _CONTRACT["certificateAuthority"] | {
        "type": "ROOT" if is_root else "SUBORDINATE",
        "notAfter": not_after.isoformat().replace("+00:00", "Z"),
        **(key or {}),
    }
    changes = {"certificateAuthority": authority, "certificateChain": chain, "rootCertificate": root}
    return json.dumps(_CONTRACT | changes)


def source(kind: str, text: str) -> dict[str, str]:
    """Return a data source that has a text itself, or that names a Secret."""
    return {kind: {"inline": encoded(text), "inlineString": text, "secret": SECRET}[kind]}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def acmpca(ca_cert: dict[str, str], name: str = "acmpca") -> dict[str, Any]:
    return {"name": name, "type": "acmpca", "conf": {"arn": AUTHORITY_ARN, "caCert": ca_cert}}


def universal(*backends: dict[str, Any]) -> str:
    """Return a Mesh in which the first backend signs."""
    mtls = {"enabledBackend": backends[0]["name"], "backends": list(backends)}
    return _yaml({"type": "Mesh", "name": "default", "mtls": mtls})


def inline_string(text: str) -> str:
    """Return a Mesh whose chain is a text, as it is."""
    return universal(acmpca(source("inlineString", text)))


def kubernetes(*backends: dict[str, Any]) -> str:
    """Return the same Mesh in the form of Kubernetes."""
    mtls = {"enabledBackend": backends[0]["name"], "backends": list(backends)}
    head = {"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": {"name": "default"}}
    return _yaml(head | {"spec": {"mtls": mtls}})


def universal_secret(text: str) -> str:
    return _yaml({"type": "Secret", "mesh": "default", "name": SECRET, "data": encoded(text)})


def kubernetes_secret(text: str) -> str:
    metadata = {"name": SECRET, "namespace": "kong-mesh-system", "labels": {"kuma.io/mesh": "default"}}
    head = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    return _yaml(head | {"type": "system.kuma.io/secret", "data": {"value": encoded(text)}})


def _yaml(value: dict[str, Any], indent: str = "") -> str:
    """Return YAML in block style, whose texts are quoted as in JSON: an editor changes one line for each value."""
    return "".join(f"{indent}{key}:{_item(item, indent)}" for key, item in value.items())


def _item(value: object, indent: str) -> str:
    if isinstance(value, dict):
        return "\n" + _yaml(value, f"{indent}  ")
    if isinstance(value, list):
        items = [_yaml(item, f"{indent}    ") for item in value]
        return "\n" + "".join(f"{indent}  - {item.lstrip(' ')}" for item in items)
    return f" {json.dumps(value)}\n"
