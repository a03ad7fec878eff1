"""The data source of a MeshIdentity's certificate or private key.

Source: kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/meshidentity.go (release-2.14).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toolkit.mesh.schema.model import GoStruct


class SourceFile(GoStruct):
    """A file of the control plane."""

    path: str


class SourceSecret(GoStruct):
    """A Secret of the control plane."""

    kind: Literal["Secret"]
    name: str


class SourceVariable(GoStruct):
    """An environment variable of the control plane."""

    name: str


class SourceValue(GoStruct):
    """A value in the document itself."""

    value: str = Field(repr=False)


class SecureDataSource(GoStruct):
    """A certificate or private key, by reference or in the document itself."""

    type: Literal["File", "Secret", "EnvVar", "InsecureInline"]
    file: SourceFile | None = None
    secret_ref: SourceSecret | None = None
    env_var: SourceVariable | None = None
    insecure_inline: SourceValue | None = None
