"""Convert AWS's ``ASN1Subject`` to an X.501 name (botocore acm-pca: ASN1Subject)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from toolkit.sandbox.aws_error import make_argument_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.values import Value

_OIDS = {
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


def build_name(subject: Mapping[str, Value]) -> x509.Name:
    """Return the name, with its attributes in the order of AWS's structure.

    Raises:
        AwsError: standard and custom attributes are mixed, there are no attributes, or one can't be encoded.
    """
    custom = subject.get("CustomAttributes")
    standard = [(oid, subject[field]) for field, oid in _OIDS.items() if field in subject]
    if custom and standard:
        # botocore, ASN1Subject.CustomAttributes: can't be combined with the standard attributes.
        raise make_argument_error("CustomAttributes can not be combined with other attributes of the subject.")
    try:
        pairs = [(x509.ObjectIdentifier(item["ObjectIdentifier"]), item["Value"]) for item in custom or ()]
        attributes = [x509.NameAttribute(oid, value) for oid, value in [*standard, *pairs]]
    except ValueError as error:
        raise make_argument_error("The subject can not be encoded as an X.500 name.") from error
    if not attributes:
        raise make_argument_error("The subject must have at least one attribute.")
    return x509.Name(attributes)
