"""Read the specs of MeshIdentity, MeshTrust, MeshTLS and MeshTrafficPermission as Kuma 2.14 does.

Kuma validates a spec with a schema, which sets defaults and names every invalid field. Then it parses it into a Go
struct, which drops unknown fields and normalizes durations. Empty values are kept: ``matchLabels: {}`` is not the same
as no ``matchLabels``. Validators in Go have the rules that a schema can't express.

``apply`` finds the problems of documents before it writes, and the stand-in control plane those of requests. Both are
compared with recorded answers of Kuma 2.14.3 (``tests/control_plane/recorded/``).

Sources: kumahq/kuma:pkg/core/resources/model/rest/unmarshaller.go; the CustomResourceDefinitions of Kuma 2.14.3
(kumahq/kuma:deployments/charts/kuma/crds), which are the schemas on Universal, too;
kubernetes/kube-openapi:pkg/validation/validate; kubernetes/apimachinery:pkg/apis/meta/v1/duration.go;
kumahq/kuma:pkg/core/resources/apis/{meshidentity,meshtrust}/api/v1alpha1/validator.go,
pkg/plugins/policies/{meshtls,meshtrafficpermission}/api/v1alpha1/validator.go. The validator of Kong Mesh's provider is
closed source, so its rules are from Kong's unreleased documentation (:mod:`toolkit.mesh.schema.identity_spec`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pydantic import ValidationError

from toolkit.errors import Problem
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.field_types import FieldType, list_fields, read_annotation, walk_fields
from toolkit.mesh.schema.go_duration import write_text
from toolkit.mesh.schema.identity_spec import AcmPcaConfig, GoDuration, MeshIdentitySpec
from toolkit.mesh.schema.spiffe_id import check_path, check_trust_domain
from toolkit.mesh.schema.traffic_policies import (
    MeshTlsSpec,
    MeshTrafficPermissionSpec,
    TargetRef,
    TlsConf,
    TlsVersion,
)
from toolkit.mesh.schema.trust import MeshTrustSpec
from toolkit.pki.go_pem import read_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolkit.mesh.schema.field_types import Spot
    from toolkit.mesh.schema.model import Model
    from toolkit.mesh.schema.versions import Product
    from toolkit.values import Object, Value

_MODELS: dict[str, type[Model]] = {
    "MeshIdentity": MeshIdentitySpec,
    "MeshTrust": MeshTrustSpec,
    "MeshTLS": MeshTlsSpec,
    "MeshTrafficPermission": MeshTrafficPermissionSpec,
}
_TARGETS = (
    "Mesh",
    "MeshSubset",
    "MeshGateway",
    "MeshService",
    "MeshExternalService",
    "MeshMultiZoneService",
    "MeshServiceSubset",
    "MeshHTTPRoute",
    "Dataplane",
)
# The first one is the default.
_TLS_VERSIONS = ("TLSAuto", "TLS10", "TLS11", "TLS12", "TLS13")
_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
# The valid texts of fields, or of their items, which the models leave open.
_CHOICES: dict[tuple[type[Model], object], tuple[str, ...]] = {
    (TargetRef, "kind"): _TARGETS,
    (TargetRef, "proxyTypes"): ("Sidecar", "Gateway"),
    (TlsVersion, "min"): _TLS_VERSIONS,
    (TlsVersion, "max"): _TLS_VERSIONS,
    (TlsConf, "tlsCiphers"): _CIPHERS,
}
# The types in JSON; everything else is a string.
_JSON_TYPES: dict[object, tuple[Value, str]] = {
    bool: (bool, "boolean"),
    dict: (dict, "object"),
    tuple: (list, "array"),
}
_GO_DURATION = get_args(GoDuration)[1]
_BLOCKS = {"File": "file", "Secret": "secretRef", "EnvVar": "envVar", "InsecureInline": "insecureInline"}
_UNDEFINED = "must be defined"
_BOTH = Problem("spec", "field 'from' must be empty when 'rules' is defined")
_SCHEME = "spiffe://"


def list_spec_problems(kind: str, spec: Value) -> list[Problem]:
    """Return the problems for which Kuma rejects a spec, with paths that begin with ``spec``."""
    if spec is None:
        return [Problem("spec", "is missing")]
    invalid = list_schema_problems(kind, spec) or list_duration_problems(kind, spec)
    return invalid or list_rule_problems(kind, read_struct(kind, spec), "kuma")


def list_schema_problems(kind: str, spec: Value) -> list[Problem]:
    """Return everything in a spec that its schema rejects."""
    return [problem for spot in walk_fields(spec, _MODELS[kind]) for problem in _list_invalid(spot)]


def _list_invalid(spot: Spot) -> Iterator[Problem]:
    kind, value, path = spot.field_type, spot.value, _show_path(spot)
    expected, name = _JSON_TYPES.get(dict if kind.model else kind.kind, (str, "string"))
    if kind.kind is dict and kind.inner is not str:
        # Any JSON.
        return
    if not isinstance(value, expected):
        yield Problem(path, f"must be of type {name}")
    elif isinstance(value, str) and (choices := _find_choices(spot)) and value not in choices:
        yield Problem(path, f"should be one of [{' '.join(choices)}]")
    elif isinstance(value, str) and len(value) > (most := _find_limit(kind, "max_length", len(value))):
        yield Problem(path, f"should be at most {most} chars long")
    elif isinstance(value, list) and len(value) < (least := _find_limit(kind, "min_length", 0)):
        yield Problem(path, f"should have at least {least} items")
    elif kind.model is not None:
        for field, info in list_fields(kind.model).items():
            if info.is_required() and value.get(field) is None:
                yield Problem(f"{path}.{field}", "is required")


def _show_path(spot: Spot) -> str:
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in spot.path)


def _find_choices(spot: Spot) -> tuple[str, ...]:
    """Return the valid texts of a field or of the items of a list; empty if every text is valid."""
    path, model = spot.owners[-1]
    return _CHOICES.get((model, spot.path[len(path)]), spot.field_type.choices)


def _find_limit(kind: FieldType, name: str, default: int) -> int:
    return next((getattr(mark, name) for mark in kind.metadata if hasattr(mark, name)), default)


def list_duration_problems(kind: str, spec: Value) -> list[Problem]:
    """Return the texts that Go can't read as durations, in a spec that conforms to its schema."""
    problems = []
    for spot in walk_fields(spec, _MODELS[kind]):
        try:
            if _GO_DURATION in spot.field_type.metadata:
                write_text(spot.value)
        except ValueError as error:
            problems.append(Problem(_show_path(spot), f"time: invalid duration: {error}"))
    return problems


