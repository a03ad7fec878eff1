"""Check trust domains and SPIFFE IDs of MeshIdentities and MeshTrusts, and whether certificates verify.

Kuma 2.14.3 accepts any trust domain and path (measured). 3.0 renders the templates with sample values, and rejects
invalid SPIFFE IDs (kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/validator.go on master).

Kuma passes the certificates of all MeshTrusts of a trust domain to Envoy's SPIFFE validator, which needs the root among
them (kumahq/kuma:pkg/core/resources/apis/meshtrust/generator/v1alpha1/secrets.go; measured with Envoy 1.40).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import Resolved
from toolkit.mesh.documents.wording import join_words, show
from toolkit.mesh.lint.chain_rules import ROOT_ONLY, Bundle, check_trusted, read_chain
from toolkit.mesh.lint.contract_rules import OTHER_CHAIN, is_same_ca
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.lint.identity_rules import find_acmpca_config, read_arn
from toolkit.mesh.schema import spiffe_id
from toolkit.pki import chain, pem
from toolkit.yamltext.plain import at, items, mapping, text

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.yamltext.nodes import Path

_NO_TEMPLATE = "MESH200"
_TRUST_DOMAIN = "MESH201"
_PATH = "MESH202"

_TRUST_DOMAIN_PATH: Path = ("spec", "spiffeID", "trustDomain")
_PATH_PATH: Path = ("spec", "spiffeID", "path")
_VARIABLE = re.compile(r"\.(\w+)", re.ASCII)
# No chain has more certificates; comparing all pairs would take too long.
_MAX_TRIED = 50
_MAX_SHOWN = 5


def check_identity(identity: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about the SPIFFE IDs of a MeshIdentity, and about the MeshTrusts of its trust domains."""
    samples = {name: name.lower() for name in spiffe_id.TRUST_DOMAIN_FIELDS} | {"Mesh": identity.mesh or "mesh"}
    yield from _spiffe_template(identity, _TRUST_DOMAIN_PATH, samples, _TRUST_DOMAIN)
    yield from _spiffe_template(identity, _PATH_PATH, {name: name for name in spiffe_id.PATH_FIELDS}, _PATH)
    if identity.mesh:
        yield from _without_trust(identity, context)
        yield from _trust_of_another_domain(identity, context)


