"""Check data sources: they must have a value, in the right field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import Reason, Unresolved, find_data_sources, resolve
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.schema.secret import find_name_problem
from toolkit.yamltext.plain import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

# Each reason why a data source has no value is a rule. Problems of a Secret are reported at the Secret.
_RULES = {
    Reason.NOT_ONE_KIND: RULES["MESH030"],
    Reason.EMPTY: RULES["MESH035"],
    Reason.FILE: RULES["MESH034"],
    Reason.NOT_BASE64: RULES["MESH031"],
    Reason.PEM_UNDER_INLINE: RULES["MESH032"],
    Reason.BASE64_UNDER_INLINE_STRING: RULES["MESH033"],
    Reason.SECRET_NOT_GIVEN: RULES["MESH036"],
    Reason.SECRET_UNUSABLE: RULES["MESH037"],
}


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    for path, source in find_data_sources(mesh):
        unresolved = resolve(mesh, path, source, context.documents)
        if not isinstance(unresolved, Unresolved) or unresolved.document is not mesh:
            continue
        # An invalid name of a Secret has another finding, because it may be a credential.
        is_name = unresolved.path[-1] == "secret" and find_name_problem(text(source.get("secret")), mesh.form)
        if (rule := _RULES.get(unresolved.reason)) and (unresolved.reason is Reason.EMPTY or not is_name):
            yield report(mesh, rule, unresolved.path, f"{path[-1]} {unresolved.message}", unresolved.fix)
