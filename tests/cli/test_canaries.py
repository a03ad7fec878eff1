"""Secrets of every kind through commands that fail: they appear in nothing that the commands leave behind."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from tests.cli import echo_server as servers
from tests.cli.canary_commands import (
    AWS_SERVERS,
    CANARIES,
    CASES,
    CONTROL_PLANES,
    IN_A_FILE,
    POD_TOKEN,
    SECRET_KEY,
    SESSION,
    TELLING,
    USER_TOKEN,
    WEB_TOKEN,
)
from tests.cli.echo_server import EchoServer
from toolkit import cli
from toolkit.control_plane import client
from toolkit.verify import authority_facts

pytestmark = pytest.mark.slow
_REAL = (
    "verify assume-role: AWS refuses",
    "verify ambient: AWS breaks off",
    "verify web-identity: AWS is a proxy",
    "verify ambient: botocore exchanges the token of the pod",
    "verify: AWS_SESSION_TOKEN ends with U+001B",
    "verify: AWS_SHARED_CREDENTIALS_FILE is broken.ini",
    "verify through a proxy that repeats what it was sent",
    "apply: the control plane answers 401",
    "apply: the token file controls.token",
    "render-mesh: the control plane answers HTML",
    "rotate: the control plane answers 500",
    "lint inline.yaml",
)
_MESH = f"""\
type: Mesh
name: default
mtls:
  enabledBackend: acm
  backends:
    - name: acm
      type: acmpca
      conf:
        arn: x
        auth:
          awsCredentials:
            accessKey: {{inline: QUtJQQ==}}
            accessKeySecret: {{inlineString: {IN_A_FILE}}}
"""
_IDENTITY = f"""\
type: MeshIdentity
mesh: default
name: acmpca
spec:
  selector: {{}}
  provider:
    type: Bundled
    bundled:
      ca:
        certificate: {{type: File, file: {{path: /ca.pem}}}}
        privateKey: {{type: InsecureInline, insecureInline: {{value: "{IN_A_FILE}"}}}}
"""
_EXTENSION = f"""\
type: MeshIdentity
mesh: default
name: acmpca
spec:
  selector: {{}}
  provider:
    type: Extension
    extension:
      name: acmpca
      config:
        arn: arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555
        auth: {{awsCredentials: {{accessKeySecret: {{inlineString: "{IN_A_FILE}"}}}}}}
        secretAccessKey: {SECRET_KEY}
"""
_TRUST = f"""\
type: MeshTrust
mesh: default
name: t
spec:
  trustDomain: default
  caBundles:
    - type: Pem
      pem: {{value: "-----BEGIN PRIVATE KEY-----\\n{IN_A_FILE}\\n-----END PRIVATE KEY-----\\n"}}
"""
_PROVIDED = """\
type: Mesh
name: default
mtls:
  enabledBackend: old
  backends: [{name: old, type: provided, conf: {cert: {secret: cert}, key: {secret: key}}}]
