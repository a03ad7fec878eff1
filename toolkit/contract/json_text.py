"""Read JSON from files, stdin and other programs."""

from __future__ import annotations

import json

from toolkit.errors import InvalidInputError, Problem
from toolkit.text import NotTextError, decode_utf8, escape
from toolkit.values import Value


def parse_json(text: str | bytes, source: str, hint: str = "") -> Value:
    """Return the value of a JSON text; ignore a byte order mark.

    Args:
        text: the document.
        source: its name in errors, usually the file name.
        hint: how to get such a document.

    Raises:
        InvalidInputError: the text is not JSON, or contains a lone surrogate. The error repeats nothing else of it.
    """
    try:
        value = json.loads(decode_utf8(text).removeprefix("\ufeff") if isinstance(text, bytes) else text)
        # No document can contain a lone surrogate.
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        problem = Problem(f"{source}:{error.lineno}:{error.colno}", error.msg)
        # "from None", because the error contains the whole text, and --debug would print it.
        raise InvalidInputError(f"{source} is not JSON", [problem], hint) from None
    except UnicodeEncodeError as error:
        problem = Problem("", f"{escape(error.object[error.start])} is half a character: a surrogate without its pair")
        raise InvalidInputError(f"{source} can't be read", [problem], hint) from None
    except NotTextError as error:
        raise InvalidInputError(f"{source} is not JSON", [Problem(f"{source}:{error.line}", str(error))]) from None
    except (RecursionError, ValueError) as error:
        # json fails for very deep nesting and for integers of over 4,300 digits.
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidInputError(f"{source} is not JSON", [Problem("", reason)], hint) from error
    return value
