"""Generated YAML in all common styles with its values, and unusual YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from toolkit.yamltext import parsing

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Path

# What may stand between two lines of a document: anything; comments that are indented less than a block scalar; those
# alone, since a blank line would belong to the scalar; nothing.
_ANYTHING, _NOTHING = -1, -2
_BREAK = "\x00"
_PERCENT = st.integers(0, 99)

WORDS = ("a", "b", "name", "kuma", "controlPlane", "eks.amazonaws.com/role-arn", "x-y_z", "two words")
KEYS = (*WORDS, "it's", 'a "b"', "x: y", "# no", "1", "true", "", "-", "?", "a#b", "ключ", "<", "[x]", "{{ x }}", "a:")
TEXTS = (
    *KEYS,
    " before",
    "behind ",
    "with # hash",
    "a, b",
    "- x",
    "null",
    "&a *a",
    "!t",
    "%T",
    "@",
    "🙂",
    "tab\tx",
    "line\nline",
    "line\nline\n",
    "line\n\n\n",
    "a\n\nb\n",
    "  deep\nmore\n",
    "\nlate\n",
    "# no comment\nx",
    "\n",
    "---\n...\n",
    "long " * 40 + "end",
)
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9 ._/-]*[A-Za-z0-9])?")
_RESERVED = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
_COMMENTS = ("#", "# note", "#note", "# a: 1", "# - x", "# '", '# "', "# {", "# |+", "#\ttab")

texts = st.one_of(st.sampled_from(TEXTS), st.text("ab :#-'\"\n{[&*!|>,é", max_size=8))
keys = st.one_of(st.sampled_from(KEYS), st.text("ab :#-'\"é", max_size=4))
scalars = st.one_of(texts, st.booleans(), st.integers(-5, 2000), st.none(), st.sampled_from([0.5, -1.25, 3e20]))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


@dataclass
class Line:
    """A line that is being written, and what may stand between it and the next one."""

    text: str
    then: int = _ANYTHING
    blank_then: bool = True


@dataclass(frozen=True)
class Written:
    """A YAML stream and what it means."""

    text: str
    documents: list[Any]


class Writer:
    """Writes values in a style that is drawn anew at every step."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def chance(self, percent: int) -> bool:
        return bool(self._draw(_PERCENT) >= 100 - percent)

    def number(self, least: int, most: int) -> int:
        return int(self._draw(st.integers(least, most)))

    def one_of(self, *choices: str) -> str:
        return str(self._draw(st.sampled_from(choices)))

    # A node is written as what follows on the line that is begun, and lines below it.

    def node(self, value: Any, parent: int) -> list[Line]:
        """A node below a parent that is indented by so much; the first line follows a blank, unless it is empty."""
        if not isinstance(value, dict | list) or not value:
            return self.scalar(value, parent)
        if self.chance(25):
            return self.flow_lines(value, parent)
        # A sequence may stand directly below its key, without any indentation.
        indent = parent + (0 if isinstance(value, list) and self.chance(30) else self.number(1, 6))
        return [Line(""), *self.block(value, indent)]

    def block(self, value: Any, indent: int) -> list[Line]:
        lines: list[Line] = []
        entries = value.items() if isinstance(value, dict) else ((None, item) for item in value)
        for key, inner in entries:
            lines += self.item(inner, indent) if isinstance(value, list) else self.pair(key, inner, indent)
        return lines

    def pair(self, key: Any, value: Any, indent: int) -> list[Line]:
        first, *below = self.node(value, indent)
        start = " " * indent + self.key(key) + (" " if self.chance(5) else "") + ":"
        if first.text and not below and self.chance(5):
            return [self.commented(Line(start)), self.commented(Line(" " * (indent + self.number(1, 6)) + first.text))]
        gap = " " * self.number(1, 3 if self.chance(20) else 1) if first.text else ""
        return [self.commented(Line(start + gap + first.text, first.then, first.blank_then)), *below]

    def item(self, value: Any, indent: int) -> list[Line]:
        gap = self.number(1, 4 if self.chance(20) else 1)
        start = " " * indent + "-"
        if isinstance(value, dict | list) and value and self.chance(80):
            first, *below = self.block(value, indent + 1 + gap)
            if self.chance(15):
                return [self.commented(Line(start)), first, *below]
            return [Line(start + first.text[indent + 1 :], first.then, first.blank_then), *below]
        first, *below = self.node(value, indent)
        if below and not first.text:
            # A sequence of a sequence may not stand without indentation.
            first, *below = [Line(""), *self.block(value, indent + 2)]
        line = Line(start + (" " * gap + first.text if first.text else ""), first.then, first.blank_then)
        return [self.commented(line), *below]

    def commented(self, line: Line) -> Line:
        if line.then == _NOTHING or self.chance(85):
            return line
        line.text += " " * self.number(1, 3) + self.one_of(*_COMMENTS)
        return line

    def key(self, key: Any) -> str:
        return self.quoted(str(key)) if isinstance(key, str) else str(key)

    def quoted(self, text: str) -> str:
        """A text on one line, plain where that is possible."""
        if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED and self.chance(70):
            return text
        if "\n" not in text and "\t" not in text and self.chance(50):
            return "'" + text.replace("'", "''") + "'"
        escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
        return '"' + "".join(escapes.get(character, character) for character in text) + '"'

    def inline(self, value: Any) -> str:
        if isinstance(value, str):
            return self.quoted(value)
        if value is None:
            return self.one_of("null", "~", "Null")
        if isinstance(value, bool):
            return self.one_of("true", "True", "TRUE") if value else self.one_of("false", "False")
        if isinstance(value, float):
            return {0.5: "0.5", -1.25: "-1.25", 3e20: "3.0e+20"}[value]
        return str(value) if not isinstance(value, dict | list) else "{}" if isinstance(value, dict) else "[]"

    def scalar(self, value: Any, parent: int) -> list[Line]:
        if value is None and self.chance(50):
            return [Line("")]
        if not isinstance(value, str):
            return [Line(self.inline(value))]
        if "\n" in value.rstrip("\n") and value.strip("\n") and self.chance(80):
            return self.literal(value, parent)
        if value.strip("\n") and self.chance(15):
            return self.literal(value, parent)
        if re.fullmatch(r"[a-z]+ [a-z]+", value) and self.chance(40):
            return self.folded(value, parent)
        return [Line(self.quoted(value))]

    def folded(self, value: str, parent: int) -> list[Line]:
        """Two words on two lines."""
        first, second = value.split(" ")
        quote = self.one_of("", "'", '"')
        return [Line(quote + first, _NOTHING), Line(" " * (parent + self.number(1, 6)) + second + quote)]

    def literal(self, value: str, parent: int) -> list[Line]:
        body = value.rstrip("\n")
        ends = len(value) - len(body)
        if "\t" in value or any(line != line.rstrip() for line in body.split("\n")):
            return [Line(self.quoted(value))]
        step = self.number(1, 6)
        indent = parent + step
        chomping = "-" if not ends else "+" if ends > 1 else self.one_of("", "", "+")
        needs_indicator = body.lstrip("\n").startswith(" ") or body.startswith("\n")
        indicator = str(step) if needs_indicator or self.chance(10) else ""
        style = ">" if "\n" not in body and not body.startswith(" ") and self.chance(40) else "|"
        order = (indicator + chomping) if self.chance(50) else (chomping + indicator)
        lines = [Line(style + order, _NOTHING)]
        lines += [Line(" " * indent + line if line else "", _NOTHING) for line in body.split("\n")]
        lines += [Line("", _NOTHING) for _ in range(ends - 1)]
        lines[-1].then, lines[-1].blank_then = indent, chomping != "+"
        return lines

    def flow_lines(self, value: Any, parent: int) -> list[Line]:
        """A flow collection on one line, or broken where it may be."""
        text = self.flow(value)
        if not self.chance(40):
            return [Line(text.replace(_BREAK, ""))]
        indent = parent + self.number(1, 6)
        first, *pieces = text.split(_BREAK)
        lines = [Line(first)]
        for piece in pieces:
            if self.chance(60):
                lines[-1] = self.commented(lines[-1])
                closes = piece[:1] in ("]", "}") and self.chance(50)
                lines.append(Line(" " * (parent if closes else indent) + piece.lstrip(" ")))
            else:
                lines[-1].text += piece
        return lines

    def flow(self, value: Any) -> str:
        if not isinstance(value, dict | list) or not value:
            return self.inline(value)
        space = _BREAK + self.one_of("", " ")
        if isinstance(value, list):
            parts = [self.flow(item) for item in value]
        else:
            parts = [self.flow_pair(key, inner) for key, inner in value.items()]
        comma = "," + (self.one_of(" ", "  ") if self.chance(80) else "") + _BREAK
        text = comma.join(parts) + ("," if self.chance(10) else "")
        return (
            ("[" if isinstance(value, list) else "{") + space + text + space + ("]" if isinstance(value, list) else "}")
        )

    def flow_pair(self, key: Any, value: Any) -> str:
        written = self.key(key)
        if value is None and self.chance(30):
            return f"{written}: "
        separator = ":" if written[-1:] in ("'", '"') and self.chance(20) else ": "
        return written + separator + self.flow(value)

    # Documents and what stands between lines.

    def document(self, value: Any, *, is_first: bool) -> list[Line]:
        is_block = isinstance(value, dict | list) and bool(value) and self.chance(85)
        if is_block:
            lines = self.block(value, self.number(0, 2) if self.chance(10) else 0)
        else:
            lines = self.node(value, 0)
            if not lines[0].text and len(lines) > 1:
                del lines[0]
                is_block = True
        if is_first and lines[0].text and self.chance(60):
            return lines
        if is_block or not lines[0].text:
            below = lines if is_block else []
            return [self.commented(Line("---")), *below]
        return [Line("--- " + lines[0].text, lines[0].then, lines[0].blank_then), *lines[1:]]

    def with_noise(self, lines: list[Line]) -> Iterator[str]:
        for line in lines:
            yield line.text
            then, blank = line.then, line.blank_then
            while then != _NOTHING and self.chance(12):
                if blank and self.chance(50):
                    yield " " * (self.number(0, 3) if then == _ANYTHING else 0)
                    continue
                most = 8 if then == _ANYTHING else then - 1
                yield " " * self.number(0, most) + self.one_of(*_COMMENTS)
                then, blank = _ANYTHING, True

    def stream(self, documents: list[Any]) -> str:
        lines: list[Line] = []
        if self.chance(20):
            lines.append(Line(self.one_of(*_COMMENTS, "")))
        for number, document in enumerate(documents):
            lines += self.document(document, is_first=not number)
            if self.chance(10):
                lines.append(Line("..."))
        newline = self.one_of("\n", "\n", "\r\n")
        # Without its last line end a block scalar means something else.
        ends = lines[-1].then != _ANYTHING or self.chance(85)
        return newline.join(self.with_noise(lines)) + (newline if ends else "")


