"""Issue certificates, with all of AWS's checks."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from toolkit.pki import chain, pem
from toolkit.sandbox.aws_error import AwsError, make_argument_error, make_validation_error
from toolkit.sandbox.private_ca import certificate_authority as state
from toolkit.sandbox.private_ca import keys, passthrough, requests, revocation, subject, validity
from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority, IssuedCertificate
from toolkit.sandbox.private_ca.profiles import Profile, profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.sandbox.private_ca.keys import PublicKey
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.services import Caller
    from toolkit.values import Object, Value

_LIVING = (state.PENDING, state.ACTIVE, state.DISABLED, state.EXPIRED)


class Issuing:
    """The operations that issue and return certificates; each public method is one operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def issue_certificate(self, caller: Caller, params: Object) -> Object:
        """Sign a CSR; GetCertificate returns the certificate."""
        now = self._registry.clock()
        authority = self._registry.find(caller, params["CertificateAuthorityArn"])
        certificate = _sign(authority, params, caller.partition, now)
        # The ARN ends with the serial number (user guide, PcaAuditReport.md; CloudTrail's examples of
        # IssueCertificate).
        arn = f"{authority.arn}/certificate/{certificate.serial_number:032x}"
        # A root's own certificate has no chain.
        above = "" if certificate.issuer == certificate.subject else pem.write(authority.certificates)
        ready = now + self._registry.issuance_delay
        issued = IssuedCertificate(
            arn=arn,
            pem=pem.write([certificate]),
            chain=above,
            ready=ready,
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
        authority = self._registry.find(caller, params["CertificateAuthorityArn"])
        authority.require(self._registry.clock(), *_LIVING, doing="reading a certificate")
        if not params["CertificateArn"].startswith(f"{authority.arn}/certificate/"):
            raise AwsError(
                "InvalidArnException", f"{params['CertificateArn']} is not a certificate of {authority.arn}."
            )
        issued = authority.issued.get(params["CertificateArn"])
        if issued is None:
            raise AwsError("ResourceNotFoundException", f"Could not find certificate {params['CertificateArn']}.")
        if self._registry.clock() < issued.ready:
            raise AwsError("RequestInProgressException", "The certificate is still being issued.")
        # Without a line break at the end (aws/aws-cli: awscli/examples/acm-pca/get-certificate.rst, and
        # cert-manager/aws-privateca-issuer, which adds one).
        return {"Certificate": issued.pem.rstrip(), "CertificateChain": issued.chain.rstrip() or None}


def _sign(
    authority: CertificateAuthority, request: Mapping[str, Value], partition: str, now: datetime
) -> x509.Certificate:
    """Return the certificate, if AWS would issue it."""
    wanted = profile(request.get("TemplateArn"), partition)
    # AWS ignores ApiPassthrough silently if the template does not use it (botocore,
    # IssueCertificateRequest.ApiPassthrough).
    given = (request.get("ApiPassthrough") or {}) if wanted.from_api else {}
    csr, key = requests.read(request["Csr"])
    _require_state(authority, wanted, now)
    _require_place(authority, wanted, csr)
    algorithm = keys.find_hash(request["SigningAlgorithm"], authority.key)
    begins = validity.read_not_before(request.get("ValidityNotBefore"), now).replace(microsecond=0)
    ends = validity.read_not_after(request["Validity"], now).replace(microsecond=0)
    _require_lifetime(authority, wanted, begins, ends, now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject.build_name(given["Subject"]) if given.get("Subject") else csr.subject)
        .issuer_name(authority.issuing_name)
        .public_key(key)
        .serial_number(_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    try:
        for extension, critical in _extensions(authority, wanted, (csr, key), given):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(authority.key, algorithm)
    except (ValueError, TypeError) as error:
        raise requests.make_malformed_error("The names or extensions of the request can not be encoded.") from error


def _serial_number() -> int:
    """Return a serial number of exactly 16 octets, as AWS does (user guide, PcaAuditReport.md)."""
    return 2**120 + secrets.randbelow(2**128 - 2**120)


def _require_state(authority: CertificateAuthority, wanted: Profile, now: datetime) -> None:
    # A root CA signs its own certificate before it is active, and again for a renewal.
    states = (state.PENDING, state.ACTIVE, state.EXPIRED) if wanted.self_signed else (state.ACTIVE,)
    authority.require(now, *states, doing="issuing certificates")


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
        raise make_argument_error("A CA in short-lived certificate mode can not issue CA certificates.")
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
    if authority.usage_mode == "SHORT_LIVED_CERTIFICATE" and ends - now > validity.SHORT_LIVED_MAX + timedelta(
        seconds=1
    ):
        raise make_validation_error("A CA in short-lived certificate mode issues for at most 7 days.")


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
        yield keys.make_key_identifier(authority.certificates[0], authority.key), False
    yield x509.SubjectKeyIdentifier.from_public_key(key), False
    if wanted.usage:
        yield wanted.usage, True
    if wanted.extended:
        yield x509.ExtendedKeyUsage(wanted.extended), wanted.extended_critical


def _of_api(given: Mapping[str, Value]) -> Iterator[tuple[x509.ExtensionType, bool]]:
    for extension, critical in passthrough.read_extensions(given):
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
