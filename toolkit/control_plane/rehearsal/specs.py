"""Read the specs of MeshIdentity, MeshTrust, MeshTLS and MeshTrafficPermission as Kuma does.

Kuma validates a spec with a schema, which sets defaults and names every invalid field. Then it parses it into a Go
struct, which drops unknown fields and normalizes durations. Empty values are kept: ``matchLabels: {}`` is not the same
as no ``matchLabels``. Validators in Go have the rules that a schema can't express.

Sources: kumahq/kuma:pkg/core/resources/model/rest/unmarshaller.go; the CustomResourceDefinitions of Kuma 2.14.3
(kumahq/kuma:deployments/charts/kuma/crds), which are the schemas on Universal, too;
kubernetes/kube-openapi:pkg/validation/validate; kubernetes/apimachinery:pkg/apis/meta/v1/duration.go;
kumahq/kuma:pkg/core/resources/apis/{meshidentity,meshtrust}/api/v1alpha1/validator.go,
pkg/plugins/policies/{meshtls,meshtrafficpermission}/api/v1alpha1/validator.go. The validator of Kong Mesh's provider is
closed source, so its rules are from Kong's unreleased documentation (:mod:`toolkit.mesh.schema.identity_spec`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from pydantic import ValidationError

from toolkit.control_plane.rehearsal.exchange import Violation, require
from toolkit.control_plane.rehearsal.jsonpb import MessageError, list_types
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.field_types import FieldType, list_fields, read_annotation
from toolkit.mesh.schema.go_duration import write_text
from toolkit.mesh.schema.identity_spec import AcmPcaConfig, Extension, GoDuration, MeshIdentitySpec
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

    from toolkit.mesh.schema.model import Model
    from toolkit.mesh.schema.versions import Product
    from toolkit.values import Object, Value

MODELS: dict[str, type[Model]] = {
    "MeshIdentity": MeshIdentitySpec,
    "MeshTrust": MeshTrustSpec,
    "MeshTLS": MeshTlsSpec,
    "MeshTrafficPermission": MeshTrafficPermissionSpec,
}
_Target = Literal[
    "Mesh",
    "MeshSubset",
    "MeshGateway",
    "MeshService",
    "MeshExternalService",
    "MeshMultiZoneService",
    "MeshServiceSubset",
    "MeshHTTPRoute",
    "Dataplane",
]
_Version = Literal["TLSAuto", "TLS10", "TLS11", "TLS12", "TLS13"]
_Cipher = Literal[
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
]
# Fields that have another type in the schema than in the model. An object stands for any JSON.
_OTHER_TYPES: dict[tuple[type[Model], str], FieldType] = {
    (Extension, "config"): FieldType(object),
    (TargetRef, "kind"): FieldType(_Target),
    (TargetRef, "proxyTypes"): FieldType(tuple, Literal["Sidecar", "Gateway"]),
    (TlsVersion, "min"): FieldType(_Version),
    (TlsVersion, "max"): FieldType(_Version),
    (TlsConf, "tlsCiphers"): FieldType(tuple, _Cipher),
}
# The types in JSON; everything else is a string.
_JSON_TYPES: dict[object, tuple[type, str]] = {
    bool: (bool, "boolean"),
    dict: (dict, "object"),
    tuple: (list, "array"),
    object: (object, "any"),
}
_GO_DURATION = get_args(GoDuration)[1]
_BLOCKS = {"File": "file", "Secret": "secretRef", "EnvVar": "envVar", "InsecureInline": "insecureInline"}
_UNDEFINED = "must be defined"
_BOTH = Violation("spec", "field 'from' must be empty when 'rules' is defined")
_SCHEME = "spiffe://"


def read_spec(kind: str, spec: Value, product: Product) -> Object:
    """Return a spec in the form that a control plane stores.

    Raises:
        RefusedError: the spec is not valid.
        MessageError: it contains a text that Go can't read as a duration.
    """
    title, shape = "Could not process a resource", FieldType(MODELS[kind])
    require(list(_list_violations(shape, spec, "spec")), title)
    kept: Object = read_struct(shape, spec)
    require(list(_VALIDATORS[kind](kept, product)), title)
    return kept


def _list_fields(model: type[Model]) -> Iterator[tuple[str, FieldType]]:
    """Yield the names and types of an object's fields."""
    for name, kind in list_types(model).items():
        yield name, _OTHER_TYPES.get((model, name), kind)


