"""Mesh-scoped Secrets, in the form of Kubernetes and of Universal.

Source: Kong/developer.konghq.com:app/mesh/manage-secrets.md.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from toolkit.mesh.schema.model import DnsLabel, Model
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.mesh.schema.mesh import Form

# A Kubernetes object's name: DNS-1123 subdomain, at most 253 characters.
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_MAX_NAME = 253
_UNIVERSAL = r"[a-z0-9._-]+"

MESH_LABEL = "kuma.io/mesh"
KUBERNETES_TYPE = "system.kuma.io/secret"
# A Secret of the whole control plane, such as a key that signs tokens.
GLOBAL_TYPE = "system.kuma.io/global-secret"


def check_object_name(value: str) -> str:
    """Return the name of a Kubernetes object unchanged.

    Raises:
        ValueError: the name is invalid; the error does not repeat it.
    """
    if len(value) > _MAX_NAME or not re.fullmatch(_SUBDOMAIN, value):
        raise ValueError(f"must be 1 to {_MAX_NAME} lower-case letters, digits, hyphens and dots (DNS-1123 subdomain)")
    return value


def find_name_problem(name: str, form: Form) -> str:
    """Return why no Secret can have a name; empty if one can. The name is not repeated: it may be a credential.

    Kuma 2.14.3 on Universal rejects capitals, and accepts underscores (kumahq/kuma:pkg/core/resources/apis/mesh,
    NameCharacterSet).
    """
    if form == "universal":
        return "" if re.fullmatch(_UNIVERSAL, name) else _name_problem(name)
    try:
        check_object_name(name)
    except ValueError:
        return _name_problem(name)
    return ""


def _name_problem(name: str) -> str:
    if len(name) > _MAX_NAME:
        return f"has {len(name)} characters"
    if any(character.isupper() for character in name):
        return "has capital letters"
    if any(character.isspace() for character in name):
        return "contains whitespace"
    if "_" in name:
        return "contains an underscore"
    if re.fullmatch(r"[a-z0-9.-]+", name):
        return "has a part that does not begin and end with a letter or a digit"
    return "contains characters that no name has"


ObjectName = Annotated[str, AfterValidator(check_object_name)]


class MeshSecret(Model):
    """A Secret of one mesh. On Kubernetes, a name can belong to one mesh only.

    Attributes:
        namespace: Kong Mesh's system namespace, for Kubernetes only.
        value: the text in it.
    """

    name: ObjectName
    mesh: DnsLabel
    namespace: DnsLabel
    value: str = Field(repr=False)

    def to_form(self, form: Form) -> Object:
        """Return the document for ``kubectl apply`` or ``kumactl apply``."""
        encoded = base64.b64encode(self.value.encode()).decode()
        if form == "universal":
            return {"type": "Secret", "mesh": self.mesh, "name": self.name, "data": encoded}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": {MESH_LABEL: self.mesh}},
            "type": KUBERNETES_TYPE,
            "data": {"value": encoded},
        }
