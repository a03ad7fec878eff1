"""Reading YAML that others wrote, so that nothing in it can hurt or surprise the reader."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from toolkit.errors import InvalidInputError, Problem, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_MERGE = "tag:yaml.org,2002:merge"
_STANDARD = "tag:yaml.org,2002:"
# Merge keys (`<<`) are the one place where an alias copies what it names: seven lines can grow to millions of
# entries. Files written by people merge a handful.
_MAX_MERGED = 10_000


class _Constructor(SafeConstructor):
    """ruamel.yaml's safe constructor, with bounded merge keys and a place for every failure."""

    merged = 0

    def flatten_mapping(self, node: MappingNode) -> None:
        """Count what merge keys would copy before it is copied."""
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
        """Say where a value stands that is not what its tag promises; ruamel lets Python's bare errors through."""
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            tag = str(node.tag).replace(_STANDARD, "!!")
            raise ConstructorError(None, None, f"can't be read as {tag}", node.start_mark) from error


def load_stream(text: str, source: str) -> list[object]:
    """Every document of a YAML stream as plain values; tags run nothing, a key stands once in a mapping.

    Args:
        text: the stream.
        source: what to call it in an error, usually the file's name.

    Raises:
        InvalidInputError: the text is no YAML; the place is named as ``source:line:column``.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    # The second of two anchors with one name is the one that counts (YAML 1.2.2, 3.2.2.2); that is no defect.
    yaml.composer.warn_double_anchors = False
    with refusing(source):
        return list(yaml.load_all(text))


@contextmanager
def refusing(source: str) -> Iterator[None]:
    """Turn whatever the YAML library raises into an error that names the source and, where known, the place.

    The library's own error quotes the text, which may hold a secret; so it is no cause of ours, nor in a traceback.

    Raises:
        InvalidInputError: the text that is read inside is no YAML.
    """
    try:
        yield
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        reason = _reason(error)
        hint = "Write blanks instead of tabs." if r"'\t'" in reason else ""
        raise InvalidInputError(f"{source} is not YAML", [Problem(where, reason)], hint) from None
    except RecursionError:
        raise InvalidInputError(f"{source} is not YAML", [Problem(source, "it is nested too deeply")]) from None
    except TypeError as error:
        raise InvalidInputError(f"{source} is not YAML", [Problem(source, "a key is a list or a mapping")]) from error
    except (YAMLError, AssertionError, ValueError) as error:
        # Characters that YAML forbids, and a %YAML directive with a version that does not exist (an assertion).
        raise InvalidInputError(f"{source} is not YAML", [Problem(source, one_line(error))]) from None


def _reason(error: MarkedYAMLError) -> str:
    """What is wrong, without the values beside it: of a key that stands twice ruamel shows both."""
    reason = str(error.problem)
    return reason.partition('" with value "')[0] + '"' if isinstance(error, DuplicateKeyError) else reason
