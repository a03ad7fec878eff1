"""Expand the templates of a MeshIdentity's SPIFFE ID.

Kuma expands them with Go's text/template (kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/helpers.go).
This module knows fields and ``label``; other template syntax is reported as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from toolkit.mesh.schema.mesh import Form

DEFAULT_TRUST_DOMAIN = "{{ .Mesh }}.{{ .Zone }}.mesh.local"
DEFAULT_PATHS: dict[Form, str] = {
    "kubernetes": "/ns/{{ .Namespace }}/sa/{{ .ServiceAccount }}",
    "universal": "/workload/{{ .Workload }}",
}
TRUST_DOMAIN_FIELDS = ("Mesh", "Zone")
PATH_FIELDS = ("TrustDomain", "Namespace", "ServiceAccount", "Workload")
# Whitespace of Go templates. A dash next to a brace removes the whitespace around the action, but only if the dash has
# whitespace on its other side (golang/go:src/text/template/parse/lex.go).
_SPACE = r"[ \t\r\n]"
# Patterns as strings are compiled when a document needs them.
# No known action has a brace in it. Without braces, a search takes time in proportion to the template's length.
_ACTION = (
    rf"(?:(?<!{_SPACE}){_SPACE}+(?=\{{\{{-{_SPACE}))?(?<!\{{)\{{\{{(?:-(?={_SPACE}))?"
    rf"([^{{}}]*?)(?:(?<={_SPACE})-\}}\}}{_SPACE}*|\}}\}})"
)
_FIELD = re.compile(r"\.(\w+)", re.ASCII)
_LABEL = rf'label{_SPACE}+(?:"([^"\\\n]*)"|`([^`\r]*)`)'
# SPIFFE-ID, 2.1: lower-case letters, digits, dots, hyphens and underscores; at most 255 of them (2.3).
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]+")
_MAX_TRUST_DOMAIN = 255
# A MeshTrust's limit (kumahq/kuma:pkg/core/resources/apis/meshtrust/api/v1alpha1/meshtrust.go).
MAX_KUMA_TRUST_DOMAIN = 253
# SPIFFE-ID, 2.2: segments of letters, digits, dots, hyphens and underscores, none of which is empty, . or ..
_PATH = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)+"


class Expansion(NamedTuple):
    """A template with its values.

    Attributes:
        text: the template, each known action replaced.
        unknown: actions that Kuma can't expand, without their braces.
    """

    text: str
    unknown: tuple[str, ...]


def expand(template: str, fields: Mapping[str, str], labels: Mapping[str, str] | None = None) -> Expansion:
    """Return a template with its values.

    Args:
        template: of a trust domain or a path.
        fields: values by their names, such as ``Mesh``.
        labels: labels of the resource or of the proxy; None if they are unknown, so that any label is accepted.
    """
    unknown: list[str] = []

    def replace(action: re.Match[str]) -> str:
        words = action[1].strip(" \t\r\n")
        if (field := _FIELD.fullmatch(words)) and field[1] in fields:
            return fields[field[1]]
        if label := re.fullmatch(_LABEL, words):
            name = label[1] or label[2] or ""
            if labels is None:
                return "label"
            if name in labels:
                return labels[name]
        unknown.append(words)
        return ""

    text = re.sub(_ACTION, replace, template)
    if "{{" in text or "}}" in text:
        unknown.append(template)
    return Expansion(text, tuple(unknown))


def expand_trust_domain(template: str | None, mesh: str, zone: str) -> Expansion:
    """Return the trust domain of a template for a zone; None for the template means Kuma's default."""
    return expand(DEFAULT_TRUST_DOMAIN if template is None else template, {"Mesh": mesh, "Zone": zone})


def check_trust_domain(text: str) -> str:
    """Return why a text is not a trust domain (SPIFFE-ID, 2.1); empty if it is one."""
    if "://" in text:
        return "has a scheme; a trust domain is a name such as example.org"
    if _TRUST_DOMAIN.fullmatch(text):
        too_long = f"has {len(text)} characters; a trust domain has at most {_MAX_TRUST_DOMAIN}"
        return too_long if len(text) > _MAX_TRUST_DOMAIN else ""
    if not text:
        return "is empty"
    if any(character.isupper() for character in text):
        return "has capital letters; a trust domain has lower-case letters only"
    return "must be lower-case letters, digits, dots, hyphens and underscores"


def check_path(text: str) -> str:
    """Return why a text is not the path of a SPIFFE ID (SPIFFE-ID, 2.2); empty if it is one."""
    if re.fullmatch(_PATH, text):
        return ""
    if not text.startswith("/"):
        return "must begin with a slash"
    if text.endswith("/"):
        return "must not end with a slash"
    return "must be segments of letters, digits, dots, hyphens and underscores, each after one slash"
