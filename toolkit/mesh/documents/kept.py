"""Convert documents to the form that a control plane keeps, so that two documents can be compared.

For that form, see :mod:`toolkit.mesh.schema.messages`.
"""

from __future__ import annotations

from toolkit.mesh.schema.field_types import FieldType, read_annotation
from toolkit.mesh.schema.mesh import ADDED_BY_SERVER
from toolkit.mesh.schema.messages import (
    add_defaults,
    find_message,
    find_resource_model,
    is_go_struct,
    list_backends,
    list_message_types,
    read_message,
)
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.mesh.schema.telemetry import MetricsBackend, PrometheusConf
from toolkit.text import take_line
from toolkit.values import Object
from toolkit.yamltext.plain import items, mapping, text


def normalize(document: Object) -> Object:
    """Return a document as the control plane keeps it, without the fields that the control plane adds.

    Fields that Kuma does not know stay: a newer control plane may know them.
    """
    kind = text(document.get("type"))
    # A Mesh has no field mesh.
    ignored = ADDED_BY_SERVER if kind in ("Secret", *SCOPED_KINDS) else (*ADDED_BY_SERVER, "mesh")
    given = {name: value for name, value in document.items() if name not in ignored}
    made = read_message(find_resource_model(kind), given, is_lenient=True)
    add_defaults(made, is_lenient=True)
    for backend in list_backends(made, "mtls"):
        # STRICT is the zero value, but is shown: a change from PERMISSIVE must not look like a removal.
        backend.setdefault("mode", "STRICT")
    return made


def drop_unknown(document: Object, current: Object) -> tuple[Object, list[str]]:
    """Return a document without the fields that Kuma drops, and the paths of these fields.

    Args:
        document: in the normal form.
        current: the control plane's document in the normal form. The control plane knows each field in it.
    """
    unknown: list[str] = []
    kind = FieldType(find_resource_model(text(document.get("type"))))
    return mapping(_known(document, current, kind, "", unknown)), unknown


def _known(value: object, current: object, kind: FieldType, path: str, unknown: list[str]) -> object:
    if kind.kind is tuple and isinstance(value, list):
        inner = read_annotation(kind.inner)
        pairs = zip(value, [*items(current), *[None] * len(value)], strict=False)
        return [_known(one, other, inner, f"{path}[{at}]", unknown) for at, (one, other) in enumerate(pairs)]
    model = find_message(kind)
    if model is None or not isinstance(value, dict):
        return value
    types = list_message_types(model)
    if model is MetricsBackend and value.get("type") == "prometheus":
        types = {**types, "conf": FieldType(PrometheusConf)}
    made: dict[str, object] = {}
    for name, entry in value.items():
        place = f"{path}.{take_line(name)}" if path else take_line(name)
        if name in types:
            made[name] = _known(entry, mapping(current).get(name), types[name], place, unknown)
            if made[name] == {} and entry and not is_go_struct(find_message(types[name])):
                # A message with only unknown fields is empty.
                del made[name]
        elif name in mapping(current):
            made[name] = entry
        else:
            unknown.append(place)
    return made
