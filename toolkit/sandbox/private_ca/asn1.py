"""Convert AWS's structures to X.509: names, extensions of certificates and of CSRs.

Source: botocore acm-pca, ``ASN1Subject``, ``ApiPassthrough``, ``CsrExtensions``.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from botocore import xform_name
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID, SubjectInformationAccessOID

from toolkit.pki.extensions import build_key_usage
from toolkit.sandbox.aws_error import make_argument_error, make_unsupported_error
from toolkit.values import Value

if TYPE_CHECKING:
    Extension = tuple[x509.ExtensionType, bool]

_ATTRIBUTES = {
    "Country": NameOID.COUNTRY_NAME,
    "Organization": NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "DistinguishedNameQualifier": NameOID.DN_QUALIFIER,
    "State": NameOID.STATE_OR_PROVINCE_NAME,
    "CommonName": NameOID.COMMON_NAME,
    "SerialNumber": NameOID.SERIAL_NUMBER,
    "Locality": NameOID.LOCALITY_NAME,
    "Title": NameOID.TITLE,
    "Surname": NameOID.SURNAME,
    "GivenName": NameOID.GIVEN_NAME,
    "Initials": NameOID.INITIALS,
    "Pseudonym": NameOID.PSEUDONYM,
    "GenerationQualifier": NameOID.GENERATION_QUALIFIER,
}
_PURPOSES = {
    "SERVER_AUTH": ExtendedKeyUsageOID.SERVER_AUTH,
    "CLIENT_AUTH": ExtendedKeyUsageOID.CLIENT_AUTH,
    "CODE_SIGNING": ExtendedKeyUsageOID.CODE_SIGNING,
    "EMAIL_PROTECTION": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "TIME_STAMPING": ExtendedKeyUsageOID.TIME_STAMPING,
    "OCSP_SIGNING": ExtendedKeyUsageOID.OCSP_SIGNING,
    "SMART_CARD_LOGIN": ExtendedKeyUsageOID.SMARTCARD_LOGON,
    # Microsoft's document signing (MS-WCCE).
    "DOCUMENT_SIGNING": x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.12"),
    "CERTIFICATE_TRANSPARENCY": ExtendedKeyUsageOID.CERTIFICATE_TRANSPARENCY,
}
_ACCESS_METHODS = {
    "CA_REPOSITORY": SubjectInformationAccessOID.CA_REPOSITORY,
    # RFC 6487, 4.8.8.1, and RFC 8182, 3.2.
    "RESOURCE_PKI_MANIFEST": x509.ObjectIdentifier("1.3.6.1.5.5.7.48.10"),
    "RESOURCE_PKI_NOTIFY": x509.ObjectIdentifier("1.3.6.1.5.5.7.48.13"),
}
# These have their own field, or come from the template or the CA.
_NOT_CUSTOM = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)


def build_name(subject: Mapping[str, Value]) -> x509.Name:
    """Return the name, with its attributes in the order of AWS's structure.

    Raises:
        AwsError: standard and custom attributes are mixed, there are no attributes, or one can't be encoded.
    """
    custom = subject.get("CustomAttributes")
    standard = [(oid, subject[field]) for field, oid in _ATTRIBUTES.items() if field in subject]
    if custom and standard:
        # botocore, ASN1Subject.CustomAttributes: can't be combined with the standard attributes.
        raise make_argument_error("CustomAttributes can't be combined with other attributes of the subject.")
    try:
        pairs = [(x509.ObjectIdentifier(item["ObjectIdentifier"]), item["Value"]) for item in custom or ()]
        attributes = [x509.NameAttribute(oid, value) for oid, value in [*standard, *pairs]]
    except ValueError as error:
        raise make_argument_error("The subject can't be encoded as an X.500 name.") from error
    if not attributes:
        raise make_argument_error("The subject must have at least one attribute.")
    return x509.Name(attributes)


def read_extensions(given: Mapping[str, Value], structure: str) -> Iterator[Extension]:
    """Yield the extensions of a structure, each with its criticality.

    Args:
        given: ``Extensions`` of an ``ApiPassthrough``, or the ``CsrExtensions`` of a CA's own certificate.
        structure: the structure's name, for errors.

    Raises:
        AwsError: ``InvalidArgsException``: a value can't be encoded.
    """
    try:
        if "KeyUsage" in given:
            yield build_key_usage(*(_name_usage(flag) for flag, on in given["KeyUsage"].items() if on)), True
        if "ExtendedKeyUsage" in given:
            purposes = [_choose(item, _PURPOSES, "An extended key usage") for item in given["ExtendedKeyUsage"]]
            yield x509.ExtendedKeyUsage(purposes), False
        if "SubjectAlternativeNames" in given:
            yield x509.SubjectAlternativeName([_general_name(item) for item in given["SubjectAlternativeNames"]]), False
        if "SubjectInformationAccess" in given:
            yield x509.SubjectInformationAccess([_access(item) for item in given["SubjectInformationAccess"]]), False
        if "CertificatePolicies" in given:
            yield x509.CertificatePolicies([_policy(item) for item in given["CertificatePolicies"]]), False
        for item in given.get("CustomExtensions", ()):
            yield _custom(item), item.get("Critical", False)
    except (ValueError, TypeError) as error:
        raise make_argument_error(f"An extension of {structure} can't be encoded.") from error


def _name_usage(flag: str) -> str:
    """Return cryptography's name for a flag of AWS's ``KeyUsage``."""
    return "content_commitment" if flag == "NonRepudiation" else xform_name(flag)


def _access(item: Mapping[str, Value]) -> x509.AccessDescription:
    method = _choose(item["AccessMethod"], _ACCESS_METHODS, "An access method")
    return x509.AccessDescription(method, _general_name(item["AccessLocation"]))


def _choose(item: Mapping[str, str], types: Mapping[str, x509.ObjectIdentifier], kind: str) -> x509.ObjectIdentifier:
    """Return the object identifier of a structure that has either a type or an object identifier."""
    if len(item) != 1:
        raise make_argument_error(f"{kind} has either a type or an object identifier.")
    (value,) = item.values()
    return types.get(value) or x509.ObjectIdentifier(value)


_GENERAL_NAMES: dict[str, Callable[[Value], x509.GeneralName]] = {
    "Rfc822Name": x509.RFC822Name,
    "DnsName": x509.DNSName,
    "UniformResourceIdentifier": x509.UniformResourceIdentifier,
    "IpAddress": lambda text: x509.IPAddress(ipaddress.ip_address(text)),
    "DirectoryName": lambda given: x509.DirectoryName(build_name(given)),
    "RegisteredId": lambda text: x509.RegisteredID(x509.ObjectIdentifier(text)),
}


def _general_name(item: Mapping[str, Value]) -> x509.GeneralName:
    if len(item) != 1:
        raise make_argument_error("A general name has exactly one form.")
    ((form, value),) = item.items()
    if form not in _GENERAL_NAMES:
        raise make_unsupported_error(f"General name {form}")
    return _GENERAL_NAMES[form](value)


def _policy(item: Mapping[str, Value]) -> x509.PolicyInformation:
    qualifiers: list[str | x509.UserNotice] = [
        qualifier["Qualifier"]["CpsUri"] for qualifier in item.get("PolicyQualifiers", ())
    ]
    return x509.PolicyInformation(x509.ObjectIdentifier(item["CertPolicyId"]), qualifiers or None)


def _custom(item: Mapping[str, Value]) -> x509.UnrecognizedExtension:
    oid = x509.ObjectIdentifier(item["ObjectIdentifier"])
    if oid in _NOT_CUSTOM:
        raise make_argument_error(f"Extension {oid.dotted_string} can't be a custom extension.")
    return x509.UnrecognizedExtension(oid, base64.b64decode(item["Value"], validate=True))
