"""Check MeshIdentities: their providers, the data plane proxies that they select, and which of several wins.

Sources: kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/validator.go; answers of Kuma 2.14.3. The rules
about the extension ``acmpca`` are based on :mod:`toolkit.mesh.schema.identity_spec` and are experimental.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.mesh.documents.confidential import find_credentials
from toolkit.mesh.documents.wording import join_words, show, show_key
from toolkit.mesh.lint.credential_rules import IN_THE_MESH
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.lint.issuance_rules import MIN_LIFETIME, SHORT, check_go_duration, judge_arn, read_go_duration
from toolkit.mesh.lint.structure import EMPTY_FIELD, check_spot, list_keys, report_type
from toolkit.mesh.schema import versions
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.field_types import Spot, list_fields, walk_fields
from toolkit.mesh.schema.mesh import ZONE_LABEL
from toolkit.mesh.schema.secure_data_source import SecureDataSource
from toolkit.text import suggest
from toolkit.values import Value
from toolkit.yamltext.plain import AnyMapping, at, mapping, text

if TYPE_CHECKING:
    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.yamltext.nodes import Path

_PROVIDER_PATH: Path = ("spec", "provider")
_TYPE_PATH: Path = (*_PROVIDER_PATH, "type")
CONFIG_PATH: Path = (*_PROVIDER_PATH, "extension", "config")
# The path within the configuration of the extension.
EXPIRY: Path = ("certificateParameters", "expiry")
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


def find_acmpca_config(document: ScopedDocument) -> AnyMapping | None:
    """Return the configuration of the extension; None if the MeshIdentity has another provider or none."""
    provider = mapping(document.spec.get("provider"))
    extension = mapping(provider.get("extension"))
    if provider.get("type") != "Extension" or extension.get("name") != ACMPCA:
        return None
    return mapping(extension.get("config"))


def read_arn(document: ScopedDocument) -> str:
    """Return the ARN of the issuing CA; empty if it isn't set."""
    return text(mapping(find_acmpca_config(document)).get("arn"))


def read_expiry(config: AnyMapping) -> timedelta | None:
    """Return the lifetime of the certificates; None if it isn't set or can't be read."""
    return read_go_duration(text(at(config, EXPIRY)))


