"""Expand the templates of common names as Kong Mesh does.

Sources: RFC 5280; Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md (commonName) and app/mesh/vault.md
(Common name): text with directives such as ``{{ tag "kuma.io/service" | replace "_" "-" }}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

# X.520 upper bound for a common name (RFC 5280, appendix A.1: ub-common-name).
MAX_COMMON_NAME = 64

_DIRECTIVE = r"(?s)\{\{(.*?)\}\}"
_QUOTED = r'(?:"([^"\\]*)"|`([^`]*)`)'
_TAG = rf"-?\s*tag\s+{_QUOTED}\s*((?:\|\s*replace\s+{_QUOTED}\s+{_QUOTED}\s*)*)-?"
_REPLACE = rf"replace\s+{_QUOTED}\s+{_QUOTED}"


class Template(NamedTuple):
    """A common name's template with the known tags filled in.

    Attributes:
        text: the text without the unknown tags. If all tags are known, it is the common name.
        unknown: the unknown tags.
    """

    text: str
    unknown: list[str]


def is_balanced(template: str) -> bool:
    """Return whether every ``{{`` has its ``}}`` and none are nested."""
    depth = 0
    for brace in re.findall(r"\{\{|\}\}", template):
        depth += 1 if brace == "{{" else -1
        if depth not in (0, 1):
            return False
    return depth == 0


def expand(template: str, tags: Mapping[str, str]) -> Template | None:
    """Return the template with the known tags filled in; None if it has a directive that Kong does not document."""
    text, unknown, end = "", [], 0
    for directive in re.finditer(_DIRECTIVE, template):
        text += template[end : directive.start()]
        end = directive.end()
        match = re.fullmatch(_TAG, directive[1])
        if match is None:
            return None
        key = match[1] if match[1] is not None else match[2]
        value = tags.get(key)
        if value is not None:
            text += _replaced(value, match[3])
        elif key:  # No proxy has a tag without a name.
            unknown.append(key)
    return Template(text + template[end:], unknown)


def _replaced(value: str, pipeline: str) -> str:
    for match in re.finditer(_REPLACE, pipeline):
        old, new = ((match[1] or match[2] or ""), (match[3] or match[4] or ""))
        value = value.replace(old, new)
    return value
