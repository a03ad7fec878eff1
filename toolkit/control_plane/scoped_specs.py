"""Check the spec of MeshIdentity, MeshTrust, MeshTLS and MeshTrafficPermission documents by the rules of Kuma 2.14.

Unknown fields are not a problem here: Kuma drops them, and ``apply`` names them in a warning.

Sources: kumahq/kuma:pkg/core/resources/apis/{meshidentity,meshtrust}/api/v1alpha1/validator.go,
kumahq/kuma:pkg/plugins/policies/{meshtls,meshtrafficpermission}/api/v1alpha1/validator.go and the answers of Kuma
2.14.3 in ``tests/control_plane/recorded/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from toolkit.contract import list_validation_problems
from toolkit.errors import Problem
from toolkit.mesh.documents.typed import find_spec_model
from toolkit.mesh.schema.identity_spec import MeshIdentitySpec
from toolkit.mesh.schema.traffic_policies import MeshTlsSpec, MeshTrafficPermissionSpec
from toolkit.mesh.schema.trust import MeshTrustSpec
from toolkit.pki.go_pem import read_blocks
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.schema.identity_spec import Bundled
    from toolkit.mesh.schema.model import Model
    from toolkit.mesh.schema.scoped import ScopedKind
    from toolkit.mesh.schema.traffic_policies import PermissionRule

_MESSAGES = dict.fromkeys(("too_short", "string_too_short"), "must not be empty")
_BOTH = "has from and rules; use only one of them"
# Each type of a data source has its own block.
_SOURCES = {
    "File": ("file", "file"),
    "Secret": ("secret_ref", "secretRef"),
    "EnvVar": ("env_var", "envVar"),
    "InsecureInline": ("insecure_inline", "insecureInline"),
}


def list_spec_problems(kind: ScopedKind, spec: object) -> list[Problem]:
    """Return the problems for which Kuma rejects a spec, with paths that begin with ``spec``."""
    if spec is None:
        return [Problem("spec", "is missing")]
    value = _drop_nulls(spec)
    try:
        model = find_spec_model(kind).model_validate(value)
    except ValidationError as error:
        problems = [*_list_invalid(error)]
        if problems or not _drop_unknown(value, error):
            return problems
        return list_spec_problems(kind, value)
    return [Problem(f"spec{path}", message) for path, message in _list_breaches(model)]


def _list_invalid(error: ValidationError) -> Iterator[Problem]:
    found = zip(error.errors(include_url=False), list_validation_problems(error), strict=True)
    # A list with an invalid item has too few valid ones, which pydantic reports in addition.
    known = [(item, problem) for item, problem in found if item["type"] != "extra_forbidden"]
    for item, problem in known:
        path = f"spec.{problem.path}".rstrip(".")
        if item["type"] != "too_short" or len(known) == 1:
            yield Problem(path, _MESSAGES.get(item["type"], problem.message))


def _drop_unknown(value: object, error: ValidationError) -> bool:
    """Remove the unknown fields that an error names, and return whether there were any."""
    paths = [item["loc"] for item in error.errors(include_url=False) if item["type"] == "extra_forbidden"]
    for path in paths:
        above = at(value, path[:-1])
        if isinstance(above, dict):
            above.pop(path[-1], None)
    return bool(paths)


def _drop_nulls(value: object) -> object:
    """Return a value without the fields that are null, which count as missing."""
    if isinstance(value, dict):
        return {name: _drop_nulls(entry) for name, entry in value.items() if entry is not None}
    return [_drop_nulls(entry) for entry in value] if isinstance(value, list) else value


def _list_breaches(spec: Model) -> Iterator[tuple[str, str]]:
    """Yield the path and message of each rule that a spec of valid types breaks."""
    if isinstance(spec, MeshIdentitySpec):
        if spec.provider is not None and spec.provider.bundled is not None and spec.provider.type == "Bundled":
            yield from _list_bundled(spec.provider.bundled)
    elif isinstance(spec, MeshTrustSpec):
        for index, bundle in enumerate(spec.ca_bundles):
            if bundle.pem is None:
                yield f".caBundles[{index}].pem", "is missing"
            elif not _has_certificate(bundle.pem.value):
                yield f".caBundles[{index}].pem.value", "begins with no PEM block of a certificate that Go can read"
    elif isinstance(spec, MeshTrafficPermissionSpec):
        yield from _list_permissions(spec)
    elif isinstance(spec, MeshTlsSpec) and spec.rules and spec.from_:
        yield "", _BOTH


def _list_bundled(bundled: Bundled) -> Iterator[tuple[str, str]]:
    path = ".provider.bundled.ca"
    if bundled.autogenerate is not None and bundled.autogenerate.enabled:
        if bundled.ca is not None:
            yield path, "can't be set together with autogenerate.enabled: true"
    elif bundled.ca is None:
        yield path, "is missing: set it, or autogenerate.enabled: true"
    else:
        for name, source in (("certificate", bundled.ca.certificate), ("privateKey", bundled.ca.private_key)):
            if source is None:
                yield f"{path}.{name}", "is missing"
                continue
            attribute, block = _SOURCES[source.type]
            if getattr(source, attribute) is None:
                yield f"{path}.{name}.{block}", f"is missing: type is {source.type}"


def _has_certificate(text: str) -> bool:
    """Return whether Kuma accepts a text as certificates; it checks only the label of the first block."""
    block = next(read_blocks(text), None)
    return block is not None and not block.label.endswith("PRIVATE KEY")


def _list_permissions(spec: MeshTrafficPermissionSpec) -> Iterator[tuple[str, str]]:
    if spec.from_ and spec.rules:
        yield "", _BOTH
    if not spec.from_ and not spec.rules:
        yield "", "needs from or rules"
    for index, entry in enumerate(spec.from_ or ()):
        if entry.default is None or entry.default.action is None:
            yield f".from[{index}].default.action", "is missing"
    for index, rules in enumerate(spec.rules or ()):
        yield from _list_rule(rules.default, f".rules[{index}]")


def _list_rule(rule: PermissionRule, path: str) -> Iterator[tuple[str, str]]:
    lists = {"allow": rule.allow, "allowWithShadowDeny": rule.allow_with_shadow_deny, "deny": rule.deny}
    if not any(lists.values()):
        yield path, "needs allow, allowWithShadowDeny or deny"
    for name, matches in lists.items():
        for index, match in enumerate(matches or ()):
            if match.spiffe_id is not None and match.spiffe_id.value.endswith("/"):
                yield f"{path}.default.{name}[{index}].spiffeID.value", "must not end with a slash"
