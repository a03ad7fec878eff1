"""A Mesh in which AWS Private CA signs, as a typed model, in the form of Kubernetes or Universal.

Source: Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md and kumahq/kuma's validation of a Mesh.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from toolkit.mesh.schema.acmpca import AcmPcaBackend
from toolkit.mesh.schema.model import DnsLabel, Model, refuse_names
from toolkit.values import Object

Form = Literal["kubernetes", "universal"]
API_VERSION = "kuma.io/v1alpha1"
# Labels that a control plane sets (kumahq/kuma:pkg/core/resources/labels/labels.go).
ORIGIN_LABEL, ZONE_LABEL, DISPLAY_NAME_LABEL = "kuma.io/origin", "kuma.io/zone", "kuma.io/display-name"
# Fields that a control plane adds to a resource, and that exported documents contain
# (kumahq/kuma:pkg/core/resources/model/rest/v1alpha1/meta.go).
ADDED_BY_SERVER = ("creationTime", "modificationTime", "kri", "status")


class AcmPcaMtls(Model):
    """An mTLS section with acmpca backends only; :class:`toolkit.mesh.schema.backends.Mtls` has all types."""

    enabled_backend: str
    skip_validation: bool | None = None
    backends: Annotated[tuple[AcmPcaBackend, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        refuse_names(self.enabled_backend, self.backends)
        return self


class Mesh(Model):
    """A Mesh with mTLS and no other section."""

    name: DnsLabel
    mtls: AcmPcaMtls

    def to_form(self, form: Form) -> Object:
        """Return the document for ``kubectl apply`` or ``kumactl apply``."""
        # Not self.mtls.to_document(), for which pydantic would build a second serializer.
        mtls = self.to_document()["mtls"]
        if form == "universal":
            return {"type": "Mesh", "name": self.name, "mtls": mtls}
        return {
            "apiVersion": API_VERSION,
            "kind": "Mesh",
            "metadata": {"name": self.name},
            "spec": {"mtls": mtls},
        }
