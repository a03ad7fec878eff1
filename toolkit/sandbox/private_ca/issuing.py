"""From a request to a signed certificate, with every rule that AWS applies on the way."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509

from toolkit.pki import chain
from toolkit.sandbox.aws_error import AwsError, validation
from toolkit.sandbox.private_ca import keys, passthrough, requests, revocation, validity
from toolkit.sandbox.private_ca.certificate_authority import ACTIVE, EXPIRED, PENDING, CertificateAuthority
from toolkit.sandbox.private_ca.keys import PublicKey
from toolkit.sandbox.private_ca.profiles import Profile, profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def issue(
    authority: CertificateAuthority, request: Mapping[str, Any], partition: str, now: datetime
) -> x509.Certificate:
    """Sign what IssueCertificate asks for.

    Args:
        authority: the issuing CA.
        request: the call's parameters.
        partition: of the CA; a template's ARN must be of the same.
        now: the moment of the issuance.

    Raises:
        AwsError: AWS would refuse it.
    """
    wanted = profile(request.get("TemplateArn"), partition)
    # Given to a template that does not let it in, ApiPassthrough is silently ignored (botocore,
    # IssueCertificateRequest.ApiPassthrough).
    given = (request.get("ApiPassthrough") or {}) if wanted.from_api else {}
    csr = requests.read(request["Csr"])
    _require_state(authority, wanted, now)
    _require_place(authority, wanted, csr)
    algorithm = keys.signature_hash(request["SigningAlgorithm"], authority.key)
    begins = validity.not_before(request.get("ValidityNotBefore"), now).replace(microsecond=0)
    ends = validity.not_after(request["Validity"], now).replace(microsecond=0)
    _require_lifetime(authority, wanted, begins, ends, now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(passthrough.name(given) or csr.subject)
        .issuer_name(authority.issuing_name)
        .public_key(csr.public_key())
        .serial_number(_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    try:
        for extension, critical in _extensions(authority, wanted, csr, given):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(authority.key, algorithm)
    except (ValueError, TypeError) as error:
        raise requests.malformed("The names or extensions of the request can not be encoded.") from error


def _serial_number() -> int:
    """Return a serial number of exactly 16 octets, as AWS's have (user guide, PcaAuditReport.md)."""
    return 2**120 + secrets.randbelow(2**128 - 2**120)


def _require_state(authority: CertificateAuthority, wanted: Profile, now: datetime) -> None:
    # A root signs its own certificate before it is active, and again when it is renewed.
    states = (PENDING, ACTIVE, EXPIRED) if wanted.self_signed else (ACTIVE,)
    authority.require(now, *states, doing="issuing certificates")


def _require_place(authority: CertificateAuthority, wanted: Profile, csr: x509.CertificateSigningRequest) -> None:
    """The certificate must have a place in the hierarchy."""
    if wanted.self_signed:
        if authority.kind != "ROOT" or csr.public_key() != authority.key.public_key():
            raise _invalid("The root template is for a root CA's own request.")
        return
    if not wanted.is_ca:
        return
    if authority.usage_mode == "SHORT_LIVED_CERTIFICATE":
        # privateca/latest/userguide/short-lived-certificates.html: it is the last CA of its chain.
        raise _invalid("A CA in short-lived certificate mode can not issue CA certificates.")
    assert authority.certificate is not None  # noqa: S101 - an active CA has one
    allowed, length = chain.path_length(authority.certificate), wanted.constraints.path_length
    if allowed is not None and (length is None or length >= allowed):
        # botocore, IssueCertificateRequest.TemplateArn: not beyond what the issuing CA allows.
        raise _invalid(f"The CA allows path lengths below {allowed}, and the template has {length}.")


def _require_lifetime(
    authority: CertificateAuthority, wanted: Profile, begins: datetime, ends: datetime, now: datetime
) -> None:
    if ends <= now or begins >= ends:
        raise validation("The validity period must end in the future, after it begins.")
    if wanted.self_signed:
        # "AWS Private CA does not perform validity checks on root CA certificates" (user guide).
        return
    assert authority.certificate is not None  # noqa: S101 - an active CA has one
    last = authority.certificate.not_valid_after_utc
    if ends > last:
        # user guide, PCATsExceptions.md
        raise validation(f"The validity period of the issuing certificate ends before {ends:%Y-%m-%dT%H:%M:%SZ}.")
    if authority.usage_mode == "SHORT_LIVED_CERTIFICATE" and ends - now > validity.SHORT_LIVED_MAX + timedelta(
        seconds=1
    ):
        raise validation("A CA in short-lived certificate mode issues for at most 7 days.")


def _extensions(
    authority: CertificateAuthority,
    wanted: Profile,
    csr: x509.CertificateSigningRequest,
    given: Mapping[str, Any],
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Template first, then ApiPassthrough, then the request: who comes first wins (UsingTemplates.md)."""
    seen: set[x509.ObjectIdentifier] = set()
    # Where revocation is looked up the CA says, or else the request ("CA config or CSR" in AWS's table).
    published = () if wanted.self_signed else revocation.extensions(authority)
    sources = (_of_template(authority, wanted, csr), published, _of_api(given), _of_request(wanted, csr))
    for source in sources:
        for extension, critical in source:
            if extension.oid not in seen:
                seen.add(extension.oid)
                yield extension, critical


def _of_template(
    authority: CertificateAuthority, wanted: Profile, csr: x509.CertificateSigningRequest
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    key = csr.public_key()
    assert isinstance(key, PublicKey)  # noqa: S101 - requests.read let nothing else through
    yield wanted.constraints, wanted.constraints_critical
    if not wanted.self_signed:
        assert authority.certificate is not None  # noqa: S101 - an active CA has one
        yield keys.authority_key_identifier(authority.certificate, authority.key), False
    yield x509.SubjectKeyIdentifier.from_public_key(key), False
    if wanted.usage:
        yield wanted.usage, True
    if wanted.extended:
        yield x509.ExtendedKeyUsage(wanted.extended), wanted.extended_critical


def _of_api(given: Mapping[str, Any]) -> Iterator[tuple[x509.ExtensionType, bool]]:
    for extension, critical in passthrough.extensions(given):
        if isinstance(extension, x509.SubjectAlternativeName):
            # What AWS rejects in a CSR it also rejects here (userguide/certguard-validation.html). Whether it wants
            # this SAN critical when the subject is empty is not known.
            requests.require_readable(extension)
        yield extension, critical


def _of_request(wanted: Profile, csr: x509.CertificateSigningRequest) -> Iterator[tuple[x509.ExtensionType, bool]]:
    # Every template takes the SAN with the criticality that the CSR gives it (cert-manager/cert-manager#5494); only
    # the CSR passthrough takes the rest.
    for extension in csr.extensions:
        if wanted.from_csr or extension.oid == x509.SubjectAlternativeName.oid:
            yield extension.value, extension.critical


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidArgsException", message)
