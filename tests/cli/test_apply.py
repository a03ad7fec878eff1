"""`toolkit apply` as its user meets it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.control_plane.clients import ca_file, server_files
from tests.control_plane.faulty import ARN, ON_KUBERNETES, TOKEN, Fault, Faulty
from tests.support import Authority
from toolkit import cli
from toolkit.cli import apply
from toolkit.control_plane.rehearsal.exchange import Reply

if TYPE_CHECKING:
    from pathlib import Path


VALUE = b"a value that nobody may see"
MESH = f"""\
type: Mesh
name: default
mtls:
  enabledBackend: acm
  backends:
    - {{name: acm, type: acmpca, conf: {{arn: '{ARN}', caCert: {{secret: chain}}}}}}
"""
SECRET = f"type: Secret\nmesh: default\nname: chain\ndata: {base64.b64encode(VALUE).decode()}\n"


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty(token=TOKEN) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "mesh.yaml"
    written.write_text(f"{SECRET}---\n{MESH}")
    return written


def run(standin: Faulty, *arguments: str | Path, **options: Any) -> Result:
    """The command in this process; it has no terminal, and the token comes from the environment."""
    environment = {"TOOLKIT_CONTROL_PLANE": standin.url, "TOOLKIT_CONTROL_PLANE_TOKEN": TOKEN}
    options["env"] = {**environment, **options.get("env", {})}
    result = CliRunner().invoke(cli.main, ["apply", *map(str, arguments)], **options)
    assert TOKEN not in result.output
    assert VALUE.decode() not in result.output
    assert base64.b64encode(VALUE).decode() not in result.output
    assert result.stdout == "", "everything is for people"
    return result


def start(standin: Faulty, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", "apply", *map(str, arguments)]
    environment = {
        "PATH": os.environ["PATH"],
        "TOOLKIT_CONTROL_PLANE": standin.url,
        "TOOLKIT_CONTROL_PLANE_TOKEN": TOKEN,
    }
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
    return subprocess.Popen(command, text=True, env=environment, **options)


def stop(process: subprocess.Popen[str], patience: float = 5) -> None:
    """Press Ctrl-C; one that comes just before a system call begins to wait is seen after it alone."""
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


class Terminal:
    """A terminal on which a process runs, and what stands on it."""

    def __init__(self, standin: Faulty, *arguments: str | Path) -> None:
        self._ours, theirs = pty.openpty()
        self.process = start(standin, *arguments, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL)
        os.close(theirs)
        self.seen = b""

    def read_until(self, words: bytes) -> None:
        while words not in self.seen:
            self.seen += os.read(self._ours, 1024)

    def write(self, text: bytes) -> None:
        os.write(self._ours, text)

    def close(self) -> int:
        """Read on until the process is over; its exit code."""
        # A terminal that nobody has open any more can't be read.
        with contextlib.suppress(OSError):
            while more := os.read(self._ours, 1024):
                self.seen += more
        os.close(self._ours)
        return self.process.wait(60)


def test_a_mesh_is_applied(standin: Faulty, file: Path) -> None:
    result = run(standin, "-f", file, "--yes")
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert lines[0] == f"Kong Mesh 2.13.1 at {standin.url}"
    assert "Mesh default: created" in lines
    assert "  +  enabledBackend: acm" in lines
    assert "Secret chain of mesh default: created" in lines
    assert f"  +data: (27 bytes, SHA-256 {hashlib.sha256(VALUE).hexdigest()[:12]})" in lines
    assert lines[-4:] == [
        "created Mesh default, without its mTLS until its Secrets are there",
        "created Secret chain of mesh default",
        "changed Mesh default",
        "Done and read back: 2 created.",
    ]
    again = run(standin, "-f", file, "--yes")
    assert again.exit_code == 0
    assert again.stderr.splitlines()[1:] == [
        "Mesh default: unchanged",
        "Secret chain of mesh default: unchanged",
        "Nothing to do: 2 unchanged.",
    ]
    assert len(standin.writes) == 3


def test_what_the_control_plane_remarks_is_a_warning(standin: Faulty, file: Path) -> None:
    file.write_text("type: Mesh\nname: 1-mesh\n")
    result = run(standin, "-f", file, "--yes")
    assert result.exit_code == 0, result.stderr
    assert "Warning: Mesh 1-mesh: name: " in result.stderr


def test_a_dry_run_shows_and_writes_nothing(standin: Faulty, file: Path) -> None:
    standin.put({"type": "Mesh", "name": "default", "metrics": {"backends": [{"name": "p", "type": "prometheus"}]}})
    result = run(standin, "-f", file, "--dry-run")
    assert result.exit_code == 0
    assert "  -metrics:" in result.stderr.splitlines()
    (warning,) = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert warning.endswith(
        "and loses it: metrics. If that is not intended, merge first: "
        "toolkit render-mesh --base control-plane --format universal"
    )
    assert result.stderr.endswith("Dry run, nothing was written: 1 created, 1 changed.\n")
    assert standin.writes == []


def test_without_a_terminal_it_shows_the_changes_and_asks_for_yes(standin: Faulty, file: Path) -> None:
    result = run(standin, "-f", file)
    assert result.exit_code == 2
    assert "Mesh default: created" in result.stderr
    assert "there is no terminal on which to confirm the changes" in result.stderr
    assert "--yes" in result.stderr
    assert standin.writes == []


def test_without_a_terminal_nothing_to_do_needs_no_yes(standin: Faulty, file: Path) -> None:
    run(standin, "-f", file, "--yes")
    result = run(standin, "-f", file)
    assert result.exit_code == 0
    assert result.stderr.endswith("Nothing to do: 2 unchanged.\n")


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 130), ("\n", 130), ("", 130)])
def test_it_asks(standin: Faulty, file: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
    monkeypatch.setattr(apply, "can_ask", lambda: True)
    result = run(standin, "-f", file, input=answer)
    assert result.exit_code == code
    assert "Apply these 2 changes? [y/N]" in result.stderr
    assert bool(standin.writes) == (code == 0)
    assert ("not applied; nothing was written" in result.stderr) == (code != 0)


def test_one_change_is_asked_for_as_one(standin: Faulty, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(standin, "-f", file, "--yes")
    file.write_text(SECRET.replace("YSB2", "YSB3"))
    monkeypatch.setattr(apply, "can_ask", lambda: True)
    result = run(standin, "-f", file, input="y\n")
    assert result.exit_code == 0
    assert "Apply this change? [y/N]" in result.stderr
    assert result.stderr.endswith("changed Secret chain of mesh default\nDone and read back: 1 changed.\n")


def test_the_form_of_kubernetes_is_for_kubectl(standin: Faulty, file: Path) -> None:
    file.write_text("apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata: {name: default}\n")
    result = run(standin, "-f", file, "--yes")
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Hint: kubectl apply -f {file}\n")
    assert standin.requests == []


def test_on_kubernetes_it_is_for_kubectl(standin: Faulty, file: Path) -> None:
    standin.refuse_writes(ON_KUBERNETES)
    result = run(standin, "-f", file, "--yes")
    assert result.exit_code == 3
    assert "Error: PUT /meshes/default: " in result.stderr
    assert "you should always be using 'kubectl apply' instead." in result.stderr
    assert "Nothing was written.\nHint: toolkit render-mesh --format kubernetes | kubectl apply -f -\n" in result.stderr


def test_what_is_not_valid_is_said_by_place(standin: Faulty, file: Path) -> None:
    without = MESH.replace(f"arn: '{ARN}', ", "")
    file.write_text(f"{SECRET}---\n{without}")
    result = run(standin, "-f", file, "--yes")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-5:] == [
        "Error: the control plane rejects Mesh default",
        f"  {file}: Mesh default: mtls.backends[0].conf.arn: has to be defined",
        "Written: Mesh default, without its mTLS until its Secrets are there; Secret chain of mesh default.",
        "Not written: Mesh default.",
        "Correct the document and run the command again: it writes only what still differs.",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-f", "missing.yaml"), "can't read missing.yaml: No such file"),
        (("-f", "."), "can't read .: it is a directory; name each file in it"),
        (("-f", "-", "-f", "-"), "-f - can be given only once"),
        ((), "Missing option '-f'"),
        (("-f", "{file}", "--control-plane-timeout", "0"), "--control-plane-timeout"),
        (("-f", "{file}", "--control-plane", "mesh:5681"), "--control-plane: must begin with"),
        (("-f", "{file}", "--control-plane", "http://mesh:5681"), "--insecure-http"),
        (("-f", "{file}", "--ca-file", "x"), "--ca-file: is for an https:// address"),
        (("-f", "{file}", "--token-file", "missing"), "can't read the token file missing: No such file"),
        (("-f", "{file}", "--token-file", "{file}"), "contains a line feed, which a token can't contain"),
    ],
)
def test_options_that_can_not_work(standin: Faulty, file: Path, arguments: tuple[str, ...], words: str) -> None:
    result = run(standin, "--yes", *(argument.format(file=file) for argument in arguments))
    assert result.exit_code == 2
    assert words in result.stderr
    assert standin.requests == []


def test_a_control_plane_must_be_named(standin: Faulty, file: Path) -> None:
    result = run(standin, "-f", file, "--yes", env={"TOOLKIT_CONTROL_PLANE": ""})
    assert result.exit_code == 2
    assert "--control-plane" in result.stderr


def test_what_is_no_text_or_too_much_is_refused(standin: Faulty, file: Path) -> None:
    file.write_bytes(b"\xff")
    assert f"{file} is not YAML" in run(standin, "-f", file, "--yes").stderr
    file.write_bytes(b" " * (16 * 1024 * 1024 + 1))
    assert "larger than 16 MiB" in run(standin, "-f", file, "--yes").stderr


def test_the_token_of_a_file_goes_before_that_of_the_environment(standin: Faulty, file: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    others = {"TOOLKIT_CONTROL_PLANE_TOKEN": "of-somebody-else"}
    assert run(standin, "-f", file, "--yes", "--token-file", token, env=others).exit_code == 0
    refused = run(standin, "-f", file, "--yes", env=others)
    assert refused.exit_code == 3
    assert "kumactl generate user-token" in refused.stderr
    assert "of-somebody-else" not in refused.output
    without = run(standin, "-f", file, "--yes", env={"TOOLKIT_CONTROL_PLANE_TOKEN": ""})
    assert "kumactl generate user-token" in without.stderr
    token.write_bytes(b"\xff" + TOKEN.encode())
    assert "it is not a token" in run(standin, "-f", file, "--yes", "--token-file", token).stderr


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500])
def test_the_token_is_not_said_whatever_the_server_says(standin: Faulty, file: Path, status: int) -> None:
    # `run` looks for it.
    standin.fault = lambda number, _method, _path: (
        Fault(Reply(status, f"you sent Bearer {TOKEN}".encode())) if number > 3 else None
    )
    assert run(standin, "-f", file, "--yes").exit_code in (2, 3)


def test_a_process_takes_a_stream_and_speaks_tls(file: Path, tmp_path: Path) -> None:
    authority = Authority("Mesh CA")
    with Faulty(token=TOKEN, tls=server_files(tmp_path, authority)) as standin, file.open() as stream:
        trusted = ca_file(tmp_path, authority)
        process = start(standin, "-f", "-", "--yes", "--ca-file", trusted, stdin=stream)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "")
        assert "\x1b" not in err
        assert err.endswith("Done and read back: 2 created.\n")
        process = start(standin, "-f", file, "--dry-run")
        _, err = process.communicate(timeout=60)
        assert process.returncode == 3
        assert "its certificate is not trusted" in err
        assert "--ca-file" in err
        assert TOKEN not in err


@pytest.mark.parametrize(
    ("put", "said"),
    [
        (0, ["interrupted; nothing was written"]),
        (
            1,
            [
                "May have been written: Mesh default, without",
                "Not written: Secret chain of mesh default; Mesh default.",
            ],
        ),
        (3, ["Written: Mesh default, without", "May have been written: Mesh default.", "The same command finishes"]),
    ],
)
def test_stopped_while_it_waits_it_says_how_far_it_came(standin: Faulty, file: Path, put: int, said: list[str]) -> None:
    hanging = threading.Event()

    def hang(_number: int, method: str, path: str) -> Fault | None:
        if len(standin.writes) < put or (method, path) == ("GET", "/") or (put and method != "PUT"):
            return None
        hanging.set()
        return Fault(wait=True)

    standin.fault = hang
    process = start(standin, "-f", file, "--yes")
    assert hanging.wait(60)
    stop(process)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    for words in said:
        assert words in err
    assert "Traceback" not in err


def test_a_terminal_is_asked_and_gets_colours(standin: Faulty, file: Path) -> None:
    terminal = Terminal(standin, "-f", file)
    terminal.read_until(b"[y/N]")
    terminal.write(b"y\n")
    assert terminal.close() == 0
    assert b"\x1b[32m+  enabledBackend: acm" in terminal.seen
    assert b"Done and read back: 2 created." in terminal.seen
    assert len(standin.writes) == 3


def test_stopped_at_the_question_nothing_is_written(standin: Faulty, file: Path) -> None:
    terminal = Terminal(standin, "-f", file)
    terminal.read_until(b"[y/N]")
    # The question stands there before its answer is read.
    stop(terminal.process, patience=1)
    assert terminal.close() == 130
    assert b"not applied; nothing was written" in terminal.seen
    assert standin.writes == []
