"""Settings of the environment with which no connection can be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import hierarchy
from toolkit.errors import ExternalError
from toolkit.network_settings import is_host, require_ca_bundle, require_key_log
from toolkit.pki import pem

if TYPE_CHECKING:
    from pathlib import Path


def test_what_can_be_used_is_taken(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(pem.write([hierarchy().certificate]))
    require_ca_bundle({"AWS_CA_BUNDLE": str(bundle)})
    require_key_log({"SSLKEYLOGFILE": str(tmp_path / "keys")})
    for nothing in ({}, {"AWS_CA_BUNDLE": "", "SSLKEYLOGFILE": ""}):
        require_ca_bundle(nothing)
        require_key_log(nothing)


def test_a_bundle_that_no_connection_can_be_made_with(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    for name, words in (("missing", "can't be read: No such file"), ("empty", "contains no certificate")):
        with pytest.raises(ExternalError, match=f"AWS_CA_BUNDLE names .*{name}, which {words}"):
            require_ca_bundle({"AWS_CA_BUNDLE": str(tmp_path / name)})


def test_a_key_log_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(ExternalError, match=r"SSLKEYLOGFILE names .*/x, which can't be written: No such file"):
        require_key_log({"SSLKEYLOGFILE": str(tmp_path / "missing" / "x")})


@pytest.mark.parametrize(
    "host",
    ["localhost", "a.b.example.", "a_b.example", "xn--bcher-kva.example", "10.0.0.1", "::1", "1a.2", f"{'x' * 63}.y"],
)
def test_a_host_that_can_be_resolved(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..b",
        ".a",
        "a..",
        "-a.b",
        "a-.b",
        "a b",
        "é",
        f"{'x' * 64}.y",
        "x." * 128,
        "[::1]",
        "::g",
        "999.1.1.1",
        "1.2.3",
        "7",
        "fe80::1%eth0",
    ],
)
def test_a_host_that_can_not_be_resolved(host: str) -> None:
    assert not is_host(host)
