"""Compare Meshes, and MeshIdentities with the extension acmpca, with the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm

from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint.chain_rules import ROOT_ONLY, Bundle, read_bundle
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.lint.identity_rules import CONFIG_PATH, EXPIRY, find_acmpca_config, read_arn, read_expiry
from toolkit.mesh.lint.issuance_rules import EXPIRATION, check_issuable, read_duration, read_lifetime
from toolkit.pki import chain, names, pem
from toolkit.yamltext.plain import AnyMapping, at

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.typed import Backend, MeshDocument, ScopedDocument
    from toolkit.yamltext.nodes import Path

_OTHER_CA = "MESH130"
OTHER_CHAIN = "MESH131"
_OTHER_MESH = "MESH133"
_OTHER_LIFETIME = "MESH134"
_NOT_SIGNING = "MESH135"
_SHORT_LIVED_FIX = "Write 168h or less."
_LIFETIME_FIX = "Set expiry here and dataPlaneLifetime in the contract to the same value."


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the differences of a Mesh from the contract."""
    outputs = context.target.outputs
    if outputs is None or not mesh.name:
        return
    if mesh.name not in outputs.meshes:
        yield _report_other_mesh(mesh, mesh.name_path, mesh.name, outputs)
        return
    arn = outputs.certificate_authority.arn
    if any(read_arn(each) == arn for each in context.documents.list_scoped("MeshIdentity", mesh.name)):
        # The mesh moves to a MeshIdentity with the contract's CA, or has moved. Its old backends may be of any CA.
        return
    backends = [backend for backend in mesh.backends if backend.type == "acmpca"]
    matching = [each for each in backends if each.conf.get("arn") == arn]
    yield from _signing(mesh, backends, matching)
    # While a mesh moves from one CA to another, a second acmpca backend is not the contract's.
    for backend in () if matching else backends:
        if isinstance(backend.conf.get("arn"), str):
            message = f"the ARN is not that of the contract's CA, {arn}"
            yield report(mesh, _OTHER_CA, (*backend.path, "conf", "arn"), message)
    for backend in matching:
        bundle = read_bundle(mesh, backend, context)
        if bundle and bundle.certificates:
            yield from _chain(bundle, outputs)
        lifetime = read_lifetime(backend)
        if lifetime and lifetime != read_duration(outputs.data_plane_lifetime):
            said, expected = at(backend.value, EXPIRATION), outputs.data_plane_lifetime
            message = f"{said} is not the contract's dataPlaneLifetime, {expected}"
            yield report(mesh, _OTHER_LIFETIME, (*backend.path, *EXPIRATION), message)


def _report_other_mesh(
    document: MeshDocument | ScopedDocument, path: Path, mesh: str, outputs: StackOutputs
) -> Finding:
    there = join_words([show(name) for name in outputs.meshes])
    return report(document, _OTHER_MESH, path, f"{show(mesh)} is not a mesh of the contract. Meshes: {there}")


def _signing(mesh: MeshDocument, backends: list[Backend], matching: list[Backend]) -> Iterator[Finding]:
    if not backends:
        path = (*mesh.mtls_path, "backends")
        yield report(mesh, _NOT_SIGNING, path, "no acmpca backend has the contract's CA")
    elif mesh.enabled not in [backend.name for backend in matching or backends]:
        path = (*mesh.mtls_path, "enabledBackend")
        signs = f"{show(mesh.enabled)} signs" if mesh.enabled else "no backend is enabled"
        # This is expected after the first step of a rotation, but must not remain.
        trusted = ", which is only trusted: right between steps 1 and 2 of toolkit rotate" if matching else ""
        yield report(mesh, _NOT_SIGNING, path, f"{signs}, not the backend of the contract's CA{trusted}")


def _chain(bundle: Bundle, outputs: StackOutputs) -> Iterator[Finding]:
    wanted = pem.load_certificates(outputs.certificate_chain)
    given = bundle.certificates
    if set(wanted) <= set(given):
        return
    if set(given) == {wanted[-1]} and len(wanted) > 1:
        yield bundle.report(ROOT_ONLY, "the chain contains only the root; the issuing CA is below it")
        return
    unknown = [each for each in given if not any(is_same_ca(each, ca) for ca in wanted)]
    if unknown:
        others = join_words([show(chain.get_display_name(each)) for each in unknown][:5])
        yield bundle.report(OTHER_CHAIN, f"the chain is of another CA than the contract's: {others}")
        return
    for each in given:
        if each not in wanted:
            name, end = show(chain.get_display_name(each)), f"{each.not_valid_after_utc:%Y-%m-%d}"
            message = f"the certificate of {name} that expires on {end} is not the one of the contract"
            yield bundle.report("MESH132", message)


def is_same_ca(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Return whether two certificates are equal, or have the same name and key."""
    try:
        return one == other or (
            names.read_subject(one) == names.read_subject(other) and one.public_key() == other.public_key()
        )
    except (ValueError, UnsupportedAlgorithm):
        return False


def check_identity(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the differences of a MeshIdentity from the contract."""
    outputs = context.target.outputs
    config = find_acmpca_config(document)
    if outputs is None or config is None or not document.mesh:
        return
    if document.mesh not in outputs.meshes:
        yield _report_other_mesh(document, document.mesh_path, document.mesh, outputs)
        return
    arn = outputs.certificate_authority.arn
    identities = context.documents.list_scoped("MeshIdentity", document.mesh)
    if isinstance(config.get("arn"), str) and not any(read_arn(each) == arn for each in identities):
        # While a mesh moves from one CA to another, a second MeshIdentity is not the contract's.
        message = f"the ARN is not that of the contract's CA, {arn}"
        yield report(document, _OTHER_CA, (*CONFIG_PATH, "arn"), message)
    if read_arn(document) == arn:
        yield from _expiry(document, config, context.target.now, outputs)


def _expiry(document: ScopedDocument, config: AnyMapping, now: datetime, outputs: StackOutputs) -> Iterator[Finding]:
    path, expiry = (*CONFIG_PATH, *EXPIRY), read_expiry(config)
    if expiry is None:
        return
    yield from check_issuable(document, path, expiry, outputs.certificate_authority, now, _SHORT_LIVED_FIX)
    if expiry != read_duration(outputs.data_plane_lifetime):
        message = f"{at(config, EXPIRY)} is not the contract's dataPlaneLifetime, {outputs.data_plane_lifetime}"
        yield report(document, _OTHER_LIFETIME, path, message, _LIFETIME_FIX)
