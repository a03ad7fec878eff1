"""Check whether every trust domain has a MeshTrust, and whether its certificates verify.

Kuma passes the certificates of all MeshTrusts of a trust domain to Envoy's SPIFFE validator, which needs the root among
them (kumahq/kuma:pkg/core/resources/apis/meshtrust/generator/v1alpha1/secrets.go; measured with Envoy 1.40).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import Resolved
from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint import chain_rules
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.chains import read_chain
from toolkit.mesh.lint.contract_rules import OTHER_CHAIN, is_same_ca
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.provider_configs import find_acmpca_config, read_arn
from toolkit.mesh.lint.spiffe_id_rules import TRUST_DOMAIN_PATH
from toolkit.mesh.lint.structure import MISSING_FIELD
from toolkit.mesh.schema.spiffe_id import DEFAULT_TRUST_DOMAIN, expand
from toolkit.pki import chain, pem
from toolkit.yamltext.plain import at, items, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography import x509

    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.lint.chains import Bundle
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

NO_ROOT = RULES["MESH210"]
NO_TRUST = RULES["MESH211"]
OTHER_TRUST_DOMAIN = RULES["MESH212"]

# No chain has more certificates; comparing all pairs would take too long.
_MAX_TRIED = 50
_MAX_SHOWN = 5


def check(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    if document.kind == "MeshTrust":
        yield from _bundles(document, context)
    elif document.kind == "MeshIdentity" and document.mesh:
        yield from _without_trust(document, context)
        yield from _trust_of_another_domain(document, context)


def read_bundles(document: ScopedDocument) -> list[Bundle]:
    """Return the certificates of each CA bundle of a MeshTrust that has a text."""
    path = ("spec", "caBundles")
    values = [at(bundle, ("pem", "value")) for bundle in items(document.spec.get("caBundles"))]
    return [
        read_chain(Resolved(value, document, (*path, index, "pem", "value")))
        for index, value in enumerate(values)
        if isinstance(value, str)
    ]


def _bundles(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    domain = text(document.spec.get("trustDomain"))
    bundles = read_bundles(document)
    for index, value in enumerate(items(document.spec.get("caBundles"))):
        if mapping(value).get("type") == "Pem" and mapping(value).get("pem") is None:
            path = ("spec", "caBundles", index, "pem")
            yield report(document, MISSING_FIELD, path, f"pem is missing in caBundles[{index}]", "Add pem.")
    for bundle in bundles:
        yield from chain_rules.check_trusted(bundle, domain, context.target.now)
    trusts = [each for each in context.documents.list_scoped("MeshTrust", document.mesh) if _domain(each) == domain]
    others = [bundle for each in trusts if each is not document for bundle in read_bundles(each)]
    trusted = [each for bundle in (*bundles, *others) for each in bundle.certificates]
    for bundle in bundles:
        for number in bundle.hierarchy.unique:
            certificate = bundle.certificates[number]
            if chain.is_ca(certificate) and not _reaches_root(certificate, trusted):
                name = chain_rules.show_member(bundle, number)
                message = f"{name} is below a root that is missing among the CAs of the trust domain {show(domain)}"
                yield chain_rules.report_chain(bundle, NO_ROOT, message)
                break
    if bundles and trusted and all(bundle.certificates for bundle in bundles):
        yield from _contract(document, bundles[0], trusted, context)


def _domain(document: ScopedDocument) -> str:
    return text(document.spec.get("trustDomain"))


def _reaches_root(certificate: x509.Certificate, trusted: Sequence[x509.Certificate]) -> bool:
    """Return whether there is a path from a CA to a root."""
    pending, seen = [certificate], {certificate}
    while pending:
        current = pending.pop()
        if chain.is_self_signed(current):
            return True
        above = {each for each in trusted[:_MAX_TRIED] if each not in seen and chain.is_issued_by(current, each)}
        seen |= above
        pending += above
    return len(trusted) > _MAX_TRIED


def _contract(
    document: ScopedDocument, bundle: Bundle, trusted: Sequence[x509.Certificate], context: Context
) -> Iterator[Finding]:
    """Yield the findings about CAs missing from the MeshTrust of a MeshIdentity with the contract's CA."""
    outputs = context.target.outputs
    if outputs is None:
        return
    wanted = pem.load_certificates(outputs.certificate_chain)
    # Any certificate of the same CA verifies the same certificates.
    has_issuer, has_root = (any(is_same_ca(each, ca) for each in trusted) for ca in (wanted[0], wanted[-1]))
    if has_issuer and has_root:
        return
    domains = {
        domain
        for identity in context.documents.list_scoped("MeshIdentity", document.mesh)
        if read_arn(identity) == outputs.certificate_authority.arn
        for domain in list_trust_domains(identity, context)
    }
    if _domain(document) not in domains:
        return
    if not has_root:
        message = "the contract's root is missing, and a MeshIdentity of this trust domain issues from its CA"
        yield chain_rules.report_chain(bundle, OTHER_CHAIN, message)
    else:
        message = "the contract's root is there, and the CA that issues is missing"
        yield chain_rules.report_chain(bundle, chain_rules.ROOT_ONLY, message)