def read_struct(kind: str, spec: Value) -> Object:
    """Return a valid spec in the form that a control plane stores."""
    kept: Object = _keep(FieldType(_MODELS[kind]), spec)
    return kept


def _keep(kind: FieldType, value: Value) -> Value:
    if kind.model is not None:
        kept = dict.fromkeys(("min", "max"), _TLS_VERSIONS[0]) if kind.model is TlsVersion else {}
        for name, field in list_fields(kind.model).items():
            if value.get(name) is not None:
                kept[name] = _keep(read_annotation(field.annotation, tuple(field.metadata)), value[name])
        return kept
    if kind.kind is tuple:
        return [_keep(read_annotation(kind.inner), item) for item in value]
    return write_text(value) if _GO_DURATION in kind.metadata else value


def list_rule_problems(kind: str, spec: Object, product: Product) -> list[Problem]:
    """Return the problems that the validators of a product find in a spec in the form of :func:`read_struct`."""
    return list(_VALIDATORS[kind](spec, product))


def _identity(spec: Object, product: Product) -> Iterator[Problem]:
    provider = spec.get("provider")
    if provider is None:
        return
    block = provider["type"].lower()
    path = f"spec.provider.{block}"
    if block not in provider:
        yield Problem(path, "configuration needs to be defined")
    elif block == "bundled":
        yield from _bundled(provider[block], path)
    elif block == "extension":
        yield from _extension(provider[block], path, product)