def check(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about a MeshIdentity."""
    selector = document.spec.get("selector")
    if selector is None or (isinstance(selector, dict) and selector.get("dataplane") is None):
        message = "selector without dataplane selects no data plane proxies"
        yield report(document, "MESH184", ("spec", "selector"), message)
    yield from _winner(document, context)
    provider = mapping(document.spec.get("provider"))
    yield from _blocks(document, provider)
    bundled = mapping(provider.get("bundled"))
    is_generated = provider.get("type") == "Bundled" and at(bundled, ("autogenerate", "enabled")) is True
    if is_generated and bundled.get("insecureAllowSelfSigned") is not True:
        path = (*_PROVIDER_PATH, "bundled", "insecureAllowSelfSigned")
        yield report(document, "MESH190", path, "autogenerate is enabled, without insecureAllowSelfSigned: true")
    if provider.get("type") == "Extension":
        yield from _extension(document, context)
    for spot in document.spots:
        yield from _duration(document, spot)
        if spot.field_type.model is SecureDataSource:
            yield from _source(document, spot)


def _winner(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield a finding if another MeshIdentity with the same labels wins over this one.

    The one with most labels wins, then the one whose name sorts first
    (kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/helpers.go, Matched). With other labels there is no
    finding: the documents don't show whether a proxy has both, and more labels than another has are an exception to it.
    """
    labels = _read_match_labels(document)
    if labels is None or not document.name or document.spec.get("provider") is None:
        return
    zone = document.labels.get(ZONE_LABEL)
    rivals = [
        each
        for each in context.documents.list_scoped("MeshIdentity", document.mesh)
        if "" < each.name < document.name and _read_match_labels(each) == labels and each.labels.get(ZONE_LABEL) == zone
    ]
    if not rivals:
        return
    winner = min(rivals, key=lambda each: each.name)
    message = f"{show(winner.name)} selects the same data plane proxies, and wins: its name sorts before"
    if winner.spec.get("provider") is None:
        yield report(document, "MESH185", document.name_path, f"{message}. It has no provider")
    else:
        yield report(document, "MESH186", document.name_path, message)


def _read_match_labels(document: ScopedDocument) -> dict[Value, str] | None:
    """Return the labels that proxies must have, empty for all proxies; None if it selects none."""
    dataplane = at(document.spec, ("selector", "dataplane"))
    if not isinstance(dataplane, dict):
        return None
    # A value that is not a string has another finding.
    return {key: value for key, value in mapping(dataplane.get("matchLabels")).items() if isinstance(value, str)}


def _blocks(document: ScopedDocument, provider: AnyMapping) -> Iterator[Finding]:
    """Yield the findings about blocks of other types than the provider's."""
    chosen = _BLOCKS.get(text(provider.get("type")))
    for block in _BLOCKS.values():
        if chosen and block != chosen and provider.get(block) is not None:
            message = f"type is {provider['type']}, so {block} is not read"
            yield report(document, "MESH189", (*_PROVIDER_PATH, block), message)


def _source(document: ScopedDocument, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about a data source of the Bundled provider's CA."""
    source, path = mapping(spot.value), ("spec", *spot.path)
    block, field = _SOURCES.get(text(source.get("type")), ("", ""))
    if block and mapping(source.get(block)).get(field) == "":
        yield report(document, EMPTY_FIELD, (*path, block, field), f"{field} of {block} is empty")
    if spot.path[-1] == "privateKey" and source.get("insecureInline") is not None:
        message = "the private key is in the MeshIdentity itself"
        yield report(document, IN_THE_MESH, (*path, "insecureInline"), message, "Move it to a mesh-scoped Secret.")


def _duration(document: ScopedDocument, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about an expiry or a timeout, which Go parses."""
    name, value = spot.path[-1] if spot.path else "", spot.value
    if name not in ("expiry", "timeout") or not isinstance(value, str):
        return
    path = ("spec", *spot.path)
    yield from check_go_duration(document, path, value, "MESH187", "MESH188", may_be_zero=name == "timeout")
    lifetime = read_go_duration(value) if name == "expiry" else None
    if lifetime and timedelta(0) < lifetime < MIN_LIFETIME:
        message = f"{value} is less than an hour: each proxy renews after four fifths of it"
        yield report(document, SHORT, path, message)


def _extension(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    path = (*_PROVIDER_PATH, "extension", "name")
    name, version = at(document.value, path), context.target.mesh_version
    first = versions.FIRST_WITH_MESH_IDENTITY_EXTENSION
    if context.target.product == "kuma":
        yield report(document, "MESH113", _TYPE_PATH, "Kuma has no extensions of MeshIdentity")
    elif version is not None and version < first:
        message = f"{version} has no extensions of MeshIdentity; they came with {first}"
        yield report(document, "MESH126", _TYPE_PATH, message)
    if name == ACMPCA:
        yield from _acmpca(document)
    elif isinstance(name, str) and name:
        fix = suggest(name, [ACMPCA], 0.7)
        yield report(document, "MESH193", path, f"the extension {show(name)} was not checked", fix)


def _acmpca(document: ScopedDocument) -> Iterator[Finding]:
    from toolkit.mesh.schema.identity_spec import AcmPcaConfig  # noqa: PLC0415 - loaded for a MeshIdentity only

    config = at(document.value, CONFIG_PATH)
    if not isinstance(config, dict | None):
        yield report_type(document, CONFIG_PATH, "a mapping", config)
        return
    for spot in walk_fields(mapping(config), AcmPcaConfig):
        below = spot._replace(path=(*CONFIG_PATH[1:], *spot.path))
        known = list_fields(spot.field_type.model) if spot.field_type.model else {}
        if isinstance(spot.value, dict):
            # Kuma does not drop undocumented fields, so the loop below reports them.
            below = below._replace(value={name: value for name, value in spot.value.items() if name in known})
        yield from check_spot(document, below)
        yield from _duration(document, below)
        for key in list_keys(mapping(spot.value)) if known else ():
            if key not in known:
                path = (*CONFIG_PATH, *spot.path, key)
                message = f"{show_key(key)} is not a documented field of acmpca's config"
                yield report(document, "MESH192", path, message, _LEFT_BEHIND.get(key) or suggest(key, known))
    arn = mapping(config).get("arn")
    if isinstance(arn, str) and (problem := judge_arn(arn)):
        yield report(document, problem[0], (*CONFIG_PATH, "arn"), problem[1])
    if names := sorted(set(find_credentials(config))):
        fix = "Give the control plane a role, and replace the credential if others could read it."
        yield report(document, IN_THE_MESH, CONFIG_PATH, f"config contains {join_words(names)} itself", fix)
