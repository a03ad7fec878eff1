"""Read the configuration of the extension ``acmpca`` from a MeshIdentity."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.go_duration import parse_nanoseconds
from toolkit.yamltext.plain import at, mapping, text

if TYPE_CHECKING:
    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.yamltext.nodes import Path
    from toolkit.yamltext.plain import AnyMapping

PROVIDER_PATH: Path = ("spec", "provider")
CONFIG_PATH: Path = (*PROVIDER_PATH, "extension", "config")
# The path within the configuration.
EXPIRY: Path = ("certificateParameters", "expiry")


def find_acmpca_config(document: ScopedDocument) -> AnyMapping | None:
    """Return the configuration; None if the MeshIdentity has another provider or none."""
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
    try:
        nanoseconds = parse_nanoseconds(text(at(config, EXPIRY)))
    except ValueError:
        return None
    return timedelta(microseconds=nanoseconds // 1000)
