"""The directory of `toolkit sandbox --state DIR` is used by one sandbox, and a damaged database is reported."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from tests.sandbox.conformance.world import refused
from tests.sandbox.killable import REGION, Killable, activate, create_root, issue, refusal
from toolkit.errors import ExternalError, InvalidInputError
from toolkit.sandbox.state.store import VERSION, Entry, Row, Store

if TYPE_CHECKING:
    from pathlib import Path


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def execute(statement: str) -> Callable[[Path], None]:
    def damage(database: Path) -> None:
        connection = sqlite3.connect(database)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return damage


def truncate(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:-5000])


def garble_everything(database: Path) -> None:
    database.write_bytes(b"not a database\n" * 1000)


def garble_a_value(database: Path) -> None:
    content = database.read_bytes()
    assert content.count(b"Kept Root") >= 1
    database.write_bytes(content.replace(b"Kept Root", b"Lost Root"))


def garble_the_structure(database: Path) -> None:
    content = bytearray(database.read_bytes())
    # SQLite documentation, "Database File Format": pages begin with their type, and no type is 0xff.
    content[4096] = content[8192] = 0xFF
    database.write_bytes(content)


def empty(database: Path) -> None:
    database.write_bytes(b"")


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (empty, "it is not a sandbox's database"),
    "truncated": (truncate, ""),
    "not a database": (garble_everything, "file is not a database"),
    "structure": (garble_the_structure, ""),
    "value": (garble_a_value, "checksum"),
    "newer version": (
        execute("PRAGMA user_version = 99"),
        f"it has version 99, and this toolkit reads version {VERSION}",
    ),
    "another program's": (execute("PRAGMA application_id = 1"), "it is not a sandbox's database"),
    "no table": (execute("DROP TABLE journal"), "no such table: journal"),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a sandbox that was stopped."""
    state = tmp_path_factory.mktemp("state")
    with Killable(state) as aws:
        pca = aws.client("acm-pca")
        arn = create_root(pca)
        activate(pca, arn)
        for _ in range(20):
            issue(pca, arn)
        aws.client("iam").create_user(UserName="somebody")
        assert aws.stop().endswith("Stopped.\n")
    assert {file.stat().st_mode & 0o777 for file in state.iterdir()} == {0o600}
    return contents(state)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_database_is_named_and_left_as_it_is(filled: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    for name, content in filled.items():
        (tmp_path / name).write_bytes(content)
    damage, words = DAMAGES[kind]
    damage(tmp_path / "state.db")
    before = contents(tmp_path)
    code, said = refusal(tmp_path)
    assert code == 2, said
    assert f"can't read the sandbox's state in {tmp_path}" in said
    assert f"state.db: {words}" in said or words in said
    assert "Hint: " in said
    assert "Traceback" not in said
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE objects SET value = '{}' WHERE kind = 'authority'", "checksum"),
        ("UPDATE journal SET body = 'x'", "journal entry 1"),
    ],
)
def test_the_error_names_the_row(filled: dict[str, bytes], tmp_path: Path, statement: str, words: str) -> None:
    for name, content in filled.items():
        (tmp_path / name).write_bytes(content)
    execute(statement)(tmp_path / "state.db")
    code, said = refusal(tmp_path)
    assert code == 2, said
    assert words in said
    assert "Traceback" not in said


def test_the_database_of_another_moto_is_left_alone(filled: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in filled.items():
        (tmp_path / name).write_bytes(content)
    store = Store(tmp_path)
    ((name, text),) = store.rows("origin")
    assert version("moto") in text
    store.commit([Row("origin", name, text.replace(version("moto"), "4.9.9"))], [])
    store.close()
    code, said = refusal(tmp_path)
    assert code == 2, said
    assert f"state.db: moto 4.9.9 wrote it, and moto {version('moto')} is installed" in said


def test_a_log_without_its_database_is_damage(tmp_path: Path) -> None:
    with Killable(tmp_path) as aws:
        aws.client("iam").create_user(UserName="somebody")
        aws.kill()
    (tmp_path / "state.db").unlink()
    code, said = refusal(tmp_path)
    assert code == 2, said
    assert "state.db: it does not exist, but its log state.db-wal does" in said


def test_one_sandbox_at_a_time_uses_a_directory(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Killable(state) as aws:
        code, said = refusal(state)
        assert code == 3, said
        assert f"another sandbox uses {state}" in said
        assert "Traceback" not in said
        aws.client("iam").create_user(UserName="somebody")
        assert state.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in state.iterdir()} == {0o600}
    # The lock ends with the process, however that ended.
    with Killable(state) as aws:
        assert len(aws.client("iam").list_users()["Users"]) == 1


def test_a_directory_that_can_not_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExternalError, match="can't write"):
        Store(tmp_path / "file" / "state")


def test_a_creation_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "state.new").write_bytes(b"half")
    store = Store(tmp_path)
    assert list(store.rows("kind")) == []
    store.close()


def test_a_commit_is_whole_or_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.commit([Row("kind", "a", "1"), Row("kind", "b", "2")], [Entry("{}", b"x")])
    with pytest.raises(ExternalError, match="can't write"):
        store.commit([Row("kind", "a", None), Row("kind", None, "4")], [Entry("{}", b"y")])  # type: ignore[arg-type]
    store.commit([Row("kind", "a", "3")], [])
    assert list(store.rows("kind")) == [("a", "3"), ("b", "2")]
    assert list(store.journal()) == [(1, Entry("{}", b"x"))]
    store.close()


def test_what_can_not_be_written_is_not_answered(tmp_path: Path) -> None:
    # In blocks of 512 or of 1,024 bytes, as the shell has it.
    with Killable(tmp_path, file_limit=2000) as aws:
        iam, s3 = aws.client("iam"), aws.client("s3")
        iam.create_user(UserName="before")
        s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
        with refused("InternalFailure", "can't write"):
            s3.put_object(Bucket="kept", Key="large", Body=b"x" * 4_000_000)
        # Nothing is answered any more, because the answer might show the object.
        with refused("InternalFailure", "can't write"):
            s3.list_objects_v2(Bucket="kept")
        with refused("InternalFailure", "can't write"):
            aws.client("acm-pca").list_certificate_authorities()
        # Every protocol has the error in its own form.
        with refused("InternalFailure", "can't write"):
            aws.client("sts").get_caller_identity()
        with refused("InternalFailure", "can't write"):
            aws.client("events").list_rules()
    with Killable(tmp_path) as aws:
        assert [user["UserName"] for user in aws.client("iam").list_users()["Users"]] == ["before"]
        assert aws.client("s3").list_objects_v2(Bucket="kept")["KeyCount"] == 0


def test_damage_found_while_open_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(InvalidInputError, match="can't read the sandbox's state"), store.reading("row"):
        raise ValueError("bad")
    store.close()
