"""Temporary files beside their targets: their modes, and what a killed run leaves."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from toolkit import staging
from toolkit.errors import ExternalError
from toolkit.files import PRIVATE, PUBLIC, write_all, write_whole
from toolkit.staging import StagedFile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.usefixtures("narrow_umask")
def test_the_umask_counts_for_what_is_no_secret(tmp_path: Path) -> None:
    for mode, kept in ((PUBLIC, 0o640), (PRIVATE, 0o600), (0o664, 0o664)):
        write_whole(tmp_path / "file", "text", mode)
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == kept


KILLED = """
import os, sys
from pathlib import Path
from toolkit.staging import StagedFile
StagedFile(Path(sys.argv[1]), "half", 0o600)
print("staged", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "a [1].yaml"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"staged\n"
    (left,) = tmp_path.iterdir()
    # While its maker lives, it is not abandoned.
    write_whole(target, "first")
    assert set(tmp_path.iterdir()) == {target, left}
    process.send_signal(signal.SIGKILL)
    process.communicate()
    beside = tmp_path / ".a [1].yaml.mine"
    beside.write_text("somebody's own")
    write_whole(target, "second")
    assert set(tmp_path.iterdir()) == {target, beside}
    assert target.read_text() == "second"


def test_two_that_write_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    first, second = (StagedFile(tmp_path / "file", text, PUBLIC) for text in ("first", "second"))
    second.move_into_place()
    first.move_into_place()
    second.discard()
    first.discard()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "first")]


def test_a_file_that_was_taken_for_an_abandoned_one_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a file's creation and its lock another process may remove it."""
    locking = staging._lock
    removed: list[Path] = []

    def lock_late(descriptor: int) -> bool:
        if not removed:
            (path,) = tmp_path.iterdir()
            path.unlink()
            removed.append(path)
        return locking(descriptor)

    monkeypatch.setattr(staging, "_lock", lock_late)
    write_whole(tmp_path / "file", "text")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "text")]
    assert removed


def test_errors_name_the_target(tmp_path: Path) -> None:
    for target in (tmp_path / "taken" / "file", tmp_path / ("x" * 300), tmp_path / "loop"):
        (tmp_path / "taken").write_text("")
        (tmp_path / "loop").unlink(missing_ok=True)
        (tmp_path / "loop").symlink_to("loop")
        with pytest.raises(ExternalError) as caught:
            write_all({tmp_path / "good": ("text", PUBLIC), target: ("text", PUBLIC)})
        assert caught.value.message.startswith(f"can't write {target}: ")
        assert not (tmp_path / "good").exists()
    assert (tmp_path / "loop").is_symlink()
    assert {file.name for file in tmp_path.iterdir()} == {"taken", "loop"}


def test_a_link_to_what_does_not_exist_yet_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "text"
