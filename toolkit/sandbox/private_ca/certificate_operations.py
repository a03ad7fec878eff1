"""Issue, return and revoke certificates, with all of AWS's checks."""

from __future__ import annotations

import calendar
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from toolkit.pki import chain, pem
from toolkit.sandbox.aws_error import AwsError, make_argument_error, make_validation_error
from toolkit.sandbox.private_ca import asn1, requests, revocation
from toolkit.sandbox.private_ca import certificate_authority as state
from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority, IssuedCertificate
from toolkit.sandbox.private_ca.profiles import Profile, profile
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.private_ca.requests import PublicKey
    from toolkit.sandbox.services import Caller

# botocore, IssueCertificateRequest.ValidityNotBefore: 60 minutes before the issuance by default.
_BACKDATING = timedelta(minutes=60)
# privateca/latest/userguide/short-lived-certificates.html
_SHORT_LIVED_MAX = timedelta(days=7)
_UTC_TIME_DIGITS, _GENERALIZED_TIME_DIGITS = 12, 14
_UTC_TIME_PIVOT = 50
_SERIAL = re.compile(r"[0-9A-Fa-f]{1,2}(:?[0-9A-Fa-f]{2})*")


class Certificates:
    """The operations on issued certificates; each public method is one operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def issue_certificate(self, caller: Caller, params: Object) -> Object:
        """Sign a CSR; GetCertificate returns the certificate."""
        now = self._registry.clock()
        authority = self._registry.find(caller, params)
        certificate = _sign(authority, params, caller.partition, now)
        is_self_signed = profile(params.get("TemplateArn"), caller.partition).self_signed
        # The ARN ends with the serial number (user guide, PcaAuditReport.md; CloudTrail's examples of
        # IssueCertificate).
        arn = f"{authority.arn}/certificate/{certificate.serial_number:032x}"
        issued = IssuedCertificate(
            arn=arn,
            pem=pem.write([certificate]),
            # A root's own certificate has no chain.
            chain="" if is_self_signed else pem.write(authority.certificates),
            ready=now + self._registry.issuance_delay,
            issued=now,
            serial=certificate.serial_number,
            template=params.get("TemplateArn"),
        )

        def store() -> str:
            authority.issued[arn] = issued
            return arn

        scope = ("issue", caller.account, authority.arn)
        return {"CertificateArn": self._registry.store_once(params.get("IdempotencyToken"), scope, store)}

    def get_certificate(self, caller: Caller, params: Object) -> Object:
        """Return a certificate and its chain, after it has been issued."""
        authority = self._registry.find(caller, params, *state.CREATED, doing="reading a certificate")
        arn = params["CertificateArn"]
        if not arn.startswith(f"{authority.arn}/certificate/"):
            raise AwsError("InvalidArnException", f"{arn} is not a certificate of {authority.arn}.")
        issued = authority.issued.get(arn)
        if issued is None:
            raise AwsError("ResourceNotFoundException", f"Could not find certificate {arn}.")
        if self._registry.clock() < issued.ready:
            raise AwsError("RequestInProgressException", "The certificate is still being issued.")
        # Without a line break at the end (aws/aws-cli: awscli/examples/acm-pca/get-certificate.rst, and
        # cert-manager/aws-privateca-issuer, which adds one).
        return {"Certificate": issued.pem.rstrip(), "CertificateChain": issued.chain.rstrip() or None}

    def revoke_certificate(self, caller: Caller, params: Object) -> None:
        """Revoke a certificate by its serial number."""
        now = self._registry.clock()
        # PCAUpdateCA.md: "While disabled, the CA supports revocation for certificates issued previously".
        authority = self._registry.find(caller, params, state.ACTIVE, state.DISABLED, doing="revocation")
        text = params["CertificateSerial"]
        if not _SERIAL.fullmatch(text):
            raise AwsError("InvalidRequestException", "The serial number must be hexadecimal, with or without colons.")
        serial = int(text.replace(":", ""), 16)
        issued = next((known for known in authority.issued.values() if known.serial == serial), None)
        if issued is None:
            raise AwsError("ResourceNotFoundException", f"Could not find a certificate with serial {text}.")
        if not issued.chain:
            # botocore, RevokeCertificate: a root's self-signed certificate can't be revoked.
            raise AwsError("InvalidRequestException", "A self-signed certificate can not be revoked.")
        if issued.revoked is not None:
            raise AwsError("RequestAlreadyProcessedException", "The certificate has already been revoked.")
        issued.revoked, issued.revocation_reason = now, params["RevocationReason"]
        revocation.publish(authority, now, self._registry.put_object)


def _sign(
    authority: CertificateAuthority, request: Mapping[str, Value], partition: str, now: datetime
) -> x509.Certificate:
    """Return the certificate, if AWS would issue it."""
    wanted = profile(request.get("TemplateArn"), partition)
    # AWS ignores ApiPassthrough silently if the template does not use it (botocore,
    # IssueCertificateRequest.ApiPassthrough).
    given = (request.get("ApiPassthrough") or {}) if wanted.from_api else {}
    csr, key = requests.read(request["Csr"])
    # A root CA signs its own certificate before it is active, and again for a renewal.
    states = (state.PENDING, state.ACTIVE, state.EXPIRED) if wanted.self_signed else (state.ACTIVE,)
    authority.require(now, *states, doing="issuing certificates")
    _require_place(authority, wanted, csr)
    algorithm = authority.find_hash(request["SigningAlgorithm"])
    begins = _read_not_before(request.get("ValidityNotBefore"), now).replace(microsecond=0)
    ends = _read_not_after(request["Validity"], now).replace(microsecond=0)
    _require_lifetime(authority, wanted, begins, ends, now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(asn1.build_name(given["Subject"]) if given.get("Subject") else csr.subject)
        .issuer_name(authority.issuing_name)
        .public_key(key)
        # Exactly 16 octets, as AWS does (user guide, PcaAuditReport.md).
        .serial_number(2**120 + secrets.randbelow(2**128 - 2**120))
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    try:
        for extension, critical in _extensions(authority, wanted, (csr, key), given):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(authority.key, algorithm)
    except (ValueError, TypeError) as error:
        raise requests.make_malformed_error("The names or extensions of the request can't be encoded.") from error


def _require_place(authority: CertificateAuthority, wanted: Profile, csr: x509.CertificateSigningRequest) -> None:
    """Check that the certificate fits into the hierarchy."""
    if wanted.self_signed:
        if authority.kind != "ROOT" or csr.public_key() != authority.key.public_key():
            raise make_argument_error("The root template is for a root CA's own request.")
        return
    if not wanted.is_ca:
        return
    if authority.usage_mode == "SHORT_LIVED_CERTIFICATE":
        # privateca/latest/userguide/short-lived-certificates.html: such a CA is the last CA of its chain.
        raise make_argument_error("A CA in short-lived certificate mode can't issue CA certificates.")
    allowed, length = chain.get_path_length(authority.certificates[0]), wanted.constraints.path_length
    if allowed is not None and (length is None or length >= allowed):
        # botocore, IssueCertificateRequest.TemplateArn: not beyond the issuing CA's path length.
        raise make_argument_error(f"The CA allows path lengths below {allowed}, and the template has {length}.")


def _require_lifetime(
    authority: CertificateAuthority, wanted: Profile, begins: datetime, ends: datetime, now: datetime
) -> None:
    if ends <= now or begins >= ends:
        raise make_validation_error("The validity period must end in the future, after it begins.")
    if wanted.self_signed:
        # "AWS Private CA does not perform validity checks on root CA certificates" (user guide).
        return
    last = authority.certificates[0].not_valid_after_utc
    if ends > last:
        # user guide, PCATsExceptions.md
        raise make_validation_error(
            f"The validity period of the issuing certificate ends before {ends:%Y-%m-%dT%H:%M:%SZ}."
        )
    longest = _SHORT_LIVED_MAX + timedelta(seconds=1)
    # Only the default backdating may extend the period; whether AWS allows more is not documented.
    if authority.usage_mode == "SHORT_LIVED_CERTIFICATE" and ends - min(now, begins + _BACKDATING) > longest:
        raise make_validation_error("A CA in short-lived certificate mode issues for at most 7 days.")


def _read_not_before(requested: Mapping[str, Value] | None, now: datetime) -> datetime:
    """Return the start of a certificate's validity; a request can only give an absolute time.

    Raises:
        AwsError: the type is not ABSOLUTE, or the time is out of range.
    """
    if requested is None:
        return now - _BACKDATING
    if requested["Type"] != "ABSOLUTE":
        raise make_validation_error("ValidityNotBefore must be of type ABSOLUTE.")
    return _absolute(requested["Value"])


def _read_not_after(requested: Mapping[str, Value], now: datetime) -> datetime:
    """Return the time at which a certificate expires. A relative period is counted from ``now``.

    Raises:
        AwsError: the value is not a time, or is out of range.
    """
    kind, value = requested["Type"], requested["Value"]
    if kind == "ABSOLUTE":
        return _absolute(value)
    if kind == "END_DATE":
        return _end_date(value)
    try:
        if kind == "DAYS":
            return now + timedelta(days=value)
        return _add_months(now, value if kind == "MONTHS" else value * 12)
    except (OverflowError, ValueError) as error:
        raise make_validation_error("The validity period ends beyond the year 9999.") from error


def _absolute(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise make_validation_error("The absolute validity must be before the year 10000.") from error


def _end_date(digits: int) -> datetime:
    """Return the time of a UTCTime (YYMMDDHHMMSS) or GeneralizedTime (YYYYMMDDHHMMSS), RFC 5280, 4.1.2.5."""
    text = str(digits)
    if len(text) <= _UTC_TIME_DIGITS:
        text = text.zfill(_UTC_TIME_DIGITS)
        text = ("20" if int(text[:2]) < _UTC_TIME_PIVOT else "19") + text
    invalid = make_validation_error("END_DATE must have the form YYYYMMDDHHMMSS or YYMMDDHHMMSS.")
    # strptime would also read a minute or a second of one digit.
    if len(text) != _GENERALIZED_TIME_DIGITS:
        raise invalid
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise invalid from error


def _add_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _extensions(
    authority: CertificateAuthority,
    wanted: Profile,
    requested: tuple[x509.CertificateSigningRequest, PublicKey],
    given: Mapping[str, Value],
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Yield the extensions of the template, ApiPassthrough and the CSR; the first source wins (UsingTemplates.md)."""
    csr, key = requested
    seen: set[x509.ObjectIdentifier] = set()
    # The CA's configuration has precedence over the CSR for revocation ("CA config or CSR" in AWS's table).
    published = () if wanted.self_signed else revocation.make_extensions(authority)
    layers = (_of_template(authority, wanted, key), published, _of_api(given), _of_request(wanted, csr))
    for layer in layers:
        for extension, critical in layer:
            if extension.oid not in seen:
                seen.add(extension.oid)
                yield extension, critical


