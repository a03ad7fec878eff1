"""A zone that gets an invalid answer fails the check of that call. The other zones are still verified."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.verify.faults import World
from tests.verify.meddling_proxy import MeddlingProxy
from tests.verify.test_nothing_is_forgotten import EVERYTHING
from tests.verify.world import plan, token_file, with_policy
from tests.verify.wrong_answers import CHECKS, EXCHANGE, OPERATIONS, REVOKE, WRONG, Wrong
from toolkit.pki import csr
from toolkit.verify import runner
from toolkit.verify.identity import AssumeRole, IdentitySource, WebIdentity, ZoneIdentity
from toolkit.verify.report.json import render as render_json

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.calls import Caller

KEY = csr.create_data_plane_key()
# One zone for each operation, which gets wrong answers to that one, and two beside them.
ZONES = {f"zone-{number}": operation for number, operation in enumerate(OPERATIONS)}
GOOD = ("good-1", "good-2")
_QUICK, _SLOW = timedelta(seconds=60), timedelta(seconds=6)
_GRACE = timedelta(seconds=12)


class Sources:
    """One source for each zone: its endpoint's URL says which zone asks. They are kept, since making one is slow."""

    def __init__(self, aws: TestSandbox, proxy: MeddlingProxy, token: Path) -> None:
        self._sources: dict[str, IdentitySource] = {}
        for name in (*ZONES, *GOOD):
            url = f"{proxy.url}/{name}"
            if ZONES.get(name) == EXCHANGE:
                self._sources[name] = WebIdentity(token, endpoint_url=url)
            else:
                self._sources[name] = AssumeRole(endpoint_url=url, credentials=aws.credentials)

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        return self._sources[zone.name].identity(zone, authority_region, caller)


@dataclass
class Scene:
    """What the tests share: the proxy, the zones behind it, and how they ask."""

    proxy: MeddlingProxy
    outputs: StackOutputs
    sources: Sources


@pytest.fixture(scope="module")
def scene(
    running_sandbox: TestSandbox, outputs: StackOutputs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    token = token_file(tmp_path_factory.mktemp("token"), "frankfurt-1")
    zones = tuple(outputs.zones[0].model_copy(update={"name": name}) for name in (*ZONES, *GOOD))
    with MeddlingProxy(running_sandbox) as proxy:
        sources = Sources(running_sandbox, proxy, token)
        yield Scene(proxy, outputs.model_copy(update={"zones": zones}), sources)


@pytest.fixture
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    # A key takes longer than all calls of a zone.
    monkeypatch.setattr(csr, "create_data_plane_key", lambda: KEY)


def parameters() -> list[Any]:
    return [pytest.param(wrong, id=wrong.identifier, marks=[pytest.mark.slow] * wrong.slow) for wrong in WRONG]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_keys")
@pytest.mark.parametrize("wrong", parameters())
def test_a_wrong_answer_fails_its_zone_alone(wrong: Wrong, aws: TestSandbox, scene: Scene) -> None:
    with_policy(aws, scene.outputs.zones[0].verifying_role_arn, EVERYTHING)
    world = World(aws, scene.outputs, scene.sources, {"service": f"wrong-{secrets.token_hex(4)}"})
    victims = {name: operation for name, operation in ZONES.items() if operation in wrong.operations}
    scene.proxy.replace(wrong, victims)
    timeout = _SLOW if wrong.slow else _QUICK
    try:
        asked = plan(scene.outputs, timeout=timeout, revoke=True, **world.changes)
        run = runner.verify(scene.outputs, asked, scene.sources)
    finally:
        scene.proxy.let_go()
    assert run.trouble is None
    report = run.report
    for zone in report.zones:
        operation = victims.get(zone.zone, "")
        failed = [check for check in zone.checks if check.failed]
        expected = wrong.checks or tuple(filter(None, [CHECKS.get(operation)]))
        assert {check.name for check in failed} <= set(expected), failed
        assert bool(failed) == bool(expected and operation and operation != REVOKE)
        assert all(check.advice and check.found for check in failed)
        # The role of an OIDC token may not revoke.
        is_revoked = not failed and operation != REVOKE and ZONES.get(zone.zone) != EXCHANGE
        assert zone.certificates_revoked == (zone.certificates_issued if is_revoked else ())
    assert report.exit_code == int(set(victims.values()) != {REVOKE})
    assert report.finished_at - report.started_at < timeout + _GRACE
    assert all(count <= 1 for count in world.count_issued().values())
    assert scene.proxy.asked_elsewhere == []
    text = render_json(report)
    assert not [secret for secret in scene.proxy.secrets if secret in text]
    assert len(text) < 200_000


@pytest.mark.usefixtures("quick_keys")
def test_the_proxy_alone_changes_nothing(aws: TestSandbox, scene: Scene) -> None:
    with_policy(aws, scene.outputs.zones[0].verifying_role_arn, EVERYTHING)
    scene.proxy.replace(None, {})
    report = runner.verify(scene.outputs, plan(scene.outputs, revoke=True), scene.sources).report
    assert report.passed
    assert [zone.zone for zone in report.zones if not zone.certificates_revoked] == ["zone-1"]


def test_there_are_enough_of_them_for_every_operation() -> None:
    assert len({wrong.identifier for wrong in WRONG}) == len(WRONG)
    for operation in OPERATIONS:
        assert sum(operation in wrong.operations for wrong in WRONG) >= 25
