"""Read the specs of MeshIdentity, MeshTrust, MeshTLS and MeshTrafficPermission as Kuma 2.14 does.

Kuma validates a spec with a schema, which sets defaults and names every invalid field. Then it parses it into a Go
struct, which drops unknown fields and normalizes durations. Empty values are kept: ``matchLabels: {}`` is not the same
as no ``matchLabels``. Validators in Go have the rules that a schema can't express.

``apply`` finds the problems of documents before it writes, and explains them to the author. The stand-in control plane
finds those of requests, and answers in Kuma's words. Both are compared with recorded answers of Kuma 2.14.3
(``tests/control_plane/recorded/``).

Sources: kumahq/kuma:pkg/core/resources/model/rest/unmarshaller.go; the CustomResourceDefinitions of Kuma 2.14.3
(kumahq/kuma:deployments/charts/kuma/crds), which are the schemas on Universal, too;
kubernetes/kube-openapi:pkg/validation/validate; kubernetes/apimachinery:pkg/apis/meta/v1/duration.go;
kumahq/kuma:pkg/core/resources/apis/{meshidentity,meshtrust}/api/v1alpha1/validator.go,
pkg/plugins/policies/{meshtls,meshtrafficpermission}/api/v1alpha1/validator.go. The validator of Kong Mesh's provider is
closed source, so its rules are from Kong's unreleased documentation (:mod:`toolkit.mesh.schema.identity_spec`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pydantic import ValidationError

from toolkit.errors import Problem
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.field_types import FieldType, Spot, list_fields, walk_fields
from toolkit.mesh.schema.go_duration import write_text
from toolkit.mesh.schema.identity_spec import AcmPcaConfig
from toolkit.mesh.schema.messages import MessageError, find_spec_model, read_message
from toolkit.mesh.schema.model import GO_DURATION
from toolkit.mesh.schema.spiffe_id import check_path, check_trust_domain
from toolkit.pki.go_pem import read_blocks
from toolkit.text import describe_type
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from toolkit.mesh.schema.model import Model
    from toolkit.mesh.schema.versions import Product

    Choices: TypeAlias = Mapping[tuple[type[Model], object], tuple[str, ...]]

# The types in JSON, in Kuma's words and in those of :func:`describe_type`; everything else is a string.
_JSON_TYPES: dict[object, tuple[Value, str, str]] = {
    bool: (bool, "boolean", "true or false"),
    dict: (dict, "object", "an object with keys"),
    tuple: (list, "array", "a list"),
}
_STRING = (str, "string", "text")
_BLOCKS = {"File": "file", "Secret": "secretRef", "EnvVar": "envVar", "InsecureInline": "insecureInline"}
_SCHEME = "spiffe://"


class SpecProblem(NamedTuple):
    """A problem of a spec in the words of the toolkit and of Kuma.

    Attributes:
        path: the location in the document; begins with ``spec``.
        answer: Kuma's reason.
        reason: the reason for the author of the document.
        answered_path: the location that Kuma names; empty if it is the same.
    """

    path: str
    answer: str
    reason: str
    answered_path: str = ""

    def to_answer(self) -> Problem:
        """Return the problem as Kuma answers it."""
        return Problem(self.answered_path or self.path, self.answer)


_BOTH = SpecProblem(
    "spec.from", "field 'from' must be empty when 'rules' is defined", "can't be set together with rules", "spec"
)


def _build_missing(path: str, fix: str = "") -> SpecProblem:
    return SpecProblem(path, "must be defined", f"is missing{fix and ': '}{fix}")


def list_spec_problems(kind: str, spec: Value) -> list[Problem]:
    """Return the problems for which Kuma rejects a spec, with paths and reasons for the author of the document.

    Newer versions of Kuma may know more target kinds, TLS versions and ciphers, so these are not checked.
    """
    if spec is None:
        return [Problem("spec", "is missing")]
    found = list_schema_problems(kind, spec) or list_duration_problems(kind, spec)
    try:
        found = found or list_rule_problems(kind, read_message(find_spec_model(kind), spec), "kuma")
    except MessageError as error:
        # JSON can't represent every value of YAML, such as .inf.
        return [Problem("spec", f"can't be read as JSON: {error}")]
    return [Problem(problem.path, problem.reason) for problem in found]


def list_schema_problems(kind: str, spec: Value, choices: Choices | None = None) -> list[SpecProblem]:
    """Return everything in a spec that its schema rejects.

    Args:
        kind: kind of the resource.
        spec: its spec.
        choices: the valid texts of fields, or of their items, that the models leave open; by model and field.
    """
    return [
        problem for spot in walk_fields(spec, find_spec_model(kind)) for problem in _list_invalid(spot, choices or {})
    ]


def _list_invalid(spot: Spot, closed: Choices) -> Iterator[SpecProblem]:
    kind, value, path = spot.field_type, spot.value, _show_path(spot)
    expected, name, words = _JSON_TYPES.get(dict if kind.model else kind.kind, _STRING)
    if kind.kind is dict and kind.inner is not str:
        # Any JSON.
        return
    if not isinstance(value, expected):
        yield SpecProblem(path, f"must be of type {name}", describe_type(words, value))
    elif isinstance(value, str) and (choices := _find_choices(spot, closed)) and value not in choices:
        yield SpecProblem(path, f"should be one of [{' '.join(choices)}]", f"must be {' or '.join(choices)}")
    elif isinstance(value, str) and len(value) > (most := _find_limit(kind, "max_length", len(value))):
        yield SpecProblem(path, f"should be at most {most} chars long", f"must have at most {most} characters")
    elif isinstance(value, list) and len(value) < (least := _find_limit(kind, "min_length", 0)):
        yield SpecProblem(path, f"should have at least {least} items", f"needs {least} or more entries")
    elif kind.model is not None:
        for field, info in list_fields(kind.model).items():
            if info.is_required() and value.get(field) is None:
                yield SpecProblem(f"{path}.{field}", "is required", "is missing")


def _show_path(spot: Spot) -> str:
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in spot.path)


def _find_choices(spot: Spot, closed: Choices) -> tuple[str, ...]:
    """Return the valid texts of a field or of the items of a list; empty if every text is valid."""
    path, model = spot.owners[-1]
    return closed.get((model, spot.path[len(path)]), spot.field_type.choices)


def _find_limit(kind: FieldType, name: str, default: int) -> int:
    return next((getattr(mark, name) for mark in kind.metadata if hasattr(mark, name)), default)


def list_duration_problems(kind: str, spec: Value) -> list[SpecProblem]:
    """Return the texts that Go can't read as durations, in a spec that conforms to its schema."""
    problems = []
    for spot in walk_fields(spec, find_spec_model(kind)):
        try:
            if GO_DURATION in spot.field_type.metadata:
                write_text(spot.value)
        except ValueError as error:
            problems.append(SpecProblem(_show_path(spot), f"time: invalid duration: {error}", str(error)))
    return problems


