"""Build a JSON Schema of the contract, for programs in other languages and for editors."""

from __future__ import annotations

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from toolkit.contract.completing import DERIVED
from toolkit.contract.models import StackOutputs
from toolkit.contract.pending import PendingStack
from toolkit.values import Object


class _WithoutFieldTitles(GenerateJsonSchema):
    """Leave out pydantic's titles, such as "Usagemode" for `usageMode`."""

    def field_title_should_be_set(self, _schema: object) -> bool:
        return False


def build_json_schema() -> Object:
    """Return the JSON Schema (draft 2020-12) of a stack's outputs, for an active or a pending CA.

    The schema describes the structure. Only :func:`toolkit.contract.read` checks the rest, for example the order of the
    chain.
    """
    states: TypeAdapter[StackOutputs | PendingStack] = TypeAdapter(StackOutputs | PendingStack)
    schema = states.json_schema(by_alias=True, schema_generator=_WithoutFieldTitles)
    for model, derived in DERIVED.items():
        definition = schema["$defs"][model.__name__]
        # Derived fields are always set in the model, but optional in a document.
        definition["required"] = [name for name in definition["required"] if name not in derived]
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "Stack outputs of the Kong Mesh PCA toolkit",
        "description": "What the Pulumi program exports: a CA that issues, or one that waits for its certificate.",
        **schema,
        "not": {"required": ["certificateAuthority", "pendingCertificateAuthority"]},
    }
