"""`toolkit apply` of MeshIdentities, with `--wait`."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest
from click.testing import CliRunner, Result

from tests.control_plane import scoped
from tests.control_plane.faulty import TOKEN, Fault, Faulty
from toolkit import cli
from toolkit.cli import apply
from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.exchange import Reply
from toolkit.control_plane.rehearsal.web_server import Rehearsal
from toolkit.control_plane.waiting import PAUSE, SETTLING, Clock

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.mesh.schema.versions import Product

DENIED = Reply(403, b'{"title": "Access Denied", "detail": "no"}')
CURL = "  curl --fail --silent --show-error https://ZONE_CONTROL_PLANE:5682/meshes/default/meshidentities"


class Pair(NamedTuple):
    """A global control plane and a zone's."""

    above: Rehearsal
    below: Rehearsal
    file: Path

    def run(self, text: str, *arguments: str) -> Result:
        """The command, applied to the global one."""
        self.file.write_text(text)
        named = ("-f", str(self.file), "--yes", "--control-plane", self.above.url)
        return CliRunner().invoke(cli.main, ["apply", *named, *arguments])

    @property
    def zone(self) -> tuple[str, str]:
        """The option that names the zone."""
        return "--zone-control-plane", f"z1={self.below.url}"


@contextmanager
def pair(file: Path, product: Product = "kong-mesh", delay: int = 1) -> Iterator[Pair]:
    above = StandIn(product=product, mode="global")
    below = StandIn(product=product, delay=delay, upstream=above)
    with Rehearsal(above) as global_, Rehearsal(below) as zone:
        yield Pair(global_, zone, file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "identity.yaml"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are made, on a clock that only they move."""
    made: list[float] = []
    monkeypatch.setattr(apply, "CLOCK", Clock(lambda: sum(made), made.append))
    return made


def test_it_waits_until_the_zone_is_ready(file: Path, pauses: list[float]) -> None:
    with pair(file, delay=4) as both:
        result = both.run(scoped.stream(scoped.MESH, scoped.issue(provider=scoped.ACMPCA)), "--wait", *both.zone)
        assert result.exit_code == 0, result.stderr
        assert result.stderr.splitlines()[-2:] == [
            "Done and read back: 1 created, 1 changed.",
            "z1: MeshIdentity issue of mesh default is ready",
        ]
        assert set(pauses) == {PAUSE}
        again = both.run(scoped.stream(scoped.MESH, scoped.issue(provider=scoped.ACMPCA)), "--wait", *both.zone)
        assert again.exit_code == 0
        assert "Nothing to do: 2 unchanged." in again.stderr


def test_a_zone_that_is_not_ready_is_explained(file: Path, pauses: list[float]) -> None:
    with pair(file, product="kuma") as both:
        text = scoped.stream(scoped.MESH, scoped.issue(provider=scoped.ACMPCA), scoped.PUBLISH)
        result = both.run(text, "--wait", "--wait-timeout", "11s", *both.zone)
    assert result.exit_code == 1
    assert sum(pauses) == 11
    lines = result.stderr.splitlines()
    assert (
        "Warning: MeshIdentity issue of mesh default: acmpca is a provider of Kong Mesh, and this is Kuma"
        in result.stderr
    )
    assert "z1: MeshIdentity publish of mesh default is ready" in lines
    assert "Error: MeshIdentity issue of mesh default: not ready after 11 s in z1" in lines
    (cause,) = [line for line in lines if "z1: MeshIdentity issue" in line]
    assert (
        "Provider is False (ProviderNotFoundError: provider: Extension not found): this control plane has no" in cause
    )
    assert lines[-1].startswith("Hint: Everything was written.")


def test_after_a_change_old_conditions_do_not_count(file: Path, pauses: list[float]) -> None:
    with pair(file) as both:
        both.run(scoped.stream(scoped.MESH, scoped.issue()), "--wait", *both.zone)
        pauses.clear()
        result = both.run(scoped.issue(more=", spiffeID: {path: /x}"), "--wait", *both.zone)
        assert result.exit_code == 0
        assert pauses[0] == SETTLING


def test_without_zones_the_requests_are_printed(file: Path) -> None:
    with pair(file) as both:
        result = both.run(scoped.stream(scoped.MESH, scoped.issue()), "--wait")
        assert scoped.path("meshidentities", "issue") in both.above.stand_in.inventory.documents
    assert result.exit_code == 1
    assert "Error: can't tell whether the MeshIdentities are ready. Only zone control planes compute" in result.stderr
    assert CURL.strip() in result.stderr
    assert "Run the command again with --zone-control-plane NAME=URL" in result.stderr


def test_a_zone_without_a_global_control_plane_is_asked_itself(file: Path, pauses: list[float]) -> None:
    with Rehearsal(StandIn(delay=3)) as zone:
        file.write_text(scoped.stream(scoped.MESH, scoped.issue()))
        arguments = ["apply", "-f", str(file), "--yes", "--wait", "--control-plane", zone.url]
        result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.endswith("z1: MeshIdentity issue of mesh default is ready\n")
    assert set(pauses) <= {PAUSE}


def test_a_trust_that_loses_a_ca_is_warned_of(file: Path) -> None:
    with pair(file) as both:
        assert "loses it" not in both.run(scoped.stream(scoped.MESH, scoped.TRUST)).stderr
        there = both.above.stand_in.inventory.documents[scoped.path("meshtrusts", "old-ca")]
        there["spec"]["caBundles"].append({"type": "Pem", "pem": {"value": "another"}})
        said = both.run(scoped.TRUST).stderr
    assert "spec.caBundles[1]" in said
    assert "Proxies no longer trust what these CAs issued" in said


def test_without_identities_there_is_nothing_to_wait_for(file: Path) -> None:
    with pair(file) as both:
        result = both.run(scoped.MESH, "--wait", *both.zone)
    assert result.exit_code == 0
    assert "There is no MeshIdentity among the documents" in result.stderr


def test_a_zone_that_does_not_let_us_in_is_an_error_of_the_environment(file: Path) -> None:
    with pair(file) as both:
        both.below.stand_in.token = "other"
        both.run(scoped.stream(scoped.MESH, scoped.issue()))
        # A zone's control plane knows other tokens, so it gets none.
        assert both.run(scoped.MESH + "\n---\n" + scoped.issue(), "--wait", *both.zone).exit_code == 0
        with Faulty(token=TOKEN) as zone:
            zone.fault = lambda _number, _method, _path: Fault(DENIED)
            result = both.run(scoped.issue(), "--wait", "--zone-control-plane", f"z1={zone.url}")
    assert result.exit_code == 3
    assert "Error: zone z1: GET /meshes/default/meshidentities: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--wait", "--dry-run"), "--wait and --dry-run exclude each other"),
        (("--zone-control-plane", "z1=http://127.0.0.1:1"), "--zone-control-plane needs --wait"),
        (("--wait", "--zone-control-plane", "http://127.0.0.1:1/?a=b"), "takes NAME=URL"),
        (("--wait", "--zone-control-plane", "z1"), "takes NAME=URL"),
        (("--wait", "--zone-control-plane", "z1=127.0.0.1:1"), "--zone-control-plane z1: must begin with"),
        (
            ("--wait", "--zone-control-plane", "z1=http://a", "--zone-control-plane", "z1=http://b"),
            "names zone z1 twice",
        ),
        (("--wait", "--wait-timeout", "1d"), "'1d' is not a duration of Go"),
        (("--wait", "--wait-timeout", "0s"), "'0s' is not between 0s and 24h"),
    ],
)
def test_options_that_can_not_work(file: Path, arguments: tuple[str, ...], said: str) -> None:
    with pair(file) as both:
        result = both.run(scoped.stream(scoped.MESH, scoped.issue()), *arguments)
        assert scoped.path("meshidentities", "issue") not in both.above.stand_in.inventory.documents
    assert result.exit_code == 2
    assert said in result.stderr


def test_zones_may_come_from_the_environment(file: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    with pair(file) as both:
        monkeypatch.setenv("TOOLKIT_APPLY_ZONE_CONTROL_PLANE", both.zone[1])
        assert both.run(scoped.stream(scoped.MESH, scoped.issue())).exit_code == 0
        assert both.run(scoped.issue(), "--wait").exit_code == 0
    assert set(pauses) <= {PAUSE}


def test_stopped_while_it_waits_everything_was_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(apply, "CLOCK", Clock(lambda: 0.0, stop))
    with pair(file, delay=99) as both:
        result = both.run(scoped.stream(scoped.MESH, scoped.issue()), "--wait", *both.zone)
    assert result.exit_code == 130
    assert "interrupted while waiting; everything was written" in result.stderr


def test_the_stages_of_a_move(file: Path, pauses: list[float]) -> None:
    """The move of docs: publish, trust, switch, finish."""
    with pair(file) as both:
        for text, written in (
            (scoped.stream(scoped.MESH + scoped.MTLS, scoped.PERMISSION, scoped.TLS), 3),
            (scoped.PUBLISH, 1),
            (scoped.stream(scoped.issue(), scoped.TRUST), 2),
            (scoped.issue(scoped.ALL), 1),
            (scoped.MESH, 1),
        ):
            result = both.run(text, "--wait", *both.zone)
            assert result.exit_code == 0, result.stderr
            counts = result.stderr.partition("Done and read back: ")[2].splitlines()[0]
            assert sum(int(word) for word in counts.split() if word.isdigit()) == written
        there = both.below.stand_in.inventory.list("MeshTrust")
        assert {each["spec"]["trustDomain"] for each in there} == {"default", "default.z1.mesh.local"}
    assert set(pauses) <= {PAUSE}


def test_the_sandbox_rehearses_it_with_a_global_control_plane_and_a_zone(file: Path) -> None:
    file.write_text(scoped.stream(scoped.MESH, scoped.issue(scoped.ALL, scoped.ACMPCA)))
    toolkit = [sys.executable, "-m", "toolkit"]
    applied = [*toolkit, "apply", "-f", str(file), "--yes", "--wait"]
    # Of a real mesh; the rehearsal must not ask it.
    foreign = {**os.environ, "TOOLKIT_APPLY_ZONE_CONTROL_PLANE": "real=http://127.0.0.1:1"}
    command = [*toolkit, "sandbox", "--with-control-plane", "multi-zone", "--", *applied]
    seen = subprocess.run(command, env=foreign, capture_output=True, text=True, timeout=120, check=False)
    assert seen.returncode == 0, seen.stderr
    assert seen.stderr.endswith("z1: MeshIdentity issue of mesh default is ready\n")


def test_a_terminal_shows_which_zones_are_missing(file: Path) -> None:
    with pair(file, delay=99) as both:
        file.write_text(scoped.stream(scoped.MESH, scoped.issue()))
        ours, theirs = pty.openpty()
        named = ["-f", str(file), "--yes", "--control-plane", both.above.url, "--wait", "--wait-timeout", "300ms"]
        process = subprocess.Popen(
            [sys.executable, "-m", "toolkit", "apply", *named, *both.zone], stdin=theirs, stderr=theirs, stdout=theirs
        )
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):
            while more := os.read(ours, 1024):
                seen += more
        os.close(ours)
        assert process.wait(60) == 1
    assert b"Waiting for z1 ..." in seen
    assert b"not ready after 0.3 s in z1" in seen