def _list_violations(kind: FieldType, value: Value, path: str) -> Iterator[Violation]:
    """Yield everything that the schema rejects in a value."""
    expected, name = _JSON_TYPES.get(dict if kind.model else kind.kind, (str, "string"))
    fits = isinstance(value, expected)
    at_least, at_most = (_find_limit(kind, limit) for limit in ("min_length", "max_length"))
    if not fits:
        yield Violation(path, f"must be of type {name}")
    elif kind.choices and value not in kind.choices:
        yield Violation(path, f"should be one of [{' '.join(kind.choices)}]")
    elif isinstance(value, str) and at_most is not None and len(value) > at_most:
        yield Violation(path, f"should be at most {at_most} chars long")
    elif kind.model is not None:
        yield from _list_in_object(kind.model, value, path)
    elif kind.kind is dict:
        for name, entry in value.items():
            yield from _list_violations(FieldType(kind.inner), entry, f"{path}.{name}")
    elif kind.kind is tuple:
        if at_least is not None and len(value) < at_least:
            yield Violation(path, f"should have at least {at_least} items")
        for index, item in enumerate(value):
            yield from _list_violations(read_annotation(kind.inner), item, f"{path}[{index}]")


def _find_limit(kind: FieldType, name: str) -> int | None:
    return next((getattr(mark, name) for mark in kind.metadata if hasattr(mark, name)), None)


def _list_in_object(model: type[Model], value: Object, path: str) -> Iterator[Violation]:
    fields = list_fields(model)
    missing = [name for name, field in fields.items() if field.is_required() and value.get(name) is None]
    yield from (Violation(f"{path}.{name}", "is required") for name in missing)
    for name, below in _list_fields(model):
        if value.get(name) is not None:
            yield from _list_violations(below, value[name], f"{path}.{name}")


def read_struct(kind: FieldType, value: Value) -> Value:
    """Return a valid value in the form that a control plane stores.

    Raises:
        MessageError: it contains a text that Go can't read as a duration.
    """
    if kind.model is not None:
        made: Object = {}
        for name, below in _list_fields(kind.model):
            if value.get(name) is not None:
                made[name] = read_struct(below, value[name])
            elif below.kind is _Version:
                made[name] = "TLSAuto"
        return made
    if kind.kind is tuple:
        return [read_struct(read_annotation(kind.inner), item) for item in value]
    if _GO_DURATION in kind.metadata:
        try:
            return write_text(value)
        except ValueError as error:
            raise MessageError(f"time: invalid duration: {error}") from None
    return value


def _identity(spec: Object, product: Product) -> Iterator[Violation]:
    provider = spec.get("provider")
    if provider is None:
        return
    block = provider["type"].lower()
    path = f"spec.provider.{block}"
    if block not in provider:
        yield Violation(path, "configuration needs to be defined")
    elif block == "bundled":
        yield from _bundled(provider[block], path)
    elif block == "extension":
        yield from _extension(provider[block], path, product)


