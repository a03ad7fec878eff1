"""MeshIdentities for tests: the golden files of ours.

``python -m tests.mesh.golden_identities`` renders the golden files again; look at what changed before you keep it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from tests.mesh.golden_documents import GOLDEN, golden_outputs
from toolkit.mesh.render.identity import IdentityOptions, build_identities, render_identities
from toolkit.mesh.render.templating import join_documents
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
    outputs, texts = golden_outputs(), {}
    for form in get_args(Form):
        for name, options in OPTIONS.items():
            identities = build_identities(outputs, "default", replace(options, form=form))
            texts[f"{form}-{name}.yaml"] = join_documents(render_identities(identities, form))
    return texts


def main() -> None:
    IDENTITIES.mkdir(exist_ok=True)
    for name, text in golden_texts().items():
        (IDENTITIES / name).write_text(text)


if __name__ == "__main__":
    main()
