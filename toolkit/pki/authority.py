"""Define the rules for certificates of a mesh's CAs.

Each rule names its source and the programs that reject a certificate that breaks it, as measured (``tests/judges``) or
documented. Callers select rules by program: AWS imports the certificate, and other programs verify it in the mesh.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from toolkit.pki import chain, extensions, names
from toolkit.pki.name_constraints import has_unknown_forms, list_refused_uris, refuses_subject

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    _Check = Callable[["Member"], str | None]

# The programs that verify a CA's certificate.
AWS, GO, OPENSSL, ENVOY = "AWS Private CA", "Go", "OpenSSL", "Envoy"
# OpenSSL with -x509_strict, which is Python's default since 3.13, or at security level 2, which is Debian's.
STRICT = "strict clients"
# The validator of the `provided` backend, kumahq/kuma:pkg/plugins/ca/provided/ca_cert_validator.go.
KUMA = "Kuma's provided backend"
# Programs in a mesh: control planes and clients in Go, clients with OpenSSL, and proxies.
IN_A_MESH = frozenset({GO, OPENSSL, ENVOY})
EVERYBODY = frozenset({AWS, GO, OPENSSL, ENVOY, STRICT, KUMA})

_IMPORT = "botocore acm-pca, ImportCertificateAuthorityCertificate (Enforcement of Critical Constraints)"
_MIN_RSA, _MIN_CURVE = 2048, 224
_MAX_SERIAL = 20 * 8
_BROKEN = ("md5", "sha1")
_REISSUE = "Have the CA above issue the certificate again"
_LEAVE_OUT = f"{_REISSUE}, with that extension left out or not critical."


class Needs(NamedTuple):
    """The requirements of a mesh for its CAs.

    Attributes:
        uris: URI SANs that the CAs must be able to certify.
        lifetime: of the certificates that the CAs issue; None if it is not known.
        has_crl: whether the issuing CA publishes a revocation list.
        at: the time for which lifetimes are checked; None to skip that check.
    """

    uris: tuple[str, ...] = ()
    lifetime: timedelta | None = None
    has_crl: bool = False
    at: datetime | None = None


class Member(NamedTuple):
    """One certificate of a path, for a rule to check.

    Attributes:
        certificate: the certificate to check.
        below: the CAs below it on the path, issuing CA first.
        parent: its issuer on the path; None for the last certificate.
        needs: the mesh's requirements.
    """

    certificate: x509.Certificate
    below: tuple[x509.Certificate, ...]
    parent: x509.Certificate | None
    needs: Needs


class Rule(NamedTuple):
    """A rule for a CA's certificate.

    Attributes:
        name: the rule's stable name, in words with hyphens.
        title: the problem of a CA that breaks the rule.
        source: document or source code that the rule comes from.
        refused_by: the programs that reject a certificate that breaks the rule.
        fix: how to fix the problem, for the operator of the parent CA.
        check: returns the problem of a member as text; None if there is none.
    """

    name: str
    title: str
    source: str
    refused_by: frozenset[str]
    fix: str
    check: _Check


RULES: list[Rule] = []


def _rule(name: str, title: str, source: str, refused_by: Collection[str], fix: str) -> Callable[[_Check], _Check]:
    """Return a decorator that adds a check to :data:`RULES`."""

    def register(check: _Check) -> _Check:
        RULES.append(Rule(name, title, source, frozenset(refused_by), fix, check))
        return check

    return register


@_rule(
    "ca",
    "A certificate of a chain is not that of a CA",
    "RFC 5280, 4.2.1.9; golang/go:src/crypto/x509/x509.go (CheckSignatureFrom)",
    EVERYBODY,
    f"{_REISSUE}, with CA:TRUE in its basicConstraints.",
)
def _ca(member: Member) -> str | None:
    return None if chain.is_ca(member.certificate) else "is not a CA certificate (basicConstraints CA:TRUE)"


@_rule(
    "basic-constraints-critical",
    "A CA has basicConstraints that are not critical",
    _IMPORT,
    {AWS, STRICT},
    f"{_REISSUE}, with basicConstraints critical.",
)
def _critical_constraints(member: Member) -> str | None:
    extension = chain.find_extension(member.certificate, x509.BasicConstraints)
    return "has basicConstraints that are not critical" if extension and not extension.critical else None


@_rule(
    "path-length",
    "A CA has more CAs below it than its path length allows",
    "RFC 5280, 4.2.1.9",
    {AWS, *IN_A_MESH},
    "Have the CA issued again with a longer path, or issue from a CA further up.",
)
def _path_length(member: Member) -> str | None:
    allowed = chain.get_path_length(member.certificate)
    if allowed is None or len(member.below) <= allowed:
        return None
    return f"has path length {allowed}, and the number of CAs below it is {len(member.below)}"


@_rule(
    "key-cert-sign",
    "A CA has a keyUsage without keyCertSign",
    "RFC 5280, 4.2.1.3; golang/go:src/crypto/x509/x509.go (CheckSignatureFrom)",
    {KUMA, *IN_A_MESH},
    f"{_REISSUE}, with keyCertSign in its keyUsage.",
)
def _key_cert_sign(member: Member) -> str | None:
    usage = chain.find_extension(member.certificate, x509.KeyUsage)
    if usage is None or usage.value.key_cert_sign:
        return None
    return "has a keyUsage without keyCertSign, so it can't sign certificates"


@_rule(
    "key-usage",
    "A CA has no keyUsage",
    "RFC 5280, 4.2.1.3; ca_cert_validator.go",
    {KUMA, STRICT},
    f"{_REISSUE}, with keyCertSign in its keyUsage.",
)
def _key_usage(member: Member) -> str | None:
    return None if chain.find_extension(member.certificate, x509.KeyUsage) else "has no keyUsage"


@_rule(
    "crl-sign",
    "A CA has a keyUsage without cRLSign, and a revocation list",
    "RFC 5280, 4.2.1.3",
    IN_A_MESH,
    f"{_REISSUE}, with cRLSign in its keyUsage, or leave the revocation list off.",
)
def _crl_sign(member: Member) -> str | None:
    usage = chain.find_extension(member.certificate, x509.KeyUsage)
    if not member.needs.has_crl or member.below or usage is None or usage.value.crl_sign:
        return None
    return "has a keyUsage without cRLSign, so it can't sign its revocation list"


@_rule(
    "key-agreement",
    "A CA has keyAgreement in its keyUsage",
    "X509-SVID, appendix A; ca_cert_validator.go",
    {KUMA},
    f"{_REISSUE}, without keyAgreement in its keyUsage.",
)
def _key_agreement(member: Member) -> str | None:
    usage = chain.find_extension(member.certificate, x509.KeyUsage)
    return "has keyAgreement in its keyUsage" if usage and usage.value.key_agreement else None


@_rule(
    "extended-key-usage",
    "A CA has an extendedKeyUsage without serverAuth or clientAuth",
    "golang/go:src/crypto/x509/verify.go (checkChainForKeyUsage); openssl/openssl:crypto/x509/v3_purp.c (check_ssl_ca)",
    IN_A_MESH,
    f"{_REISSUE}, without extendedKeyUsage, or with serverAuth and clientAuth.",
)
def _extended_key_usage(member: Member) -> str | None:
    extension = chain.find_extension(member.certificate, x509.ExtendedKeyUsage)
    # OpenSSL does not accept anyExtendedKeyUsage instead of the two.
    missing = [name for oid, name in _PURPOSES.items() if extension and oid not in extension.value]
    wrong = f"has an extendedKeyUsage without {' and '.join(missing)}, and a proxy is server and client"
    return wrong if missing else None


_PURPOSES = {ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth", ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth"}


@_rule(
    "name-constraints",
    "A CA has name constraints that refuse the names of proxies",
    "RFC 5280, 4.2.1.10; golang/go:src/crypto/x509/constraints.go; openssl/openssl:crypto/x509/v3_ncons.c",
    IN_A_MESH,
    "Use a CA whose name constraints permit these URIs, or one without constraints on URIs.",
)
def _name_constraints(member: Member) -> str | None:
    extension = chain.find_extension(member.certificate, x509.NameConstraints)
    if extension is None:
        return None
    refused = list_refused_uris(extension.value, member.needs.uris)
    for below in member.below:
        if refuses_subject(extension.value, names.read_subject(below)):
            refused.append(chain.get_display_name(below))
    return f"has name constraints that refuse {', '.join(refused)}" if refused else None


@_rule(
    "name-constraint-forms",
    "A CA has critical name constraints that Go does not know",
    "golang/go:src/crypto/x509/parser.go (parseNameConstraintsExtension)",
    {GO},
    f"{_REISSUE}, with constraints on DNS, mail, IP and URI names alone.",
)
def _name_constraint_forms(member: Member) -> str | None:
    extension = chain.find_extension(member.certificate, x509.NameConstraints)
    if extension is None or not extension.critical or not has_unknown_forms(extension.value):
        return None
    return "has critical name constraints of a form that Go does not know, such as directory names"


@_rule(
    "critical-extensions",
    "A CA has a critical extension that programs in a mesh do not know",
    "RFC 5280, 4.2; parser.go (processExtensions); openssl/openssl:crypto/x509/v3_purp.c (X509_supported_extension)",
    IN_A_MESH,
    _LEAVE_OUT,
)
def _critical_extensions(member: Member) -> str | None:
    return _critical(member, extensions.UNDERSTOOD, "which not every program in a mesh supports")


@_rule(
    "critical-extensions-of-aws", "A CA has a critical extension that AWS does not import", _IMPORT, {AWS}, _LEAVE_OUT
)
def _imported_extensions(member: Member) -> str | None:
    return _critical(member, extensions.IMPORTED, "which AWS does not import")


def _critical(member: Member, known: Collection[x509.ObjectIdentifier], reason: str) -> str | None:
    oids = extensions.list_critical_beyond(member.certificate, known)
    return f"has the critical extension {', '.join(oids)}, {reason}" if oids else None


@_rule(
    "policy-constraints",
    "A CA demands certificate policies, which proxies do not have",
    "RFC 5280, 4.2.1.11; golang/go:src/crypto/x509/verify.go (policiesValid)",
    {GO, ENVOY},
    f"{_REISSUE}, without requireExplicitPolicy in its policyConstraints.",
)
def _policy_constraints(member: Member) -> str | None:
    extension = chain.find_extension(member.certificate, x509.PolicyConstraints)
    # Policies of a root are not checked (RFC 5280, 6.1: a trust anchor is not part of the path).
    if member.parent is None or extension is None or extension.value.require_explicit_policy is None:
        return None
    return "has policyConstraints that demand a certificate policy, which data plane certificates do not have"


@_rule(
    "legacy-extensions",
    "A CA has an extension that no CA of a mesh can have",
    "openssl/openssl:crypto/x509/v3_purp.c (ossl_x509v3_cache_extensions)",
    {OPENSSL},
    f"{_REISSUE}, without that extension.",
)
def _legacy_extensions(member: Member) -> str | None:
    oids = extensions.list_legacy(member.certificate)
    return f"has the extension {', '.join(oids)}, by which OpenSSL judges it in its own way" if oids else None


@_rule(
    "serial-number",
    "A CA has a serial number of more than 20 octets",
    "RFC 5280, 4.1.2.2",
    {STRICT},
    f"{_REISSUE}, with a serial number of at most 20 octets.",
)
def _serial_number(member: Member) -> str | None:
    is_long = member.certificate.serial_number.bit_length() >= _MAX_SERIAL
    return "has a serial number of more than 20 octets" if is_long else None


@_rule(
    "key-strength",
    "A CA has a weak key",
    "NIST SP 800-131A rev. 2; OpenSSL's security level 2 (SSL_CTX_set_security_level)",
    {STRICT},
    "Use a CA with RSA of 2048 bits or more, or an elliptic curve.",
)
def _key_strength(member: Member) -> str | None:
    key = member.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA:
        return f"has an RSA key of {key.key_size} bits; {_MIN_RSA} is the minimum"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < _MIN_CURVE:
        return f"has a key on the curve {key.curve.name}, which is too small"
    return "has a DSA key, which TLS no longer has" if isinstance(key, dsa.DSAPublicKey) else None


@_rule(
    "signature-strength",
    "A CA has a weak signature",
    "NIST SP 800-131A rev. 2; golang/go:src/crypto/x509/x509.go (InsecureAlgorithmError)",
    {GO, STRICT},
    f"{_REISSUE}, signed with SHA-256 or better.",
)
def _signature_strength(member: Member) -> str | None:
    algorithm = member.certificate.signature_hash_algorithm
    # Programs don't verify the signature of a root, because it proves nothing.
    if member.parent is None or algorithm is None or algorithm.name not in _BROKEN:
        return None
    return f"is signed with {algorithm.name.upper().replace('SHA1', 'SHA-1')}"


@_rule(
    "validity",
    "A CA is expired, or expires too soon",
    "RFC 5280, 6.1.3",
    {AWS, *IN_A_MESH},
    "Replace the certificate, or check this machine's clock.",
)
def _validity(member: Member) -> str | None:
    begins, ends = member.certificate.not_valid_before_utc, member.certificate.not_valid_after_utc
    at, lifetime = member.needs.at, member.needs.lifetime
    if at is None:
        return None
    if not begins <= at < ends:
        return f"is valid from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, not now"
    if lifetime is not None and at + lifetime > ends:
        return f"expires on {ends:%Y-%m-%d %H:%M} UTC, before a data plane certificate that is issued now"
    return None


@_rule(
    "authority-key-identifier",
    "A CA has an authorityKeyIdentifier of another key",
    "RFC 5280, 4.2.1.1; openssl/openssl:crypto/x509/v3_purp.c (X509_check_akid)",
    {OPENSSL, ENVOY},
    f"{_REISSUE}, with the identifiers of its own key.",
)
def _authority_key_identifier(member: Member) -> str | None:
    if member.parent is None and not chain.is_self_signed(member.certificate):
        return None
    issuer = member.parent or member.certificate
    extension = chain.find_extension(member.certificate, x509.AuthorityKeyIdentifier)
    own = chain.find_extension(issuer, x509.SubjectKeyIdentifier)
    if extension is None:
        return None
    wrong_key = own is not None and extension.value.key_identifier not in (None, own.value.digest)
    wrong_serial = extension.value.authority_cert_serial_number not in (None, issuer.serial_number)
    wrong = f"names another key in its authorityKeyIdentifier than that of {chain.get_display_name(issuer)}"
    return wrong if wrong_key or wrong_serial else None


@_rule("subject", "A CA has an empty subject", "RFC 5280, 4.1.2.6", {STRICT}, f"{_REISSUE}, with a subject.")
def _subject(member: Member) -> str | None:
    return None if names.read_attributes(names.read_subject(member.certificate)) else "has an empty subject"
