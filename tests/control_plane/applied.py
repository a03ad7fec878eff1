"""Shared by tests of applying: documents, and a function that applies them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.control_plane.faulty import TOKEN, Faulty
from toolkit.control_plane import applying, resources
from toolkit.control_plane.client import ControlPlane
from toolkit.control_plane.connection import Access, Token
from toolkit.errors import ToolkitError
from toolkit.mesh.documents.differences import are_same
from toolkit.mesh.documents.reader import read

if TYPE_CHECKING:
    from toolkit.control_plane.applying import Plan

MESH_TEXT = """\
type: Mesh
name: default
skipCreatingInitialPolicies: ['*']
mtls:
  enabledBackend: acm
  backends:
    - name: acm
      type: acmpca
      mode: STRICT
      dpCert: {rotation: {expiration: 24h}, requestTimeout: 10s}
      conf:
        arn: arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555
        caCert: {secret: chain}
"""
# The Mesh stands first here: the order of the writes is not the order of the documents.
TEXT = MESH_TEXT + "---\ntype: Secret\nmesh: default\nname: chain\ndata: Y2hhaW4=\n"
INLINE = MESH_TEXT.replace("{secret: chain}", "{inline: Y2hhaW4=}")
OTHER = "type: Secret\nmesh: default\nname: other\ndata: b3RoZXI=\n"
MESH, CHAIN, SECOND = (
    "/meshes/default",
    "/meshes/default/secrets/chain",
    "/meshes/default/secrets/other",
)


def wanted(text: str) -> tuple[resources.Resource, ...]:
    return resources.read_resources(read([("mesh.yaml", text)]))


def apply(
    standin: Faulty, text: str = TEXT, between: Callable[[], object] = lambda: None, **options: Any
) -> tuple[Plan, list[str]]:
    """Apply documents as the command does; `between` happens while the user looks at the plan."""
    told: list[str] = []
    access = Access(standin.url, Token(TOKEN, "test"), timeout=5)
    with ControlPlane(access, pause=lambda _: None) as control_plane:
        plan = applying.plan(control_plane, wanted(text))
        between()
        options = {"pause": lambda _: None, **options}
        applying.execute(plan, control_plane, lambda write, _: told.append(str(write)), **options)
    return plan, told


def holds(standin: Faulty, text: str = TEXT) -> bool:
    return all(are_same(resource.document, standin.state.get(resource.key.path)) for resource in wanted(text))


def refused(standin: Faulty, text: str = TEXT, **options: Any) -> ToolkitError:
    with pytest.raises(ToolkitError) as raised:
        apply(standin, text, **options)
    return raised.value


def requests_of_a_whole_run() -> int:
    with Faulty(token=TOKEN) as standin:
        apply(standin)
        return len(standin.requests)


WHOLE = requests_of_a_whole_run()
