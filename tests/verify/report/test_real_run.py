"""Every form of the report of a real run against the sandbox, and several of them from one run of the command."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.verify import world
from tests.verify.report.test_html import Reader
from tests.verify.report.test_junit import totals
from tests.verify.report.test_prometheus import value
from toolkit.cli.reports import FORMS, render_report
from toolkit.verify.report.html import render as render_html

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs


def test_forms_of_a_run_in_which_one_zone_may_not_fetch(aws: TestSandbox, outputs: StackOutputs) -> None:
    broken = outputs.zones[1]
    world.without(aws, broken, "acm-pca:GetCertificate")
    report = world.verify(aws, outputs)
    counted = totals(report)
    assert (counted["failures"], counted["errors"]) == (1, 0)
    assert counted["tests"] == sum(len(zone.checks) for zone in report.zones)
    labels = {"zone": broken.name, "region": broken.region}
    assert value(report, "check_outcome", **labels, check="fetch", outcome="failed") == 1
    assert value(report, "certificates_issued") == 3
    page = Reader(render_html(report))
    pictures = [drawn for drawn in page.of("svg") if drawn.get("role") == "img"]
    assert len(pictures) == len(outputs.zones) - 1
    advice = next(check.advice for zone in report.zones for check in zone.checks if check.failed)
    assert advice
    assert advice in page.text


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_a_writer(form: str, aws: TestSandbox, outputs: StackOutputs) -> None:
    text = render_report(world.verify(aws, outputs), form)
    assert text.endswith("\n")
    assert outputs.zones[0].name in text


@pytest.mark.slow
def test_one_run_writes_several(aws: TestSandbox, outputs: StackOutputs, tmp_path: Path) -> None:
    (tmp_path / "outputs.json").write_text(outputs.to_json())
    files = {"html": "verify.html", "junit": "verify.xml", "prometheus": "verify.prom", "json": "verify.json"}
    arguments = ["--output=table", *(f"--output={form}={tmp_path / 'reports' / name}" for form, name in files.items())]
    command = [sys.executable, "-m", "toolkit", "verify", "--contract", str(tmp_path / "outputs.json"), *arguments]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **aws.environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Every zone gets certificates" in done.stdout
    written = {form: (tmp_path / "reports" / name).read_text() for form, name in files.items()}
    assert json.loads(written["json"])["passed"] is True
    assert ET.fromstring(written["junit"]).attrib["failures"] == "0"  # noqa: S314 - the form wrote it
    assert "kong_mesh_pca_verify_passed" in written["prometheus"]
    assert "Every zone gets certificates" in Reader(written["html"]).text
