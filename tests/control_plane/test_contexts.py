"""Contexts from kumactl's configuration, as kumactl writes it and with manual changes."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from tests.control_plane.faulty import TOKEN
from toolkit.control_plane.contexts import read_context
from toolkit.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.control_plane.connection import Access

# What `kumactl config control-planes add` wrote, with names of ours.
CONFIG = f"""\
contexts:
- controlPlane: local
  name: local
- controlPlane: production
  defaults:
    mesh: default
  name: production
- controlPlane: gone
  name: lost
controlPlanes:
- coordinates:
    apiServer:
      url: http://localhost:5681
  name: local
- coordinates:
    apiServer:
      authConf:
        token: {TOKEN}
      authType: tokens
      caCertFile: /etc/mesh/ca.pem
      url: https://mesh.example.com:5682
  name: production
currentContext: production
"""


def server(text: str, url: str = "https://mesh.example.com:5682") -> str:
    """A configuration with one context."""
    lines = "".join(f"      {line}\n" for line in text.splitlines())
    return (
        f"contexts: [{{name: c, controlPlane: p}}]\ncontrolPlanes:\n- name: p\n  coordinates:\n    apiServer:\n"
        f"      url: {url}\n{lines}"
    )


def read(directory: Path, text: str, name: str = "c", ca_file: Path | None = None) -> Access:
    file = directory / "config"
    file.write_text(text)
    return read_context(name, file, ca_file)


def refused(directory: Path, text: str, name: str = "c") -> str:
    with pytest.raises(InvalidInputError) as raised:
        read(directory, text, name)
    assert TOKEN not in "".join(traceback.format_exception(raised.value))
    return "\n".join(raised.value.lines())


def test_a_context_has_address_ca_and_token(tmp_path: Path) -> None:
    found = read(tmp_path, CONFIG, "production")
    assert found.url == "https://mesh.example.com:5682"
    assert str(found.ca_file) == "/etc/mesh/ca.pem"
    assert found.token is not None
    assert found.token.to_header() == f"Bearer {TOKEN}"
    assert TOKEN not in repr(found)
    local = read(tmp_path, CONFIG, "local")
    assert (local.url, local.token, local.ca_file) == ("http://localhost:5681", None, None)


def test_kumactls_own_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InvalidInputError, match=r"can't read .*/\.kumactl/config: No such file"):
        read_context("local", None)
    (tmp_path / ".kumactl").mkdir()
    (tmp_path / ".kumactl" / "config").write_text(CONFIG)
    assert read_context("local", None).url == "http://localhost:5681"


@pytest.mark.parametrize(
    "text",
    [
        f'headers: [{{key: Authorization, value: "Bearer {TOKEN}"}}]',
        f'headers: [{{key: authorization, value: "bearer {TOKEN}"}}]\nauthType: tokens\nauthConf: {{token: {TOKEN}}}',
        f"auth_type: tokens\nauth_conf: {{token: {TOKEN}}}\nskip_verify: false",
    ],
)
def test_a_token_may_be_in_a_header(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, server(text))
    assert found.token is not None
    assert found.token.to_header() == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("skipVerify: true", "coordinates.apiServer.skipVerify: skips the verification of the certificate"),
        (
            "clientCertFile: a.pem\nclientKeyFile: b.pem",
            "apiServer.clientKeyFile: is not supported: client certificate",
        ),
        ("authType: other", "apiServer.authType: is not supported"),
        ("authType: tokens", "apiServer.authConf.token: is missing"),
        ("authType: tokens\nauthConf: {token: [1]}", "apiServer.authConf.token: is missing or is not a text"),
        ("authType: 7", "apiServer.authType: is not a text"),
        ("headers: [{key: X-Team, value: mesh}]", "apiServer.headers[0]: is not supported: only an Authorization"),
        (f"headers: [{{key: authorization, value: Basic {TOKEN}}}]", "apiServer.headers[0].value: is not supported"),
        (
            f"headers: [{{key: authorization, value: Bearer x}}]\nauthType: tokens\nauthConf: {{token: {TOKEN}}}",
            "apiServer.headers: contain another token than authConf",
        ),
        (f"authType: tokens\nauthConf: {{token: '{TOKEN} x'}}", "config: contains characters that tokens can't have"),
    ],
)
def test_what_is_not_supported_is_refused_with_the_reason(tmp_path: Path, text: str, words: str) -> None:
    assert words in refused(tmp_path, server(text))


def test_http_has_no_certificate_to_verify(tmp_path: Path) -> None:
    found = read(tmp_path, server("skipVerify: true\ncaCertFile: ca.pem", "http://localhost:5681"))
    assert found.ca_file is None


def test_a_ca_file_of_ours_goes_before_that_of_the_context(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    assert read(tmp_path, server("skipVerify: true"), ca_file=ca_file).ca_file == ca_file
    assert read(tmp_path, CONFIG, "production", ca_file).ca_file == ca_file


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (CONFIG, "staging", "Unknown context staging in "),
        (CONFIG, "staging", "Contexts: local, production, lost."),
        (CONFIG, "lost", "does not have. Control planes: local, production."),
        ("", "c", "Contexts: none."),
        ("- 1\n", "c", "Contexts: none."),
        ("contexts: 7\n", "c", "Contexts: none."),
        ("contexts: [7, {name: c}, {name: [1]}]\n", "c", "names a control plane that the file does not have"),
        ("contexts: [{name: c, controlPlane: p}]\ncontrolPlanes: [{name: p}]\n", "c", "apiServer.url: is missing"),
        (server("", "[1]"), "c", "apiServer.url: is not a text"),
        (f"a: 1\n---\n{CONFIG}", "local", "Contexts: none."),
        (f"token: {TOKEN}: x\n", "c", ":1:"),
        (f"a: &a [*a]\n? {TOKEN}\n? {TOKEN}\n", "c", "config"),
    ],
)
def test_files_that_are_wrong_are_not_quoted(tmp_path: Path, text: str, name: str, words: str) -> None:
    assert words in refused(tmp_path, text, name)
