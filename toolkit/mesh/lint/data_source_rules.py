"""Data sources that have no value, or one in another place than it should be in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import Reason, Unresolved, data_sources, resolve
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.mesh.schema.secret import name_problem
from toolkit.yamltext.plain import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

_DATA_SOURCE = "kumahq/kuma:api/system/v1alpha1/datasource.proto"
_VALIDATOR = "kumahq/kuma:pkg/core/datasource/validator.go"
_SECRETS = "Kong/developer.konghq.com:app/mesh/manage-secrets.md"

NOT_ONE_KIND = Rule(
    "MESH030",
    Severity.ERROR,
    "A data source has not exactly one of its kinds",
    "With none there is no value; several exclude each other, and the control plane refuses them.",
    "Keep exactly one of secret, file, inline and inlineString.",
    f"{_DATA_SOURCE} (oneof type); {_VALIDATOR}",
)
NO_BASE64 = Rule(
    "MESH031",
    Severity.ERROR,
    "An inline value is no base64",
    "inline is protobuf bytes, which a document carries in base64; the control plane can't read it.",
    "Write the value in base64, or as it is under inlineString.",
    f"{_DATA_SOURCE}; protobuf.dev/programming-guides/json (bytes)",
)
PEM_INLINE = Rule(
    "MESH032",
    Severity.ERROR,
    "An inline value is PEM as it is",
    "inline takes base64 of the text; the control plane can't read it.",
    "Rename inline to inlineString, or write the text in base64.",
    f"{_DATA_SOURCE}; protobuf.dev/programming-guides/json (bytes)",
)
BASE64_INLINE_STRING = Rule(
    "MESH033",
    Severity.ERROR,
    "An inlineString is base64 of PEM",
    "inlineString is taken as it is, and base64 is no PEM.",
    "Rename inlineString to inline, or write the text itself.",
    _DATA_SOURCE,
)
FILE = Rule(
    "MESH034",
    Severity.NOTE,
    "A value comes from a file on the control plane's host",
    "The file must be on the host of every control plane of every zone, and the kind is deprecated.",
    "Move the value to a Secret.",
    _DATA_SOURCE,
)
EMPTY_SOURCE = Rule(
    "MESH035",
    Severity.ERROR,
    "A data source is empty",
    "The control plane refuses it: cannot be empty.",
    "Write the value, or the name of the Secret or file.",
    _VALIDATOR,
)
SECRET_NOT_GIVEN = Rule(
    "MESH036",
    Severity.NOTE,
    "A Secret is not among what was read",
    "What is in it was not checked; it must be there before the Mesh is applied.",
    "Give the file with the Secret, too, to have it checked.",
    f"{_SECRETS}; Kong/developer.konghq.com:app/mesh/mutual-tls.md",
)
SECRET_UNUSABLE = Rule(
    "MESH037",
    Severity.ERROR,
    "A Secret can't be used by this mesh",
    "A Mesh can use Secrets of its own mesh and of their own type only; the control plane does not find others.",
    "Make the Secret one of this mesh, or name another.",
    _SECRETS,
)
RULES = (
    NOT_ONE_KIND,
    NO_BASE64,
    PEM_INLINE,
    BASE64_INLINE_STRING,
    FILE,
    EMPTY_SOURCE,
    SECRET_NOT_GIVEN,
    SECRET_UNUSABLE,
)

# Each reason why a data source has no value is a rule; the faults of a Secret are found with the Secret.
_RULES = {
    Reason.NOT_ONE_KIND: NOT_ONE_KIND,
    Reason.EMPTY: EMPTY_SOURCE,
    Reason.FILE: FILE,
    Reason.NOT_BASE64: NO_BASE64,
    Reason.PEM_UNDER_INLINE: PEM_INLINE,
    Reason.BASE64_UNDER_INLINE_STRING: BASE64_INLINE_STRING,
    Reason.SECRET_NOT_GIVEN: SECRET_NOT_GIVEN,
    Reason.SECRET_UNUSABLE: SECRET_UNUSABLE,
}


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    for path, source in data_sources(mesh):
        found = resolve(mesh, path, source, context.documents)
        if not isinstance(found, Unresolved) or found.document is not mesh:
            continue
        # The name of a Secret that no Secret can have has a finding of its own: it may be a credential.
        is_name = found.path[-1] == "secret" and name_problem(text(source.get("secret")), mesh.form)
        if (rule := _RULES.get(found.reason)) and (found.reason is Reason.EMPTY or not is_name):
            yield finding_at(mesh, rule, found.path, f"{path[-1]} {found.message}", found.fix)
