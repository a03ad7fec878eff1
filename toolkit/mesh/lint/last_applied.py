"""What ``kubectl apply`` remembers: a copy of the document as it was applied, in an annotation, in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.confidential import LAST_APPLIED, credentials_in, is_chain, last_applied
from toolkit.mesh.documents.data_sources import Resolved, secret_values
from toolkit.mesh.documents.typed import SecretDocument
from toolkit.mesh.documents.wording import listed
from toolkit.mesh.lint.credential_rules import IN_THE_MESH
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.yamltext.plain import at, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import Document, MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

_SOURCE = "kubernetes.io/docs/reference/labels-annotations-taints (kubectl.kubernetes.io/last-applied-configuration)"
_FIX = (
    f"Remove it (kubectl annotate KIND NAME {LAST_APPLIED}-), apply with --server-side from then on, and replace the "
    "credential if others could read it."
)
IN_AN_ANNOTATION = Rule(
    "MESH046",
    Severity.WARNING,
    "kubectl's annotation has a copy of a Secret's value",
    "kubectl describe shows annotations, and tools log them. The copy stays when the value is changed in other ways.",
    _FIX,
    _SOURCE,
)
RULES = (IN_AN_ANNOTATION,)

_PATH = ("metadata", "annotations", LAST_APPLIED)


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield the findings of this module about a Mesh."""
    names = sorted(set(credentials_in(_applied(mesh))))
    if names:
        message = f"kubectl's annotation last-applied-configuration still contains {listed(names)}"
        yield finding_at(mesh, IN_THE_MESH, _PATH, message, _FIX)


def check_secret(secret: SecretDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """Yield the findings of this module about a Secret."""
    applied = SecretDocument("", "kubernetes", mapping(_applied(secret)), secret.root)
    if is_chain(applied):
        return
    forms = [found.path[0] for found in secret_values(applied) if isinstance(found, Resolved)]
    if forms:
        form = "in plain text" if "stringData" in forms else "in base64"
        message = f"kubectl's annotation last-applied-configuration contains the value of the Secret {form}"
        yield finding_at(secret, IN_AN_ANNOTATION, _PATH, message)


def _applied(document: Document) -> object:
    return last_applied(mapping(at(document.value, _PATH[:-1])))
