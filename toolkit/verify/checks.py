"""Check an issued certificate: one function per check, each with the expected and the found value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from toolkit.contract import SHORT_LIVED_MAX, UsageMode
from toolkit.pki import chain, extensions, judging
from toolkit.pki.authority import Needs
from toolkit.pki.hierarchy import Hierarchy
from toolkit.verify.plan import DEFAULT_HORIZON
from toolkit.verify.results import Check, judge

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from toolkit.verify.issue import IssuedCertificate

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)

# AWS sets NotBefore 60 minutes before the issuance (botocore, IssueCertificateRequest.ValidityNotBefore).
BACKDATING = timedelta(minutes=60)
# Allowed difference between this machine's clock and AWS's.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Evidence:
    """The request and the issued certificate.

    Attributes:
        issued: the certificate with its CA chain.
        public_key: the CSR's public key.
        uris: the URI SANs of the CSR, in order.
        not_after: the requested expiration, a timezone-aware datetime.
        trust_bundle: the certificates of the Mesh's ``caCert``, or of the MeshTrust of the zone's trust domain.
        usage_mode: the CA's usage mode.
        common_name: the CSR's common name; None for an empty subject.
        horizon: how long every CA of the chain must still be valid after ``at``.
        at: when the certificate was fetched, a timezone-aware datetime.
        of_mesh_identity: whether a MeshIdentity is the source of the request, not a Mesh.
    """

    issued: IssuedCertificate
    public_key: CertificatePublicKeyTypes
    uris: Sequence[str]
    not_after: datetime
    trust_bundle: Sequence[x509.Certificate]
    usage_mode: UsageMode = "GENERAL_PURPOSE"
    common_name: str | None = None
    horizon: timedelta = DEFAULT_HORIZON
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    of_mesh_identity: bool = False

    @property
    def leaf(self) -> x509.Certificate:
        """Return the issued certificate."""
        return self.issued.leaf


def check_chain(evidence: Evidence) -> Check:
    """Check that OpenSSL finds a path from the certificate to a root in the trust bundle, with valid CAs."""
    bundle, document = "the Mesh's caCert", "Mesh"
    advice = "caCert must contain the chain of the CA in conf.arn, issuing CA first, root last."
    if evidence.of_mesh_identity:
        bundle, document = "the MeshTrust of the trust domain", "MeshTrust"
        advice = "its caBundles must contain the chain of the CA in config.arn, issuing CA first, root last."
    name, expected = "chain", f"a valid path to a root in {bundle}"
    advice = f"Render the {document} again from the contract and apply it: {advice}"
    roots = [certificate for certificate in evidence.trust_bundle if chain.is_self_signed(certificate)]
    if not roots:
        return judge(name, good=False, expected=expected, found=f"{bundle} has no root", advice=advice)
    intermediates = [*evidence.issued.chain, *evidence.trust_bundle]
    try:
        path = chain.verify_to_root(evidence.leaf, intermediates, roots, evidence.at)
    except ValueError as error:
        return judge(name, good=False, expected=expected, found=str(error), advice=advice)
    if breaches := judging.judge_path(path[1:], Needs(tuple(evidence.uris))):
        found = "; ".join(f"{chain.get_display_name(path[1 + each.number])} {each.message}" for each in breaches)
        return judge(name, good=False, expected=expected, found=found, advice=breaches[0].rule.fix)
    found = " < ".join(["leaf", *(chain.get_display_name(certificate) for certificate in path[1:])])
    return judge(name, good=True, expected=expected, found=found, advice="")


def check_chain_order(evidence: Evidence) -> Check:
    """Check the order of the returned chain by the signatures, because proxies send it to peers unchanged."""
    expected = "the CA that signed the certificate first, then each CA's issuer, up to a root"
    links = evidence.issued.chain
    advice = (
        "AWS returns the chain in this order (API reference, GetCertificate): run this again. If the order is still "
        "wrong, check for a proxy between this machine and AWS."
    )
    if not links:
        return judge("chain-order", good=False, expected=expected, found="no chain", advice=advice)
    problems = [problem.message for problem in judging.check_order(Hierarchy(links))]
    if not chain.is_issued_by(evidence.leaf, links[0]):
        first = chain.get_display_name(links[0])
        problems.insert(0, f"the certificate is not signed by {first}, the first certificate of the chain")
    found = "; ".join(problems) or " < ".join(["leaf", *(chain.get_display_name(certificate) for certificate in links)])
    return judge("chain-order", expected, found, advice, good=not problems)


def check_chain_lifetime(evidence: Evidence) -> Check:
    """Check that no CA of the chain expires within the horizon: the certificates below it would become invalid."""
    until = evidence.at + evidence.horizon
    authorities = {
        chain.format_fingerprint(certificate): certificate
        for certificate in (*evidence.issued.chain, *evidence.trust_bundle)
    }
    soonest = min(authorities.values(), key=lambda certificate: certificate.not_valid_after_utc, default=None)
    expected = f"every CA is valid until {_time(until)} or longer"
    if soonest is None:
        return judge("chain-lifetime", good=False, expected=expected, found="no CA", advice="See the check chain.")
    return judge(
        "chain-lifetime",
        expected,
        f"{chain.get_display_name(soonest)} expires {_time(soonest.not_valid_after_utc)}",
        "Replace it in every zone before that: renew the CA, render the Mesh, and run toolkit rotate.",
        good=soonest.not_valid_after_utc >= until,
    )


def check_usage_mode(evidence: Evidence) -> Check:
    """Check the lifetime against the usage mode: a CA in short-lived mode issues for at most seven days."""
    begins, ends = evidence.leaf.not_valid_before_utc, evidence.leaf.not_valid_after_utc
    limit = SHORT_LIVED_MAX + BACKDATING + CLOCK_SKEW
    is_limited = evidence.usage_mode != "GENERAL_PURPOSE"
    short = "at most 7 days, backdated by at most 60 minutes: the CA is in short-lived mode"
    return judge(
        "usage-mode",
        short if is_limited else "any lifetime",
        _period(evidence.leaf),
        "The certificate is not from a CA of that mode: compare the document's CA ARN with the contract's.",
        good=not is_limited or ends - begins <= limit,
    )


def check_common_name(evidence: Evidence) -> Check:
    """Check that the subject is that of the CSR: the common name from the Mesh's template, or an empty subject."""
    wanted = [] if evidence.common_name is None else [f"CN={evidence.common_name}"]
    found = [f"{attribute.rfc4514_attribute_name}={attribute.value!s}" for attribute in evidence.leaf.subject]
    # According to Kong, a SAN may be copied to the common name when none is set.
    note = "the request had no subject" if found and not wanted else ""
    good = found == wanted or (not wanted and len(found) == 1 and found[0].removeprefix("CN=") in evidence.uris)
    return judge(
        "common-name",
        ", ".join(wanted) or "an empty subject",
        ", ".join(found) or "an empty subject",
        "The CA changes subjects: look for a template with APIPassthrough, or another CA.",
        note,
        good=good,
    )


