"""The types of a Mesh's fields, and a walk through a document along these fields.

The fields of ``mtls`` are those of :mod:`toolkit.mesh.schema.backends`. The others are from
kumahq/kuma:docs/generated/resources/other_mesh.md and Kong/developer.konghq.com:app/mesh/mesh.md.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from toolkit.mesh.schema.backends import Mtls
from toolkit.mesh.schema.model import PROTOBUF_ENUM, PROTOBUF_WRAPPER, Credential, DataSource, Model
from toolkit.mesh.schema.telemetry import Logging, Metrics, Tracing
from toolkit.values import Value

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Path


# typing has no type for a field's annotation, which is a class, a union, a Literal or Annotated.
Annotation: TypeAlias = Any


class Outbound(Model):
    """Traffic that leaves the mesh."""

    passthrough: Annotated[bool, PROTOBUF_WRAPPER] | None = None


class Networking(Model):
    """Networking of the mesh."""

    outbound: Outbound | None = None


class Routing(Model):
    """Routing of the mesh."""

    zone_egress: bool | None = None
    locality_aware_load_balancing: bool | None = None
    default_forbid_mesh_external_service_access: bool | None = None


class Rules(Model):
    """Tags that a proxy must have, or must not have."""

    tags: dict[str, str]


class DataplaneProxy(Model):
    """Rules about the proxies that may join the mesh."""

    requirements: tuple[Rules, ...] = ()
    restrictions: tuple[Rules, ...] = ()


class Constraints(Model):
    """Rules about the members of the mesh."""

    dataplane_proxy: DataplaneProxy | None = None


class MeshServices(Model):
    """Whether the control plane creates MeshServices."""

    mode: Annotated[Literal["Disabled", "Everywhere", "ReachableBackends", "Exclusive"], PROTOBUF_ENUM] | None = None


class Spec(Model):
    """Every field of a Mesh except its name."""

    mtls: Mtls | None = None
    tracing: Tracing | None = None
    logging: Logging | None = None
    metrics: Metrics | None = None
    networking: Networking | None = None
    routing: Routing | None = None
    constraints: Constraints | None = None
    skip_creating_initial_policies: tuple[str, ...] = ()
    mesh_services: MeshServices | None = None


class FieldType(NamedTuple):
    """The type of a field.

    Attributes:
        kind: a model, ``tuple``, ``dict``, ``str``, ``bool``, ``int``, ``float``, a Literal, or a union of models.
        inner: type of a tuple's items or a dict's values.
        metadata: the metadata of pydantic's annotation.
    """

    kind: Annotation
    inner: Annotation = None
    metadata: tuple[object, ...] = ()

    @property
    def model(self) -> type[Model] | None:
        """Return the model; None for other types."""
        return self.kind if isinstance(self.kind, type) and issubclass(self.kind, Model) else None

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the values of a Literal."""
        return get_args(self.kind) if _origin(self.kind) is Literal else ()

    @property
    def is_enum(self) -> bool:
        """Return whether it is an enum of protobuf, whose values also have numbers."""
        return PROTOBUF_ENUM in self.metadata

    @property
    def variants(self) -> dict[str, type[Model]]:
        """Return the models of a union by their ``type``."""
        if _origin(self.kind) not in (Union, types.UnionType):
            return {}
        models = get_args(self.kind)
        return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}

    @property
    def common(self) -> type[Model] | None:
        """Return the base model that all models of a union share."""
        models = get_args(self.kind) if self.variants else ()
        shared = (base for base in models[0].__mro__[1:] if issubclass(base, Model)) if models else ()
        return next((base for base in shared if all(issubclass(model, base) for model in models)), None)


def _origin(annotation: Annotation) -> object:
    return get_origin(annotation)


def read_annotation(annotation: Annotation, metadata: tuple[object, ...] = ()) -> FieldType:
    """Return the type of a field's annotation, without None: callers check separately whether a field is missing."""
    if _origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        flat = [part for each in more for part in (each.metadata if isinstance(each, FieldInfo) else [each])]
        return read_annotation(inner, (*metadata, *flat))
    arguments = get_args(annotation)
    if type(None) in arguments:
        return read_annotation(next(each for each in arguments if each is not type(None)), metadata)
    if _origin(annotation) is tuple:
        return FieldType(tuple, arguments[0], metadata)
    if _origin(annotation) is dict:
        return FieldType(dict, arguments[1], metadata)
    return FieldType(annotation, None, metadata)


def list_fields(model: type[Model]) -> dict[str, FieldInfo]:
    """Return the fields of a model by their names in documents."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


class Spot(NamedTuple):
    """A value of a document with the type of its field.

    Attributes:
        path: starts at the Mesh's fields.
        value: never None, which counts as missing.
        field_type: the type of the field.
        owners: the models above it with their paths, the nearest last.
    """

    path: Path
    value: Value
    field_type: FieldType
    owners: tuple[tuple[Path, type[Model]], ...] = ()

    @property
    def is_data_source(self) -> bool:
        """Return whether the field is a data source."""
        return self.field_type.model is not None and issubclass(self.field_type.model, DataSource)

    @property
    def is_credential(self) -> bool:
        """Return whether the field is a data source of a credential."""
        return self.field_type.model is Credential


def walk_fields(value: Value, model: type[Model] = Spec) -> Iterator[Spot]:
    """Yield every value of a known field, parents first. Values of a wrong type are not entered."""
    yield from _spots(Spot((), value, FieldType(model)))


def _spots(spot: Spot) -> Iterator[Spot]:
    yield spot
    field_type, value = spot.field_type, spot.value
    if field_type.variants:
        chosen = value.get("type") if isinstance(value, dict) else None
        model = field_type.variants.get(chosen, field_type.common) if isinstance(chosen, str) else field_type.common
    else:
        model = field_type.model
    if model and isinstance(value, dict):
        owners = (*spot.owners, (spot.path, model))
        for name, field in list_fields(model).items():
            if value.get(name) is not None:
                below = read_annotation(field.annotation, tuple(field.metadata))
                yield from _spots(Spot((*spot.path, name), value[name], below, owners))
    elif field_type.kind is tuple and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _spots(Spot((*spot.path, index), item, read_annotation(field_type.inner), spot.owners))
    elif field_type.kind is dict and field_type.inner is str and isinstance(value, dict):
        for key, item in value.items():
            yield from _spots(Spot((*spot.path, str(key)), item, FieldType(str), spot.owners))


def walk_models(model: type[Model]) -> Iterator[type[Model]]:
    """Yield a model and the models of its fields, recursively."""
    yield model
    for field in model.model_fields.values():
        field_type = read_annotation(field.annotation)
        if field_type.kind is tuple:
            field_type = read_annotation(field_type.inner)
        for below in (field_type.model, *field_type.variants.values()):
            if below is not None:
                yield from walk_models(below)
