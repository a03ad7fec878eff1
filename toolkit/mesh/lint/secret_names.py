"""Check the names of Secrets, in data sources and in the Secrets themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import find_data_sources
from toolkit.mesh.documents.typed import MeshDocument
from toolkit.mesh.documents.wording import is_credential
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.schema.secret import find_name_problem
from toolkit.yamltext.plain import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import SecretDocument
    from toolkit.mesh.lint.findings import Finding

IMPOSSIBLE_NAME = RULES["MESH047"]


def check(document: MeshDocument | SecretDocument) -> Iterator[Finding]:
    """Yield the findings of this module."""
    if isinstance(document, MeshDocument):
        names = [
            ((*path, "secret"), text(source.get("secret")), f"{path[-1]} names a Secret whose name")
            for path, source in find_data_sources(document)
        ]
    else:
        names = [(document.name_path, document.name, "the name of the Secret")]
    for path, name, subject in names:
        if problem := _problem(name, document):
            yield report(document, IMPOSSIBLE_NAME, path, f"{subject} {problem}")


def _problem(name: str, document: MeshDocument | SecretDocument) -> str:
    # An empty name has other findings.
    problem = find_name_problem(name, document.form) if name.strip() else ""
    if problem and is_credential(name):
        return "has the form of a credential; secret takes the name of a Secret"
    return problem