def list_rule_problems(kind: str, spec: Object, product: Product) -> list[SpecProblem]:
    """Return the problems that the validators of a product find in a spec in the form of :func:`read_message`."""
    return list(_VALIDATORS[kind](spec, product))


def _identity(spec: Object, product: Product) -> Iterator[SpecProblem]:
    provider = spec.get("provider")
    if provider is None:
        return
    block = provider["type"].lower()
    path = f"spec.provider.{block}"
    if block not in provider:
        yield SpecProblem(path, "configuration needs to be defined", f"is missing: type is {provider['type']}")
    elif block == "bundled":
        yield from _bundled(provider[block], path)
    elif block == "extension":
        yield from _extension(provider[block], path, product)


def _bundled(bundled: Object, path: str) -> Iterator[SpecProblem]:
    ca = bundled.get("ca")
    if bundled.get("autogenerate", {}).get("enabled"):
        if ca is not None:
            reason = "can't be set together with autogenerate.enabled: true"
            yield SpecProblem(f"{path}.ca", "shouldn't be defined once using autogenerated", reason)
    elif ca is None:
        yield _build_missing(f"{path}.ca", "set it, or autogenerate.enabled: true")
    else:
        for name in ("certificate", "privateKey"):
            if name not in ca:
                yield _build_missing(f"{path}.ca.{name}")
            elif (block := _BLOCKS[ca[name]["type"]]) not in ca[name]:
                yield _build_missing(f"{path}.ca.{name}.{block}", f"type is {ca[name]['type']}")
    if bundled.get("certificateParameters", {}).get("expiry", "").startswith("-"):
        reason = "must not be negative"
        yield SpecProblem(f"{path}.certificateParameters.expiry", reason, reason)


