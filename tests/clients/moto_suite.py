"""`make test-moto`: moto's own tests of acm-pca, run against the sandbox.

They come from moto's source distribution, of the version that is locked; a fresh sandbox answers each test.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

from tests.clients.differences import DIFFERENCES
from toolkit.files import find_project_root

# moto sends its clients to a server (moto/core/models.py, ServerModeMockAWS), and would reset it before each test.
_MODE = {"TEST_SERVER_MODE": "true", "MOTO_CALL_RESET_API": "false"}
_CONFTEST = """
import os

import pytest

from toolkit.sandbox import principals
from toolkit.sandbox.server import Sandbox


@pytest.fixture(autouse=True)
def sandbox(monkeypatch):
    # With which moto signs (moto/core/models.py, MockAWS).
    monkeypatch.setattr(principals, "ADMINISTRATOR_KEY", "FOOBARKEY")
    with Sandbox(port=int(os.environ["SANDBOX_PORT"])) as aws:
        yield aws
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        _fetch(directory)
        (directory / "conftest.py").write_text(_CONFTEST, encoding="utf-8")
        failed, count = _run(directory)
    unexpected, fixed = sorted(failed - set(DIFFERENCES)), sorted(set(DIFFERENCES) - failed)
    sys.stdout.write(f"{count} tests of moto {version('moto')}: {count - len(failed)} passed, {len(failed)} differ\n")
    for test in unexpected:
        sys.stdout.write(f"{test} differs, and tests/clients/differences.py does not say why\n")
    for test in fixed:
        sys.stdout.write(f"{test} passes, and tests/clients/differences.py says that it differs\n")
    return 1 if unexpected or fixed else 0


def _fetch(directory: Path) -> None:
    """Put moto's tests of acm-pca, and what they import, into the directory."""
    wanted = f"moto=={version('moto')}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-binary", "moto", "--dest", str(directory), wanted], check=True)
    (archive,) = directory.glob("moto-*.tar.gz")
    with tarfile.open(archive) as source:
        for member in source.getmembers():
            _, _, path = member.name.partition("/")
            if path in {"tests/__init__.py", "tests/helpers.py"} or path.startswith("tests/test_acmpca/"):
                member.name = path
                source.extract(member, directory, filter="data")


def _run(directory: Path) -> tuple[set[str], int]:
    """Run them; the names of those that failed, and how many there are."""
    report = directory / "report.xml"
    paths = os.pathsep.join([str(directory), str(find_project_root())])
    # moto reads the endpoint once, when a test's module is imported: every sandbox has to have the same port.
    port = _free_port()
    endpoint = {"TEST_SERVER_MODE_ENDPOINT": f"http://127.0.0.1:{port}", "SANDBOX_PORT": str(port)}
    options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests"],
        cwd=directory,
        env={**os.environ, **_MODE, **endpoint, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest has just written it
    failed = {case.attrib["name"] for case in cases if {child.tag for child in case} & {"failure", "error"}}
    return failed, len(cases)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(main())
