"""Parse untrusted YAML into plain values and trees with places, in one pass over the text.

Plain scalars and merge keys are parsed as in YAML 1.2, or as Go's YAML library does, which kubectl and Kuma use.
A text can't run code or grow without bounds, and errors don't quote it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ruamel.yaml import YAML, events
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError, YAMLWarning
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.resolver import VersionedResolver

from toolkit.errors import InvalidInputError, Problem, flatten
from toolkit.yamltext.nodes import LINE_BREAK, Alias, Mapping, Pair, Place, Scalar, Sequence, find_mark
from toolkit.yamltext.resolving import BEGINS_OTHERS, NULLS, resolve_scalar

if TYPE_CHECKING:
    from toolkit.yamltext import nodes

# ruamel.yaml has no annotations for its tags, for its events' attributes, and for the values of nodes.
RuamelObject: TypeAlias = Any
_STANDARD = "tag:yaml.org,2002:"
_MERGE = f"{_STANDARD}merge"
# Only with merge keys (`<<`), an alias copies entries: seven lines can grow to millions of entries. Files written by
# people merge a few.
_MAX_MERGED = 10_000
# Much deeper than any document of Kong Mesh, and less than the parser's own limit.
_MAX_DEPTH = 100
# The header of a block scalar that keeps trailing blank lines. A tag and an anchor may precede it.
_KEEPING = re.compile(r"(?:[&!]\S*[ \t]+)*[|>][0-9]?\+")
# The YAML library's message up to the point where it quotes more than one character of the text. Tokens are its own.
_UNQUOTED = re.compile(r"""(?:[^'"]|'(?:[^'\\]|\\.[0-9a-f]*|<[a-z ]+>)'|(?<=\w)'(?=\w))*""")


class Parsed(NamedTuple):
    """One document of a stream.

    Attributes:
        value: its plain values.
        root: its tree, with places in the whole stream; an empty document is an empty scalar.
        mark: index of its ``---``; None if it has none.
    """

    value: object
    root: nodes.Node
    mark: int | None = None


def parse(
    text: str, source: str, advance: Callable[[int], None] = lambda _: None, *, as_go: bool = False
) -> list[Parsed]:
    """Return every document of a YAML stream. Tags run no code, and duplicate keys are an error.

    Args:
        text: the stream.
        source: its name in errors, usually the file's name.
        advance: is called after each document with the number of characters read since the last call.
        as_go: whether to parse plain scalars and merge keys as Go does, instead of as in YAML 1.2.

    Raises:
        InvalidInputError: the text is not valid YAML. The error names the place as ``source:line:column``.
    """
    with _refusing(text, source), warnings.catch_warnings():
        # The library's warnings concern only style, and quote values.
        warnings.simplefilter("ignore", YAMLWarning)
        documents: list[Parsed] = []
        done = 0
        for document in (_GoBuilder if as_go else _Builder)(text).read_documents():
            documents.append(document)
            advance(document.root.end - done)
            done = document.root.end
        return documents


def load(text: str, source: str) -> object:
    """Return the plain values of the only document; None if there is none.

    Raises:
        InvalidInputError: as for :func:`parse`, or there are several documents.
    """
    documents = parse(text, source)
    if len(documents) > 1:
        place = documents[1].root.start
        problem = Problem(f"{source}:{place.line}:{place.column}", "a second document begins here")
        raise InvalidInputError(f"{source} must be one YAML document", [problem])
    return documents[0].value if documents else None


class _Constructor(SafeConstructor):
    """ruamel.yaml's safe constructor with a limit for merge keys, and a place in every error."""

    merged = 0

    def flatten_mapping(self, node: MappingNode) -> None:
        """Count the entries that merge keys would copy, before they are copied."""
        for key, value in node.value:
            if key.tag != _MERGE:
                continue
            for part in value.value if isinstance(value, SequenceNode) else [value]:
                if isinstance(part, MappingNode):
                    self.flatten_mapping(part)
                    self.merged += len(part.value)
                if self.merged > _MAX_MERGED:
                    raise ConstructorError(None, None, "merges far more than a document needs", key.start_mark)
        super().flatten_mapping(node)

    def construct_object(self, node: Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002 - ruamel's signature
        """Raise an error with a place if a value does not match its tag. ruamel.yaml itself raises Python's errors."""
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            tag = str(node.tag).replace(_STANDARD, "!!") if node.tag in self.yaml_constructors else "its tag"
            raise ConstructorError(None, None, f"can't be read as {tag}", node.start_mark) from error


class _GoConstructor(_Constructor):
    """Constructs the same values as Go from scalars and merge keys."""

    # Whether a merge key or an explicit tag occurred. Without one, the tags of keys need no check.
    may_merge = False

    def flatten_mapping(self, node: MappingNode) -> None:
        """Let a merge key override the keys before it, as Go does (yaml/go-yaml:v2/decode.go, mappingStruct)."""
        if not self.may_merge:
            return
        merging = next((number for number, (key, _) in enumerate(node.value) if key.tag == _MERGE), 0)
        before = node.value[:merging]
        super().flatten_mapping(node)
        if before and node.merge:
            count = len(node.merge)
            after = node.value[count + len(before) :]
            node.value = [*before, *node.merge, *after]
            node.merge = node.value[: count + len(before)]

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> RuamelObject:  # noqa: FBT001, FBT002 - same
        """Reject keys that JSON can't represent: Go converts every document to JSON (sigs.k8s.io/yaml:yaml.go)."""
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise ConstructorError(None, None, "a key is a list or a mapping", key.start_mark)
            if (self.may_merge or key.value in NULLS) and key.tag == _TAGS[type(None)]:
                raise ConstructorError(None, None, "a key is empty; write a text in quotes", key.start_mark)
        return super().construct_mapping(node, deep)

    def construct_int(self, node: ScalarNode) -> int:
        """Return a whole number."""
        value = self.resolve(node)
        if type(value) is not int:
            raise ValueError(node.tag)
        return value

    def construct_float(self, node: ScalarNode) -> float:
        """Return a floating-point number."""
        value = self.resolve(node)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(node.tag)
        return float(value)

    def construct_bool(self, node: ScalarNode) -> bool:
        """Return true or false."""
        value = self.resolve(node)
        if not isinstance(value, bool):
            raise TypeError(node.tag)
        return value

    def construct_timestamp(self, node: ScalarNode) -> str:
        """Return a date as text, as it is written."""
        self.construct_yaml_timestamp(node)
        return str(node.value)

    def resolve(self, node: ScalarNode) -> str | bool | float | None:
        """Return the value that a scalar would have without its tag."""
        return resolve_scalar(self.construct_scalar(node))


for _kind, _made in {
    "int": _GoConstructor.construct_int,
    "float": _GoConstructor.construct_float,
    "bool": _GoConstructor.construct_bool,
    "timestamp": _GoConstructor.construct_timestamp,
    "merge": _GoConstructor.construct_yaml_str,
}.items():
    _GoConstructor.add_constructor(f"{_STANDARD}{_kind}", _made)
_TAGS = {
    kind: _STANDARD + name
    for kind, name in {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}.items()
}


class _Yaml(YAML):
    """ruamel.yaml without its plug-ins, for which it would search a directory each time."""

    def official_plug_ins(self) -> list[str]:
        """Return none."""
        return []


class _Resolver(VersionedResolver):
    """ruamel.yaml's resolver with the current document's version. The original keeps an earlier document's version."""

    processing_version: tuple[int, int] = (1, 2)


class _Builder:
    """Builds plain values and trees from one run of the parser's events.

    The library's nodes are built too, because its constructor reads them. In these, an alias is replaced by its node.
    In our trees it stays an alias, so that every node has its own place.
    """

    _constructors: type[SafeConstructor] = _Constructor

    def __init__(self, text: str) -> None:
        self._text = text
        self._yaml = yaml = _Yaml(typ="safe", pure=True)
        yaml.Resolver, yaml.Constructor = _Resolver, self._constructors
        self._events: Iterator[events.Event] = iter(yaml.parse(text))
        self._constructor, self._resolver = yaml.constructor, yaml.resolver
        self._anchors: dict[str, Node] = {}

    def read_documents(self) -> Iterator[Parsed]:
        """Yield the documents."""
        mark: int | None = None
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                mark = event.end_mark.index - len("---") if event.explicit else None
                self._anchors = {}
                # The library creates a new resolver when the version changes.
                self._resolver = self._yaml.resolver
                self._resolver.processing_version = (1, 1) if event.version == (1, 1) else (1, 2)
            elif isinstance(event, events.NodeEvent):
                root, node = self._node(event, 0)
                yield Parsed(self._constructor.construct_document(node), root, mark)

    def _node(self, event: events.Event, depth: int) -> tuple[nodes.Node, Node]:
        if depth > _MAX_DEPTH:
            raise RecursionError
        if isinstance(event, events.ScalarEvent):
            node = ScalarNode(self._tag(event, ScalarNode, event.value), event.value, event.start_mark)
            return self._scalar(event), self._anchored(event, node)
        if isinstance(event, events.AliasEvent):
            if event.anchor not in self._anchors:
                raise ComposerError(None, None, "found undefined alias", event.start_mark)
            named = self._anchors[event.anchor]
            # As Go does (yaml/go-yaml:decode.go, alias).
            if isinstance(named, CollectionNode) and named.end_mark is None:
                raise ComposerError(None, None, "an anchor contains itself", event.start_mark)
            return Alias(_place(event.start_mark), event.end_mark.index, event.anchor), named
        return (
            self._mapping(event, depth) if isinstance(event, events.MappingStartEvent) else self._sequence(event, depth)
        )

    def _tag(self, event: RuamelObject, kind: type[Node], value: str | None) -> RuamelObject:
        tag = event.ctag
        return self._resolver.resolve(kind, value, event.implicit) if tag is None or str(tag) == "!" else tag

    def _anchored(self, event: RuamelObject, node: Node) -> Node:
        # A later anchor with the same name replaces the earlier one (YAML 1.2.2, 3.2.2.2).
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _scalar(self, event: events.ScalarEvent) -> Scalar:
        start, end = _place(event.start_mark), event.end_mark.index
        after = end
        style = event.style or ""
        if style in ("|", ">"):
            written = self._text[start.index : end].rstrip(" \t\r\n")
            end = start.index + len(written)
            if not _KEEPING.match(written):
                line_break = LINE_BREAK.search(self._text, end)
                after = line_break.end() if line_break else len(self._text)
        return Scalar(start, end, after, event.value, style)

    def _mapping(self, event: events.MappingStartEvent, depth: int) -> tuple[Mapping, Node]:
        pairs: list[Pair] = []
        values: list[tuple[Node, Node]] = []
        node = self._anchored(event, MappingNode(self._tag(event, MappingNode, None), values, event.start_mark))
        while not isinstance(inner := next(self._events), events.MappingEndEvent):
            key, key_node = self._node(inner, depth + 1)
            value, value_node = self._node(next(self._events), depth + 1)
            pairs.append(Pair(key, self._placed(key, value)))
            values.append((key_node, value_node))
        node.end_mark = inner.end_mark
        mapping = Mapping(_place(event.start_mark), bool(event.flow_style), pairs)
        _close(mapping, inner, pairs[-1].value if pairs else None)
        return mapping, node

    def _sequence(self, event: RuamelObject, depth: int) -> tuple[Sequence, Node]:
        items: list[nodes.Node] = []
        values: list[Node] = []
        node = self._anchored(event, SequenceNode(self._tag(event, SequenceNode, None), values, event.start_mark))
        while not isinstance(inner := next(self._events), events.SequenceEndEvent):
            item, item_node = self._node(inner, depth + 1)
            items.append(item)
            values.append(item_node)
        node.end_mark = inner.end_mark
        sequence = Sequence(_place(event.start_mark), bool(event.flow_style), items)
        _close(sequence, inner, items[-1] if items else None)
        return sequence, node

    def _placed(self, key: nodes.Node, value: nodes.Node) -> nodes.Node:
        """Return an empty value with the place after its key's colon. The parser's place is that of the next token."""
        if not isinstance(value, Scalar) or not value.is_empty:
            return value
        colon = find_mark(self._text, key.end, ":")
        if colon is None:
            return value
        breaks = list(LINE_BREAK.finditer(self._text, key.start.index, colon))
        column = colon + 2 - breaks[-1].end() if breaks else key.start.column + colon + 1 - key.start.index
        place = Place(colon + 1, key.start.line + len(breaks), column)
        return Scalar(place, place.index, place.index, "", "")


class _GoBuilder(_Builder):
    """Builds the same values as Go from plain scalars."""

    _constructors = _GoConstructor

    def _tag(self, event: RuamelObject, kind: type[Node], value: str | None) -> RuamelObject:
        if value is None or (event.ctag is not None and str(event.ctag) != "!"):
            self._constructor.may_merge |= event.ctag is not None
            return super()._tag(event, kind, value)
        if event.ctag is not None or event.style or value[:1] not in BEGINS_OTHERS:
            return _TAGS[str]
        if value == "<<":
            self._constructor.may_merge = True
            return _MERGE
        return _TAGS[type(resolve_scalar(value))]


def _close(node: Mapping | Sequence, end: events.Event, last: nodes.Node | None) -> None:
    """Set the end of a mapping or sequence: its brace or bracket in flow style, else its last node."""
    if node.is_flow or last is None:
        node.end = node.after = end.end_mark.index
    else:
        node.end, node.after = last.end, last.after


def _place(mark: StreamMark) -> Place:
    return Place(mark.index, mark.line + 1, mark.column + 1)


@contextmanager
def _refusing(text: str, source: str) -> Iterator[None]:
    """Convert all exceptions of the YAML library to errors with the source and, if it is known, the place.

    The library's exceptions quote the text, which may contain a secret, so they are not kept as the cause.

    Raises:
        InvalidInputError: the text that is parsed in the block is not valid YAML.
    """
    try:
        yield
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        reason = _reason(str(error.problem or error.context))
        hint = "Use spaces instead of tabs." if r"'\t'" in reason else ""
        raise InvalidInputError(f"{source} is not YAML", [Problem(where, reason)], hint) from None
    except ReaderError as error:
        before = text[: error.position]
        column = len(before) - max(before.rfind("\n"), before.rfind("\r"))
        where = f"{source}:{len(LINE_BREAK.findall(before)) + 1}:{column}"
        reason = f"unacceptable character #x{error.character:04x}: {error.reason}"
        raise InvalidInputError(f"{source} is not YAML", [Problem(where, reason)]) from None
    except RecursionError:
        raise InvalidInputError(f"{source} is not YAML", [Problem(source, "it is nested too deeply")]) from None
    except TypeError:
        raise InvalidInputError(f"{source} is not YAML", [Problem(source, "a key is a list or a mapping")]) from None
    except AssertionError:
        # The library asserts that the version is 1.1 or 1.2.
        raise InvalidInputError(f"{source} is not YAML", [Problem(source, "%YAML names an unknown version")]) from None
    except (YAMLError, ArithmeticError, LookupError, ValueError) as error:
        raise InvalidInputError(f"{source} is not YAML", [Problem(source, _reason(flatten(error)))]) from None


def _reason(said: str) -> str:
    """Return the library's message without any value, key, name or tag of the text."""
    # One of the library's messages contains a tuple.
    kept = _UNQUOTED.match(said.replace("('<", "'<").replace(">',)", ">'"))
    return (kept.group().rstrip(" ,:").removesuffix(" from") if kept else "") or "it can't be read"
