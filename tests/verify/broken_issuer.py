"""An AWS Private CA that issues correct certificates, or certificates with one mutation, properly signed."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support import AUTHORITY_ARN, NOW, Authority, hierarchy, name
from toolkit.pki import pem
from toolkit.pki.extensions import build_key_usage
from toolkit.verify.identity import ZoneIdentity

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import Zone
    from toolkit.verify.calls import Caller

ISSUING = hierarchy()
ROOT = cast("Authority", ISSUING.parent)
NAMESAKE = Authority("Test Issuing CA", parent=Authority("Test Root CA"), path_length=0)
STRANGER = Authority("Another Issuing CA", parent=Authority("Another Root CA"), path_length=0)
ENDED = Authority(
    "Test Issuing CA", parent=ROOT, path_length=0, not_after=NOW - timedelta(minutes=30), key=ISSUING.key
).certificate
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
_OTHER_EC = ec.generate_private_key(ec.SECP256R1()).public_key()


@dataclass
class Draft:
    """What is about to be signed, as AWS's template EndEntityCertificate/V1 makes it of a request."""

    subject: x509.Name
    public_key: CertificatePublicKeyTypes
    names: list[x509.GeneralName]
    names_critical: bool
    not_after: datetime
    not_before: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))
    usage: tuple[str, ...] = ("digital_signature", "key_encipherment")
    usage_critical: bool = True
    extended: tuple[x509.ObjectIdentifier, ...] = (SERVER, CLIENT)
    constraints: x509.BasicConstraints = field(
        default_factory=lambda: x509.BasicConstraints(ca=False, path_length=None)
    )
    constraints_critical: bool = False
    issuer: Authority = field(default_factory=lambda: ISSUING)
    damaged: bool = False
    chain: list[x509.Certificate] = field(default_factory=lambda: list(ISSUING.chain()))

    def sign(self) -> str:
        """The certificate as PEM."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.issuer.certificate.subject)
            .public_key(self.public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
            .add_extension(self.constraints, critical=self.constraints_critical)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuer.key.public_key()), critical=False
            )
        )
        if self.names:
            builder = builder.add_extension(x509.SubjectAlternativeName(self.names), critical=self.names_critical)
        if self.usage:
            builder = builder.add_extension(build_key_usage(*self.usage), critical=self.usage_critical)
        if self.extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.extended), critical=False)
        certificate = builder.sign(self.issuer.key, hashes.SHA256())
        if self.damaged:
            der = bytearray(certificate.public_bytes(serialization.Encoding.DER))
            der[-1] ^= 1
            certificate = x509.load_der_x509_certificate(bytes(der))
        return pem.write([certificate])


class Mutation(NamedTuple):
    """One way in which an issuer is broken.

    Attributes:
        identifier: names it.
        change: breaks the draft.
        checks: that must fail, and no other; the first is the one that names the defect.
    """

    identifier: str
    change: Callable[[Draft], None]
    checks: tuple[str, ...]


class BrokenIssuer:
    """Answers as AWS Private CA does, with what a mutation makes of it; also the source of the identity that asks."""

    def __init__(self, mutate: Callable[[Draft], None]) -> None:
        self._mutate = mutate
        self._answers: dict[str, dict[str, str]] = {}

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:  # noqa: ARG002 - the protocol's signature
        role = zone.verifying_role_arn.rpartition("/")[2]
        session = f"arn:aws:sts::{zone.account_id}:assumed-role/{role}/test"
        return ZoneIdentity(session, (zone.verifying_role_arn,), cast("ACMPCAClient", self))

    def describe_certificate_authority(self, **_: str) -> dict[str, Any]:
        return {
            "CertificateAuthority": {
                "Status": "ACTIVE",
                "Type": "SUBORDINATE",
                "UsageMode": "GENERAL_PURPOSE",
                "NotAfter": ISSUING.not_after,
                "CertificateAuthorityConfiguration": {
                    "KeyAlgorithm": "RSA_2048",
                    "SigningAlgorithm": "SHA256WITHRSA",
                },
            }
        }

    def issue_certificate(self, *, Csr: bytes, Validity: dict[str, Any], **_: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        request = x509.load_pem_x509_csr(Csr)
        sans = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        ends = datetime.fromtimestamp(Validity["Value"], UTC)
        draft = Draft(request.subject, request.public_key(), list(sans.value), sans.critical, ends)
        self._mutate(draft)
        certificate_arn = f"{AUTHORITY_ARN}/certificate/{len(self._answers):032x}"
        way = pem.write(draft.chain) if draft.chain else ""
        self._answers[certificate_arn] = {"Certificate": draft.sign(), "CertificateChain": way}
        return {"CertificateArn": certificate_arn}

    def get_certificate(self, *, CertificateArn: str, **_: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        return self._answers[CertificateArn]


def _set(**values: Any) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        for key, value in values.items():
            setattr(draft, key, value)

    return change


def _names(change: Callable[[list[x509.GeneralName]], list[x509.GeneralName]]) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.names = change(draft.names)

    return apply


def _first(text: Callable[[str], str]) -> Callable[[Draft], None]:
    """Another text in the first URI."""
    return _names(lambda names: [_uri(text(names[0].value)), *names[1:]])


def _uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def _shift(**deltas: timedelta) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        for key, delta in deltas.items():
            setattr(draft, key, getattr(draft, key) + delta)

    return change


def _self_signed(draft: Draft) -> None:
    draft.issuer = Authority("Test Issuing CA")


def _subject(*attributes: tuple[x509.ObjectIdentifier, str]) -> Callable[[Draft], None]:
    return _set(subject=x509.Name([x509.NameAttribute(*attribute) for attribute in attributes]))


def _usage(*more: str) -> Callable[[Draft], None]:
    return _set(usage=("digital_signature", "key_encipherment", *more))


def _ca(path_length: int | None, *, critical: bool) -> Callable[[Draft], None]:
    return _set(constraints=x509.BasicConstraints(ca=True, path_length=path_length), constraints_critical=critical)


_OWN, _TOP = ISSUING.chain()
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_KEY, _SAN, _USAGE, _EXTENDED = "public-key", "subject-alternative-names", "key-usage", "extended-key-usage"
_CONSTRAINTS, _LIFETIME, _CHAIN, _ORDER, _NAME = "basic-constraints", "lifetime", "chain", "chain-order", "common-name"

MUTATIONS = (
    Mutation("another RSA key", _set(public_key=_OTHER_RSA), (_KEY,)),
    Mutation("a key of another kind", _set(public_key=_OTHER_EC), (_KEY,)),
    Mutation("the CA's own key", _set(public_key=ISSUING.key.public_key()), (_KEY,)),
    Mutation("last SAN dropped", _names(lambda names: names[:-1]), (_SAN,)),
    Mutation("SPIFFE ID dropped", _names(lambda names: names[1:]), (_SAN,)),
    Mutation("all SANs dropped", _set(names=[]), (_SAN,)),
    Mutation("SANs reordered", _names(lambda names: names[::-1]), (_SAN,)),
    Mutation("SAN twice", _names(lambda names: [names[0], *names]), (_SAN,)),
    Mutation("SPIFFE ID added", _names(lambda names: [*names, _uri("spiffe://default/admin")]), (_SAN,)),
    Mutation("DNS name added", _names(lambda names: [*names, x509.DNSName("a.example")]), (_SAN,)),
    Mutation("address added", _names(lambda names: [*names, x509.IPAddress(ipaddress.ip_address("::1"))]), (_SAN,)),
    Mutation("mail address added", _names(lambda names: [*names, x509.RFC822Name("a@b.example")]), (_SAN,)),
    Mutation("URI as DNS name", _names(lambda names: [x509.DNSName(names[0].value), *names[1:]]), (_SAN,)),
    Mutation("another trust domain", _first(lambda uri: uri.replace("//default", "//other")), (_SAN,)),
    Mutation("another service", _first(lambda uri: f"{uri}-2"), (_SAN,)),
    Mutation("SPIFFE ID in capitals", _first(str.upper), (_SAN,)),
    Mutation("slash behind SPIFFE ID", _first(lambda uri: f"{uri}/"), (_SAN,)),
    Mutation("SPIFFE ID percent-encoded", _first(lambda uri: uri.replace("-", "%2D")), (_SAN,)),
    Mutation("SAN not critical", _set(names_critical=False), (_SAN,)),
    Mutation("no key usage", _set(usage=()), (_USAGE,)),
    Mutation("key usage not critical", _set(usage_critical=False), (_USAGE,)),
    Mutation("no keyEncipherment", _set(usage=("digital_signature",)), (_USAGE,)),
    Mutation("no digitalSignature", _set(usage=("key_encipherment",)), (_USAGE,)),
    Mutation("keyCertSign", _usage("key_cert_sign"), (_USAGE,)),
    Mutation("cRLSign", _usage("crl_sign"), (_USAGE,)),
    Mutation("dataEncipherment", _usage("data_encipherment"), (_USAGE,)),
    Mutation("contentCommitment", _usage("content_commitment"), (_USAGE,)),
    Mutation("keyAgreement", _usage("key_agreement"), (_USAGE,)),
    Mutation("no extended key usage", _set(extended=()), (_EXTENDED,)),
    Mutation("server alone", _set(extended=(SERVER,)), (_EXTENDED,)),
    Mutation("client alone", _set(extended=(CLIENT,)), (_EXTENDED,)),
    Mutation("codeSigning", _set(extended=(SERVER, CLIENT, ExtendedKeyUsageOID.CODE_SIGNING)), (_EXTENDED,)),
    Mutation("OCSPSigning", _set(extended=(SERVER, CLIENT, ExtendedKeyUsageOID.OCSP_SIGNING)), (_EXTENDED,)),
    Mutation("any usage", _set(extended=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), (_EXTENDED,)),
    Mutation("emailProtection", _set(extended=(ExtendedKeyUsageOID.EMAIL_PROTECTION,)), (_EXTENDED,)),
    Mutation("CA:TRUE", _ca(None, critical=False), (_CONSTRAINTS,)),
    Mutation("CA:TRUE, critical", _ca(None, critical=True), (_CONSTRAINTS,)),
    Mutation("CA:TRUE, path length 0", _ca(0, critical=True), (_CONSTRAINTS,)),
    Mutation("ends an hour early", _shift(not_after=-_HOUR), (_LIFETIME,)),
    Mutation("ends an hour late", _shift(not_after=_HOUR), (_LIFETIME,)),
    Mutation("ends two seconds late", _shift(not_after=timedelta(seconds=2)), (_LIFETIME,)),
    Mutation("lives for a year", _shift(not_after=365 * _DAY), (_LIFETIME,)),
    Mutation("outlives its CA", _shift(not_after=4000 * _DAY), (_LIFETIME,)),
    Mutation("expired", _shift(not_after=-2 * _DAY, not_before=-2 * _DAY), (_LIFETIME, _CHAIN)),
    Mutation("not valid yet", _shift(not_before=2 * _HOUR), (_LIFETIME, _CHAIN)),
    Mutation("backdated by three hours", _shift(not_before=-2 * _HOUR), (_LIFETIME,)),
    Mutation("backdated by a year", _shift(not_before=-365 * _DAY), (_LIFETIME,)),
    Mutation("a CA of the same name", _set(issuer=NAMESAKE), (_CHAIN, _ORDER)),
    Mutation("another CA", _set(issuer=STRANGER), (_CHAIN, _ORDER)),
    Mutation("another CA with its chain", _set(issuer=STRANGER, chain=list(STRANGER.chain())), (_CHAIN,)),
    Mutation("the root itself", _set(issuer=ROOT), (_ORDER,)),
    Mutation("no CA at all", _self_signed, (_CHAIN, _ORDER)),
    Mutation("signature damaged", _set(damaged=True), (_CHAIN, _ORDER)),
    Mutation("no chain", _set(chain=[]), (_ORDER,)),
    Mutation("chain reversed", _set(chain=[_TOP, _OWN]), (_ORDER,)),
    Mutation("chain without its root", _set(chain=[_OWN]), (_ORDER,)),
    Mutation("chain without the issuing CA", _set(chain=[_TOP]), (_ORDER,)),
    Mutation("issuing CA twice", _set(chain=[_OWN, _OWN, _TOP]), (_ORDER,)),
    Mutation("another root at the end", _set(chain=[_OWN, STRANGER.chain()[-1]]), (_ORDER,)),
    Mutation("a stranger in between", _set(chain=[_OWN, STRANGER.certificate, _TOP]), (_ORDER,)),
    Mutation("the chain of a CA of the same name", _set(chain=list(NAMESAKE.chain())), (_ORDER,)),
    Mutation("the chain of another CA", _set(chain=list(STRANGER.chain())), (_ORDER,)),
    Mutation("an expired issuing CA", _set(chain=[ENDED, _TOP]), ("chain-lifetime",)),
    Mutation("a common name that was not requested", _subject((NameOID.COMMON_NAME, "backend.mesh")), (_NAME,)),
    Mutation("an organization added", _subject((NameOID.ORGANIZATION_NAME, "Example")), (_NAME,)),
    Mutation("the CA's subject", _set(subject=name("Test Issuing CA")), (_NAME,)),
)
