"""How a process begins and ends: without pydantic's plugins, and with nothing lost."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)


def replace_main(body: str) -> str:
    """A program that runs as ``toolkit`` does, with another body of main()."""
    return (
        "import sys, toolkit.cli\nfrom toolkit.__main__ import run\n\n"
        "def main(prog_name):\n" + textwrap.indent(textwrap.dedent(body), "    ") + "\ntoolkit.cli.main = main\nrun()\n"
    )


def test_what_is_registered_for_the_end_runs_and_what_is_written_arrives() -> None:
    ended = run(
        replace_main("""
        import atexit, threading
        late = threading.Thread(target=lambda: (threading.main_thread().join(), print("thread")))
        late.start()
        atexit.register(print, "registered")
        sys.stdout.write("unflushed\\n")
        sys.exit(3)
        """)
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("unflushed\nthread\nregistered\n", "", 3)


@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit(0)", 0), ("sys.exit(2)", 2), ("sys.exit('words')", 1), ("1 / 0", 1)]
)
def test_the_exit_code_is_kept(end: str, code: int) -> None:
    ended = run(replace_main(end))
    assert ended.returncode == code
    assert ("words" in ended.stderr) == ("words" in end)
    assert ("ZeroDivisionError" in ended.stderr) == ("/" in end)


def test_a_plugin_of_another_package_changes_no_contract(tmp_path: Path) -> None:
    (tmp_path / "nosy.py").write_text("import sys\nsys.exit('the plugin ran')\n")
    package = tmp_path / "nosy-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: nosy\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[pydantic]\nnosy = nosy\n")
    model = "from pydantic import BaseModel\nclass Model(BaseModel):\n    field: int\nModel(field=1)\nsys.exit(0)"
    begin = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
    assert "the plugin ran" in run(begin + model).stderr
    ended = run(begin + replace_main(model))
    assert (ended.stderr, ended.returncode) == ("", 0)


def test_a_pydantic_that_wants_more_of_its_loader_gets_it() -> None:
    ended = run(
        replace_main("""
        from pydantic.plugin import _loader
        assert _loader.get_plugins() == ()
        assert _loader.PYDANTIC_ENTRY_POINT_GROUP == "pydantic"
        from pydantic.plugin._loader import get_plugins
        assert list(get_plugins()) == []
        sys.exit(0)
        """)
    )
    assert (ended.stderr, ended.returncode) == ("", 0)