"""
_KEYS = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key ="


@pytest.fixture
def places(tmp_path: Path, outputs: Path) -> dict[str, str]:
    """Where the inputs are, and where a command may leave something."""
    files, left = tmp_path / "files", tmp_path / "left"
    files.mkdir()
    left.mkdir()
    contract = json.loads(outputs.read_text())
    texts = {
        "mesh.yaml": "type: Mesh\nname: default\nrouting: {zoneEgress: true}\n",
        "web.token": f"{WEB_TOKEN}\n",
        "pod.token": POD_TOKEN,
        "two.token": f"{USER_TOKEN}\n{WEB_TOKEN}\n",
        "quoted.token": f'"{USER_TOKEN}"',
        "controls.token": f"{USER_TOKEN}\x00{USER_TOKEN}",
        "broken.json": json.dumps(contract | {"note": IN_A_FILE})[:-1],
        "types.json": json.dumps(contract | {"meshes": {IN_A_FILE: IN_A_FILE}, "dataPlaneLifetime": 7}),
        "secret.json": json.dumps(contract | {"certificateChain": IN_A_FILE, "zones": [IN_A_FILE]}),
        "deep.json": f'{"[" * 20000}"{IN_A_FILE}"',
        "not.json": IN_A_FILE,
        "broken.yaml": f"{_MESH}    - [{IN_A_FILE}",
        "twice.yaml": f"{_MESH}            accessKeySecret: {{inlineString: {IN_A_FILE}}}\n",
        "types.yaml": _MESH.replace("{inlineString: " + IN_A_FILE + "}", IN_A_FILE),
        "inline.yaml": _MESH,
        "tag.yaml": _MESH.replace("inlineString: ", "inlineString: !!int "),
        "controls.yaml": _MESH.replace(IN_A_FILE, f'"{IN_A_FILE}\x01"'),
        "bundled.yaml": _IDENTITY,
        "key.yaml": _IDENTITY.replace("{type: InsecureInline, insecureInline: {value: ", "[[").replace('"}}', '"]]'),
        "extension.yaml": _EXTENSION,
        "trust.yaml": _TRUST,
        "provided.yaml": _PROVIDED,
        "broken.ini": f"[default\naws_secret_access_key = {IN_A_FILE}\n{IN_A_FILE}\n",
        "temporary.ini": f"{_KEYS.replace('AKIA', 'ASIA')} {IN_A_FILE}\n",
        "keyless.ini": f"[default]\naws_secret_access_key = {IN_A_FILE}\n",
        "controls.ini": f"{_KEYS} {IN_A_FILE}\x01\n",
    }
    for name, text in texts.items():
        (files / name).write_text(text)
    (files / "bytes.token").write_bytes(b"\xff" + USER_TOKEN.encode())
    # As the kubelet mounts it, a compact report's file is there.
    (left / "report.compact").touch()
    return {"outputs": str(outputs), "mesh": str(files / "mesh.yaml"), "files": str(files), "left": str(left)}


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(("AWS_", "TOOLKIT_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    # Between two tries of one question.
    monkeypatch.setattr(client, "READ_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(authority_facts, "_SECONDS", 1)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "no-such-file"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class Served(NamedTuple):
    """A case, everything filled in."""

    arguments: list[str]
    environment: dict[str, str]


@pytest.fixture
def served(request: pytest.FixtureRequest, places: dict[str, str]) -> Iterator[Served]:
    case = CASES[request.param]
    with EchoServer(case.server or servers.refuses) as server:
        pass_through = case.server is not None
        # A port of which nobody answers: the one below is almost never taken, and refuses at once.
        port = server.port if pass_through else 9
        where = {**places, "url": f"http://127.0.0.1:{port}", "port": str(port)}

        def filled(text: str) -> str:
            for name, value in where.items():
                text = text.replace(f"{{{name}}}", value)
            return text

        yield Served([filled(word) for word in case.arguments], {k: filled(v) for k, v in case.environment.items()})


def assert_no_canary(text: str, where: str) -> None:
    """No canary in any form. A case may show the place of a secret, never a part of it."""
    for canary in CANARIES:
        raw = canary.encode()
        for form in (canary, quote(canary, safe=""), base64.b64encode(raw).decode()[:24], raw.hex(), canary[:20]):
            assert form not in text, f"{where}: {text[max(text.index(form) - 300, 0) :][:900]}"
    for part in TELLING:
        assert part not in text, f"{where}: {text[max(text.index(part) - 300, 0) :][:900]}"


def assert_nothing_left(places: dict[str, str]) -> None:
    for file in Path(places["left"]).rglob("*"):
        if file.is_file():
            assert_no_canary(file.read_text(), file.name)


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize(("served", "name"), [(name, name) for name in CASES], indirect=["served"], ids=CASES)
def test_no_canary_comes_back(served: Served, name: str, places: dict[str, str], *, debug: bool) -> None:
    arguments = ["--debug", *served.arguments] if debug else served.arguments
    result = CliRunner().invoke(cli.main, arguments, env=served.environment)
    assert not isinstance(result.exception, Exception), result.exception
    assert_no_canary(result.stdout, "stdout")
    assert_no_canary(result.stderr, "stderr")
    assert_nothing_left(places)
    assert result.exit_code in CASES[name].exit_codes, result.stderr
    # Nothing of what others sent moves a cursor; the one to see it runs without colors.
    for text in (result.stdout, result.stderr):
        assert all(line.isprintable() for line in text.split("\n")), ascii(text)
    assert "this is a defect" not in result.stderr


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize(("served", "name"), [(name, name) for name in _REAL], indirect=["served"], ids=_REAL)
def test_a_process_leaks_nothing_and_shows_nothing_to_others(
    served: Served, name: str, places: dict[str, str], *, debug: bool
) -> None:
    arguments = ["--debug", *served.arguments] if debug else served.arguments
    command = [sys.executable, "-m", "toolkit", *arguments]
    environment = {
        **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        "PATH": os.environ["PATH"],
        "HOME": places["files"],
        **served.environment,
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=environment
    ) as process:
        seen = _command_lines_while_it_runs(process)
        out, err = process.communicate(timeout=60)
    assert process.returncode in CASES[name].exit_codes, err
    assert_no_canary(out, "stdout")
    assert_no_canary(err, "stderr")
    assert_no_canary(seen, "the process list")
    assert_nothing_left(places)
    assert ("Traceback" in err) <= debug


def _command_lines_while_it_runs(process: subprocess.Popen[str]) -> str:
    """The command lines of the process, as another user of the machine sees them, and that of its children."""
    seen = set()
    deadline = time.monotonic() + 1
    while process.poll() is None and time.monotonic() < deadline:
        for pid in [process.pid, *_children(process.pid)]:
            try:
                seen.add(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        time.sleep(0.05)
    return "\n".join(seen)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_the_servers_really_repeat_it(places: dict[str, str]) -> None:
    """Without what hides them the canaries would be seen: the tests above look in the right place."""
    request = servers.Request(
        "/meshes/default", {"authorization": f"Bearer {USER_TOKEN}", "x-amz-security-token": SESSION}, b""
    )
    aws = [server for server in AWS_SERVERS.values() if server is not servers.gives_credentials_and_repeats_them]
    for server in (*aws, *CONTROL_PLANES.values()):
        with pytest.raises(AssertionError):
            assert_no_canary(server(request).body, "the answer")
    assert len(CASES) >= 60
    assert places["left"]