def _of_template(
    authority: CertificateAuthority, wanted: Profile, key: PublicKey
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield wanted.constraints, wanted.constraints_critical
    if not wanted.self_signed:
        yield authority.make_key_identifier(), False
    yield x509.SubjectKeyIdentifier.from_public_key(key), False
    if wanted.usage:
        yield wanted.usage, True
    if wanted.extended:
        yield x509.ExtendedKeyUsage(wanted.extended), wanted.extended_critical


def _of_api(given: Mapping[str, Value]) -> Iterator[tuple[x509.ExtensionType, bool]]:
    for extension, critical in asn1.read_extensions(given.get("Extensions") or {}, "ApiPassthrough"):
        if isinstance(extension, x509.SubjectAlternativeName):
            # AWS rejects the same SANs here as in a CSR (userguide/certguard-validation.html). Whether AWS requires
            # this SAN to be critical if the subject is empty is unknown.
            requests.require_readable(extension)
        yield extension, critical


def _of_request(wanted: Profile, csr: x509.CertificateSigningRequest) -> Iterator[tuple[x509.ExtensionType, bool]]:
    # Every template copies the SAN with the CSR's criticality (cert-manager/cert-manager#5494); only the CSR
    # passthrough templates copy other extensions.
    for extension in csr.extensions:
        if wanted.from_csr or extension.oid == x509.SubjectAlternativeName.oid:
            yield extension.value, extension.critical
