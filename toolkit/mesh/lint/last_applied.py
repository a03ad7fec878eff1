"""Check the annotation in which ``kubectl apply`` stores a plaintext copy of the applied document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.confidential import LAST_APPLIED, find_credentials, is_chain, read_last_applied
from toolkit.mesh.documents.data_sources import Resolved, read_secret_values
from toolkit.mesh.documents.typed import SecretDocument
from toolkit.mesh.documents.wording import join_words
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.credential_rules import IN_THE_MESH
from toolkit.mesh.lint.findings import report
from toolkit.yamltext.plain import at, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import Document
    from toolkit.mesh.lint.findings import Finding

IN_AN_ANNOTATION = RULES["MESH046"]

_PATH = ("metadata", "annotations", LAST_APPLIED)


def check(document: Document) -> Iterator[Finding]:
    """Yield the findings of this module."""
    applied = read_last_applied(mapping(at(document.value, _PATH[:-1])))
    if isinstance(document, SecretDocument):
        yield from _value_of_secret(document, SecretDocument("", "kubernetes", mapping(applied), document.root))
    elif names := sorted(set(find_credentials(applied))):
        message = f"kubectl's annotation last-applied-configuration still contains {join_words(names)}"
        yield report(document, IN_THE_MESH, _PATH, message, IN_AN_ANNOTATION.fix)


def _value_of_secret(secret: SecretDocument, applied: SecretDocument) -> Iterator[Finding]:
    forms = [value.path[0] for value in read_secret_values(applied) if isinstance(value, Resolved)]
    if forms and not is_chain(applied):
        form = "in plain text" if "stringData" in forms else "in base64"
        message = f"kubectl's annotation last-applied-configuration contains the value of the Secret {form}"
        yield report(secret, IN_AN_ANNOTATION, _PATH, message)