def check_public_key(evidence: Evidence) -> Check:
    """Check that the certificate has the public key of the CSR."""
    same = _spki(evidence.leaf.public_key()) == _spki(evidence.public_key)
    return judge(
        "public-key",
        "the CSR's key",
        "the CSR's key" if same else "another key",
        "Stop using this CA: it returned a certificate for a key that was not in the request.",
        good=same,
    )


def check_subject_alternative_names(evidence: Evidence) -> Check:
    """Check that the SANs are those of the CSR, in order, none added, and critical if the subject is empty."""
    extension = _extension(evidence.leaf, x509.SubjectAlternativeName)
    names = list(extension.value) if extension else []
    found = [str(getattr(name, "value", name)) for name in names]
    exact = found == list(evidence.uris) and all(isinstance(n, x509.UniformResourceIdentifier) for n in names)
    # RFC 5280, 4.2.1.6. Without a subject, AWS rejects a CSR whose SAN extension is not critical
    # (cert-manager/aws-privateca-issuer#6). With a subject, both are valid.
    must_be_critical = not list(evidence.leaf.subject)
    wrongly_marked = must_be_critical and extension is not None and not extension.critical
    advice = (
        "Use a template that copies the SAN extension from the CSR unchanged: Envoy matches peers on the SPIFFE URI. "
        "Without a subject it must be critical (RFC 5280, 4.2.1.6)."
    )
    if exact and not evidence.of_mesh_identity:
        advice += " Or set commonName in the Mesh's backend, so that the subject is not empty."
    return judge(
        "subject-alternative-names",
        ", ".join(evidence.uris) + (" (critical: the subject is empty)" if must_be_critical else ""),
        (", ".join(found) or "none") + (" (not critical)" if wrongly_marked else ""),
        advice,
        good=exact and not wrongly_marked,
    )


