"""ruamel.yaml's scanner, with its loops over single characters replaced by regular expressions.

It finds the same tokens at the same places, except for comments, which no reader of ours needs: documents are mostly
certificates in base64, and large ones would take minutes otherwise.
"""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.error import StreamMark
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import Reader
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scanner import Scanner
from ruamel.yaml.tokens import ScalarToken, Token

# What ends a line for the scanner, and the text as a whole.
_ENDS = r"\n\0\r\x85\u2028\u2029"
_BREAKS = "\r\n\x85\u2028\u2029"
_BREAK = r"(?:\r\n|[\r\n\x85\u2028\u2029])"
_SPACES = re.compile(r" *+")
_BLANKS = re.compile(r"[ \t]*+")
_LINE = re.compile(rf"[^{_ENDS}]*+")
_EMPTY_LINES = re.compile(r"(?: *+\n)*+")
# Up to the next token, with its line breaks in the first group.
_GAP = re.compile(rf"((?: *+(?:#[^{_ENDS}]*+)?{_BREAK})*+) *+(?:#[^{_ENDS}]*+)?")
_FLOW_GAP = re.compile(rf"((?:[ \t]*+(?:#[^{_ENDS}]*+)?{_BREAK})*+)[ \t]*+(?:#[^{_ENDS}]*+)?")
# The mark of a document at the beginning of a line.
_MARK = re.compile(rf"(?:---|\.\.\.)[ \t{_ENDS}]")


def _plain(excluded: str) -> re.Pattern[str]:
    """Return what matches a line of a plain scalar: words with blanks between them."""
    word = rf"(?:[^ \t{_ENDS}:{excluded}]|:(?![ \t{_ENDS}]))++"
    return re.compile(rf"{word}(?: ++(?!#){word})*+")


def _quoted(excluded: str) -> re.Pattern[str]:
    """Return what matches a line of a quoted scalar up to a quote, an escape, or blanks at its end."""
    word = rf"[^ \t{_ENDS}{excluded}]++"
    return re.compile(rf"{word}(?:[ \t]++{word})*+")


_PLAIN, _PLAIN_IN_FLOW, _PLAIN_IN_OLD_FLOW = _plain(""), _plain(r",\[\]{}"), _plain(r",\[\]{}?")
_IN_SINGLE, _IN_DOUBLE = _quoted("'"), _quoted(r'"\\')


class FastResolver(VersionedResolver):
    """Resolves tags by the version of YAML that the current document names."""

    processing_version: tuple[int, int] = (1, 2)


class FastReader(Reader):
    """Moves over a text in steps of any length."""

    def forward(self, length: int = 1) -> None:
        """Move by so many characters."""
        end = self.pointer + length
        passed = self.buffer[self.pointer : end]
        self.pointer = self.index = end
        if lines := passed.count("\n") + passed.count("\r") - passed.count("\r\n"):
            self.line += lines
            self.column = 0
            passed = passed[max(passed.rfind("\n"), passed.rfind("\r")) + 1 :]
        self.column += len(passed) - passed.count("\ufeff")

    def get_mark(self) -> StreamMark:
        """Return the place."""
        return StreamMark(None, self.index, self.line, self.column)


class FastParser(Parser):
    """Makes events of tokens."""

    # The library looks it up for every token.
    scanner: Any = None

    def __init__(self, loader: Any) -> None:  # noqa: ANN401 - one of ruamel's
        self.scanner = loader.scanner
        super().__init__(loader)


