"""One Mesh and its Secrets in every form in which people and tools write them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from tests.one_reading.documents import acmpca, encoded
from tests.support import hierarchy
from toolkit.pki import pem

NAMESPACE = "kong-mesh-system"
OLDER = pem.write(hierarchy().chain())


@dataclass(frozen=True)
class Written:
    """What is to be written.

    Attributes:
        chain: the value of the Secret that the Mesh names.
        mesh: the mesh that its Secrets are of.
        conf: more of the backend's configuration.
        secrets: other Secrets by name.
        encode: base64 of the chain's Secret, where a form has base64.
    """

    chain: str
    mesh: str = "default"
    conf: dict[str, Any] | None = None
    secrets: dict[str, str] | None = None
    encode: Callable[[str], str] = encoded

    @property
    def spec(self) -> dict[str, Any]:
        backend = acmpca({"secret": "chain"}) | {"dpCert": {"rotation": {"expiration": "24h"}}}
        backend["conf"] = backend["conf"] | (self.conf or {})
        return {"mtls": {"enabledBackend": "acmpca", "backends": [backend]}}

    def values(self) -> dict[str, str]:
        """Every Secret's value in base64."""
        others = {name: encoded(value) for name, value in (self.secrets or {}).items()}
        return {"chain": self.encode(self.chain), **others}


def _mesh(written: Written) -> dict[str, Any]:
    head = {"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": {"name": "default"}}
    return head | {"spec": written.spec}


def _secret(written: Written, name: str, data: dict[str, Any], labels: dict[str, str] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": NAMESPACE}
    if labels != {}:
        metadata["labels"] = labels or {"kuma.io/mesh": written.mesh}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "system.kuma.io/secret", **data}


def _kubernetes(written: Written, labels: dict[str, str] | None = None) -> list[dict[str, Any]]:
    values = written.values().items()
    secrets = [_secret(written, name, {"data": {"value": value}}, labels) for name, value in values]
    return [*secrets, _mesh(written)]


def _universal(written: Written) -> list[dict[str, Any]]:
    values = written.values().items()
    secrets = [{"type": "Secret", "mesh": written.mesh, "name": name, "data": value} for name, value in values]
    return [*secrets, {"type": "Mesh", "name": "default", **written.spec}]


def _plain(written: Written, beside: dict[str, Any]) -> list[dict[str, Any]]:
    """Secrets with stringData, which wins over what else they have."""
    texts = {"chain": written.chain, **(written.secrets or {})}
    secrets = [_secret(written, name, beside | {"stringData": {"value": text}}) for name, text in texts.items()]
    return [*secrets, _mesh(written)]


def stream(documents: list[dict[str, Any]], *, flow: bool = False) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.width = 1 << 20
    out = StringIO()
    yaml.dump_all(documents, out)
    return str(out.getvalue())


def kubernetes(written: Written) -> str:
    return stream(_kubernetes(written))


def universal(written: Written) -> str:
    return stream(_universal(written))


def kubectl_list(written: Written) -> str:
    return stream(
        [{"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": _kubernetes(written)}]
    )


def kumactl_lists(written: Written) -> str:
    *secrets, mesh = _universal(written)
    return stream([{"total": len(found), "items": found, "next": None} for found in (secrets, [mesh])])


def kubernetes_json(written: Written) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": _kubernetes(written)}, indent=4) + "\n"


def universal_json(written: Written) -> str:
    return "\n---\n".join(map(json.dumps, _universal(written)))


def string_data(written: Written) -> str:
    return stream(_plain(written, {}))


def both(written: Written) -> str:
    """Secrets that still have the chain of an older CA under data."""
    return stream(_plain(written, {"data": {"value": encoded(OLDER)}}))


def no_label(written: Written) -> str:
    """Secrets without a label, which Kuma takes as those of the mesh default."""
    return stream(_kubernetes(written, labels={}))


def crlf(written: Written) -> str:
    return kubernetes(written).replace("\n", "\r\n")


def flow(written: Written) -> str:
    # kubectl accepts nothing behind the three hyphens.
    return stream(_kubernetes(written), flow=True).replace("--- {", "---\n{")


def anchors(written: Written) -> str:
    """Names that are written once and referred to."""
    text = kubernetes(written)
    text = text.replace("enabledBackend: acmpca", "enabledBackend: &signs acmpca")
    # The keys are in the order of the alphabet: the backends come before the name of the enabled one.
    text = text.replace("enabledBackend: &signs acmpca", "enabledBackend: *signs").replace(
        "      name: acmpca", "      name: &signs acmpca"
    )
    return text.replace(f"namespace: {NAMESPACE}", f"namespace: &ns {NAMESPACE}\n  annotations: {{ns: *ns}}")


def blocks(written: Written) -> str:
    """Base64 in lines of 76 characters, as base64 prints it."""
    text = kubernetes(written)
    for value in written.values().values():
        lines = base64.encodebytes(base64.b64decode(value)).decode() if value == encoded(_decoded(value)) else value
        text = text.replace(
            f"  value: {value}\n", "  value: |\n" + "".join(f"    {line}\n" for line in lines.splitlines())
        )
    return text


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except ValueError:
        return ""


# Where the Secrets are Kubernetes', so that they may have stringData and labels.
KUBERNETES: dict[str, Callable[[Written], str]] = {
    "kubernetes": kubernetes,
    "kubectl-list": kubectl_list,
    "kubernetes-json": kubernetes_json,
    "string-data": string_data,
    "string-data-wins": both,
    "no-label": no_label,
    "crlf": crlf,
    "flow": flow,
    "anchors": anchors,
    "base64-in-lines": blocks,
}
UNIVERSAL: dict[str, Callable[[Written], str]] = {
    "universal": universal,
    "kumactl-lists": kumactl_lists,
    "universal-json": universal_json,
}
FORMS = KUBERNETES | UNIVERSAL
ENCODED = {name: form for name, form in FORMS.items() if not name.startswith("string-data")}
