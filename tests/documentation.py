"""Parts of ``docs/`` that are made from the tests, each between two comments."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from toolkit.files import find_project_root, write_whole


class Part(NamedTuple):
    """One part of a file.

    Attributes:
        name: of the file in ``docs/``.
        begin: the comment before it, to the letter.
        end: the comment behind it.
        make: the part as it should be today.
    """

    name: str
    begin: str
    end: str
    make: Callable[[], str]

    @property
    def text(self) -> str:
        """The file as it is."""
        return (find_project_root() / "docs" / self.name).read_text(encoding="utf-8")

    @property
    def renewed(self) -> str:
        """The file with the part of today in it."""
        before, _, rest = self.text.partition(self.begin)
        _, _, after = rest.partition(self.end)
        return f"{before}{self.begin}\n\n{self.make().strip()}\n\n{self.end}{after}"

    def write(self) -> None:
        """Bring the file up to date."""
        write_whole(find_project_root() / "docs" / self.name, self.renewed)


def cell(text: str) -> str:
    """Return a text for a cell of a table in Markdown."""
    return text.replace("|", "\\|").replace("<", "\\<").replace("\n", " ")