@st.composite
def streams(draw: st.DrawFn, roots: st.SearchStrategy[Any] = values, most: int = 3) -> Written:
    """Documents in random style together with their plain values."""
    documents = draw(st.lists(roots, min_size=1, max_size=most))
    return Written(Writer(draw).stream(documents), documents)


def load_stream(text: str, source: str) -> list[object]:
    """The plain values of every document of a stream."""
    return [document.value for document in parsing.parse(text, source)]


def paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every path of a document that a tree can be asked for, with its value."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*path, number))


SNIPPETS = (
    *(
        "&a ",
        "*a",
        "!!str ",
        "!t ",
        "<<: *a\n",
        "? ",
        ": ",
        "- ",
        "%YAML 1.1\n---\n",
        "---\n",
        "...\n",
        "|+\n",
        ">-2\n",
    ),
    *(
        "{",
        "}",
        "[",
        "]",
        ",",
        "'",
        '"',
        "\\",
        "#",
        "\t",
        "\r",
        "\r\n",
        "\n",
        " ",
        "  ",
        "\ufeff",
        "\x85",
        "\u2028",
        "\0",
    ),
    *(
        "a",
        "b: 1\n",
        ".nan",
        "2026-01-01",
        "!!set {a}",
        "!!binary aGk=",
        "!!omap [a: 1]",
        "@",
        "`",
        "&a [*a]",
        "1: 1\n",
    ),
)


@st.composite
def broken(draw: st.DrawFn) -> str:
    """A good stream with a few things put into it and taken out of it."""
    text = draw(streams()).text
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 3)))
        text = text[:start] + draw(st.sampled_from(SNIPPETS)) + text[end:]
    return str(text)


any_text = st.one_of(st.text(), st.lists(st.sampled_from(SNIPPETS), max_size=25).map("".join), broken())
