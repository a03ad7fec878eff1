"""Find placeholders, examples from AWS documentation, and variables of other tools."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report

if TYPE_CHECKING:
    from toolkit.mesh.documents.data_sources import Resolved
    from toolkit.mesh.lint.findings import Finding

PLACEHOLDER = RULES["MESH106"]
VARIABLE = RULES["MESH109"]

# Shells and Flux, Helm and Jinja, Argo CD's Vault plugin, vals, SOPS, and other substitution tools.
_VARIABLE = re.compile(
    r"\$\{[^{}]*\}|\$\([^()]*\)|\$[A-Za-z_]\w*|\{\{.*\}\}|<path:.*>|ref\+\w+://.*|ENC\[.*\]|%\w+%|@\w+@|__\w+__",
    re.DOTALL,
)
# A random secret access key can't match: it has no hyphens, underscores, blanks or brackets.
_WORDS = re.compile(
    r"<[^<>]*>|\[[^\[\]]*\]|(?:your|my|insert|enter|paste|put|add|fill)[-_. ].*|your(?:aws)?(?:access|secret)\w*"
    r"|replace(?:[-_ ]?(?:me|this|it)|[-_ ]with[-_ ].*)|change[-_ ]?(?:me|this|it)|to[-_ ]?do|tbd|fix[-_ ]?me"
    r"|place[-_ ]?holder|example|dummy|redacted|removed"
    r"|(?:aws[-_ ]?)?(?:secret[-_ ]?)?access[-_ ]?key(?:[-_ ]?(?:id|secret|here))?|(?:aws[-_ ]?)?secret[-_ ]?key"
    r"|(?:AKIA|ASIA)?(.)\1{2,}",
    re.IGNORECASE,
)
# All access keys in AWS documentation end like this; real ones are random.
_DOCUMENTED = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{5,}EXAMPLE|[A-Za-z0-9/+]{29,31}EXAMPLEKEY")


def find_unfilled(resolved: Resolved, name: str) -> Finding | None:
    """Return the finding about a placeholder, an example or a variable."""
    value = resolved.value.strip()
    if _DOCUMENTED.fullmatch(value):
        message = f"{name} is an example of AWS's documentation"
        return report(resolved.document, PLACEHOLDER, resolved.path, message)
    if _VARIABLE.fullmatch(value):
        if is_plain(resolved):
            return report(resolved.document, VARIABLE, resolved.path, f"{name} is a variable that a tool must replace")
        message = f"{name} is a variable, encoded in base64, where no tool replaces it"
        return report(resolved.document, PLACEHOLDER, resolved.path, message)
    if _WORDS.fullmatch(value):
        return report(resolved.document, PLACEHOLDER, resolved.path, f"{name} is a placeholder")
    return None


def is_plain(resolved: Resolved) -> bool:
    """Return whether a value is not encoded in base64."""
    return resolved.path[-1] == "inlineString" or "stringData" in resolved.path