def _extension(extension: Object, path: str, product: Product) -> Iterator[SpecProblem]:
    if not extension["name"]:
        yield SpecProblem(f"{path}.name", "extension name needs to be defined", "must not be empty")
    elif product == "kong-mesh" and extension["name"] == ACMPCA:
        try:
            AcmPcaConfig.model_validate(extension.get("config", {}))
        except ValidationError as error:
            for item in error.errors(include_url=False):
                place = "".join(f".{part}" for part in item["loc"])
                yield SpecProblem(f"{path}.config{place}", item["msg"], item["msg"])


def _trust(spec: Object, _: Product) -> Iterator[SpecProblem]:
    if not spec["trustDomain"]:
        yield SpecProblem("spec.trustDomain", "trustDomain needs to be defined", "must not be empty")
    for index, bundle in enumerate(spec["caBundles"]):
        path = f"spec.caBundles[{index}].pem"
        if "pem" not in bundle:
            yield _build_missing(path)
            continue
        block = next(read_blocks(bundle["pem"]["value"]), None)
        if block is None or block.label.endswith("PRIVATE KEY"):
            reason = "begins with no PEM block of a certificate that Go can read"
            yield SpecProblem(f"{path}.value", "provided certificate has incorrect format", reason)


def _tls(spec: Object, _: Product) -> Iterator[SpecProblem]:
    if spec.get("from") and spec.get("rules"):
        yield _BOTH
    if spec.get("targetRef", {"kind": "Mesh"})["kind"] == "Mesh":
        return
    for section in ("from", "rules"):
        for index, entry in enumerate(spec.get(section, [])):
            for field in ("tlsVersion", "tlsCiphers"):
                if entry.get("default", {}).get(field):
                    answer = f"{field} can only be defined with top level targetRef kind: Mesh"
                    reason = "can only be set if spec.targetRef has kind: Mesh"
                    yield SpecProblem(f"spec.{section}[{index}].default.{field}", answer, reason)


def _permission(spec: Object, _: Product) -> Iterator[SpecProblem]:
    if spec.get("from") and spec.get("rules"):
        yield _BOTH
    if not spec.get("from") and not spec.get("rules"):
        yield SpecProblem("spec", "at least one of 'from' or 'rules' has to be defined", "needs from or rules")
    for index, entry in enumerate(spec.get("from", [])):
        if not entry.get("default", {}).get("action"):
            yield _build_missing(f"spec.from[{index}].default.action")
    for index, entry in enumerate(spec.get("rules", [])):
        path, lists = f"spec.rules[{index}]", entry["default"]
        if not any(lists.values()):
            answer = "at least one of 'allow', 'allowWithShadowDeny', 'deny' has to be defined"
            yield SpecProblem(path, answer, "needs allow, allowWithShadowDeny or deny")
        for name, matches in lists.items():
            for number, match in enumerate(matches):
                field = f"{name}[{number}].spiffeID.value"
                if reason := _check_spiffe_id(match.get("spiffeID", {}).get("value")):
                    # Kuma's path lacks `default`.
                    yield SpecProblem(f"{path}.default.{field}", "must be a valid Spiffe ID", reason, f"{path}.{field}")


def _check_spiffe_id(text: str | None) -> str:
    """Return why a text is not a SPIFFE ID, with or without a path. Like an ID, a prefix can't end with a slash."""
    if text is None:
        return ""
    if not text.startswith(_SCHEME):
        return f"must begin with {_SCHEME}"
    domain, slash, path = text.removeprefix(_SCHEME).partition("/")
    if reason := check_trust_domain(domain):
        return f"its trust domain {reason}"
    reason = slash and check_path(f"/{path}")
    return reason and f"its path {reason}"


_VALIDATORS: dict[str, Callable[[Object, Product], Iterator[SpecProblem]]] = {
    "MeshIdentity": _identity,
    "MeshTrust": _trust,
    "MeshTLS": _tls,
    "MeshTrafficPermission": _permission,
}