class FastScanner(Scanner):
    """Finds tokens."""

    # The library looks it up for every character.
    reader: Any = None

    def __init__(self, loader: Any = None) -> None:  # noqa: ANN401 - one of ruamel's
        self.reader = loader.reader
        super().__init__(loader)

    @property
    def scanner_processing_version(self) -> tuple[int, int]:
        """The version of YAML that the current document names."""
        version: tuple[int, int] = self.loader.resolver.processing_version
        return version

    def need_more_tokens(self) -> bool:
        """Return whether the next token is not known yet, or may become part of a key."""
        if self.tokens and not self.possible_simple_keys:
            return False
        return bool(super().need_more_tokens())

    def check_token(self, *choices: type[Token]) -> bool:
        """Return whether the next token is of one of these types."""
        while self.need_more_tokens():
            self.fetch_more_tokens()
        return bool(self.tokens) and isinstance(self.tokens[0], choices)

    def scan_to_next_token(self) -> None:
        """Pass over blanks, line breaks and comments."""
        reader = self.reader
        if reader.index == 0 and reader.peek() == "\ufeff":
            reader.forward()
        found = (_FLOW_GAP if self.flow_context else _GAP).match(reader.buffer, reader.pointer)
        assert found  # noqa: S101 - it matches nothing, too
        if found.group(1) and not self.flow_context:
            self.allow_simple_key = True
        if length := found.end() - reader.pointer:
            reader.forward(length)

    def scan_plain(self) -> ScalarToken:
        """Return a plain scalar."""
        reader = self.reader
        chunks: list[str] = []
        spaces: list[str] = []
        start = end = reader.get_mark()
        indent = self.indent + 1
        words = _PLAIN
        if self.flow_context:
            words = _PLAIN_IN_OLD_FLOW if self.scanner_processing_version == (1, 1) else _PLAIN_IN_FLOW
        while reader.buffer[reader.pointer] != "#" and (line := self._run(words)):
            self.allow_simple_key = False
            chunks += [*spaces, line]
            end = reader.get_mark()
            spaces = self.scan_plain_spaces(indent, start)
            if not spaces or (not self.flow_context and reader.column < indent):
                break
        return ScalarToken("".join(chunks), True, start, end)  # noqa: FBT003 - ruamel's signature

    def scan_plain_spaces(self, indent: int, start_mark: StreamMark) -> list[str]:  # noqa: ARG002 - ruamel's signature
        """Pass over what follows a line of a plain scalar, and return what it stands for."""
        blanks = self._run(_SPACES)
        if self.reader.peek() not in _BREAKS:
            return [blanks] if blanks else []
        first = self.scan_line_break()
        self.allow_simple_key = True
        breaks: list[str] = []
        while True:
            breaks += self._run(_EMPTY_LINES).count("\n") * ["\n"]
            if self._is_at_mark():
                return []
            self._run(_SPACES)
            if self.reader.peek() not in _BREAKS:
                return [*([first] if first != "\n" else [] if breaks else [" "]), *breaks]
            breaks.append(self.scan_line_break())

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: StreamMark) -> list[str]:  # noqa: FBT001 - same
        """Return what is in a quoted scalar up to blanks at the end of a line, or its closing quote."""
        reader = self.reader
        chunks: list[str] = []
        while True:
            chunks.append(self._run(_IN_DOUBLE if double else _IN_SINGLE))
            pair = reader.prefix(2)
            if double:
                meant = self.ESCAPE_REPLACEMENTS.get(pair[1:]) if pair[0] == "\\" else None
            else:
                meant = "'" if pair == "''" else None
            if meant is None:
                # The other escapes are rare.
                return [*chunks, *super().scan_flow_scalar_non_spaces(double, start_mark)]
            chunks.append(meant)
            reader.forward(2)

    def scan_block_scalar(self, style: str, rt: bool | None = False) -> ScalarToken:  # noqa: ARG002, FBT001, FBT002 - same
        """Return a literal or a folded scalar."""
        reader = self.reader
        start = reader.get_mark()
        reader.forward()
        chomping, increment = self.scan_block_scalar_indicators(start)
        self.scan_block_scalar_ignored_line(start)
        least = self.indent + 1 if increment is None else max(self.indent + 1, 1)
        if increment is None:
            breaks, most, end = self.scan_block_scalar_indentation()
            indent = max(least, most)
        else:
            indent = least + increment - 1
            breaks, end = self.scan_block_scalar_breaks(indent)
        chunks: list[str] = []
        line_break = ""
        # Lines of text below one another, up to the last one.
        below = re.compile(rf"(?:[^{_ENDS}]++\r?\n {{{indent}}}(?=[^{_ENDS}]))*+") if style == "|" and indent else None
        while reader.column == indent and reader.peek() != "\0":
            is_text = reader.peek() not in " \t"
            chunks += breaks
            if below:
                chunks.append(self._run(below).replace("\r\n", "\n").replace("\n" + indent * " ", "\n"))
            chunks.append(self._run(_LINE))
            line_break = self.scan_line_break()
            breaks, end = self.scan_block_scalar_breaks(indent)
            is_over = least == 0 and reader.column == 0 and self._is_at_mark()
            if is_over or reader.column != indent or reader.peek() == "\0":
                break
            folds = style == ">" and line_break == "\n" and is_text and reader.peek() not in " \t"
            chunks.append(line_break if not folds else "" if breaks else " ")
        # Without an indicator, one line break is kept; with `+` all are.
        kept = [] if chomping is False else [line_break, *breaks] if chomping else [line_break]
        return ScalarToken("".join([*chunks, *kept]), False, start, end, style)  # noqa: FBT003 - ruamel's signature

    def scan_block_scalar_breaks(self, indent: int) -> tuple[list[str], StreamMark]:
        """Pass over empty lines and the indentation of the next line of a block scalar."""
        reader = self.reader
        breaks: list[str] = []
        while True:
            end = reader.get_mark()
            blanks = _SPACES.match(reader.buffer, reader.pointer, reader.pointer + max(0, indent - reader.column))
            if blanks and blanks.group():
                reader.forward(len(blanks.group()))
            if reader.peek() not in _BREAKS:
                return breaks, end
            breaks.append(self.scan_line_break())

    def _run(self, pattern: re.Pattern[str]) -> str:
        """Pass over what a pattern matches, and return it."""
        found = pattern.match(self.reader.buffer, self.reader.pointer)
        if not found:
            return ""
        run = found.group()
        if run:
            self.reader.forward(len(run))
        return run

    def _is_at_mark(self) -> bool:
        return _MARK.match(self.reader.buffer, self.reader.pointer) is not None
