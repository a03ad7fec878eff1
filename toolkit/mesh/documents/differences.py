"""Compare a document with the control plane's, both in the form that the control plane keeps."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

from ruamel.yaml import YAML

from toolkit.mesh.documents.confidential import INLINE, hides
from toolkit.mesh.documents.kept import drop_unknown, normalize
from toolkit.mesh.documents.wording import is_credential
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.messages import list_backends
from toolkit.text import escape, take_line
from toolkit.values import Object
from toolkit.yamltext.plain import items, mapping

_SECTIONS_WITH_BACKENDS = ("mtls", "logging", "tracing", "metrics")
# Labels that the control plane computes (kumahq/kuma:pkg/core/resources/model/resource.go, ComputeLabels).
_ITS_LABELS = ("kuma.io/", "k8s.kuma.io/")
# A control plane reads it only when it creates the mesh, so its removal changes nothing.
_ONLY_AT_CREATION = "skipCreatingInitialPolicies"
_FIRST = {name: place for place, name in enumerate(("type", "mesh", "name", "enabledBackend", "mode"))}
_DIGITS = 12
# Values inside the document. The certificates of a MeshTrust are too long to show.
_DIGESTED = INLINE | {"insecureInline", "pem"}
# The kinds of data source that refer to the value.
_REFERENCES = frozenset({"secret", "file", "type", "secretRef", "envVar"})


def are_same(wanted: Object, current: Object | None, *, heed_unknown: bool = False) -> bool:
    """Return whether the control plane has the document's content; see :func:`find_differences`."""
    return current is not None and not find_differences(wanted, current, heed_unknown=heed_unknown)


def find_differences(wanted: Object, current: Object, *, heed_unknown: bool = False) -> list[str]:
    """Return the differences between a document and the control plane's, each with its path.

    Args:
        wanted: the document.
        current: the control plane's document.
        heed_unknown: whether a field that Kuma 2.14 does not know is a difference. A newer control plane may know
            it; others drop it (kumahq/kuma:pkg/util/proto/proto.go, AllowUnknownFields).
    """
    return list(_walk(*_comparable(wanted, current, heed_unknown=heed_unknown), ""))


def find_unknown(wanted: Object, current: Object | None) -> list[str]:
    """Return the paths of the fields that neither Kuma 2.14 nor the control plane's document has."""
    return drop_unknown(normalize(wanted), normalize(current or {}))[1]


def find_lost(wanted: Object, current: Object | None) -> list[str]:
    """Return the sections, backends and CA bundles of the control plane's document that the new one would remove."""
    if current is not None and wanted.get("type") == "MeshTrust":
        return _list_lost_bundles(wanted, current)
    if current is None or wanted.get("type") != "Mesh":
        return []
    new, old = _comparable(wanted, current, heed_unknown=True)
    lost = [section for section in old if section not in new and section != _ONLY_AT_CREATION]
    for section in _SECTIONS_WITH_BACKENDS:
        if section in new:
            kept = _backend_names(new, section)
            lost += [f"{section} backend {name}" for name in _backend_names(old, section) if name not in kept]
    return [take_line(place) for place in lost]


def _list_lost_bundles(wanted: Object, current: Object) -> list[str]:
    """Return the CA bundles that proxies would no longer trust, such as one that a control plane added."""
    new, old = (items(mapping(each.get("spec")).get("caBundles")) for each in (wanted, current))
    return [f"spec.caBundles[{index}]" for index, bundle in enumerate(old) if bundle not in new]


def write_diff(wanted: Object, current: Object | None, source: str, *, heed_unknown: bool = False) -> list[str]:
    """Return the lines of a unified diff of YAML, with the size and a digest instead of each secret value.

    Args:
        wanted: the document.
        current: the control plane's document; None if it has none.
        source: name of the document.
        heed_unknown: see :func:`find_differences`.
    """
    new, old = _comparable(wanted, current or {}, heed_unknown=heed_unknown)
    before = _yaml(old) if current is not None else []
    import difflib  # noqa: PLC0415 - slow to import, and only --diff and --dry-run need it

    lines = difflib.unified_diff(before, _yaml(new), "control plane", take_line(source), lineterm="")
    return list(lines)


def show_digest(value: bytes) -> str:
    """Return the size and a short digest of a secret value."""
    return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()[:_DIGITS]}"


def _comparable(wanted: Object, current: Object, *, heed_unknown: bool) -> tuple[Object, Object]:
    """Return both in the normal form. Labels that the control plane computes count only if the document has them."""
    new, old = normalize(wanted), normalize(current)
    if not heed_unknown:
        new, _ = drop_unknown(new, old)
    named = mapping(new.get("labels"))
    labels = {
        name: value for name, value in mapping(old.pop("labels", None)).items() if name in named or _is_ours(name)
    }
    return new, {**old, "labels": labels} if labels else old


def _is_ours(label: str) -> bool:
    return not label.startswith(_ITS_LABELS)


def _backend_names(document: Object, section: str) -> list[str]:
    return [str(backend.get("name")) for backend in list_backends(document, section)]


def _walk(new: object, old: object, path: str) -> Iterator[str]:
    if isinstance(new, dict) and isinstance(old, dict):
        for name in sorted({*new, *old}):
            place = f"{path}.{take_line(name)}" if path else take_line(name)
            if name not in old:
                yield f"{place}: is not on the control plane"
            elif name not in new:
                yield f"{place}: is only on the control plane"
            else:
                yield from _walk(new[name], old[name], place)
    elif isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        for index, (one, other) in enumerate(zip(new, old, strict=True)):
            yield from _walk(one, other, f"{path}[{index}]")
    elif type(new) is not type(old) or new != old:
        # True is 1 to Python, not to JSON.
        yield f"{path}: has another value on the control plane"


def _yaml(document: Object) -> list[str]:
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    # Don't wrap long values.
    yaml.width = 1 << 16
    stream = io.StringIO()
    yaml.dump(_shown(document), stream)
    return [escape(line) for line in stream.getvalue().rstrip("\n").split("\n")]


def _shown(value: object, name: str = "", *, hidden: bool = False) -> object:
    """Return a part of a document in a fixed order, with digests of confidential values and data sources."""
    if isinstance(value, list):
        return [_shown(entry, name, hidden=hidden) for entry in value]
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda item: (_FIRST.get(item[0], len(_FIRST)), item[0]))
        return {
            key: _shown(
                entry, key, hidden=(hidden and key not in _REFERENCES) or hides(key) or key in INLINE | _DIGESTED
            )
            for key, entry in ordered
        }
    # The configuration of an extension may be anything.
    if isinstance(value, str) and (hidden or is_credential(value)):
        return f"({show_digest(_bytes(name, value))})"
    return value


def _bytes(name: str, value: str) -> bytes:
    """Return the decoded value of a text; the text itself if it is not base64."""
    decoded = None if name == "inlineString" else decode(value)
    return value.encode(errors="surrogatepass") if decoded is None else decoded
