"""What leaves the process for people: stderr, tracebacks, reports, the ledger."""

from __future__ import annotations

import base64
import configparser
import io
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.verify.report import samples
from toolkit import cli, redaction
from toolkit.cli.exits import blot_value, format_traceback, guard_stderr, install_hooks
from toolkit.cli.options import note, warn
from toolkit.errors import ExternalError
from toolkit.redaction import HIDDEN
from toolkit.verify.report.compact import render as render_compact
from toolkit.verify.report.html import render as render_html
from toolkit.verify.report.json import parse
from toolkit.verify.report.json import render as render_json
from toolkit.verify.report.junit import render as render_junit
from toolkit.verify.report.prometheus import render as render_prometheus
from toolkit.verify.report.table import render as render_table
from toolkit.verify.results import Check, Handshake, Outcome, Report

if TYPE_CHECKING:
    from pathlib import Path


SECRET = 'CANARY<secret>/of&a"zone+4711'


@pytest.fixture(autouse=True)
def _known() -> None:
    redaction.know(SECRET)


@contextmanager
def guarded() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with redirect_stderr(stream), guard_stderr():
        yield stream


def test_everything_on_stderr_is_blotted() -> None:
    with guarded() as stderr:
        sys.stderr.write(f"written {SECRET}\n")
        sys.stderr.writelines([f"line {SECRET}\n"])
        click.echo(click.style(f"styled {SECRET}", fg="red"), err=True)
        logging.StreamHandler(sys.stderr).emit(logging.LogRecord("x", 30, "x", 1, "logged %s", (SECRET,), None))
        sys.stderr.write(warnings.formatwarning(f"warned of {SECRET}", UserWarning, "x.py", 1))
        warn(f"a warning \x1b[2J\u202e {SECRET}")
        note(f"a note \x9b {SECRET}")
        Console(stderr=True).print(f"rich {SECRET}", markup=False)
    said = stderr.getvalue()
    assert "CANARY" not in said
    assert said.count(HIDDEN) == 8
    assert r"a warning \x1b[2J\u202e ***" in said
    assert r"a note \x9b ***" in said


def test_stderr_is_the_same_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with guard_stderr():
        inner = sys.stderr
        with guard_stderr():
            assert sys.stderr is inner
        assert inner.isatty() is stream.isatty()
        assert inner.encoding == stream.encoding
    assert sys.stderr is stream
    monkeypatch.setattr(sys, "stderr", None)
    with guard_stderr():
        assert cast("object", sys.stderr) is None


def _raised(*errors: BaseException) -> BaseException:
    """The last of the errors, each caused by the one before it."""
    before: BaseException | None = None
    for error in errors:
        try:
            raise error from before  # noqa: TRY301 - it needs a traceback
        except BaseException as raised:  # noqa: BLE001 - it is what was asked for
            before = raised
    assert before is not None
    return before


def test_a_traceback_shows_causes_and_no_secrets() -> None:
    first, last = ValueError(f"got {SECRET} \x1b[2J"), ExternalError(f"can't use {SECRET!r}")
    first.add_note(f"a note of {SECRET}")
    text = format_traceback(_raised(first, last))
    assert "CANARY" not in text
    assert text.index("ValueError: got *** \\x1b[2J\na note of ***") < text.index("the direct cause")
    assert text.index("the direct cause") < text.index("ExternalError: can't use")
    assert "test_exits.py" in text
    assert all(line.isprintable() for line in text.split("\n"))


def test_a_traceback_does_not_repeat_what_libraries_quote() -> None:
    unknown = "UNKNOWN-SECRET"
    quoting: list[BaseException] = []
    try:
        configparser.ConfigParser().read_string(f"[default\n{unknown}")
    except configparser.Error as error:
        quoting.append(error)
    try:
        parse(f'{{"mesh": "{unknown}"}}', "x")
    except Exception as error:  # noqa: BLE001 - whatever it is
        quoting.append(cast("BaseException", error.__context__))
    quoting.append(ExceptionGroup("two at once", [error for error in quoting if isinstance(error, Exception)]))
    for each in quoting:
        text = format_traceback(_raised(each, ExternalError("no such file")))
        assert unknown not in text
        assert "its message is left out" in text
    assert len(quoting) == 3


def test_a_traceback_of_a_circle_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert format_traceback(one).count("ValueError") == 2


def test_what_nobody_handles_is_blotted_in_every_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    install_hooks()
    error = _raised(ValueError(f"got {SECRET}"))

    def fail() -> None:
        raise ValueError(f"in a thread: {SECRET}")

    with redirect_stderr(io.StringIO()) as stderr:
        sys.excepthook(type(error), error, error.__traceback__)
        thread = threading.Thread(target=fail, name="zone-\x1b1")
        thread.start()
        thread.join()
    said = stderr.getvalue()
    assert "CANARY" not in said
    assert "ValueError: got ***" in said
    assert "ValueError: in a thread: ***" in said
    assert "Error in the thread zone-\\x1b1" in said