def _bundled(bundled: Object, path: str) -> Iterator[Violation]:
    ca = bundled.get("ca")
    if bundled.get("autogenerate", {}).get("enabled"):
        if ca is not None:
            yield Violation(f"{path}.ca", "shouldn't be defined once using autogenerated")
    elif ca is None:
        yield Violation(f"{path}.ca", _UNDEFINED)
    else:
        for name in ("certificate", "privateKey"):
            if name not in ca:
                yield Violation(f"{path}.ca.{name}", _UNDEFINED)
            elif (block := _BLOCKS[ca[name]["type"]]) not in ca[name]:
                yield Violation(f"{path}.ca.{name}.{block}", _UNDEFINED)
    if bundled.get("certificateParameters", {}).get("expiry", "").startswith("-"):
        yield Violation(f"{path}.certificateParameters.expiry", "must not be negative")


def _extension(extension: Object, path: str, product: Product) -> Iterator[Violation]:
    if not extension["name"]:
        yield Violation(f"{path}.name", "extension name needs to be defined")
    elif product == "kong-mesh" and extension["name"] == ACMPCA:
        try:
            AcmPcaConfig.model_validate(extension.get("config", {}))
        except ValidationError as error:
            for item in error.errors(include_url=False):
                place = "".join(f".{part}" for part in item["loc"])
                yield Violation(f"{path}.config{place}", item["msg"])


def _trust(spec: Object, _: Product) -> Iterator[Violation]:
    if not spec["trustDomain"]:
        yield Violation("spec.trustDomain", "trustDomain needs to be defined")
    for index, bundle in enumerate(spec["caBundles"]):
        path = f"spec.caBundles[{index}].pem"
        if "pem" not in bundle:
            yield Violation(path, _UNDEFINED)
            continue
        block = next(read_blocks(bundle["pem"]["value"]), None)
        if block is None or block.label.endswith("PRIVATE KEY"):
            yield Violation(f"{path}.value", "provided certificate has incorrect format")


def _tls(spec: Object, _: Product) -> Iterator[Violation]:
    if spec.get("from") and spec.get("rules"):
        yield _BOTH
    if spec.get("targetRef", {"kind": "Mesh"})["kind"] == "Mesh":
        return
    for section in ("from", "rules"):
        for index, entry in enumerate(spec.get(section, [])):
            for field in ("tlsVersion", "tlsCiphers"):
                if entry.get("default", {}).get(field):
                    reason = f"{field} can only be defined with top level targetRef kind: Mesh"
                    yield Violation(f"spec.{section}[{index}].default.{field}", reason)


def _permission(spec: Object, _: Product) -> Iterator[Violation]:
    if spec.get("from") and spec.get("rules"):
        yield _BOTH
    if not spec.get("from") and not spec.get("rules"):
        yield Violation("spec", "at least one of 'from' or 'rules' has to be defined")
    for index, entry in enumerate(spec.get("from", [])):
        if not entry.get("default", {}).get("action"):
            yield Violation(f"spec.from[{index}].default.action", _UNDEFINED)
    for index, entry in enumerate(spec.get("rules", [])):
        path, lists = f"spec.rules[{index}]", entry["default"]
        if not any(lists.values()):
            yield Violation(path, "at least one of 'allow', 'allowWithShadowDeny', 'deny' has to be defined")
        for name, matches in lists.items():
            for number, match in enumerate(matches):
                value = match.get("spiffeID", {}).get("value")
                if value is not None and not _is_spiffe_id(value):
                    yield Violation(f"{path}.{name}[{number}].spiffeID.value", "must be a valid Spiffe ID")


def _is_spiffe_id(text: str) -> bool:
    """Return whether a text is a SPIFFE ID, with or without a path. Like an ID, a prefix can't end with a slash."""
    domain, slash, path = text.removeprefix(_SCHEME).partition("/")
    has_valid_path = not slash or not check_path(f"/{path}")
    return text.startswith(_SCHEME) and not check_trust_domain(domain) and has_valid_path


_VALIDATORS: dict[str, Callable[[Object, Product], Iterator[Violation]]] = {
    "MeshIdentity": _identity,
    "MeshTrust": _trust,
    "MeshTLS": _tls,
    "MeshTrafficPermission": _permission,
}
