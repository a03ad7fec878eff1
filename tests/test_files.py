from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from toolkit import files
from toolkit.errors import ExternalError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_appear_with_their_mode_and_replace_old_ones(tmp_path: Path) -> None:
    public, private = tmp_path / "deep" / "a.yaml", tmp_path / "b.yaml"
    private.write_text("old")
    private.chmod(0o644)
    files.write_all({public: ("a\n", files.PUBLIC), private: ("b\n", files.PRIVATE)})
    assert (public.read_text(), private.read_text()) == ("a\n", "b\n")
    assert (mode(public), mode(private)) == (0o644, 0o600)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.yaml", "b.yaml", "deep"]


def test_when_one_can_not_be_written_none_is(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "taken"
    good.write_text("old")
    bad.mkdir()
    with pytest.raises(ExternalError, match="taken"):
        files.write_all({good: ("new", files.PUBLIC), bad: ("new", files.PUBLIC)})
    assert good.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.yaml", "taken"]


def test_a_failure_while_writing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: os.read(-1, 1))
    with pytest.raises(ExternalError, match="can't write"):
        files.write_whole(tmp_path / "a.yaml", "a")
    assert list(tmp_path.iterdir()) == []


def test_a_lone_surrogate_is_written_as_json_and_yaml_escape_it(tmp_path: Path) -> None:
    files.write_whole(tmp_path / "a.json", '"\ud800"')
    assert json.loads((tmp_path / "a.json").read_text()) == "\ud800"


def test_a_file_in_the_way_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExternalError, match="can't write"):
        files.write_whole(tmp_path / "file" / "a.yaml", "a")


def test_the_project_is_found() -> None:
    for name in ("Pulumi.yaml", "__main__.py", "stacks", "templates"):
        assert (files.find_project_root() / name).exists()


def test_what_is_no_file_is_written_into(tmp_path: Path) -> None:
    pipe, beside = tmp_path / "pipe", tmp_path / "a.json"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write_all({pipe: ("through\n", files.PUBLIC), beside: ("{}\n", files.PUBLIC)})
        assert os.read(reader, 100) == b"through\n"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert beside.read_text() == "{}\n"
    files.write_whole(Path(os.devnull), "gone")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_secret_goes_into_nothing_that_is_no_file(tmp_path: Path) -> None:
    beside = tmp_path / "a.yaml"
    with pytest.raises(ExternalError, match="can't write a secret to"):
        files.write_all({beside: ("a", files.PUBLIC), Path(os.devnull): ("b", files.PRIVATE)})
    assert not beside.exists()


def test_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "a.yaml", tmp_path / "link.yaml"
    real.parent.mkdir()
    link.symlink_to(real)
    files.write_whole(link, "first")
    files.write_whole(link, "second")
    assert link.is_symlink()
    assert real.read_text() == "second"
