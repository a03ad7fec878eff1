"""Reject streams that kubectl and kumactl split into other documents than YAML does.

Both programs split a text at lines that begin with ``---`` before they parse it. They read only the first document of
each part. So they silently drop a document that only ``...`` separates from the one before.

Source: kubernetes/apimachinery:pkg/util/yaml/decoder.go (YAMLReader); kumahq/kuma:pkg/util/yaml/split.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from toolkit.errors import InvalidInputError, Problem
from toolkit.yamltext.nodes import LINE_BREAK, Node

_SEPARATOR = re.compile(r"(?:\A|(?<=\n))---[^\n]*")
_BEHIND = re.compile(r"---[ \t\r]*(?:#[^\n]*)?")
# A directive after `...` is dropped with the rest of its part.
_DIRECTIVE = re.compile(r"(?:\A|(?<=[\r\n]))(?:%|\.\.\.(?!\S))")
_HINT = "Begin each document but the first with a line `---`, and use no directives."


def require_separated(
    text: str, source: str, documents: Sequence[tuple[Node, int | None]], *, for_kubectl: bool
) -> None:
    """Reject a stream in which kubectl and kumactl would not find the same documents.

    Args:
        text: the stream.
        source: name of the stream in errors.
        documents: the tree of each document, and the index of its ``---``; None if it has none.
        for_kubectl: whether a document is in the form of Kubernetes; kumactl also accepts content after ``---``.

    Raises:
        InvalidInputError: kubectl and kumactl read other documents; the error lists each place as
            ``source:line:column``.
    """
    messages = dict(_problems(text, documents, for_kubectl=for_kubectl))
    if messages:
        problems = [Problem(f"{source}:{_place(text, index)}", messages[index]) for index in sorted(messages)]
        raise InvalidInputError(f"kubectl and kumactl read other documents in {source}", problems, _HINT)


def _problems(
    text: str, documents: Sequence[tuple[Node, int | None]], *, for_kubectl: bool
) -> Iterator[tuple[int, str]]:
    lines = {match.start(): match.group() for match in _SEPARATOR.finditer(text)}
    done = 0
    for number, (root, mark) in enumerate(documents):
        if mark is not None and (directive := _DIRECTIVE.search(text, done, mark)) and directive[0] == "%":
            yield directive.start(), "kubectl and kumactl can't read a directive such as %YAML"
        done = root.after
        if number and mark not in lines:
            index = root.start.index if mark is None else mark
            yield index, "kubectl and kumactl drop this document: no line that begins with --- precedes it"
        line = lines.pop(mark, "---") if mark is not None else "---"
        if for_kubectl and not _BEHIND.fullmatch(line):
            yield mark or 0, "kubectl accepts only a comment on the line of ---"
    for index in lines:
        yield index, "kubectl and kumactl split the text at a line that begins with ---"


def _place(text: str, index: int) -> str:
    """Return a place as ``line:column``."""
    breaks = list(LINE_BREAK.finditer(text, 0, index))
    return f"{len(breaks) + 1}:{index - (breaks[-1].end() if breaks else 0) + 1}"
