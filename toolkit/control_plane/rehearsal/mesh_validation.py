"""Validate a Mesh, apart from the configurations of its mTLS backends.

Source: kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go and validators.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolkit.errors import Problem
from toolkit.mesh.schema.messages import MessageError, read_message
from toolkit.mesh.schema.telemetry import DatadogConf, FileConf, PrometheusConf, TcpConf, ZipkinConf
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.mesh.schema.model import Model

    Validate = Callable[[Object], Iterator[Problem]]
    # The model of the conf and its other rules, by the type of the backend.
    Kinds = Mapping[str, tuple[type[Model], Validate]]

_TAG_NAME = re.compile(r"[a-zA-Z0-9.\-_:/]*", re.ASCII)
_TAG_VALUE = re.compile(r"[a-zA-Z0-9.\-_:/]*|\*", re.ASCII)
# golang/go:src/net/ipsock.go, SplitHostPort.
_HOST_PORT = re.compile(r"(?:\[[^\[\]]+\]|[^:\[\]]+):[^:\[\]]+")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f<>\"{}|\\^`]")
# Syntax of Python's regular expressions that Go's (RE2) don't have.
_NOT_IN_RE2 = re.compile(r"\(\?[=!<#(]|\\[1-9]|[*+?}]\+")
# kumahq/kuma:pkg/core/resources/apis/mesh/mesh_helpers.go, ParseDuration: it sets no limit.
_LIFETIME = re.compile(r"[0-9]+(?:ms|[ywdhms])|0", re.ASCII)
_ZIPKIN_VERSIONS = ("", "httpJsonV1", "httpJson", "httpProto")
_MAX_PORT, _MAX_PER_CENT = 65535, 100


def list_violations(mesh: Object, most_backends: int | None) -> list[Problem]:
    """Return every violation of a Mesh.

    Args:
        mesh: a Mesh that was read as :class:`toolkit.mesh.schema.field_types.Spec`.
        most_backends: how many mTLS backends the product allows; None for no limit.
    """
    logging: Kinds = {"file": (FileConf, _file_logging), "tcp": (TcpConf, _tcp_logging)}
    tracing: Kinds = {"zipkin": (ZipkinConf, _zipkin), "datadog": (DatadogConf, _datadog)}
    metrics: Kinds = {"prometheus": (PrometheusConf, _prometheus)}
    violations = [
        *_at("mtls", _mtls(mesh.get("mtls", {}), most_backends)),
        *_at("logging", _telemetry(mesh.get("logging", {}), "defaultBackend", logging)),
        *_at("tracing", _telemetry(mesh.get("tracing", {}), "defaultBackend", tracing)),
        *_at("metrics", _telemetry(mesh.get("metrics", {}), "enabledBackend", metrics)),
        *_at("constraints.dataplaneProxy", _constraints(mesh.get("constraints", {}).get("dataplaneProxy", {}))),
    ]
    if mesh.get("routing", {}).get("zoneEgress") and not mesh.get("mtls", {}).get("enabledBackend"):
        violations.append(Problem("mtls", "has to be set when zoneEgress enabled"))
    return violations


def _at(path: str, violations: Iterator[Problem]) -> Iterator[Problem]:
    """Yield violations with a path prepended to their fields."""
    for field, reason in violations:
        yield Problem(f"{path}.{field}" if field else path, reason)


def _mtls(mtls: Object, most_backends: int | None) -> Iterator[Problem]:
    backends = mtls.get("backends", [])
    if most_backends is not None and len(backends) > most_backends:
        yield Problem("backends", f"cannot have more than {most_backends} backends")
    yield from _names(backends)
    yield from _chosen(mtls, "enabledBackend", backends)
    for backend in backends:
        if "dpCert" in backend and not is_lifetime(backend["dpCert"].get("rotation", {}).get("expiration", "")):
            yield Problem("dpcert.rotation.expiration", "has to be a valid format")


def is_lifetime(text: str) -> bool:
    """Return whether Kuma can parse a lifetime such as ``24h``."""
    return _LIFETIME.fullmatch(text) is not None


def _names(backends: list[Object]) -> Iterator[Problem]:
    names = [backend.get("name", "") for backend in backends]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(f"backends[{index}].name", f'"{name}" name is already used for another backend')


def _chosen(section: Object, field: str, backends: list[Object]) -> Iterator[Problem]:
    chosen = section.get(field, "")
    if chosen and chosen not in (backend.get("name", "") for backend in backends):
        yield Problem(field, "has to be set to one of the backends in the mesh")


def _telemetry(section: Object, choice: str, kinds: Kinds) -> Iterator[Problem]:
    backends = section.get("backends", [])
    for index, backend in enumerate(backends):
        yield from _at(f"backends[{index}]", _telemetry_backend(backend, kinds))
    yield from _names(backends)
    yield from _chosen(section, choice, backends)


def _telemetry_backend(backend: Object, kinds: Kinds) -> Iterator[Problem]:
    has_metrics = "prometheus" in kinds
    if not has_metrics and not backend.get("name"):
        yield Problem("name", "cannot be empty")
    # Only tracing has it.
    if not 0 <= backend.get("sampling", 0) <= _MAX_PER_CENT:
        yield Problem("sampling", "has to be in [0.0 - 100.0] range")
    kind = backend.get("type", "")
    if kind in kinds:
        yield from _at("conf" if has_metrics else "config", _conf(backend, *kinds[kind]))
    else:
        available = ", ".join(f'"{name}"' for name in kinds)
        yield Problem("type", f"unknown backend type. Available backends: {available}")


def _conf(backend: Object, model: type[Model], validate: Validate) -> Iterator[Problem]:
    try:
        conf = read_message(model, backend.get("conf", {}))
    except MessageError as error:
        yield Problem("", f"could not parse config: {error}")
        return
    yield from validate(conf)


def _file_logging(conf: Object) -> Iterator[Problem]:
    if not conf.get("path"):
        yield Problem("path", "cannot be empty")


def _tcp_logging(conf: Object) -> Iterator[Problem]:
    address = conf.get("address", "")
    if not address:
        yield Problem("address", "cannot be empty")
    elif not _HOST_PORT.fullmatch(address):
        yield Problem("address", "has to be in format of HOST:PORT")


def _datadog(conf: Object) -> Iterator[Problem]:
    if not conf.get("address"):
        yield Problem("address", "cannot be empty")
    if not 0 < conf.get("port", 0) <= _MAX_PORT:
        yield Problem("port", f"port must be in the range [1, {_MAX_PORT}]")


def _zipkin(conf: Object) -> Iterator[Problem]:
    if conf.get("apiVersion", "") not in _ZIPKIN_VERSIONS:
        allowed = ", ".join(version for version in _ZIPKIN_VERSIONS if version)
        yield Problem("apiVersion", f"has invalid value. Allowed values: {allowed}")
    url = conf.get("url", "")
    if not url:
        yield Problem("url", "cannot be empty")
        return
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield Problem("url", "invalid URL")
        return
    if _NOT_IN_URL.search(url) or not (parts.scheme or url.startswith("/")):
        yield Problem("url", "invalid URL")
    elif port is None:
        yield Problem("url", "port has to be explicitly specified")


def _prometheus(conf: Object) -> Iterator[Problem]:
    if "skipMTLS" in conf and "tls" in conf:
        mode = conf["tls"].get("mode", "activeMTLSBackend")
        if mode != ("disabled" if conf["skipMTLS"] else "activeMTLSBackend"):
            yield Problem("", "skipMTLS and tls configuration cannot be defined together")
            return
    if not _is_re2(conf.get("envoy", {}).get("filterRegex", "")):
        yield Problem("envoy.filterRegex", "provided regexp isn't correct")
        return
    names = [entry.get("name", "") for entry in conf.get("aggregate", [])]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(f"aggregate[{index}].name", f"duplicate entry: {name}, values have to be unique")


def _is_re2(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return not _NOT_IN_RE2.search(text)


def _constraints(constraints: Object) -> Iterator[Problem]:
    for section in ("requirements", "restrictions"):
        for index, rule in enumerate(constraints.get(section, [])):
            yield from _tags(f"{section}[{index}].tags", rule.get("tags", {}))


def _tags(path: str, tags: dict[str, str]) -> Iterator[Problem]:
    allowed = "must consist of alphanumeric characters, dots, dashes, slashes and underscores"
    if not tags:
        yield Problem(path, "must have at least one tag")
    for name, value in tags.items():
        if not name:
            yield Problem(path, "tag name must be non-empty")
        if not _TAG_NAME.fullmatch(name):
            yield Problem(f'{path}["{name}"]', f"tag name {allowed}")
        if not value:
            yield Problem(f'{path}["{name}"]', "tag value must be non-empty")
        if not _TAG_VALUE.fullmatch(value):
            yield Problem(f'{path}["{name}"]', f'tag value {allowed} or be "*"')
