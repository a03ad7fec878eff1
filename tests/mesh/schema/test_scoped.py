"""The kinds of one mesh: the models, the reader and the HTTP API know the same ones."""

from __future__ import annotations

from typing import get_args

import pytest

from toolkit.mesh.documents.reader import read
from toolkit.mesh.documents.typed import ScopedDocument
from toolkit.mesh.schema.identity_spec import MeshIdentity
from toolkit.mesh.schema.scoped import COLLECTIONS, SCOPED_KINDS, ScopedKind, ScopedResource
from toolkit.mesh.schema.traffic_policies import MeshTls, MeshTrafficPermission
from toolkit.mesh.schema.trust import MeshTrust

MODELS: tuple[type[ScopedResource], ...] = (MeshIdentity, MeshTrust, MeshTls, MeshTrafficPermission)


def test_each_kind_has_a_model_and_a_collection() -> None:
    assert tuple(model.kind for model in MODELS) == SCOPED_KINDS == get_args(ScopedKind)
    assert tuple(COLLECTIONS) == SCOPED_KINDS


@pytest.mark.parametrize("kind", SCOPED_KINDS)
def test_the_mesh_of_a_document(kind: ScopedKind) -> None:
    metadata = f"apiVersion: kuma.io/v1alpha1\nkind: {kind}\nmetadata: {{name: a"
    texts = [
        f"{metadata}, labels: {{kuma.io/mesh: m}}}}\n",
        # Kubernetes' default; Universal has none.
        f"{metadata}}}\n",
        f"type: {kind}\nname: a\nmesh: m\n",
        f"type: {kind}\nname: a\n",
    ]
    found = [read([("x", text)]).scoped for text in texts]
    assert [document.mesh for (document,) in found] == ["m", "default", "m", ""]
    assert all(isinstance(document, ScopedDocument) and document.name == "a" for (document,) in found)
