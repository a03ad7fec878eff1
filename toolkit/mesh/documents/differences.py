"""What differs between a document and what a control plane has of it.

A control plane keeps a Mesh as a protobuf message and gives back that message's JSON: what has the zero value of its
type is left out, a duration is written its own way, and the conf of a backend comes back as it was sent. So two
documents are compared, and shown, in one normal form. Sources:
kumahq/kuma:pkg/core/resources/model/rest/unversioned/resource.go and kumahq/kuma:pkg/util/proto/proto.go (how the
JSON is made), kumahq/kuma:api/mesh/v1alpha1/mesh.proto (the types).
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from toolkit.mesh.documents.confidential import INLINE, hides
from toolkit.mesh.documents.data_sources import decode
from toolkit.mesh.schema.mesh import ADDED_BY_SERVER
from toolkit.text import printable, printable_line
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

_Path = tuple[str, ...]
_SECTIONS_WITH_BACKENDS = ("mtls", "logging", "tracing", "metrics")
# google.protobuf.Struct: any JSON, kept as it is.
_STRUCTS = frozenset((section, "backends", "conf") for section in _SECTIONS_WITH_BACKENDS)
# map<string, string>: an entry with an empty value is an entry.
_MAPS = frozenset(
    {
        ("labels",),
        ("constraints", "dataplaneProxy", "requirements", "tags"),
        ("constraints", "dataplaneProxy", "restrictions", "tags"),
    }
)
# google.protobuf.BoolValue and DoubleValue: false and 0 are not the same as nothing.
_WRAPPERS = frozenset({("networking", "outbound", "passthrough"), ("tracing", "backends", "sampling")})
# google.protobuf.Duration.
_DURATIONS = frozenset({("mtls", "backends", part, "requestTimeout") for part in ("dpCert", "rootChain")})
_DURATION = re.compile(r"-?\d{1,12}(?:\.\d{1,9})?s", re.ASCII)
# Enums, which may be given by number, too; the first has the zero value.
_ENUMS = {
    ("mtls", "backends", "mode"): ("STRICT", "PERMISSIVE"),
    ("meshServices", "mode"): ("Disabled", "Everywhere", "ReachableBackends", "Exclusive"),
}
# Labels that the control plane computes (kumahq/kuma:pkg/core/resources/model/resource.go, ComputeLabels).
_ITS_LABELS = ("kuma.io/", "k8s.kuma.io/")
# kumahq/kuma:pkg/core/resources/apis/mesh/mesh_defaulter.go: the one conf that does not come back as it was sent.
_PROMETHEUS = {"port": 5670, "path": "/metrics", "tags": {"kuma.io/service": "dataplane-metrics"}}
_PROMETHEUS_TLS_MODE = "activeMTLSBackend"
# It counts when the mesh is created and never again, so nothing is lost with it.
_ONLY_AT_CREATION = "skipCreatingInitialPolicies"
_FIRST = {name: place for place, name in enumerate(("type", "mesh", "name", "enabledBackend", "mode"))}
_DIGITS = 12
# The kinds of data source that only name the value.
_REFERENCES = frozenset({"secret", "file"})


def same(wanted: dict[str, Any], current: dict[str, Any] | None) -> bool:
    """Whether the control plane has what a document says."""
    return current is not None and not differences(wanted, current)


def differences(wanted: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """Where the control plane has something else than a document says: paths, each with what is the matter."""
    return list(_walk(*_comparable(wanted, current), ""))


def lost(wanted: dict[str, Any], current: dict[str, Any] | None) -> list[str]:
    """The sections and backends that the control plane has and that writing the document would drop, by path."""
    if current is None or wanted.get("type") != "Mesh":
        return []
    new, old = _comparable(wanted, current)
    found = [section for section in old if section not in new and section != _ONLY_AT_CREATION]
    for section in _SECTIONS_WITH_BACKENDS:
        if section in new:
            kept = _backend_names(new, section)
            found += [f"{section} backend {name}" for name in _backend_names(old, section) if name not in kept]
    return [printable_line(place) for place in found]


def diff(wanted: dict[str, Any], current: dict[str, Any] | None, source: str) -> list[str]:
    """A unified diff of YAML, line by line, that shows no secret value: of those the size and a digest alone.

    Args:
        wanted: the document.
        current: what the control plane has; None when it has nothing.
        source: what to call the document.
    """
    new, old = _comparable(wanted, current or {})
    before = _yaml(old) if current is not None else []
    lines = difflib.unified_diff(before, _yaml(new), "control plane", printable_line(source), lineterm="")
    return list(lines)


def digest(value: bytes) -> str:
    """What may be shown of a secret value."""
    return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()[:_DIGITS]}"


def _comparable(wanted: dict[str, Any], current: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both in the normal form. Labels that the control plane computes count when the document names them."""
    new, old = _normal(wanted), _normal(current)
    named = mapping(new.get("labels"))
    labels = {
        name: value for name, value in mapping(old.pop("labels", None)).items() if name in named or _is_ours(name)
    }
    return new, {**old, "labels": labels} if labels else old


