"""Check the providers of MeshIdentities.

Sources: kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/validator.go; answers of Kuma 2.14.3. The rules
about the extension ``acmpca`` are based on :mod:`toolkit.mesh.schema.identity_spec` and are experimental.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.mesh.documents.confidential import find_credentials
from toolkit.mesh.documents.wording import join_words, show, show_key
from toolkit.mesh.lint.authority_arn_rules import judge_arn
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.credential_rules import IN_THE_MESH
from toolkit.mesh.lint.durations import SHORT, read_duration, suggest_duration
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.provider_configs import CONFIG_PATH, PROVIDER_PATH
from toolkit.mesh.lint.structure import MISSING_FIELD, check_spot, list_keys
from toolkit.mesh.lint.value_types import EMPTY_FIELD, report_type
from toolkit.mesh.schema import versions
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.field_types import list_fields, walk_fields
from toolkit.mesh.schema.go_duration import parse_nanoseconds
from toolkit.mesh.schema.identity_spec import AcmPcaConfig, SecureDataSource
from toolkit.text import suggest
from toolkit.yamltext.plain import at, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.mesh.schema.field_types import Spot
    from toolkit.yamltext.nodes import Path

NO_EXTENSION_IN_KUMA = RULES["MESH113"]
NO_EXTENSION_YET = RULES["MESH126"]
NO_DURATION = RULES["MESH187"]
NOT_POSITIVE = RULES["MESH188"]
OTHER_BLOCK = RULES["MESH189"]
SELF_SIGNED = RULES["MESH190"]
TWO_CAS = RULES["MESH191"]
NOT_DOCUMENTED = RULES["MESH192"]
UNKNOWN_EXTENSION = RULES["MESH193"]

_BUNDLED_PATH: Path = (*PROVIDER_PATH, "bundled")
_SHORT = timedelta(hours=1)
# The block of each type of provider, and of each type of data source (kumahq/kuma:api/common/v1alpha1/datasource).
_BLOCKS = {"Bundled": "bundled", "Spire": "spire", "Extension": "extension"}
_SOURCES = {
    "File": ("file", "path"),
    "Secret": ("secretRef", "name"),
    "EnvVar": ("envVar", "name"),
    "InsecureInline": ("insecureInline", "value"),
}
# Fields of an acmpca backend that the extension's documentation does not contain.
_LEFT_BEHIND = {
    "auth": "It takes the control plane's AWS identity, such as a role of its service account. Move to a role first.",
    "commonName": "Certificates have no common name. Remove it.",
    "caCert": "The control plane reads the chain from AWS. Remove it, or disable meshTrustCreation and add a trust.",
}


def check(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    if document.kind != "MeshIdentity":
        return
    provider = mapping(document.spec.get("provider"))
    yield from _blocks(document, provider)
    if provider.get("type") == "Bundled" and isinstance(provider.get("bundled"), dict):
        yield from _bundled(document)
    if provider.get("type") == "Extension":
        yield from _extension(document, context)
    for spot in document.spots:
        yield from check_duration(document, spot)
        if spot.field_type.model is SecureDataSource:
            yield from _source(document, spot)


def _blocks(document: ScopedDocument, provider: dict[object, object]) -> Iterator[Finding]:
    """Yield the findings about the block of the type, and about blocks of other types."""
    chosen = _BLOCKS.get(text(provider.get("type")))
    if chosen and provider.get(chosen) is None:
        message = f"type is {provider['type']}, and {chosen} is missing"
        yield report(document, MISSING_FIELD, (*PROVIDER_PATH, chosen), message, f"Add {chosen}.")
    for block in _BLOCKS.values():
        if chosen and block != chosen and provider.get(block) is not None:
            message = f"type is {provider['type']}, so {block} is not read"
            yield report(document, OTHER_BLOCK, (*PROVIDER_PATH, block), message)


def _bundled(document: ScopedDocument) -> Iterator[Finding]:
    bundled = mapping(at(document.value, _BUNDLED_PATH))
    ca = bundled.get("ca")
    if at(bundled, ("autogenerate", "enabled")) is True:
        if ca is not None:
            yield report(document, TWO_CAS, (*_BUNDLED_PATH, "ca"), "ca is set, and autogenerate is enabled")
        if bundled.get("insecureAllowSelfSigned") is not True:
            path = (*_BUNDLED_PATH, "insecureAllowSelfSigned")
            yield report(document, SELF_SIGNED, path, "autogenerate is enabled, without insecureAllowSelfSigned: true")
        return
    for name in ("certificate", "privateKey") if isinstance(ca, dict) else ():
        if mapping(ca).get(name) is None:
            path = (*_BUNDLED_PATH, "ca", name)
            yield report(document, MISSING_FIELD, path, f"{name} is missing in ca", f"Add {name}.")
    if ca is None:
        message = "ca is missing in bundled, and autogenerate is not enabled"
        yield report(document, MISSING_FIELD, (*_BUNDLED_PATH, "ca"), message, "Add ca, or enable autogenerate.")


def _source(document: ScopedDocument, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about a data source of the Bundled provider's CA."""
    source, path = mapping(spot.value), ("spec", *spot.path)
    block, field = _SOURCES.get(text(source.get("type")), ("", ""))
    if block and source.get(block) is None:
        message = f"type is {source['type']}, and {block} is missing"
        yield report(document, MISSING_FIELD, (*path, block), message, f"Add {block}.")
    elif block and mapping(source.get(block)).get(field) == "":
        yield report(document, EMPTY_FIELD, (*path, block, field), f"{field} of {block} is empty")
    if spot.path[-1] == "privateKey" and source.get("insecureInline") is not None:
        message = "the private key is in the MeshIdentity itself"
        yield report(document, IN_THE_MESH, (*path, "insecureInline"), message, "Move it to a mesh-scoped Secret.")


