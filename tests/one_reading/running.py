"""Running commands in the test's own process, without AWS."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pulumi_aws as aws
from click.testing import CliRunner, Result

from tests.support import AUTHORITY_ARN
from toolkit import cli
from toolkit.control_plane import client
from toolkit.infra import existing

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@contextmanager
def alone(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give a port on which nobody listens; there are no AWS credentials, and a control plane is asked once."""
    monkeypatch.setattr(client, "READ_PAUSES", ())
    for name in [name for name in os.environ if name.startswith(("AWS_", "TOOLKIT_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(directory / "missing"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def run(*arguments: str) -> Result:
    """Run a command.

    Raises:
        Exception: one that the command did not expect.
    """
    result = CliRunner().invoke(cli.main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def words(result: Result) -> str:
    """Return what a command says beside its output, without its line ends."""
    return " ".join(result.stderr.split())


def look_up(monkeypatch: pytest.MonkeyPatch, certificate: str, chain: str) -> existing.ExistingAuthority:
    """Look up a CA that AWS describes with these texts.

    Raises:
        LookUpError: one of them can't be read.
    """
    described = SimpleNamespace(
        certificate=certificate,
        certificate_chain=chain,
        status="ACTIVE",
        type="SUBORDINATE" if chain else "ROOT",
        usage_mode="GENERAL_PURPOSE",
    )
    with monkeypatch.context() as patch:
        patch.setattr(aws, "acmpca", SimpleNamespace(get_certificate_authority=lambda **_: described))
        return existing.look_up_authority(AUTHORITY_ARN)