def _is_ours(label: str) -> bool:
    return not label.startswith(_ITS_LABELS)


def _normal(document: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in document.items() if name not in ADDED_BY_SERVER}
    if kept.get("type") == "Secret":
        return {**mapping(_value(kept, ())), "data": _canonical(kept.get("data"))}
    kept.pop("mesh", None)
    normal = mapping(_value(kept, ()))
    for backend in _backends(normal, "mtls"):
        # Shown although it is the zero value: a change from PERMISSIVE must not look like nothing in its place.
        backend.setdefault("mode", "STRICT")
    for backend in _backends(normal, "metrics"):
        if backend.get("type") == "prometheus" and isinstance(conf := backend.get("conf", {}), dict):
            backend["conf"] = _prometheus(conf)
    return normal


def _value(value: object, path: _Path) -> object:
    """A part of a message without what its JSON would leave out."""
    if isinstance(value, list):
        return [_value(entry, path) for entry in value]
    if not isinstance(value, dict):
        return _scalar(value, path)
    if path in _STRUCTS:
        return _struct(value)
    if path in _MAPS:
        return dict(value)
    entries = {name: _value(entry, (*path, name)) for name, entry in value.items()}
    return {name: entry for name, entry in entries.items() if entry or _is_set(entry, (*path, name))}


def _is_set(value: object, path: _Path) -> bool:
    return path in _WRAPPERS and value is not None


def _scalar(value: object, path: _Path) -> object:
    names = _ENUMS.get(path, ())
    if names:
        name = names[value] if type(value) is int and 0 <= value < len(names) else value
        return None if name == names[0] else name
    if isinstance(value, str):
        if path in _DURATIONS and _DURATION.fullmatch(value):
            return f"{Decimal(value[:-1]).normalize():f}s"
        if path in _WRAPPERS and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
            return _number(float(value))
    return _number(value)


def _struct(value: object) -> object:
    if isinstance(value, dict):
        return {name: _struct(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_struct(entry) for entry in value]
    return _number(value)


def _number(value: object) -> object:
    """A number as it is after it was a double, with one form for each."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    try:
        number = float(value)
    except OverflowError:
        return value
    return int(number) if number.is_integer() else number


def _prometheus(conf: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in conf.items() if value not in (None, "", 0, {})}
    encrypted = not given.pop("skipMTLS", False)
    tls = {"enabled": encrypted, **mapping(given.get("tls"))}
    if tls.get("mode") == _PROMETHEUS_TLS_MODE:
        del tls["mode"]
    return {**_PROMETHEUS, **given, "tls": tls}


def _canonical(data: object) -> object:
    decoded = decode(data, from_protobuf=True) if isinstance(data, str) else None
    return data if decoded is None else base64.b64encode(decoded).decode()


def _backends(document: dict[str, Any], section: str) -> Iterator[dict[str, Any]]:
    found = mapping(document.get(section)).get("backends")
    yield from (backend for backend in (found if isinstance(found, list) else []) if isinstance(backend, dict))


def _backend_names(document: dict[str, Any], section: str) -> list[str]:
    return [str(backend.get("name")) for backend in _backends(document, section)]


def _walk(new: object, old: object, path: str) -> Iterator[str]:
    if isinstance(new, dict) and isinstance(old, dict):
        for name in sorted({*new, *old}):
            place = f"{path}.{printable_line(name)}" if path else printable_line(name)
            if name not in old:
                yield f"{place}: is not on the control plane"
            elif name not in new:
                yield f"{place}: is on the control plane alone"
            else:
                yield from _walk(new[name], old[name], place)
    elif isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        for index, (one, other) in enumerate(zip(new, old, strict=True)):
            yield from _walk(one, other, f"{path}[{index}]")
    elif type(new) is not type(old) or new != old:
        # True is 1 to Python, not to JSON.
        yield f"{path}: is something else on the control plane"


def _yaml(document: dict[str, Any]) -> list[str]:
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    # Long values stay on their line.
    yaml.width = 1 << 16
    stream = io.StringIO()
    yaml.dump(_shown(document), stream)
    return [printable(line) for line in stream.getvalue().rstrip("\n").split("\n")]


def _shown(value: object, name: str = "", *, hidden: bool = False) -> object:
    """Return a part of a document in a fixed order, with digests of what is confidential and of data sources."""
    if isinstance(value, list):
        return [_shown(entry, name, hidden=hidden) for entry in value]
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda item: (_FIRST.get(item[0], len(_FIRST)), item[0]))
        return {
            key: _shown(entry, key, hidden=(hidden and key not in _REFERENCES) or hides(key) or key in INLINE)
            for key, entry in ordered
        }
    return f"({digest(_bytes(name, value))})" if hidden and isinstance(value, str) else value


def _bytes(name: str, value: str) -> bytes:
    """Return the value that a text stands for; what is not base64 stands for itself."""
    decoded = None if name == "inlineString" else decode(value, from_protobuf=True)
    return value.encode(errors="surrogatepass") if decoded is None else decoded