def check_duration(document: ScopedDocument, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about an expiry or a timeout, which Go parses."""
    name, value = spot.path[-1] if spot.path else "", spot.value
    if name not in ("expiry", "timeout") or not isinstance(value, str):
        return
    path = ("spec", *spot.path)
    try:
        nanoseconds = parse_nanoseconds(value)
    except ValueError:
        meant = read_duration(suggest_duration(value))
        fix = f"Write {_write_in_go(meant)}." if meant else ""
        yield report(document, NO_DURATION, path, f"{name} {show(value)} is no duration that Go can read", fix)
        return
    if nanoseconds < 0 or (name == "expiry" and not nanoseconds):
        yield report(document, NOT_POSITIVE, path, f"{name} {show(value)} is not more than 0s")
    elif name == "expiry" and timedelta(microseconds=nanoseconds // 1000) < _SHORT:
        message = f"{value} is less than an hour: each proxy renews after four fifths of it"
        yield report(document, SHORT, path, message)


def _write_in_go(value: timedelta) -> str:
    hours, rest = divmod(value, timedelta(hours=1))
    return f"{value.total_seconds():g}s" if rest else f"{hours}h"


def _extension(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    path = (*PROVIDER_PATH, "extension")
    name = at(document.value, (*path, "name"))
    version = context.target.mesh_version
    if context.target.product == "kuma":
        yield report(document, NO_EXTENSION_IN_KUMA, (*PROVIDER_PATH, "type"), "Kuma has no extensions of MeshIdentity")
    elif version is not None and version < versions.FIRST_WITH_MESH_IDENTITY_EXTENSION:
        first = versions.FIRST_WITH_MESH_IDENTITY_EXTENSION
        message = f"{version} has no extensions of MeshIdentity; they came with {first}"
        yield report(document, NO_EXTENSION_YET, (*PROVIDER_PATH, "type"), message)
    if name == ACMPCA:
        yield from _acmpca(document)
    elif isinstance(name, str) and name:
        fix = suggest(name, [ACMPCA], 0.7)
        yield report(document, UNKNOWN_EXTENSION, (*path, "name"), f"the extension {show(name)} was not checked", fix)


def _acmpca(document: ScopedDocument) -> Iterator[Finding]:
    config = at(document.value, CONFIG_PATH)
    if not isinstance(config, dict | None):
        yield report_type(document, CONFIG_PATH, "a mapping", config)
        return
    for spot in walk_fields(mapping(config), AcmPcaConfig):
        below = replace(spot, path=(*CONFIG_PATH[1:], *spot.path))
        known = list_fields(spot.field_type.model) if spot.field_type.model else {}
        if isinstance(spot.value, dict):
            # Kuma does not drop undocumented fields, so the loop below reports them.
            below = replace(below, value={name: value for name, value in spot.value.items() if name in known})
        yield from check_spot(document, below)
        yield from check_duration(document, below)
        for key in list_keys(mapping(spot.value)) if known else ():
            if key not in known:
                path = (*CONFIG_PATH, *spot.path, key)
                message = f"{show_key(key)} is no documented field of acmpca's config"
                yield report(document, NOT_DOCUMENTED, path, message, _LEFT_BEHIND.get(key) or suggest(key, known))
    arn = mapping(config).get("arn")
    if isinstance(arn, str) and (problem := judge_arn(arn)):
        yield report(document, problem[0], (*CONFIG_PATH, "arn"), problem[1])
    if names := sorted(set(find_credentials(config))):
        fix = "Give the control plane a role, and replace the credential if others could read it."
        yield report(document, IN_THE_MESH, CONFIG_PATH, f"config contains {join_words(names)} itself", fix)
