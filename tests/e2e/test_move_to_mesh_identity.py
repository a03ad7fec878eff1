"""The move from `Mesh.mtls` to MeshIdentity, played document by document: proxies never lose each other.

Real Envoys and OpenSSL judge each handshake. The documents are those of the plan.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.e2e.mesh_world import SERVICE, ZONE, MeshWorld, expand_new_id
from tests.support import contract, hierarchy
from tests.verify.handshakes.move_stages import meet_in_stage
from tests.verify.proxies import ISSUING, KEYS, proxy
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render.identity_documents import IdentityOptions
from toolkit.mesh.rotate.identity_move import Given, IdentityMove, plan_move_to_identity
from toolkit.pki import pem

pytestmark = pytest.mark.slow

NEW_CA = hierarchy()
OLD_CHAIN = ISSUING.chain()
OLD_ID = f"spiffe://default/{SERVICE}"
NEW_ID = expand_new_id(f"/workload/{SERVICE}")
PERMISSION = """\
type: MeshTrafficPermission
name: all
mesh: default
spec:
  targetRef: {kind: Mesh}
  from:
    - targetRef: {kind: Mesh}
      default: {action: Allow}
"""
ALL = {"old old", "old new", "new old", "new new"}


MESH = """\
type: Mesh
name: default
mtls:
  enabledBackend: old
  backends:
    - name: old
      type: provided
      conf:
        cert: {{inlineString: {chain}}}
        key: {{secret: old-key}}
