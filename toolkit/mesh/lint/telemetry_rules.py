"""Check backends for logs, traces and metrics, and constraints on proxies, beyond their types.

Source: kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go. Values of the wrong type have other findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

from toolkit.mesh.documents.wording import show, show_key
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.lint.mesh_rules import report_repeated
from toolkit.mesh.schema.telemetry import TlsMode
from toolkit.yamltext.plain import AnyMapping, at, items, mapping, text

if TYPE_CHECKING:
    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.yamltext.nodes import Path

_TAGS = "MESH175"

_MAX_PORT = 65535
# golang/go:src/net/ipsock.go, SplitHostPort, neither part empty
_HOST_AND_PORT = re.compile(r"(?:\[[^\[\]]+\]|[^:\[\]]+):[^:\[\]]+")
# URLs with a port that Go's ParseRequestURI accepts; hosts are checked less strictly than in Go.
_URL_WITH_PORT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?]*:[0-9]+(?:[/?].*)?", re.DOTALL)
# kumahq/kuma:pkg/core/resources/apis/mesh/validators.go, tagNameCharacterSet and selectorCharacterSet
_TAG = re.compile(r"[a-zA-Z0-9.\-_:/]+")
# The errors that Python and RE2 report for the same reason (github.com/google/re2/wiki/Syntax).
_SAME_IN_RE2 = ("missing ), unterminated subpattern", "unbalanced parenthesis", "unterminated character set")
_LOOKAROUND = re.compile(r"(?<!\\)\(\?(?:=|!|<=|<!)")
_TLS_MODES: tuple[TlsMode, ...] = get_args(TlsMode)
_ADDRESSES = (("logging", "tcp", "address", _HOST_AND_PORT), ("tracing", "zipkin", "url", _URL_WITH_PORT))


def check(mesh: MeshDocument, _: Context) -> Iterator[Finding]:
    """Yield the findings about logs, traces, metrics and constraints of a Mesh."""
    for section, kind, field, form in _ADDRESSES:
        for path, conf in _confs(mesh, section, kind):
            value = conf.get(field)
            # It may contain a user's name and password, so it is not shown.
            if isinstance(value, str) and value and not form.fullmatch(value):
                message = f"{field} is not HOST:PORT" if field == "address" else f"{field} is not a URL with a port"
                yield report(mesh, "MESH170", (*path, field), message)
    for path, conf in _confs(mesh, "metrics", "prometheus"):
        yield from _prometheus(mesh, path, conf)
    yield from _constraints(mesh)


def _confs(mesh: MeshDocument, section: str, kind: str) -> Iterator[tuple[Path, AnyMapping]]:
    """Yield the configuration of each backend of a type, with its path."""
    for index, backend in enumerate(items(mapping(mesh.spec.get(section)).get("backends"))):
        if mapping(backend).get("type") == kind:
            yield (*mesh.spec_path, section, "backends", index, "conf"), mapping(backend.get("conf"))


def _prometheus(mesh: MeshDocument, path: Path, conf: AnyMapping) -> Iterator[Finding]:
    skip, tls = conf.get("skipMTLS"), conf.get("tls")
    if isinstance(skip, bool) and isinstance(tls, dict):
        mode = tls.get("mode") or _TLS_MODES[0]
        same = _TLS_MODES.index("disabled" if skip else "activeMTLSBackend")
        if mode not in (same, _TLS_MODES[same]):
            message = f"skipMTLS is {str(skip).lower()} and tls.mode is {mode if isinstance(mode, int) else show(mode)}"
            yield report(mesh, "MESH171", (*path, "skipMTLS"), message)
    yield from _filter(mesh, (*path, "envoy", "filterRegex"), text(at(conf, ("envoy", "filterRegex"))))
    yield from _port(mesh, (*path, "port"), conf.get("port"))
    yield from report_repeated(mesh, "MESH172", (*path, "aggregate"), conf.get("aggregate"))
    for index, entry in enumerate(items(conf.get("aggregate"))):
        yield from _port(mesh, (*path, "aggregate", index, "port"), mapping(entry).get("port"))


def _port(mesh: MeshDocument, path: Path, value: object) -> Iterator[Finding]:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if isinstance(number, int | float) and number > _MAX_PORT:
        yield report(mesh, "MESH174", path, f"{number} is over {_MAX_PORT}, the last port")


def _filter(mesh: MeshDocument, path: Path, pattern: str) -> Iterator[Finding]:
    problem = ""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        problem = next((each for each in _SAME_IN_RE2 if str(error).startswith(each)), "")
    # Within a character class or after \Q, a look-around is literal text.
    if "[" not in pattern and "\\Q" not in pattern and _LOOKAROUND.search(pattern):
        problem = "RE2 has no look-around"
    if problem:
        yield report(mesh, "MESH173", path, f"filterRegex is not a regular expression of Go: {problem}")


def _constraints(mesh: MeshDocument) -> Iterator[Finding]:
    path = ("constraints", "dataplaneProxy")
    proxies = mapping(at(mesh.spec, path))
    for kind in ("requirements", "restrictions"):
        for index, rule in enumerate(items(proxies.get(kind))):
            tags, place = mapping(rule).get("tags"), (*mesh.spec_path, *path, kind, index, "tags")
            if isinstance(tags, dict):
                yield from _tags(mesh, place, tags)


def _tags(mesh: MeshDocument, path: Path, tags: AnyMapping) -> Iterator[Finding]:
    if not tags:
        yield report(mesh, _TAGS, path, "there are no tags")
    for key, value in tags.items():
        name, place = str(key), (*path, str(key))
        if not _TAG.fullmatch(name):
            yield report(mesh, _TAGS, place, f"{show_key(name) or 'an empty text'} can't be the key of a tag")
        if value in ("", None):
            yield report(mesh, _TAGS, place, f"the tag {show_key(name)} has no value")
        elif isinstance(value, str) and value != "*" and not _TAG.fullmatch(value):
            yield report(mesh, _TAGS, place, f"{show(value)} can't be the value of a tag")
