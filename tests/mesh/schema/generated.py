"""Documents of any model, for hypothesis."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from toolkit.values import Object

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# Texts that YAML or a template could misread.
TEXTS = st.sampled_from(["a", "10s", "24h", "on", "1", "", " x ", "a: #", "{{ .Mesh }}", "ü", "-----BEGIN"])
_OBJECTS = st.dictionaries(
    TEXTS,
    st.recursive(TEXTS | st.booleans() | st.integers(), lambda more: st.dictionaries(TEXTS, more)),
    max_size=2,
)
_SIMPLE: dict[Any, SearchStrategy[Any]] = {bool: st.booleans(), int: st.integers(0, 9999), str: TEXTS, Object: _OBJECTS}


def documents(
    model: type[BaseModel], fields: Mapping[str | type, SearchStrategy[Any]] | None = None
) -> SearchStrategy[dict[str, Any]]:
    """Return documents that a model accepts.

    Args:
        model: the model.
        fields: values by the name of a field in documents, or by the class of its model, instead of any.
    """
    chosen = fields or {}
    required: dict[str, SearchStrategy[Any]] = {}
    optional: dict[str, SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        values = chosen[alias] if alias in chosen else _values(field.annotation, chosen)
        (required if field.is_required() else optional)[alias] = values
    return st.fixed_dictionaries(required, optional=optional).filter(lambda document: _is_accepted(model, document))


def _is_accepted(model: type[BaseModel], document: dict[str, Any]) -> bool:
    try:
        model.model_validate(document)
    except ValidationError:
        return False
    return True


def _values(annotation: Any, fields: Mapping[str | type, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    origin, inner = get_origin(annotation), get_args(annotation)
    known: dict[Any, SearchStrategy[Any]] = {**_SIMPLE, **fields}
    if annotation in known:
        return known[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return documents(annotation, fields)
    if origin in (Union, types.UnionType):
        return st.one_of([_values(each, fields) for each in inner if each is not type(None)])
    if origin is Literal:
        return st.sampled_from(inner)
    within = _values(inner[-1] if origin is dict else inner[0], fields)
    if origin is Annotated:
        return within
    return st.dictionaries(TEXTS, within, max_size=2) if origin is dict else st.lists(within, max_size=2)
