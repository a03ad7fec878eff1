"""Read the specs in requests as Kuma 2.14.3 does, and answer with its words. It rejects values of a newer Kuma.

Source: the CustomResourceDefinitions of Kuma 2.14.3 (kumahq/kuma:deployments/charts/kuma/crds); see
:mod:`toolkit.mesh.schema.scoped_specs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.control_plane.rehearsal.exchange import require
from toolkit.mesh.schema.messages import MessageError, find_spec_model, read_message
from toolkit.mesh.schema.scoped_specs import (
    SpecProblem,
    list_duration_problems,
    list_rule_problems,
    list_schema_problems,
)
from toolkit.mesh.schema.traffic_policies import DEFAULT_TLS_VERSION, TargetRef, TlsConf, TlsVersion
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from toolkit.mesh.schema.scoped_specs import Choices
    from toolkit.mesh.schema.versions import Product

_TARGETS = (
    "Mesh",
    "MeshSubset",
    "MeshGateway",
    "MeshService",
    "MeshExternalService",
    "MeshMultiZoneService",
    "MeshServiceSubset",
    "MeshHTTPRoute",
    "Dataplane",
)
_TLS_VERSIONS = (DEFAULT_TLS_VERSION, "TLS10", "TLS11", "TLS12", "TLS13")
_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
# The models leave these texts open, because newer versions may have more.
_CHOICES: Choices = {
    (TargetRef, "kind"): _TARGETS,
    (TargetRef, "proxyTypes"): ("Sidecar", "Gateway"),
    (TlsVersion, "min"): _TLS_VERSIONS,
    (TlsVersion, "max"): _TLS_VERSIONS,
    (TlsConf, "tlsCiphers"): _CIPHERS,
}


def read_spec(kind: str, spec: Value, product: Product) -> Object:
    """Return a spec in the form that a control plane stores.

    Raises:
        RefusedError: its schema or a validator of the product rejects it.
        MessageError: Go can't read a duration.
    """
    _require_valid(list_schema_problems(kind, spec, _CHOICES))
    if durations := list_duration_problems(kind, spec):
        raise MessageError(durations[0].answer)
    kept = read_message(find_spec_model(kind), spec)
    _require_valid(list_rule_problems(kind, kept, product))
    return kept


def _require_valid(problems: list[SpecProblem]) -> None:
    require([problem.to_answer() for problem in problems], "Could not process a resource")
