"""Write only the parts of applied documents that a verification reads, because the originals may have credentials."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.secret import MESH_LABEL
from toolkit.pki import pem
from toolkit.yamltext import scalars

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.mesh.documents.applied_identity import AppliedIdentity
    from toolkit.mesh.schema.scoped import ScopedKind
    from toolkit.values import Object


def write_mesh(mesh: str, conf: Object) -> str:
    """Return a Mesh with one acmpca backend, as the text that ``toolkit verify -f`` reads."""
    backend = {"name": "acmpca", "type": "acmpca", "conf": conf}
    return _write({"type": "Mesh", "name": mesh, "mtls": {"enabledBackend": "acmpca", "backends": [backend]}})


def write_identity(identity: AppliedIdentity) -> str:
    """Return a MeshIdentity and the MeshTrusts of its mesh, as the text that ``toolkit verify -f`` reads."""
    config: Object = {
        "arn": identity.authority_arn,
        "certificateParameters": {"expiry": f"{identity.lifetime // timedelta(microseconds=1)}us"},
    }
    if not identity.creates_trust:
        config["meshTrustCreation"] = "Disabled"
    templates = {"trustDomain": identity.trust_domain, "path": identity.path}
    spec: Object = {"provider": {"type": "Extension", "extension": {"name": ACMPCA, "config": config}}}
    if spiffe_id := {name: template for name, template in templates.items() if template is not None}:
        spec["spiffeID"] = spiffe_id
    documents = [_make(identity, "MeshIdentity", identity.name, identity.labels, spec)]
    for number, (domain, text) in enumerate(identity.bundles.items()):
        trust = {"trustDomain": domain, "caBundles": [_bundle(text)]}
        documents.append(_make(identity, "MeshTrust", f"trust-{number}", {MESH_LABEL: identity.mesh}, trust))
    return "---\n".join(map(_write, documents))


def _make(identity: AppliedIdentity, kind: ScopedKind, name: str, labels: Mapping[str, str], spec: Object) -> Object:
    """Return a document in the form of the MeshIdentity, on which the meaning of templates depends."""
    shown = {"labels": dict(labels)} if labels else {}
    if identity.form == "universal":
        return {"type": kind, "name": name, "mesh": identity.mesh, **shown, "spec": spec}
    return {"apiVersion": "kuma.io/v1alpha1", "kind": kind, "metadata": {"name": name, **shown}, "spec": spec}


def _bundle(text: str) -> Object:
    # Written again, so that other text in the PEM is left out.
    return {"type": "Pem", "pem": {"value": pem.write(pem.load_certificates(text))}}


def _write(document: Object) -> str:
    return scalars.write_block(document, indent=0)
