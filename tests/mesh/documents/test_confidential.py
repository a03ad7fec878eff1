"""Documents that only their owner may read."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from toolkit.mesh.documents.confidential import is_confidential

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN {}PRIVATE KEY-----\nMIGH\n-----END {}PRIVATE KEY-----\n"
KINDS = ["", "EC ", "RSA ", "ENCRYPTED "]


def mesh(source: Any) -> dict[str, Any]:
    backend = {"name": "b", "type": "provided", "conf": {"cert": source, "key": {"secret": "key"}}}
    return {"type": "Mesh", "name": "default", "mtls": {"backends": [backend]}}


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_where_certificates_belong(kind: str) -> None:
    text = CERTIFICATE + KEY.format(kind, kind)
    for both in (text, text.replace("\n", "\r\n")):
        encoded = base64.b64encode(both.encode()).decode()
        assert is_confidential(mesh({"inlineString": both}))
        assert is_confidential(mesh({"inline": encoded}))
        assert is_confidential(mesh(both))
        bundles = [{"type": "Pem", "pem": {"value": both}}]
        assert is_confidential({"type": "MeshTrust", "mesh": "default", "name": "t", "spec": {"caBundles": bundles}})


def test_certificates_are_for_everybody() -> None:
    assert not is_confidential(mesh({"inlineString": CERTIFICATE}))
    assert not is_confidential(mesh({"inline": base64.b64encode(CERTIFICATE.encode()).decode()}))
    assert not is_confidential(mesh({"inline": "LS0tLS1CRUdJTi!"}))


def test_a_circle_is_read_once() -> None:
    circle: dict[str, Any] = {"type": "Mesh", "name": "default"}
    circle["mtls"] = [circle, {"a": circle}]
    assert not is_confidential(circle)
    circle["mtls"].append(KEY.format("", ""))
    assert is_confidential(circle)
