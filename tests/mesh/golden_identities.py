"""MeshIdentities for tests: the golden files of ours.

``python -m tests.mesh.golden_identities`` renders the golden files again; look at what changed before you keep it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from tests.mesh.golden_documents import GOLDEN, golden_outputs
from tests.mesh.rotate.old_meshes import OLD_CHAIN, OLD_ISSUING, allow_all, backend, mesh, stream
from toolkit.mesh.documents.editable import write_mesh
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render.identity_documents import IdentityOptions, build_identities, render_identities
from toolkit.mesh.render.templating import join_documents
from toolkit.mesh.rotate.identity_move import Given, plan_move_to_identity
from toolkit.mesh.schema.mesh import Form

IDENTITIES = GOLDEN / "identity"
OPTIONS: dict[str, IdentityOptions] = {
    "one-trust-domain-per-zone": IdentityOptions(),
    "one-trust-domain": IdentityOptions(trust_domain="mesh.example.com", name="aws"),
    "workload": IdentityOptions(path="/workload/{{ .Workload }}"),
    "all": IdentityOptions(
        trust_domain="{{ .Mesh }}.{{ .Zone }}.example.com",
        path='/{{ label "team" }}/{{ .Workload }}',
        expiry="1h30m",
        mesh_trust_creation="Disabled",
        namespace="kuma-system",
    ),
}


def golden_texts() -> dict[str, str]:
    """Return the golden files by name."""
    outputs = golden_outputs()
    texts: dict[str, str] = {}
    for form in get_args(Form):
        for name, options in OPTIONS.items():
            identities = build_identities(outputs, "default", replace(options, form=form))
            texts[f"{form}-{name}.yaml"] = join_documents(render_identities(identities, form))
    return texts


def golden_stages() -> dict[str, str]:
    """Return the golden files of the stages of a move by name; the mesh is PERMISSIVE, and its caCert has no root."""
    texts: dict[str, str] = {}
    for form in get_args(Form):
        old = backend("acmpca", mode="PERMISSIVE", dpCert={"rotation": {"expiration": "1d"}})
        old["conf"] = old["conf"] | {"caCert": {"inlineString": OLD_ISSUING}}
        base = write_mesh(mesh("universal", old, meshServices={"mode": "Disabled"}), form)
        given = Given(base, "mesh.yaml", None, read([("allow-all.yaml", stream(allow_all(form)))]), OLD_CHAIN)
        for name in ("one-trust-domain-per-zone", "one-trust-domain"):
            move = plan_move_to_identity(given, golden_outputs(), OPTIONS[name])
            texts |= {f"rotate-{form}-{name}-{step.number}-{step.name}.yaml": step.text for step in move.steps}
    return texts


def main() -> None:
    IDENTITIES.mkdir(exist_ok=True)
    for name, text in (golden_texts() | golden_stages()).items():
        (IDENTITIES / name).write_text(text)


if __name__ == "__main__":
    main()
