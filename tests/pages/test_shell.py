"""The runner of pages finds what a reader would stumble over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.shell import find_missing, make_environment, read_blocks, run_page

if TYPE_CHECKING:
    from pathlib import Path


def page(*lines: str) -> str:
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        page("```sh", "true", "```"),
        page("<!-- exit: 3 -->", "", "```sh", "(exit 3)", "```"),
        page("1. A step:", "", "   <!-- exit: 1 -->", "   ```sh", "   false", "   ```"),
        page("   <!-- not run: needs AWS -->", "   ```sh", "   false", "   ```"),
        page("<!-- test setup", "echo made >file", "-->", "", "```console", "$ cat file", "made", "```"),
        page("```sh", "bash", "```", "", "```sh", "true", "```", "", "```sh", "exit", "```"),
        page("```console", "$ echo id 123; echo two", "id 9", "...", "two", "```"),
        page("```yaml", "not: a command", "```"),
    ],
)
def test_a_page_that_is_right_passes(text: str, tmp_path: Path) -> None:
    run_page(text, tmp_path, make_environment(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (page("", "```sh", "false", "true", "```"), "line 2: failed"),
        (page("<!-- exit: 1 -->", "```sh", "true", "```"), "line 2: failed"),
        (page("<!-- exit: 1 -->", "```sh", "(exit 2)", "```"), "line 2: failed"),
        (page("```sh", "false | cat", "```"), "line 1: failed"),
        (page("```sh", "bash", "```", "", "```sh", "false", "```", "", "```sh", "true", "```"), "line 5: failed"),
        (page("```sh", "env -- bash", "false", "true", "```", "", "```sh", "true", "```"), "line 1: failed"),
        (page("```console", "$ echo one", "two", "```"), "not printed: 'two'"),
    ],
)
def test_a_page_that_is_wrong_fails(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=words):
        run_page(text, tmp_path, make_environment(tmp_path))


def test_lines_are_expected_in_their_order() -> None:
    assert find_missing(("a", "b"), "a\nb\n") == ""
    assert find_missing(("b", "a"), "a\nb\n") == "a"


def test_a_marker_belongs_to_the_block_below_it() -> None:
    text = page("<!-- not run: needs AWS -->", "", "```sh", "false", "```", "", "```sh", "true", "```")
    assert [block.reason for block in read_blocks(text)] == ["needs AWS", ""]
