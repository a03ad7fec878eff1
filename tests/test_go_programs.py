from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.judges import go_programs
from tests.support import NEED

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = 'package main\n\nfunc main() { println("first") }\n'
WITH_C = 'package main\n\n// int two() { return 2; }\nimport "C"\n\nfunc main() { println(C.two()) }\n'


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(go_programs.ENVIRONMENT, go_programs.BINARIES, str(tmp_path / "cache"))
    directory = tmp_path / "example"
    directory.mkdir()
    (directory / "go.mod").write_text("module example\n\ngo 1.24\n")
    (directory / "main.go").write_text(SOURCE)
    return directory


def build(module: Path, *, cgo: bool = False) -> Path:
    return go_programs.build(module, {"example": "."}, cgo=cgo)["example"]


def said(executable: Path) -> str:
    return subprocess.run([executable], capture_output=True, text=True, check=True).stderr


def test_each_version_is_built_once(module: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        built = list(pool.map(build, [module] * 3))
    (first,) = {*built}
    assert first.is_relative_to(tmp_path / "cache")
    inode = first.stat().st_ino
    assert said(build(module)) == "first\n"
    assert first.stat().st_ino == inode
    (module / "main.go").write_text(SOURCE.replace("first", "second"))
    assert said(build(module)) == "second\n"
    # A checkout of another version still has its own.
    assert said(first) == "first\n"
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_files_of_modules_come_along(module: Path) -> None:
    built = go_programs.build(module, {"example": "."}, files={"copied": ("example", "main.go")})
    assert built["copied"].read_text() == SOURCE
    assert built["copied"].parent == built["example"].parent


def test_a_failed_build_leaves_nothing(module: Path, tmp_path: Path) -> None:
    (module / "main.go").write_text("package main\n")
    with pytest.raises(subprocess.CalledProcessError):
        build(module)
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["example.lock"]


def test_a_program_with_c(module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = build(module)
    assert build(module, cgo=True) != plain
    (module / "main.go").write_text(WITH_C)
    with pytest.raises(subprocess.CalledProcessError):
        build(module)
    assert said(build(module, cgo=True)) == "2\n"
    go = shutil.which("go")
    assert go
    (tmp_path / "go").symlink_to(go)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(f"{NEED}GCC", "1")
    with pytest.raises(pytest.fail.Exception, match="gcc is not on PATH"):
        build(module, cgo=True)


def test_without_go_it_says_what_is_missing(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(f"{NEED}GO", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Go is not installed"):
        build(module)
    monkeypatch.setenv(f"{NEED}CHROMIUM", "1")
    with pytest.raises(pytest.skip.Exception):
        build(module)
    monkeypatch.setenv(f"{NEED}GO", "1")
    with pytest.raises(pytest.fail.Exception, match="Go is not installed"):
        build(module)
