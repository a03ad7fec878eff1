"""Common names of data plane certificates: templates that must fit into 64 characters once they are expanded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import listed, shown
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.pki.common_name import MAX_COMMON_NAME, expand, is_balanced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

_ACM = "Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md (commonName)"
_VAULT = "Kong/developer.konghq.com:app/mesh/vault.md (Common name)"
_BOUND = "RFC 5280, appendix A.1 (ub-common-name)"

UNBALANCED = Rule(
    "MESH090",
    Severity.ERROR,
    "The template of a common name has a brace too many or too few",
    "The template can't be expanded, so no certificate is asked for.",
    'Write each directive between {{ and }}: {{ tag "kuma.io/service" }}.',
    f"{_ACM}; pkg.go.dev/text/template",
)
TOO_LONG = Rule(
    "MESH091",
    Severity.ERROR,
    "A common name has more than 64 characters",
    "AWS Private CA and Vault refuse the request, and the proxy gets no certificate.",
    "Shorten it, or leave commonName out: identities are in the subject alternative names.",
    _BOUND,
)
TAG_LIMIT = Rule(
    "MESH092",
    Severity.NOTE,
    "A common name fits for short values of a tag only",
    "A proxy whose tag is longer gets no certificate. On Kubernetes a service is called name_namespace_svc_port, which "
    "has often more than 40 characters.",
    "Check the longest values with --tag KEY=VALUE.",
    f"{_BOUND}; {_VAULT}",
)
EMPTY = Rule(
    "MESH093",
    Severity.WARNING,
    "A common name is empty",
    "It says that certificates shall have one, and gives none.",
    "Leave commonName out.",
    _ACM,
)
UNKNOWN_DIRECTIVE = Rule(
    "MESH094",
    Severity.WARNING,
    "A common name has a directive that Kong does not document",
    "Documented are tag and replace; another one may keep every proxy from its certificate.",
    'Write {{ tag "KEY" }} or {{ tag "KEY" | replace "_" "-" }}.',
    f"{_ACM}; {_VAULT}",
)
RULES = (UNBALANCED, TOO_LONG, TAG_LIMIT, EMPTY, UNKNOWN_DIRECTIVE)

# The values of Kubernetes' labels, from which tags are made, have 63 characters at most; those of services more.
_USUAL_TAG = 63


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """The findings of this module."""
    for spot in mesh.spots:
        if spot.path[-1:] == ("commonName",) and isinstance(spot.value, str):
            found = _judge(spot.value, context.tags)
            if found:
                yield finding_at(mesh, found[0], (*mesh.spec_path, *spot.path), found[1])


def _judge(value: str, tags: Mapping[str, str]) -> tuple[Rule, str] | None:
    if not value.strip():
        return EMPTY, "commonName is empty"
    if not is_balanced(value):
        return UNBALANCED, f"{shown(value)} has a '{{{{' without its '}}}}', or the other way round"
    template = expand(value, tags)
    if template is None:
        return UNKNOWN_DIRECTIVE, f"{shown(value)} has a directive that is not of the form tag KEY"
    literal, unknown = len(template.text), template.unknown
    if literal + len(unknown) > MAX_COMMON_NAME:
        least = " or more" if unknown else ""
        many = f"{literal + len(unknown)} characters{least}; {MAX_COMMON_NAME} are the most"
        return TOO_LONG, f"{shown(value)} makes a common name of {many}"
    if unknown and literal + _USUAL_TAG * len(unknown) > MAX_COMMON_NAME:
        left, names = MAX_COMMON_NAME - literal, listed([shown(name) for name in dict.fromkeys(unknown)])
        together = " together" if len(unknown) > 1 else ""
        return (
            TAG_LIMIT,
            f"the value of {names} may have {left} characters{together}; with more there is no certificate",
        )
    return None
