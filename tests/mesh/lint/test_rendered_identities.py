"""What the toolkit renders for a MeshIdentity, and the stages of a move to one, have no finding but those expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from tests.mesh.lint.worlds import GOOD, OUTPUTS
from tests.support import NOW
from toolkit.mesh.documents.reader import read
from toolkit.mesh.lint import Target, lint
from toolkit.mesh.render.identity_documents import IdentityOptions, build_identities, render_identities
from toolkit.mesh.rotate.identity_move import Given, plan_move_to_identity

if TYPE_CHECKING:
    from toolkit.mesh.schema.identity_spec import MeshTrustCreation
    from toolkit.mesh.schema.mesh import Form

PERMISSION = """\
type: MeshTrafficPermission
mesh: default
name: all
spec:
  from:
    - targetRef: {kind: Mesh}
      default: {action: Allow}
"""


def find(texts: Sequence[str]) -> list[str]:
    named = [(f"{number}.yaml", text) for number, text in enumerate(texts)]
    return [finding.code for finding in lint(named, Target(NOW, outputs=OUTPUTS))]


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
@pytest.mark.parametrize("trust_domain", [None, "mesh.example.com", "{{ .Zone }}.example"])
@pytest.mark.parametrize("creation", ["Enabled", "Disabled"])
def test_rendered_documents(form: Form, trust_domain: str | None, creation: MeshTrustCreation) -> None:
    options = IdentityOptions(form=form, trust_domain=trust_domain, mesh_trust_creation=creation)
    texts = render_identities(build_identities(OUTPUTS, "default", options), form)
    assert find(texts) == []
    # Without one of the MeshTrusts, its trust domain has none.
    identity = [text for text in texts if "MeshIdentity" in text]
    trusts = [text for text in texts if "MeshTrust\n" in text]
    missing = find([*identity, *trusts[1:]])
    assert missing == ([] if creation == "Enabled" and not trusts[1:] else ["MESH211"])


def test_stages_of_a_move() -> None:
    given = Given(GOOD, "mesh.yaml", None, read([("permission.yaml", PERMISSION)]))
    steps = plan_move_to_identity(given, OUTPUTS, IdentityOptions()).steps
    found = {step.name: find([step.text]) for step in steps}
    # The new MeshIdentity selects no proxy yet. The last stage has the Mesh alone, and nothing says who issues.
    assert found == {"prepare": [], "publish": [], "trust": ["MESH184"], "switch": [], "finish": ["MESH135"]}
