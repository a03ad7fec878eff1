"""Build the Go programs that tests ask, once for each version of them.

The executables are kept in the directory that `TOOLKIT_GO_BINARIES` names, by default in the user's cache directory. It
may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import without

if TYPE_CHECKING:
    import pytest

BINARIES = "TOOLKIT_GO_BINARIES"
# Only the installed toolchain, only the versions in go.mod, and nothing that the caller has set for other modules.
ENVIRONMENT = os.environ | {
    "GOTOOLCHAIN": "local",
    "GOFLAGS": "",
    "GOWORK": "off",
    "GODEBUG": "",
    "CGO_ENABLED": "0",
}
# Tests may run with another home.
_HOME = Path.home()
_OPTIONS = ("-trimpath", "-buildvcs=false")


@contextmanager
def building(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a fixture show what Go prints while it builds: the first build of a program takes minutes."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        yield


def build(
    module: Path,
    packages: Mapping[str, str],
    options: Sequence[str] = (),
    *,
    files: Mapping[str, tuple[str, str]] | None = None,
    cgo: bool = False,
) -> dict[str, Path]:
    """Return the executables of a Go module; build them unless they are in the cache.

    Args:
        module: the directory of its `go.mod`.
        packages: the package of each executable, by the executable's name.
        options: for `go build`.
        files: other files that are needed, by name: the module that has each, and its path in that module.
        cgo: whether the packages contain C, such as SQLite; they need gcc.

    Raises:
        subprocess.CalledProcessError: a build failed; Go has written the reason to stderr.
    """
    go = _go()
    compiler, copied = _c_compiler() if cgo else {}, files or {}
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    made_from = [*options, *sorted(copied.items())]
    directory = cache / f"{module.name}-{_key(go, module, packages, made_from, compiler)}"
    # Several test processes want the same program at the same time: the first one builds it.
    with (cache / f"{module.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.is_dir():
            sys.stderr.write(f"Building {', '.join(packages)}.\n")
            with tempfile.TemporaryDirectory(dir=cache) as name:
                built = Path(name) / "built"
                for executable, package in packages.items():
                    command = [go, "build", *_OPTIONS, *options, "-o", str(built / executable), package]
                    environment = ENVIRONMENT | compiler
                    subprocess.run(command, cwd=module, env=environment, stdout=sys.stderr, check=True)
                for file, (source, path) in copied.items():
                    shutil.copy(module_directory(module, source) / path, built / file)
                built.rename(directory)
    return {name: directory / name for name in (*packages, *copied)}


def required_version(module: Path, required: str) -> str:
    """Return the version of another module that a module requires, such as `v1.2.3`."""
    found = re.search(
        rf"^\s{re.escape(required)} (v[0-9.]+)", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found, required
    return found[1]


def module_directory(module: Path, required: str) -> Path:
    """Return where Go keeps a module that another one requires; download it if it is not there.

    Args:
        module: the directory of the `go.mod` that requires it.
        required: the path of the required module.

    Raises:
        subprocess.CalledProcessError: the module is not required, or can't be downloaded.
    """
    go = _go()

    def run(*arguments: str) -> str:
        command = [go, *arguments, required]
        return subprocess.run(
            command, cwd=module, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    find = ("list", "-m", "-f", "{{.Dir}}")
    directory = run(*find).strip()
    if not directory:
        run("mod", "download")
        directory = run(*find).strip()
    return Path(directory)


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        without("GO", "Go is not installed: https://go.dev/dl")
    return go


def _cache() -> Path:
    if chosen := ENVIRONMENT.get(BINARIES):
        return Path(chosen)
    caches = Path(ENVIRONMENT.get("XDG_CACHE_HOME") or _HOME / ".cache")
    return caches / "kong-mesh-pca-toolkit" / "go"


def _c_compiler() -> dict[str, str]:
    """Return the variables that make Go compile C."""
    compiler = shutil.which("gcc")
    if compiler is None:
        without("GCC", "gcc is not on PATH")
    return {"CGO_ENABLED": "1", "CC": compiler}


def _key(
    go: str, module: Path, packages: Mapping[str, str], options: Sequence[object], compiler: Mapping[str, str]
) -> str:
    """Return a digest of everything that an executable is made from."""
    version = subprocess.run([go, "version"], env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    digest = hashlib.sha256(repr((version, _OPTIONS, sorted(packages.items()), list(options))).encode())
    if compiler:
        digest.update(subprocess.run([compiler["CC"], "--version"], capture_output=True, check=True).stdout)
    for file in sorted(file for file in module.rglob("*") if file.suffix in {".go", ".mod", ".sum"}):
        digest.update(repr((file.relative_to(module).as_posix(), file.read_bytes())).encode())
    return digest.hexdigest()[:16]
