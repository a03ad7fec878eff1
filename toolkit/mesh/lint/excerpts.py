"""Show the lines that findings point at, without confidential values.

Only harmless parts of a line are shown: keys, and the values of fields without secrets. Every other value is replaced
by a dot. So are comments, because they may contain old keys.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from toolkit.mesh.documents.confidential import hides
from toolkit.mesh.documents.wording import HIDDEN, is_credential, show_key
from toolkit.mesh.lint.findings import Excerpt
from toolkit.mesh.schema.model import SOURCE_KINDS
from toolkit.mesh.schema.secret import find_name_problem
from toolkit.yamltext import nodes

if TYPE_CHECKING:
    from toolkit.mesh.documents.reader import Stream
    from toolkit.yamltext.nodes import Node

_MAX_LINE = 400
_HARMLESS = frozenset(
    {"apiVersion", "kind", "type", "name", "namespace", "mesh", "kuma.io/mesh", "mode", "enabledBackend"}
    | {"defaultBackend", "expiration", "requestTimeout", "arn", "commonName", "secret", "file", "RSAbits"}
    | {"skipValidation", "passthrough", "zoneEgress", "localityAwareLoadBalancing", "sampling", "format", "group"}
    | {"defaultForbidMeshExternalServiceAccess", "skipCreatingInitialPolicies", "address", "agentAddress", "pki"}
    | {"role", "serverName", "skipVerify", "iamServerIdHeader", "trustDomain", "path", "expiry", "timeout"}
    | {"meshTrustCreation"}
)
# The keys of a data source, in a Mesh or in a MeshIdentity.
_KINDS = frozenset({*SOURCE_KINDS, "secretRef", "envVar", "insecureInline", "type", "kind", "name", "value", "path"})
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")


class _Span(NamedTuple):
    """A scalar in the text."""

    start: int
    end: int
    is_harmless: bool


class Excerpts:
    """The lines of one text.

    Args:
        stream: the text, and what was read from it.
    """

    def __init__(self, stream: Stream) -> None:
        self._text = text = stream.text
        self._starts = [0, *(match.end() for match in re.finditer(r"\r\n|[\n\r\x85\u2028\u2029]", text))]
        self._spans = sorted(
            span for document in stream.parsed for span in _spans(document.root, "", is_confidential=False)
        )
        # For each span, the end of it and of those before it: a scalar of many lines covers later lines.
        self._ends = list(accumulate((span.end for span in self._spans), max))

    def cut(self, line: int, column: int) -> Excerpt | None:
        """Return the line of a position; None if it does not exist or is too long to read."""
        if not 0 < line <= len(self._starts):
            return None
        begin = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        if end - begin > _MAX_LINE * 100:
            return None
        shown, caret = self._masked(begin, end, begin + column - 1)
        kept = shown.rstrip()[:_MAX_LINE]
        return Excerpt(kept, caret) if kept and caret < _MAX_LINE else None

    def _masked(self, begin: int, end: int, place: int) -> tuple[str, int]:
        """Return the text between two indexes without confidential parts, and the position of a third index in it."""
        parts: list[str] = []
        caret, done = 0, begin
        for span in self._covering(begin, end):
            start, stop = max(span.start, done), min(span.end, end)
            if stop <= start:
                continue
            if done <= place < start:
                caret = sum(map(len, parts)) + place - done
            parts.append(_structure(self._text[done:start]))
            if start <= place < stop:
                caret = sum(map(len, parts))
            parts.append(_plain(self._text[start:stop]) if span.is_harmless else HIDDEN)
            done = stop
        if place >= done:
            caret = sum(map(len, parts)) + place - done
        parts.append(_structure(_COMMENT.sub("", self._text[done:end])))
        return "".join(parts), caret

    def _covering(self, begin: int, end: int) -> Iterator[_Span]:
        """Yield the spans that overlap the text between two indexes."""
        for number in range(bisect_right(self._ends, begin), len(self._spans)):
            span = self._spans[number]
            if span.start >= end:
                return
            if span.end > begin:
                yield span


def _structure(text: str) -> str:
    """Return the text between scalars, such as dashes, braces and anchors, without comments."""
    return _plain(_COMMENT.sub("", text))


def _plain(text: str) -> str:
    """Return a text of the same length without characters that move a cursor."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _spans(node: Node, key: str, *, is_confidential: bool) -> Iterator[_Span]:
    if isinstance(node, nodes.Scalar):
        harmless = key in _HARMLESS and not is_confidential and not is_credential(node.value)
        if key == "secret" and find_name_problem(node.value, "universal"):
            # An invalid name of a Secret may be a credential in the wrong field.
            harmless = False
        yield _Span(node.start.index, max(node.end, node.after), harmless)
    elif isinstance(node, nodes.Sequence):
        for item in node.items:
            yield from _spans(item, key, is_confidential=is_confidential)
    elif isinstance(node, nodes.Mapping):
        for pair in node.pairs:
            name = pair.key.value if isinstance(pair.key, nodes.Scalar) else ""
            if isinstance(pair.key, nodes.Scalar):
                # Below a credential, an unknown key may be the value, if its colon is missing.
                harmless = show_key(name) == name and (not is_confidential or name in _KINDS)
                yield _Span(pair.key.start.index, pair.key.end, harmless)
            else:
                yield from _spans(pair.key, "", is_confidential=True)
            below = is_confidential or hides(name)
            yield from _spans(pair.value, name, is_confidential=below)