def check_trust(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about a MeshTrust."""
    domain = _domain(document)
    # An empty one has another finding.
    if domain:
        yield from _spiffe_text(document, ("spec", "trustDomain"), _TRUST_DOMAIN, domain, domain)
    bundles = _read_bundles(document)
    for bundle in bundles:
        yield from check_trusted(bundle, domain, context.target.now)
    trusts = [each for each in context.documents.list_scoped("MeshTrust", document.mesh) if _domain(each) == domain]
    others = [bundle for each in trusts if each is not document for bundle in _read_bundles(each)]
    trusted = [each for bundle in (*bundles, *others) for each in bundle.certificates]
    for bundle in bundles:
        for number in bundle.hierarchy.unique:
            certificate = bundle.certificates[number]
            if chain.is_ca(certificate) and not _reaches_root(certificate, trusted):
                above = f"a root that is missing among the CAs of the trust domain {show(domain)}"
                yield bundle.report("MESH210", f"{bundle.show(number)} is below {above}")
                break
    if bundles and trusted and all(bundle.certificates for bundle in bundles):
        yield from _contract(document, bundles[0], trusted, context)


# Trust domains and paths: templates in MeshIdentities, and values in MeshTrusts.


def _spiffe_template(document: ScopedDocument, path: Path, samples: dict[str, str], code: str) -> Iterator[Finding]:
    name, value = path[-1], at(document.value, path)
    if not isinstance(value, str):
        return
    expansion = spiffe_id.expand(value, samples)
    unknown = expansion.unknown
    variables = [f".{match[1]}" for words in unknown if (match := _VARIABLE.fullmatch(words))]
    if not unknown:
        yield from _spiffe_text(document, path, code, expansion.text, value)
    elif variables:
        fix = f"{name} has {join_words([f'.{each}' for each in samples])}, and label."
        yield report(document, _NO_TEMPLATE, path, f"{name} has the unknown variable {show(variables[0])}", fix)
    elif value in unknown or "" in unknown:
        yield report(document, _NO_TEMPLATE, path, f"{name} is not a template that Go can read: {show(value)}")
    else:
        yield report(document, "MESH203", path, f"{name} has {show(unknown[0])}, which was not expanded")


def _spiffe_text(document: ScopedDocument, path: Path, code: str, text: str, written: str) -> Iterator[Finding]:
    """Yield the findings about a trust domain or a path.

    Args:
        document: the document.
        path: the path of the value.
        code: the rule about it.
        text: the value with every variable replaced.
        written: the value in the document.
    """
    name, is_domain = path[-1], code == _TRUST_DOMAIN
    if is_domain and len(text) > spiffe_id.MAX_KUMA_TRUST_DOMAIN:
        message = f"{name} has {len(text)} characters, more than the {spiffe_id.MAX_KUMA_TRUST_DOMAIN} of a MeshTrust"
        yield report(document, "MESH204", path, message)
    elif problem := (spiffe_id.check_trust_domain if is_domain else spiffe_id.check_path)(text):
        bare = written.partition("://")[2].strip("/")
        fix = f"Write {show(bare)}." if is_domain and not spiffe_id.check_trust_domain(bare) else ""
        yield report(document, code, path, f"{name} {show(written)} {problem}", fix)


# MeshTrusts and the certificates in them.


def _read_bundles(document: ScopedDocument) -> list[Bundle]:
    """Return the certificates of each CA bundle of a MeshTrust that has a text."""
    values = [at(bundle, ("pem", "value")) for bundle in items(document.spec.get("caBundles"))]
    return [
        read_chain(Resolved(value, document, ("spec", "caBundles", index, "pem", "value")))
        for index, value in enumerate(values)
        if isinstance(value, str)
    ]


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
        for domain in _list_trust_domains(identity, context)
    }
    if _domain(document) not in domains:
        return
    if not has_root:
        message = "the contract's root is missing, and a MeshIdentity of this trust domain issues from its CA"
        yield bundle.report(OTHER_CHAIN, message)
    else:
        message = "the bundle contains the contract's root, but not the issuing CA"
        yield bundle.report(ROOT_ONLY, message)


def _list_trust_domains(identity: ScopedDocument, context: Context) -> tuple[str, ...]:
    """Return the trust domains of a MeshIdentity in the contract's zones, in their order.

    Without a contract, it is that of a template without a zone. Templates with labels or unknown syntax yield none.
    """
    template = _template(identity)
    if template is None:
        return ()
    zones = [zone.name for zone in context.target.outputs.zones] if context.target.outputs else []
    expansions = [spiffe_id.expand(template, {"Mesh": identity.mesh, "Zone": zone}, {}) for zone in zones]
    if not zones:
        expansions = [spiffe_id.expand(template, {"Mesh": identity.mesh}, {})]
    return tuple(dict.fromkeys(each.text for each in expansions if not each.unknown))


def _template(identity: ScopedDocument) -> str | None:
    template = at(identity.value, _TRUST_DOMAIN_PATH)
    return spiffe_id.DEFAULT_TRUST_DOMAIN if template is None else text(template) or None


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
    domains = _list_trust_domains(identity, context)
    there = {_domain(each) for each in context.documents.list_scoped("MeshTrust", identity.mesh)}
    if creates is None or (creates and (not there or len(domains) == 1)):
        return
    if missing := [show(domain) for domain in domains if domain not in there]:
        more = f" and {len(missing) - _MAX_SHOWN} more" if len(missing) > _MAX_SHOWN else ""
        message = f"no MeshTrust in the input is for {join_words(missing[:_MAX_SHOWN])}{more}"
        if not creates:
            message += ", and meshTrustCreation is Disabled"
        path = _TRUST_DOMAIN_PATH if at(identity.value, _TRUST_DOMAIN_PATH) is not None else identity.name_path
        yield report(identity, "MESH211", path, message)


def _trust_of_another_domain(identity: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the finding about a MeshTrust with the MeshIdentity's name and a trust domain of no zone."""
    template = _template(identity)
    if template is None or not identity.name or not _creates_trust(identity):
        return
    expansion = spiffe_id.expand(template, {"Mesh": identity.mesh, "Zone": "\0"}, {})
    form = re.compile("[^.]+".join(map(re.escape, expansion.text.split("\0"))))
    for trust in context.documents.list_scoped("MeshTrust", identity.mesh):
        domain = _domain(trust)
        if trust.name == identity.name and domain and not expansion.unknown and not form.fullmatch(domain):
            message = f"the MeshTrust of the same name is for {show(domain)}, not for {show(template)}"
            yield report(identity, "MESH212", identity.name_path, message)
