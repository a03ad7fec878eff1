"""Names of Secrets: those that data sources name, and those that Secrets have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import data_sources
from toolkit.mesh.documents.wording import is_credential
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.mesh.schema.secret import name_problem
from toolkit.yamltext.plain import at, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import Document, MeshDocument, SecretDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

IMPOSSIBLE_NAME = Rule(
    "MESH047",
    Severity.ERROR,
    "No Secret can have this name",
    "Kubernetes and the control plane refuse a Secret of that name, so a Mesh that names it finds none.",
    "Use lower-case letters, digits, hyphens and dots, at most 253; begin and end with a letter or a digit.",
    "kubernetes.io/docs/concepts/overview/working-with-objects/names (DNS subdomain names); measured with Kuma 2.14.3 "
    "(capitals)",
)
RULES = (IMPOSSIBLE_NAME,)


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield the findings of this module."""
    for path, source in data_sources(mesh):
        name = text(source.get("secret"))
        if problem := _problem(name, mesh):
            yield finding_at(
                mesh, IMPOSSIBLE_NAME, (*path, "secret"), f"{path[-1]} names a Secret whose name {problem}"
            )


def check_secret(secret: SecretDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield what is wrong with a Secret's name."""
    if problem := _problem(text(at(secret.value, secret.name_path)), secret):
        yield finding_at(secret, IMPOSSIBLE_NAME, secret.name_path, f"the name of the Secret {problem}")


def _problem(name: str, document: Document) -> str:
    # An empty name has findings of its own.
    problem = name_problem(name, document.form) if name.strip() else ""
    if problem and is_credential(name):
        return "has the form of a credential; secret takes the name of a Secret"
    return problem
