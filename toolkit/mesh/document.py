"""A Mesh as a typed model, in the form of Kubernetes and of Universal.

Source: Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md and kumahq/kuma's validation of a Mesh.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from toolkit.contract import DnsLabel
from toolkit.mesh.backends import Backend, Model

Form = Literal["kubernetes", "universal"]
API_VERSION = "kuma.io/v1alpha1"


class Mtls(Model):
    """The mTLS section: what a mesh trusts, and which backend signs.

    Attributes:
        enabled_backend: name of the one that signs; without it, or empty, mTLS is off.
        backends: each is trusted. Kong Mesh takes several, open-source Kuma one.
        skip_validation: the control plane does not try the backends when the Mesh is applied.
    """

    enabled_backend: str | None = None
    backends: Annotated[tuple[Backend, ...], Field(strict=False)] = ()
    skip_validation: bool | None = None

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        # kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateMtls
        names = [backend.name for backend in self.backends]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"backends: names must be unique; more than one is named {', '.join(repeated)}")
        if self.enabled_backend and self.enabled_backend not in names:
            raise ValueError(f"enabledBackend: {self.enabled_backend} is not among the backends")
        return self


class Mesh(Model):
    """A Mesh with mTLS and nothing else."""

    name: DnsLabel
    mtls: Mtls

    def to_form(self, form: Form) -> dict[str, Any]:
        """The document that ``kubectl apply`` or ``kumactl apply`` takes."""
        mtls = self.mtls.to_document()
        if form == "universal":
            return {"type": "Mesh", "name": self.name, "mtls": mtls}
        return {
            "apiVersion": API_VERSION,
            "kind": "Mesh",
            "metadata": {"name": self.name},
            "spec": {"mtls": mtls},
        }
