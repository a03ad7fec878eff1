"""What each certificate template puts into a certificate, and what it takes from the request.

Source: AWS Private CA user guide, "Using AWS Private CA certificate templates"
(awsdocs/aws-private-ca-user-guide@7fbe588:doc_source/UsingTemplates.md). The passthrough families are not
modelled yet and are refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from toolkit.pki import templates
from toolkit.sandbox.private_ca.errors import AwsError, not_in_sandbox

_ARN = re.compile(r"arn:(?P<partition>[^:]+):acm-pca:::template/(?P<name>[^/]+/V\d+)")
_PASSTHROUGH = re.compile(r"(Blank|.*_(API|CSR|APICSR)Passthrough/)")


def _usage(*names: str) -> x509.KeyUsage:
    known = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    return x509.KeyUsage(**{name: name in names for name in known}, encipher_only=False, decipher_only=False)


@dataclass(frozen=True)
class Profile:
    """One template.

    Attributes:
        constraints: basicConstraints; critical for CAs only.
        key_usage: always critical.
        extended: extendedKeyUsage; empty for none.
        extended_critical: whether that is critical, which it is for signing purposes.
        self_signed: a root's own: no authority key identifier.
    """

    constraints: x509.BasicConstraints
    key_usage: x509.KeyUsage
    extended: tuple[x509.ObjectIdentifier, ...] = ()
    extended_critical: bool = False
    self_signed: bool = False

    @property
    def is_ca(self) -> bool:
        """Whether it makes a CA."""
        return self.constraints.ca


_END_ENTITY = x509.BasicConstraints(ca=False, path_length=None)
_TLS = _usage("digital_signature", "key_encipherment")
_SIGNING = _usage("digital_signature")
_AUTHORITY = _usage("digital_signature", "key_cert_sign", "crl_sign")
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH

_PROFILES = {
    templates.END_ENTITY: Profile(_END_ENTITY, _TLS, (_SERVER, _CLIENT)),
    "EndEntityClientAuthCertificate/V1": Profile(_END_ENTITY, _TLS, (_CLIENT,)),
    "EndEntityServerAuthCertificate/V1": Profile(_END_ENTITY, _TLS, (_SERVER,)),
    "CodeSigningCertificate/V1": Profile(
        _END_ENTITY, _SIGNING, (ExtendedKeyUsageOID.CODE_SIGNING,), extended_critical=True
    ),
    "OCSPSigningCertificate/V1": Profile(
        _END_ENTITY, _SIGNING, (ExtendedKeyUsageOID.OCSP_SIGNING,), extended_critical=True
    ),
    templates.ROOT_CA: Profile(x509.BasicConstraints(ca=True, path_length=None), _AUTHORITY, self_signed=True),
    **{
        templates.subordinate_ca(length): Profile(x509.BasicConstraints(ca=True, path_length=length), _AUTHORITY)
        for length in range(templates.MAX_PATH_LENGTH + 1)
    },
}


def profile(template_arn: str | None, partition: str) -> Profile:
    """The profile that a request names, or the default.

    Raises:
        AwsError: there is no such template, it is of another partition, or the sandbox has it not.
    """
    if template_arn is None:
        return _PROFILES[templates.END_ENTITY]
    match = _ARN.fullmatch(template_arn)
    if match is None or match["partition"] != partition:
        raise AwsError("InvalidArnException", f"{template_arn} is not the ARN of a template in partition {partition}.")
    name = match["name"]
    if name in _PROFILES:
        return _PROFILES[name]
    if _PASSTHROUGH.match(name):
        raise not_in_sandbox(f"Template {name}")
    raise AwsError("InvalidArgsException", f"There is no template {name}.")
