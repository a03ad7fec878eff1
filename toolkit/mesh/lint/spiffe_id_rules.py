"""Check trust domains and paths of SPIFFE IDs: templates in MeshIdentities, and values in MeshTrusts.

Kuma 2.14.3 accepts any value (measured). 3.0 renders the templates with sample values, and rejects invalid SPIFFE IDs
(kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/validator.go on master).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.schema.spiffe_id import (
    MAX_KUMA_TRUST_DOMAIN,
    PATH_FIELDS,
    TRUST_DOMAIN_FIELDS,
    Expansion,
    check_path,
    check_trust_domain,
    expand,
)
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.lint.catalogue import Rule
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.yamltext.nodes import Path

NO_TEMPLATE = RULES["MESH200"]
TRUST_DOMAIN = RULES["MESH201"]
PATH = RULES["MESH202"]
NOT_EXPANDED = RULES["MESH203"]
TOO_LONG = RULES["MESH204"]

TRUST_DOMAIN_PATH: Path = ("spec", "spiffeID", "trustDomain")
_PATH_PATH: Path = ("spec", "spiffeID", "path")
_OF_TRUST: Path = ("spec", "trustDomain")
_VARIABLE = re.compile(r"\.(\w+)", re.ASCII)


def check(document: ScopedDocument, _: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    if document.kind == "MeshTrust":
        domain = document.spec.get("trustDomain")
        # An empty one has another finding.
        if isinstance(domain, str) and domain:
            yield from _text(document, _OF_TRUST, TRUST_DOMAIN, domain, domain)
    elif document.kind == "MeshIdentity":
        samples = {name: name.lower() for name in TRUST_DOMAIN_FIELDS} | {"Mesh": document.mesh or "mesh"}
        yield from _template(document, TRUST_DOMAIN_PATH, samples, TRUST_DOMAIN)
        yield from _template(document, _PATH_PATH, {name: name for name in PATH_FIELDS}, PATH)


def _template(document: ScopedDocument, path: Path, samples: dict[str, str], rule: Rule) -> Iterator[Finding]:
    value = at(document.value, path)
    if not isinstance(value, str):
        return
    expansion = expand(value, samples)
    if expansion.unknown:
        yield _unknown(document, path, value, expansion, samples)
    else:
        yield from _text(document, path, rule, expansion.text, value)


def _unknown(
    document: ScopedDocument, path: Path, value: str, expansion: Expansion, samples: dict[str, str]
) -> Finding:
    """Return the finding about a template that :mod:`toolkit.mesh.schema.spiffe_id` can't expand."""
    name = path[-1]
    variables = [f".{match[1]}" for words in expansion.unknown if (match := _VARIABLE.fullmatch(words))]
    if variables:
        fix = f"{name} has {join_words([f'.{each}' for each in samples])}, and label."
        return report(document, NO_TEMPLATE, path, f"{name} has the unknown variable {show(variables[0])}", fix)
    if value in expansion.unknown or "" in expansion.unknown:
        return report(document, NO_TEMPLATE, path, f"{name} is no template that Go can read: {show(value)}")
    return report(document, NOT_EXPANDED, path, f"{name} has {show(expansion.unknown[0])}, which was not expanded")


def _text(document: ScopedDocument, path: Path, rule: Rule, text: str, written: str) -> Iterator[Finding]:
    """Yield the findings about a trust domain or a path.

    Args:
        document: the document.
        path: the path of the value.
        rule: the rule about it.
        text: the value with every variable replaced.
        written: the value in the document.
    """
    name = path[-1]
    if rule is TRUST_DOMAIN and len(text) > MAX_KUMA_TRUST_DOMAIN:
        message = f"{name} has {len(text)} characters, more than the {MAX_KUMA_TRUST_DOMAIN} of a MeshTrust"
        yield report(document, TOO_LONG, path, message)
    elif problem := (check_trust_domain if rule is TRUST_DOMAIN else check_path)(text):
        bare = written.partition("://")[2].strip("/")
        fix = f"Write {show(bare)}." if rule is TRUST_DOMAIN and not check_trust_domain(bare) else ""
        yield report(document, rule, path, f"{name} {show(written)} {problem}", fix)