FORMS: dict[str, Callable[[Report], str]] = {
    "wide": partial(render_table, wide=True),
    "narrow": partial(render_table, width=20, color=True),
    "json": render_json,
    "html": render_html,
    "junit": render_junit,
    "prometheus": render_prometheus,
    "compact": render_compact,
}


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_report_shows_a_secret(form: str) -> None:
    render = FORMS[form]
    text = f"AWS said {SECRET}"
    check = Check(text, Outcome.FAILED, text, text, text, text)
    zone = replace(
        samples.good(), zone=text, region=text, checks=(check,), certificates_issued=(text,), calls={text: 1}
    )
    report = replace(
        samples.report((zone,), handshakes=(Handshake(text, "b", text),)), missing_zones=(text,), mesh=text
    )
    assert "CANARY" in render(report)
    hidden = blot_value(report)
    assert isinstance(hidden, Report)
    shown = render(hidden)
    assert "CANARY" not in shown
    assert "4711" not in shown
    assert "***" in shown


def test_a_report_without_secrets_stays_as_it_is() -> None:
    report = samples.report((samples.good(),))
    assert blot_value(report) == report
    assert render_json(blot_value(report)) == render_json(report)


def test_usage_errors_are_printable_and_blotted() -> None:
    for arguments in (
        ["\x1b[2Jx"],
        ["--\x1b[2J"],
        ["verify", "--format", "\x1b[2J"],
        ["apply", "--control-plane-timeout", SECRET],
    ):
        result = CliRunner().invoke(cli.main, arguments)
        assert result.exit_code == 2
        assert "\x1b" not in result.stderr
        assert "CANARY" not in result.stderr
        assert "Usage: " in result.stderr


def test_a_password_in_an_argument_is_not_repeated() -> None:
    result = CliRunner().invoke(cli.main, ["verify", "http://joe:hunter22222@host", "--merge-x"])
    assert result.exit_code == 2
    assert "hunter22222" not in result.stderr


@pytest.mark.parametrize("debug", [False, True])
def test_a_defect_is_shown_without_secrets(monkeypatch: pytest.MonkeyPatch, *, debug: bool) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"unexpected {SECRET}\x1b[2J")

    monkeypatch.setattr("toolkit.contract.load_stack", broken)
    monkeypatch.setattr("toolkit.contract.load", broken)
    result = CliRunner().invoke(cli.main, [*["--debug"][: int(debug)], "contract", "show", "--contract", "x"])
    assert result.exit_code == 3
    assert "RuntimeError: unexpected ***\\x1b[2J" in result.stderr
    assert ("Traceback" in result.stderr) is debug


def test_a_process_that_fails_outside_of_a_command() -> None:
    program = (
        "import sys\n"
        "from toolkit import redaction\n"
        "from toolkit.cli.exits import install_hooks\n"
        f"redaction.know({SECRET!r})\n"
        "install_hooks()\n"
        f"raise ValueError({SECRET!r})\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert "ValueError: ***" in result.stderr
    assert "CANARY" not in result.stderr


@pytest.mark.parametrize(
    ("variable", "end", "words"),
    [
        ("AWS_SECRET_ACCESS_KEY", "\r", "AWS_SECRET_ACCESS_KEY ends with a carriage return"),
        ("AWS_SESSION_TOKEN", "\r\n", "AWS_SESSION_TOKEN ends with a line feed"),
        ("AWS_ACCESS_KEY_ID", "\x07", "AWS_ACCESS_KEY_ID ends with the control character U+0007"),
    ],
)
def test_credentials_that_no_header_can_carry_are_refused_by_name(
    outputs: Path, variable: str, end: str, words: str
) -> None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    environment = {name: "CANARY0123456789" + (end if name == variable else "") for name in names}
    arguments = ["verify", "--contract", str(outputs), "--endpoint-url", "http://127.0.0.1:9"]
    result = CliRunner().invoke(cli.main, arguments, env=environment)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"Error: {words}\n")
    assert "CANARY" not in result.output


def test_the_token_of_the_environment_is_refused_by_name(tmp_path: Path) -> None:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text("type: Mesh\nname: default\n")
    environment = {"TOOLKIT_CONTROL_PLANE_TOKEN": "CANARY0123\x01456789"}
    arguments = ["apply", "-f", str(mesh), "--yes", "--control-plane", "http://127.0.0.1:9"]
    result = CliRunner().invoke(cli.main, arguments, env=environment)
    assert result.exit_code == 3
    assert "TOOLKIT_CONTROL_PLANE_TOKEN contains the control character U+0001" in result.stderr
    assert "CANARY" not in result.output


@pytest.mark.parametrize("source", ["inlineString", "secret"])
def test_a_document_that_is_meant_to_have_credentials_keeps_them(outputs: Path, tmp_path: Path, source: str) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    environment = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": secret}
    written = tmp_path / "mesh.yaml"
    arguments = ["render-mesh", "--contract", str(outputs), "--credentials", "env", "--allow-inline-credentials"]
    arguments += ["--access-key", source, "--access-key-secret", source, "--output-file", str(written)]
    result = CliRunner().invoke(cli.main, arguments, env=environment)
    assert result.exit_code == 0, result.stderr
    assert secret not in result.output
    text = written.read_text()
    assert secret in text or base64.b64encode(secret.encode()).decode() in text
    assert HIDDEN not in text
