"""Compare a MeshIdentity that has the extension acmpca with the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.contract import check_mode
from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint.contract_rules import OTHER_CA, OTHER_LIFETIME, OTHER_MESH
from toolkit.mesh.lint.durations import BEYOND_SHORT_LIVED, BEYOND_THE_CA, read_duration
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.provider_configs import CONFIG_PATH, EXPIRY, find_acmpca_config, read_arn, read_expiry
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.yamltext.plain import AnyMapping

_SHORT_LIVED_FIX = "Write 168h or less."
_LIFETIME_FIX = "Set expiry here and dataPlaneLifetime in the contract to the same value."


def check(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    outputs = context.target.outputs
    config = find_acmpca_config(document)
    if outputs is None or config is None or not document.mesh:
        return
    if document.mesh not in outputs.meshes:
        there = join_words([show(name) for name in outputs.meshes])
        message = f"{show(document.mesh)} is not a mesh of the contract. Meshes: {there}"
        yield report(document, OTHER_MESH, document.mesh_path, message)
        return
    arn = outputs.certificate_authority.arn
    identities = context.documents.list_scoped("MeshIdentity", document.mesh)
    if isinstance(config.get("arn"), str) and not any(read_arn(each) == arn for each in identities):
        # While a mesh moves from one CA to another, a second MeshIdentity is not the contract's.
        message = f"the ARN is not that of the contract's CA, {arn}"
        yield report(document, OTHER_CA, (*CONFIG_PATH, "arn"), message)
    if read_arn(document) == arn:
        yield from _expiry(document, config, context, outputs)


def _expiry(document: ScopedDocument, config: AnyMapping, context: Context, outputs: StackOutputs) -> Iterator[Finding]:
    path, said, expiry = (*CONFIG_PATH, *EXPIRY), at(config, EXPIRY), read_expiry(config)
    if expiry is None:
        return
    authority, now = outputs.certificate_authority, context.target.now
    if check_mode(authority.usage_mode, expiry) and expiry.total_seconds() > 0:
        message = f"{said} is more than the 7 days of a CA in short-lived mode"
        yield report(document, BEYOND_SHORT_LIVED, path, message, _SHORT_LIVED_FIX)
    if now < authority.not_after and expiry > authority.not_after - now:
        message = f"{said} lasts longer than the CA, which expires on {authority.not_after:%Y-%m-%d}"
        yield report(document, BEYOND_THE_CA, path, message)
    if expiry != read_duration(outputs.data_plane_lifetime):
        message = f"{said} is not the contract's dataPlaneLifetime, {outputs.data_plane_lifetime}"
        yield report(document, OTHER_LIFETIME, path, message, _LIFETIME_FIX)