def list_trust_domains(identity: ScopedDocument, context: Context) -> tuple[str, ...]:
    """Return the trust domains of a MeshIdentity in the contract's zones, in their order.

    Without a contract, it is that of a template without a zone. Templates with labels or unknown syntax yield none.
    """
    template = _template(identity)
    if template is None:
        return ()
    zones = [zone.name for zone in context.target.outputs.zones] if context.target.outputs else []
    expansions = [expand(template, {"Mesh": identity.mesh, "Zone": zone}, {}) for zone in zones]
    if not zones:
        expansions = [expand(template, {"Mesh": identity.mesh}, {})]
    return tuple(dict.fromkeys(each.text for each in expansions if not each.unknown))


def _template(identity: ScopedDocument) -> str | None:
    template = at(identity.value, TRUST_DOMAIN_PATH)
    return DEFAULT_TRUST_DOMAIN if template is None else text(template) or None


def _creates_trust(identity: ScopedDocument) -> bool | None:
    """Return whether the control plane creates the MeshTrust; None if that isn't known, or the provider needs none."""
    provider = mapping(identity.spec.get("provider"))
    if (config := find_acmpca_config(identity)) is not None:
        given = config.get("meshTrustCreation")
    elif provider.get("type") == "Bundled":
        given = mapping(provider.get("bundled")).get("meshTrustCreation")
    else:
        return None
    return given != "Disabled"


def _without_trust(identity: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about trust domains without a MeshTrust.

    A MeshTrust that a zone control plane creates exists in its own zone only, so the other zones need one too. They
    may be in another file, so nothing is reported if the input has no MeshTrust.
    """
    creates = _creates_trust(identity)
    domains = list_trust_domains(identity, context)
    there = {_domain(each) for each in context.documents.list_scoped("MeshTrust", identity.mesh)}
    if creates is None or (creates and (not there or len(domains) == 1)):
        return
    if missing := [show(domain) for domain in domains if domain not in there]:
        more = f" and {len(missing) - _MAX_SHOWN} more" if len(missing) > _MAX_SHOWN else ""
        message = f"no MeshTrust in the input is for {join_words(missing[:_MAX_SHOWN])}{more}"
        if not creates:
            message += ", and meshTrustCreation is Disabled"
        path = TRUST_DOMAIN_PATH if at(identity.value, TRUST_DOMAIN_PATH) is not None else identity.name_path
        yield report(identity, NO_TRUST, path, message)


def _trust_of_another_domain(identity: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the finding about a MeshTrust with the MeshIdentity's name and a trust domain of no zone."""
    template = _template(identity)
    if template is None or not identity.name or not _creates_trust(identity):
        return
    expansion = expand(template, {"Mesh": identity.mesh, "Zone": "\0"}, {})
    form = re.compile("[^.]+".join(map(re.escape, expansion.text.split("\0"))))
    for trust in context.documents.list_scoped("MeshTrust", identity.mesh):
        domain = _domain(trust)
        if trust.name == identity.name and domain and not expansion.unknown and not form.fullmatch(domain):
            message = f"the MeshTrust of the same name is for {show(domain)}, not for {show(template)}"
            yield report(identity, OTHER_TRUST_DOMAIN, identity.name_path, message)
