"""Define rules, findings about them, and what checks get besides the checked document.

The texts of the rules are in ``catalogue.json``: every start of ``toolkit lint`` reads them, and JSON is thirty times
faster than TOML. The rules about CA certificates are those of :mod:`toolkit.pki.authority`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from toolkit.mesh.documents.wording import hide_credentials, show_path
from toolkit.pki import authority
from toolkit.pki.authority import IN_A_MESH, KUMA

if TYPE_CHECKING:
    from datetime import datetime

    from toolkit.contract import StackOutputs
    from toolkit.errors import InvalidInputError
    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import Document, SecretDocument
    from toolkit.mesh.schema.versions import MeshVersion, Product
    from toolkit.yamltext import nodes


class Severity(StrEnum):
    """The severity of a finding, in the words of SARIF 2.1.0, 3.27.10."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """Return the severity as a number; a larger one is more severe."""
        return -[*Severity].index(self)


class Rule(NamedTuple):
    """One kind of problem.

    Attributes:
        code: stable; never reused for another rule.
        severity: of every finding of the rule.
        title: what is wrong, in a few words.
        why: the effect.
        fix: what to do, unless a finding has a better text.
        source: where the rule comes from.
    """

    code: str
    severity: Severity
    title: str
    why: str
    fix: str
    source: str


# The rules of pki/authority.py that apply to a Mesh. Lifetimes have their own rules, which also warn in advance. A
# Mesh contains no revocation list.
OF_AUTHORITIES = {
    "key-strength": "MESH080",
    "path-length": "MESH081",
    "signature-strength": "MESH084",
    "basic-constraints-critical": "MESH140",
    "key-cert-sign": "MESH141",
    "key-usage": "MESH142",
    "extended-key-usage": "MESH144",
    "name-constraints": "MESH145",
    "name-constraint-forms": "MESH146",
    "critical-extensions": "MESH147",
    "critical-extensions-of-aws": "MESH148",
    "legacy-extensions": "MESH149",
    "serial-number": "MESH150",
    "authority-key-identifier": "MESH151",
    "subject": "MESH152",
    "policy-constraints": "MESH154",
}


def _read_rules() -> dict[str, Rule]:
    tables = json.loads(Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8"))
    rules = [Rule(code, Severity(table.pop("severity")), **table) for code, table in tables.items()]
    for rule in authority.RULES:
        if rule.name in OF_AUTHORITIES:
            refusing = rule.refused_by & IN_A_MESH
            severity = Severity.ERROR if refusing else Severity.WARNING
            why = f"Refused by {', '.join(sorted(refusing or rule.refused_by - {KUMA}))}."
            rules.append(Rule(OF_AUTHORITIES[rule.name], severity, rule.title, why, rule.fix, rule.source))
    return {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}


RULES = _read_rules()
UNREADABLE = RULES["MESH001"]
_PLACE = re.compile(r":(\d+):(\d+)$")
_NAME_A_FILE = "Name a file that exists and that you can read."
# The default namespace of each product's control plane (Kong/developer.konghq.com:app/mesh/manage-secrets.md).
_SYSTEM_NAMESPACES: dict[Product, str] = {"kong-mesh": "kong-mesh-system", "kuma": "kuma-system"}


class Excerpt(NamedTuple):
    """The line that a finding points at, without confidential values.

    Attributes:
        line: its text, without credentials, keys and comments.
        caret: the number of characters before the position.
    """

    line: str
    caret: int


class Finding(NamedTuple):
    """A problem that a rule found.

    Attributes:
        rule: the rule.
        message: what is wrong; never contains the value of a credential or a key.
        fix: what to do.
        source: the file.
        line: from 1.
        column: from 1.
        path: within the document, the way the user would write it: ``spec.mtls.backends[0].conf.arn``.
        excerpt: the line; None if it can't be shown.
    """

    rule: Rule
    message: str
    fix: str
    source: str
    line: int
    column: int
    path: str
    excerpt: Excerpt | None = None

    @property
    def code(self) -> str:
        """Return the rule's code."""
        return self.rule.code

    @property
    def severity(self) -> Severity:
        """Return the rule's severity."""
        return self.rule.severity

    @property
    def order(self) -> tuple[str, int, int, str, str, str]:
        """Return the key to sort findings by file, line, column and code."""
        return (self.source, self.line, self.column, self.code, self.path, self.message)


def report(document: Document, code: str, path: nodes.Path, message: str, fix: str = "") -> Finding:
    """Return a finding at a path of a document, without anything in its texts that looks like a credential.

    Args:
        document: the document with the problem.
        code: the rule that the document breaks.
        path: the place of the problem in the document.
        message: what is wrong.
        fix: what to do; empty for the rule's own text.
    """
    rule, place = RULES[code], document.find_place(path)
    shown = show_path((*document.base, *path))
    message, fix = hide_credentials(message), fix or rule.fix
    return Finding(rule, message, fix, document.source, place.line, place.column, shown)


def report_unreadable(source: str, error: InvalidInputError) -> Finding:
    """Return the finding about a file that can't be read."""
    problem = error.problems[0] if error.problems else None
    match = _PLACE.search(problem.path) if problem else None
    line, column = (int(match[1]), int(match[2])) if match else (1, 1)
    message = f"{error.message}: {problem.message}" if problem else error.message
    # Without a position there is no text, for example because the file is missing.
    fix = UNREADABLE.fix if problem else _NAME_A_FILE
    return Finding(UNREADABLE, message, fix, source, line, column, "")


class Target(NamedTuple):
    """The product that the documents are for, and what they are compared with.

    Attributes:
        now: the time at which lifetimes are checked, with a time zone.
        product: the product that the documents are for.
        mesh_version: its version; None to report only what applies to all known versions.
        outputs: the contract to compare with; None for no comparison.
        tags: values of proxies' tags, which expand the templates of common names.
        namespace: the control plane's namespace on Kubernetes; None for the product's default.
    """

    now: datetime
    product: Product = "kong-mesh"
    mesh_version: MeshVersion | None = None
    outputs: StackOutputs | None = None
    tags: Mapping[str, str] = MappingProxyType({})
    namespace: str | None = None

    @property
    def system_namespace(self) -> str:
        """Return the namespace of the control plane."""
        return self.namespace or _SYSTEM_NAMESPACES[self.product]


class Context(NamedTuple):
    """The target, and all documents of the input.

    Attributes:
        target: as given by the caller.
        documents: all documents of the input.
        secrets: the Secrets of Kong Mesh among them, or meant for it.
        named: the names of Secrets that a Mesh names.
    """

    target: Target
    documents: Documents
    secrets: list[SecretDocument]
    named: frozenset[str]