def check_key_usage(evidence: Evidence) -> Check:
    """Check for digitalSignature and keyEncipherment, critical (AWS template EndEntityCertificate/V1)."""
    extension = _extension(evidence.leaf, x509.KeyUsage)
    found = extensions.list_usages(extension.value) if extension else []
    criticality = "critical" if extension and extension.critical else "not critical"
    return judge(
        "key-usage",
        "digital_signature, key_encipherment (critical)",
        f"{', '.join(found) or 'none'} ({criticality})",
        "The template is not EndEntityCertificate/V1; look for a policy or proxy that rewrites the request.",
        good=found == ["digital_signature", "key_encipherment"] and criticality == "critical",
    )


def check_extended_key_usage(evidence: Evidence) -> Check:
    """Check for serverAuth and clientAuth: a data plane proxy is a TLS server and a TLS client."""
    names = {ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth", ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth"}
    extension = _extension(evidence.leaf, x509.ExtendedKeyUsage)
    found = [names.get(oid, oid.dotted_string) for oid in extension.value] if extension else []
    return judge(
        "extended-key-usage",
        "serverAuth, clientAuth",
        ", ".join(found) or "none",
        "A proxy is a server and a client at once: the template must allow both.",
        good=sorted(found) == ["clientAuth", "serverAuth"],
    )


def check_basic_constraints(evidence: Evidence) -> Check:
    """Check that it is not a CA certificate. AWS's table of templates doesn't define whether CA:FALSE is critical."""
    is_ca = chain.is_ca(evidence.leaf)
    return judge(
        "basic-constraints",
        "CA:FALSE",
        "CA:TRUE" if is_ca else "CA:FALSE",
        "Revoke this certificate at once: it can sign others.",
        good=not is_ca,
    )


def check_lifetime(evidence: Evidence) -> Check:
    """Check that the certificate expires as requested, and begins at most 60 minutes before it was issued."""
    begins, ends = evidence.leaf.not_valid_before_utc, evidence.leaf.not_valid_after_utc
    end_as_asked = abs(ends - evidence.not_after) < timedelta(seconds=1)
    begin_as_documented = evidence.at - BACKDATING - CLOCK_SKEW <= begins <= evidence.at + CLOCK_SKEW
    return judge(
        "lifetime",
        f"until {_time(evidence.not_after)}, backdated by at most 60 minutes",
        _period(evidence.leaf),
        "Compare this machine's clock with AWS's; if they agree, the CA does not use the requested validity.",
        good=end_as_asked and begin_as_documented,
    )


# In the order in which reports show them.
CERTIFICATE_CHECKS: tuple[tuple[str, Callable[[Evidence], Check]], ...] = (
    ("chain", check_chain),
    ("chain-order", check_chain_order),
    ("chain-lifetime", check_chain_lifetime),
    ("public-key", check_public_key),
    ("subject-alternative-names", check_subject_alternative_names),
    ("key-usage", check_key_usage),
    ("extended-key-usage", check_extended_key_usage),
    ("basic-constraints", check_basic_constraints),
    ("lifetime", check_lifetime),
    ("usage-mode", check_usage_mode),
    ("common-name", check_common_name),
)


def _extension(certificate: x509.Certificate, kind: type[_Kind]) -> x509.Extension[_Kind] | None:
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _period(certificate: x509.Certificate) -> str:
    return f"{_time(certificate.not_valid_before_utc)} to {_time(certificate.not_valid_after_utc)}"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
