"""Read JSON that people hand over: a file, stdin, what a program printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.text import NotTextError, decode_utf8

if TYPE_CHECKING:
    from toolkit.values import Value


def parse_json(text: str | bytes, source: str, hint: str = "") -> Value:
    """Return the value of a JSON text; a byte order mark is passed over.

    Args:
        text: the document.
        source: what to call it in an error, usually the file's name.
        hint: where such a document comes from.

    Raises:
        InvalidInputError: it is not JSON; the place is named, and nothing of the text is repeated.
    """
    try:
        return json.loads(decode_utf8(text).removeprefix("\ufeff") if isinstance(text, bytes) else text)
    except json.JSONDecodeError as error:
        problem = Problem(f"{source}:{error.lineno}:{error.colno}", error.msg)
        # Not from the error: it has the whole text, and --debug would print that.
        raise InvalidInputError(f"{source} is not JSON", [problem], hint) from None
    except NotTextError as error:
        raise InvalidInputError(f"{source} is not JSON", [Problem(f"{source}:{error.line}", str(error))]) from None
    except (RecursionError, ValueError) as error:
        # json gives up on very deep nesting and on integers of over 4,300 digits.
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidInputError(f"{source} is not JSON", [Problem("", reason)], hint) from error
