"""Compare a Mesh with the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm

from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.chain_rules import ROOT_ONLY, report_chain
from toolkit.mesh.lint.chains import read_bundle
from toolkit.mesh.lint.durations import EXPIRATION, read_duration, read_lifetime
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.provider_configs import read_arn
from toolkit.pki import chain, names, pem
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.typed import Backend, MeshDocument
    from toolkit.mesh.lint.chains import Bundle
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding


OTHER_CA = RULES["MESH130"]
OTHER_CHAIN = RULES["MESH131"]
REISSUED = RULES["MESH132"]
OTHER_MESH = RULES["MESH133"]
OTHER_LIFETIME = RULES["MESH134"]
NOT_SIGNING = RULES["MESH135"]


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    outputs = context.target.outputs
    if outputs is None or not mesh.name:
        return
    if mesh.name not in outputs.meshes:
        there = join_words([show(name) for name in outputs.meshes])
        yield report(
            mesh, OTHER_MESH, mesh.name_path, f"{show(mesh.name)} is not a mesh of the contract. Meshes: {there}"
        )
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
            yield report(mesh, OTHER_CA, (*backend.path, "conf", "arn"), message)
    for backend in matching:
        bundle = read_bundle(mesh, backend, context)
        if bundle and bundle.certificates:
            yield from _chain(bundle, outputs)
        yield from _lifetime(mesh, backend, outputs)


def _signing(mesh: MeshDocument, backends: list[Backend], matching: list[Backend]) -> Iterator[Finding]:
    if not backends:
        path = (*mesh.mtls_path, "backends")
        yield report(mesh, NOT_SIGNING, path, "no acmpca backend is there for the contract's CA")
    elif mesh.enabled not in [backend.name for backend in matching or backends]:
        path = (*mesh.mtls_path, "enabledBackend")
        signs = f"{show(mesh.enabled)} signs" if mesh.enabled else "no backend is enabled"
        # This is expected after the first step of a rotation, but must not remain.
        trusted = ", which is only trusted: right between steps 1 and 2 of toolkit rotate" if matching else ""
        yield report(mesh, NOT_SIGNING, path, f"{signs}, not the backend of the contract's CA{trusted}")


def _chain(bundle: Bundle, outputs: StackOutputs) -> Iterator[Finding]:
    wanted = pem.load_certificates(outputs.certificate_chain)
    given = bundle.certificates
    if set(wanted) <= set(given):
        return
    if set(given) == {wanted[-1]} and len(wanted) > 1:
        yield report_chain(bundle, ROOT_ONLY, "the chain holds the root alone, and the CA that issues is below it")
    elif all(_is_known(each, wanted) for each in given):
        others = [each for each in given if each not in wanted]
        for each in others:
            name, end = show(chain.get_display_name(each)), f"{each.not_valid_after_utc:%Y-%m-%d}"
            message = f"the certificate of {name} that expires on {end} is not the one of the contract"
            yield report_chain(bundle, REISSUED, message)
    else:
        names = join_words([show(chain.get_display_name(each)) for each in given if not _is_known(each, wanted)][:5])
        yield report_chain(bundle, OTHER_CHAIN, f"the chain is of another CA than the contract's: {names}")


def _is_known(certificate: x509.Certificate, wanted: tuple[x509.Certificate, ...]) -> bool:
    """Return whether the contract has this certificate, or another one for the same name and key."""
    return any(certificate == each or is_same_ca(certificate, each) for each in wanted)


def is_same_ca(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Return whether two certificates have the same name and key."""
    try:
        return names.read_subject(one) == names.read_subject(other) and one.public_key() == other.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False


def _lifetime(mesh: MeshDocument, backend: Backend, outputs: StackOutputs) -> Iterator[Finding]:
    lifetime = read_lifetime(backend)
    if lifetime and lifetime != read_duration(outputs.data_plane_lifetime):
        message = (
            f"{at(backend.value, EXPIRATION)} is not the contract's dataPlaneLifetime, {outputs.data_plane_lifetime}"
        )
        yield report(mesh, OTHER_LIFETIME, (*backend.path, *EXPIRATION), message)
