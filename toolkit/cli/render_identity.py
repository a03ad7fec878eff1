"""``toolkit render-identity``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli.documents import lay_out
from toolkit.cli.mesh_options import IdentityChoices, expiration_option, identity_options, refuse_old_version
from toolkit.cli.options import (
    ContractSource,
    contract_options,
    emit,
    format_option,
    meshes_option,
    namespace_option,
    note,
    version_option,
    warn,
)
from toolkit.cli.output_options import Output, document_options
from toolkit.cli.parameters import Command, option
from toolkit.errors import InvalidInputError, Problem
from toolkit.values import Value

if TYPE_CHECKING:
    from toolkit.mesh.schema.identity_spec import MeshTrustCreation
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.versions import MeshVersion

_EXAMPLES = """\b
Examples:
  toolkit render-identity --output-file identity.yaml
  toolkit render-identity --format universal --trust-domain mesh.example.com
  toolkit render-identity | toolkit lint -
"""
# Why each is written (Kong/developer.konghq.com@67a9fa390; kumahq/kuma:pkg/core/resources/apis/meshidentity/status).
_CREATION: dict[MeshTrustCreation, str] = {
    "Enabled": "meshTrustCreation is Enabled: each zone control plane also reads the CA's chain from AWS, so its role "
    "needs acm-pca:GetCertificateAuthorityCertificate, and a renewed CA needs no new document in its own zone",
    "Disabled": "meshTrustCreation is Disabled: zones trust only the MeshTrusts rendered here; render and apply them "
    "again when the CA is renewed",
}


def _refuse_credentials(_: click.Context, parameter: click.Parameter, value: Value) -> None:
    if value is not None:
        raise InvalidInputError(
            "a MeshIdentity can't have static credentials",
            [Problem(" or ".join(parameter.opts), "the extension acmpca uses the AWS default credential chain only")],
            "Give each zone control plane a role: IRSA, EKS Pod Identity, or the role of its instance or task.",
        )


@click.command(name="render-identity", cls=Command, epilog=_EXAMPLES)
@contract_options
@meshes_option(help="A mesh of the contract; repeatable; all unless given.")
@format_option(help="For kubectl apply, or for kumactl apply.")
@identity_options()
@expiration_option(help="Lifetime of data plane certificates, such as 24h; 30d is written as 720h.")
@version_option(group="Mesh", rare=True, help="The version of Kong Mesh, such as 2.14.3.")
@option(
    "--credentials",
    "--access-key",
    hidden=True,
    help="Not possible: a MeshIdentity has no static credentials.",
    expose_value=False,
    allow_from_autoenv=False,
    callback=_refuse_credentials,
)
@namespace_option(default="kong-mesh-system")
@document_options
def command(
    *,
    source: ContractSource,
    meshes: tuple[str, ...],
    form: Form,
    identity: IdentityChoices,
    expiration: str | None,
    mesh_version: MeshVersion | None,
    namespace: str,
    target: Output,
) -> None:
    """Turn the contract into a MeshIdentity that takes certificates from AWS Private CA.

    Renders the MeshIdentity, and for each zone the MeshTrust with the CA's chain, which all other zones need. Apply
    them on the global control plane. Kong Mesh 3.0 has MeshIdentity instead of Mesh.mtls; 2.14 has both, and
    toolkit rotate --to mesh-identity plans the move. Experimental: Kong has not released documentation of the
    extension acmpca.
    """
    from toolkit.mesh.render import identity_documents
    from toolkit.mesh.render.building import require_mesh
    from toolkit.mesh.render.templating import join_documents

    _heed_version(mesh_version, form)
    loaded = source.load()
    options = identity.to_options(form, expiration, namespace)
    names = list(dict.fromkeys(meshes)) or list(loaded.meshes)
    for name in names:
        require_mesh(loaded, name)
    shared = identity_documents.explain_shared_name(loaded, options)
    fix = "Render each mesh with --mesh and an --identity-name of its own."
    if shared and names[1:]:
        raise InvalidInputError("one document would overwrite another", [Problem("--identity-name", shared)], fix)
    if shared:
        note(f"{shared}: give each mesh an --identity-name of its own")
    documents = [
        text
        for name in names
        for text in identity_documents.render_identities(
            identity_documents.build_identities(loaded, name, options), form
        )
    ]
    note(_CREATION[options.mesh_trust_creation])
    emit(lay_out(join_documents(documents), target.form), target.file)


def _heed_version(version: MeshVersion | None, form: Form) -> None:
    """Reject a version without the extension acmpca, and warn if it has no global control plane on Kubernetes."""
    from toolkit.mesh.schema import versions

    if version is None:
        return
    refuse_old_version(version, "toolkit render-mesh renders a Mesh with an acmpca backend for this version.")
    if version >= versions.FIRST_WITHOUT_MTLS and form == "kubernetes":
        warn(
            f"Kong Mesh {version} has no global control plane on Kubernetes (UPGRADE.md); for one on Universal or "
            "Konnect use --format universal"
        )