"""


def plan(chain: str, old_chain: str | None = None) -> IdentityMove:
    permissions = read([("permissions.yaml", PERMISSION)])
    given = Given(MESH.format(chain=json.dumps(chain)), "mesh.yaml", None, permissions, old_chain)
    return plan_move_to_identity(given, contract(NEW_CA), IdentityOptions())


def connects(world: MeshWorld, chain: str) -> set[str]:
    """Which pairs of proxies connect; OpenSSL and Envoy must agree."""
    old = proxy("old", ISSUING, (OLD_ID, f"kuma://kuma.io/service/{SERVICE}"), way=())
    new = proxy("new", NEW_CA, (NEW_ID,), key=KEYS[1], way=())
    found = meet_in_stage(world.trust(chain, NEW_ID), old, new)
    assert [bool(verdict.openssl) for verdict in found] == [bool(verdict.envoy) for verdict in found], found
    return {f"{verdict.client} {verdict.server}" for verdict in found if not verdict.envoy}


def split(text: str) -> list[str]:
    """The documents of a stream, one by one, in their order."""
    return re.split(r"^---\n", text, flags=re.MULTILINE)


@pytest.mark.parametrize("whole", [True, False], ids=["whole chain", "intermediate alone"])
def test_no_proxy_is_lost_between_two_documents(whole: bool) -> None:
    has, root = pem.write(OLD_CHAIN if whole else OLD_CHAIN[:1]), pem.write(OLD_CHAIN[1:])
    move = plan(has, None if whole else root)
    assert move.list_blocking(5) == []
    world = MeshWorld(move.before, PERMISSION)
    assert connects(world, has) == {"old old"}
    in_use = {"old"}
    for step in move.steps:
        for document in split(step.text):
            world.apply(document)
            in_use.add(world.certificate())
            # Every proxy that may be there: one that has not yet got its new certificate is old.
            needed = {f"{client} {server}" for client in in_use for server in in_use}
            assert needed <= connects(world, has), f"{step.name}: {document[:80]}"
            assert world.permits(OLD_ID)
            assert "new" not in in_use or world.permits(NEW_ID)
    assert in_use == {"old", "new"}
    assert world.certificate() == "new"
    # The end: everything that the plan deletes is deleted.
    world.delete("MeshIdentity", move.names.publisher)
    world.delete("MeshTrust", move.names.old_trust)
    assert connects(world, has) == {"new new"}


def test_who_trusts_whom_at_each_stage() -> None:
    chain = pem.write(OLD_CHAIN)
    move = plan(chain)
    world = MeshWorld(move.before, PERMISSION)
    expected = {
        "prepare": ("old", {"old old"}),
        "publish": ("old", {"old old"}),
        "trust": ("old", ALL),
        "switch": ("new", ALL),
        # The MeshTrust of the old CA is there until it is deleted.
        "finish": ("new", ALL),
    }
    for step in move.steps:
        world.apply(step.text)
        assert (world.certificate(), connects(world, chain)) == expected[step.name], step.name


@pytest.mark.parametrize("stage", ["prepare", "publish", "trust", "switch", "finish"])
def test_the_way_back(stage: str) -> None:
    """Undo one stage as the plan says: proxies of both worlds still trust each other where both exist."""
    chain = pem.write(OLD_CHAIN)
    move = plan(chain)
    texts = {step.name: step.text for step in move.steps}
    world = MeshWorld(move.before, PERMISSION)
    for step in move.steps:
        world.apply(step.text)
        if step.name == stage:
            break
    if stage == "finish":
        world.apply(texts["prepare"])
        assert (world.certificate(), connects(world, chain)) == ("new", ALL)
    elif stage == "switch":
        # The MeshIdentity of stage 3 selects no proxy.
        world.apply(split(texts["trust"])[-1])
        assert (world.certificate(), connects(world, chain)) == ("old", ALL)
    elif stage == "trust":
        world.delete("MeshIdentity", move.names.issuer)
        for trust in (*move.names.trusts, move.names.old_trust):
            assert "old old" in connects(world, chain)
            world.delete("MeshTrust", trust)
        assert (world.certificate(), connects(world, chain)) == ("old", {"old old"})
    elif stage == "publish":
        world.delete("MeshIdentity", move.names.publisher)
        assert (world.certificate(), connects(world, chain)) == ("old", {"old old"})
    else:
        world.apply(move.before)
        assert (world.certificate(), connects(world, chain)) == ("old", {"old old"})
        assert world.permits(OLD_ID)
        assert not world.permits(NEW_ID)


def test_another_order_loses_proxies() -> None:
    """Why the MeshTrust of the old CA comes first: what happened on a real mesh without it."""
    has, root = pem.write(OLD_CHAIN[:1]), pem.write(OLD_CHAIN[1:])
    move = plan(has, root)
    trusts = [
        document
        for document in split(move.steps[2].text)
        if "kind: MeshTrust" in document or "type: MeshTrust" in document
    ]
    world = MeshWorld(move.before, PERMISSION)
    world.apply(trusts[1])
    assert connects(world, has).isdisjoint({"old old"})
    world.apply(trusts[0])
    assert "old old" in connects(world, has)


def test_a_publisher_that_sorts_first_keeps_old_certificates() -> None:
    move = plan(pem.write(OLD_CHAIN))
    world = MeshWorld(move.before, PERMISSION, *(step.text for step in move.steps[:4]))
    assert world.certificate() == "new"
    renamed = move.steps[1].text.replace(f"name: {move.names.publisher}", "name: a-publisher")
    world.apply(renamed)
    assert world.certificate() == "old"
    world.delete("MeshIdentity", "a-publisher")
    assert world.certificate() == "new"


def test_permissions_with_new_ids_alone_deny_old_proxies() -> None:
    move = plan(pem.write(OLD_CHAIN))
    world = MeshWorld(move.before, PERMISSION)
    world.apply(split(move.steps[0].text)[0])
    assert world.permits(OLD_ID)
    assert world.permits(NEW_ID)
    assert world.permits(f"spiffe://default.{ZONE}.mesh.local/workload/other")
    only_new = split(move.steps[0].text)[0].replace("value: spiffe://default\n", "value: spiffe://elsewhere\n")
    world.apply(only_new)
    assert not world.permits(OLD_ID)
