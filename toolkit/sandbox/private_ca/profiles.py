"""Define the certificate templates: their extensions, and the other sources of extensions that they allow.

Source: AWS Private CA user guide, "Understanding certificate templates"
(awsdocs/aws-private-ca-user-guide:doc_source/UsingTemplates.md) and, for newer templates (BlankRootCACertificate,
CriticalBasicConstraints), privateca/latest/userguide/template-definitions.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from toolkit.pki import templates
from toolkit.pki.extensions import build_key_usage
from toolkit.sandbox.aws_error import AwsError, make_argument_error

_ARN = re.compile(r"arn:(?P<partition>[^:]+):acm-pca:::template/(?P<name>[^/]+/V[0-9]+)")


@dataclass(frozen=True)
class Profile:
    """A template.

    Attributes:
        constraints: basicConstraints.
        constraints_critical: always True for CAs; AWS's table does not mark it critical for end entities.
        usage: key usage, critical; None leaves it to the passthrough.
        extended: extended key usage; empty leaves it to the passthrough, if the template has one.
        extended_critical: True for code and OCSP signing.
        self_signed: a root's own certificate, without an authority key identifier.
        from_api: whether it uses ApiPassthrough.
        from_csr: whether it copies the CSR's other extensions.
    """

    constraints: x509.BasicConstraints
    constraints_critical: bool = False
    usage: x509.KeyUsage | None = None
    extended: tuple[x509.ObjectIdentifier, ...] = ()
    extended_critical: bool = False
    self_signed: bool = False
    from_api: bool = False
    from_csr: bool = False

    @property
    def is_ca(self) -> bool:
        """Return whether the template creates a CA certificate."""
        return self.constraints.ca


def _authority(path_length: int | None, *, blank: bool = False, root: bool = False) -> Profile:
    usage = None if blank else build_key_usage("digital_signature", "key_cert_sign", "crl_sign")
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return Profile(constraints, constraints_critical=True, usage=usage, self_signed=root)


_BLANK = Profile(x509.BasicConstraints(ca=False, path_length=None))
_TLS = replace(_BLANK, usage=build_key_usage("digital_signature", "key_encipherment"))
_SIGNING = replace(_BLANK, usage=build_key_usage("digital_signature"), extended_critical=True)
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_PATH_LENGTHS = range(templates.MAX_PATH_LENGTH + 1)

_BASES = {
    "EndEntityCertificate": replace(_TLS, extended=(_SERVER, _CLIENT)),
    "EndEntityClientAuthCertificate": replace(_TLS, extended=(_CLIENT,)),
    "EndEntityServerAuthCertificate": replace(_TLS, extended=(_SERVER,)),
    "CodeSigningCertificate": replace(_SIGNING, extended=(ExtendedKeyUsageOID.CODE_SIGNING,)),
    "OCSPSigningCertificate": replace(_SIGNING, extended=(ExtendedKeyUsageOID.OCSP_SIGNING,)),
    **{f"SubordinateCACertificate_PathLen{n}": _authority(n) for n in _PATH_LENGTHS},
}
# These exist only with a passthrough.
_BLANKS = {
    "BlankEndEntityCertificate": _BLANK,
    "BlankEndEntityCertificate_CriticalBasicConstraints": replace(_BLANK, constraints_critical=True),
    **{f"BlankSubordinateCACertificate_PathLen{n}": _authority(n, blank=True) for n in _PATH_LENGTHS},
}
# Templates of roots have no CSR passthrough.
_ROOTS = {
    "RootCACertificate": _authority(None, root=True),
    "BlankRootCACertificate": _authority(None, blank=True, root=True),
    **{f"BlankRootCACertificate_PathLen{n}": _authority(n, blank=True, root=True) for n in _PATH_LENGTHS},
}


def _all() -> Iterator[tuple[str, Profile]]:
    for name, base in _BASES.items():
        yield name, base
    for name, base in {**_BASES, **_BLANKS}.items():
        yield f"{name}_CSRPassthrough", replace(base, from_csr=True)
        yield f"{name}_APIPassthrough", replace(base, from_api=True)
        yield f"{name}_APICSRPassthrough", replace(base, from_api=True, from_csr=True)
    yield "RootCACertificate", _ROOTS["RootCACertificate"]
    for name, base in _ROOTS.items():
        yield f"{name}_APIPassthrough", replace(base, from_api=True)


PROFILES = {f"{name}/V1": profile for name, profile in _all()}


def profile(template_arn: str | None, partition: str) -> Profile:
    """Return the template that a request names, or the default template.

    Raises:
        AwsError: the template does not exist, or the ARN is of another partition.
    """
    if template_arn is None:
        return PROFILES[templates.END_ENTITY]
    match = _ARN.fullmatch(template_arn)
    if match is None or match["partition"] != partition:
        raise AwsError("InvalidArnException", f"{template_arn} is not the ARN of a template in partition {partition}.")
    if match["name"] not in PROFILES:
        raise make_argument_error(f"There is no template {match['name']}.")
    return PROFILES[match["name"]]