def _bundled(bundled: Object, path: str) -> Iterator[Problem]:
    ca = bundled.get("ca")
    if bundled.get("autogenerate", {}).get("enabled"):
        if ca is not None:
            yield Problem(f"{path}.ca", "shouldn't be defined once using autogenerated")
    elif ca is None:
        yield Problem(f"{path}.ca", _UNDEFINED)
    else:
        for name in ("certificate", "privateKey"):
            if name not in ca:
                yield Problem(f"{path}.ca.{name}", _UNDEFINED)
            elif (block := _BLOCKS[ca[name]["type"]]) not in ca[name]:
                yield Problem(f"{path}.ca.{name}.{block}", _UNDEFINED)
    if bundled.get("certificateParameters", {}).get("expiry", "").startswith("-"):
        yield Problem(f"{path}.certificateParameters.expiry", "must not be negative")


def _extension(extension: Object, path: str, product: Product) -> Iterator[Problem]:
    if not extension["name"]:
        yield Problem(f"{path}.name", "extension name needs to be defined")
    elif product == "kong-mesh" and extension["name"] == ACMPCA:
        try:
            AcmPcaConfig.model_validate(extension.get("config", {}))
        except ValidationError as error:
            for item in error.errors(include_url=False):
                place = "".join(f".{part}" for part in item["loc"])
                yield Problem(f"{path}.config{place}", item["msg"])


def _trust(spec: Object, _: Product) -> Iterator[Problem]:
    if not spec["trustDomain"]:
        yield Problem("spec.trustDomain", "trustDomain needs to be defined")
    for index, bundle in enumerate(spec["caBundles"]):
        path = f"spec.caBundles[{index}].pem"
        if "pem" not in bundle:
            yield Problem(path, _UNDEFINED)
            continue
        block = next(read_blocks(bundle["pem"]["value"]), None)
        if block is None or block.label.endswith("PRIVATE KEY"):
            yield Problem(f"{path}.value", "provided certificate has incorrect format")


def _tls(spec: Object, _: Product) -> Iterator[Problem]:
    if spec.get("from") and spec.get("rules"):
        yield _BOTH
    if spec.get("targetRef", {"kind": "Mesh"})["kind"] == "Mesh":
        return
    for section in ("from", "rules"):
        for index, entry in enumerate(spec.get(section, [])):
            for field in ("tlsVersion", "tlsCiphers"):
                if entry.get("default", {}).get(field):
                    reason = f"{field} can only be defined with top level targetRef kind: Mesh"
                    yield Problem(f"spec.{section}[{index}].default.{field}", reason)


def _permission(spec: Object, _: Product) -> Iterator[Problem]:
    if spec.get("from") and spec.get("rules"):
        yield _BOTH
    if not spec.get("from") and not spec.get("rules"):
        yield Problem("spec", "at least one of 'from' or 'rules' has to be defined")
    for index, entry in enumerate(spec.get("from", [])):
        if not entry.get("default", {}).get("action"):
            yield Problem(f"spec.from[{index}].default.action", _UNDEFINED)
    for index, entry in enumerate(spec.get("rules", [])):
        path, lists = f"spec.rules[{index}]", entry["default"]
        if not any(lists.values()):
            yield Problem(path, "at least one of 'allow', 'allowWithShadowDeny', 'deny' has to be defined")
        for name, matches in lists.items():
            for number, match in enumerate(matches):
                value = match.get("spiffeID", {}).get("value")
                if value is not None and not _is_spiffe_id(value):
                    yield Problem(f"{path}.{name}[{number}].spiffeID.value", "must be a valid Spiffe ID")


def _is_spiffe_id(text: str) -> bool:
    """Return whether a text is a SPIFFE ID, with or without a path. Like an ID, a prefix can't end with a slash."""
    domain, slash, path = text.removeprefix(_SCHEME).partition("/")
    has_valid_path = not slash or not check_path(f"/{path}")
    return text.startswith(_SCHEME) and not check_trust_domain(domain) and has_valid_path


_VALIDATORS: dict[str, Callable[[Object, Product], Iterator[Problem]]] = {
    "MeshIdentity": _identity,
    "MeshTrust": _trust,
    "MeshTLS": _tls,
    "MeshTrafficPermission": _permission,
}
