"""Probes of IssueCertificate on an active CA."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from tests.aws.probe import ISSUE, REFUSAL, URIS, Probe, Scene, Stage, extension, issued, refused
from tests.sandbox.conformance.world import csr, der
from toolkit.pki.extensions import build_key_usage

_SAN, _KEY_USAGE, _PURPOSES = (extension(name) for name in ("subjectAlternativeName", "keyUsage", "extendedKeyUsage"))
_NAMES = ("certificate.subject", f"{_SAN}.names")
_API = "EndEntityCertificate_APIPassthrough/V1"
_GIVEN: dict[str, Any] = {
    "Subject": {"CommonName": "from the API"},
    "Extensions": {"SubjectAlternativeNames": [{"UniformResourceIdentifier": "spiffe://default/from-the-api"}]},
}
_NO_EMPTY_SUBJECT = "CSR must mark the SAN extension critical when it has an empty subject"
_MINTING = ((x509.BasicConstraints(ca=True, path_length=None), True), (build_key_usage("key_cert_sign"), True))
# What a certificate of the default template contains, by the rule that says so.
_DEFAULT_TEMPLATE = {
    "template.default": ("code", "status", f"{_PURPOSES}.purposes"),
    "template.EndEntityCertificate": (_KEY_USAGE, _PURPOSES, f"{extension('basicConstraints')}.ca"),
    "template.identifiers": (extension("authorityKeyIdentifier"), extension("subjectKeyIdentifier")),
    "template.names": _NAMES,
    "issue.names-critical": (f"{_SAN}.critical",),
    "get.in-progress": ("result.firstGet",),
    "issue.chain": ("certificate.chainLength",),
    "form.pem": ("certificate.endsWithLineEnd",),
    "form.serial": ("certificate.serialOctets",),
    "form.certificate-arn": ("certificate.arnEndsWithSerial",),
    "form.issuer": ("certificate.issuerIsTheCa",),
    "signature.algorithm": ("certificate.signature",),
    "validity.days": ("certificate.validMinutes",),
    "validity.backdated": ("certificate.backdatedMinutes",),
}


def _forged() -> bytes:
    """Return a request whose signature is not its key's."""
    content = bytearray(x509.load_pem_x509_csr(csr()).public_bytes(Encoding.DER))
    content[-1] ^= 1
    return x509.load_der_x509_csr(bytes(content)).public_bytes(Encoding.PEM)


def _of_ed25519() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    key = ed25519.Ed25519PrivateKey.generate()
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None).public_bytes(Encoding.PEM)


def _with_names(*entries: bytes) -> bytes:
    """Return a request with a SAN of those entries, each as DER."""
    names = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, der(0x30, *entries))
    return csr(extensions=((names, False),))


def _days(number: int) -> dict[str, Any]:
    return {"Type": "DAYS", "Value": number}


def _renamed() -> bytes:
    return csr().replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")


_CUSTOM = {"ObjectIdentifier": "2.5.29.19", "Value": base64.b64encode(b"\x30\x03\x01\x01\xff").decode()}
_NO_CA = (f"{extension('basicConstraints')}.ca", _KEY_USAGE)

NAMES = (
    issued(
        "empty-subject",
        {"csr.names-critical": REFUSAL, "issue.names-critical": (f"{_SAN}.critical",), "template.names": _NAMES},
        lambda scene: scene.issuing(csr(None, URIS)),
    ),
    refused(
        "empty-subject-san-not-critical",
        "csr.names-critical",
        lambda scene: scene.issuing(csr(None, URIS, san_critical=False)),
        words=_NO_EMPTY_SUBJECT,
    ),
    issued("no-template-named", _DEFAULT_TEMPLATE, lambda scene: scene.issuing()),
    issued(
        "subject-and-critical-san",
        {"issue.names-critical": ("code", "status", f"{_SAN}.critical")},
        lambda scene: scene.issuing(csr("leaf", URIS, san_critical=True)),
    ),
    refused("no-names", "csr.empty-names", lambda scene: scene.issuing(csr(None))),
    refused("blank-name", "csr.names-text", lambda scene: scene.issuing(_with_names(der(0x82, b" ")))),
    refused("san-without-entries", "csr.names-none", lambda scene: scene.issuing(_with_names())),
    refused(
        "san-address-of-5-bytes", "csr.names-address", lambda scene: scene.issuing(_with_names(der(0x87, bytes(5))))
    ),
)

REQUESTS = (
    refused("csr-not-pem", "csr.garbage", lambda scene: scene.issuing(b"x")),
    refused("csr-cut-off", "csr.garbage", lambda scene: scene.issuing(csr()[:200])),
    refused("csr-new-header", "csr.header", lambda scene: scene.issuing(_renamed())),
    refused("csr-forged", "csr.signature", lambda scene: scene.issuing(_forged())),
    refused("csr-ed25519", "csr.key", lambda scene: scene.issuing(_of_ed25519())),
    refused("csr-too-large", "csr.size", lambda scene: scene.issuing(b"x" * 32769), words="32768"),
    refused("rsa-signature", "signature.family", lambda scene: scene.issuing(SigningAlgorithm="SHA256WITHRSA")),
    refused("token-of-37", "token.length", lambda scene: scene.issuing(IdempotencyToken="x" * 37), words="36"),
    refused(
        "unknown-ca",
        "authority.unknown",
        lambda scene: {**scene.issuing(), "CertificateAuthorityArn": scene.unknown_arn},
    ),
)

TEMPLATES = (
    refused(
        "unknown-template",
        "template.unknown",
        lambda scene: scene.issuing(TemplateArn=scene.template("MadeUpCertificate/V1")),
    ),
    refused(
        "template-version-2",
        "template.unknown",
        lambda scene: scene.issuing(TemplateArn=scene.template("EndEntityCertificate/V2")),
    ),
    refused("template-is-a-ca", "template.arn", lambda scene: scene.issuing(TemplateArn=scene.arn)),
    refused(
        "template-of-another-partition",
        "template.partition",
        lambda scene: scene.issuing(
            TemplateArn=f"arn:{_other_partition(scene)}:acm-pca:::template/EndEntityCertificate/V1"
        ),
    ),
    refused(
        "blank-template-without-passthrough",
        "passthrough.blank-exists-only-with",
        lambda scene: scene.issuing(TemplateArn=scene.template("BlankEndEntityCertificate/V1")),
    ),
    refused(
        "subordinate-ca-below-short-lived",
        "short-lived.last",
        lambda scene: scene.issuing(TemplateArn=scene.template("SubordinateCACertificate_PathLen0/V1")),
    ),
    issued(
        "csr-asks-for-a-ca",
        {"template.usages-not-from-csr": ("code", "status", *_NO_CA)},
        lambda scene: scene.issuing(csr("leaf", URIS, extensions=_MINTING)),
    ),
    issued(
        "api-names",
        {"passthrough.api": ("code", "status", *_NAMES, _KEY_USAGE, _PURPOSES)},
        lambda scene: scene.issuing(TemplateArn=scene.template(_API), ApiPassthrough=_GIVEN),
    ),
    issued(
        "api-without-names",
        {"passthrough.api-else-csr": ("code", "status", *_NAMES), "issue.names-critical": (f"{_SAN}.critical",)},
        lambda scene: scene.issuing(TemplateArn=scene.template(_API)),
    ),
    issued(
        "api-names-with-the-default-template",
        {"passthrough.api-ignored": ("code", "status", *_NAMES)},
        lambda scene: scene.issuing(ApiPassthrough=_GIVEN),
    ),
    # No source says whether AWS marks this SAN critical.
    issued(
        "api-san-for-an-empty-subject",
        {"issue.names-critical": ()},
        lambda scene: scene.issuing(
            csr(None, URIS), TemplateArn=scene.template(_API), ApiPassthrough={"Extensions": _GIVEN["Extensions"]}
        ),
    ),
    refused(
        "api-custom-basic-constraints",
        "passthrough.custom",
        lambda scene: scene.issuing(
            TemplateArn=scene.template(_API), ApiPassthrough={"Extensions": {"CustomExtensions": [_CUSTOM]}}
        ),
    ),
    issued(
        "blank-template",
        {
            "blank.APIPassthrough": (
                "code",
                "status",
                _KEY_USAGE,
                _PURPOSES,
                f"{extension('basicConstraints')}.ca",
                f"{extension('basicConstraints')}.critical",
            )
        },
        lambda scene: scene.issuing(TemplateArn=scene.template("BlankEndEntityCertificate_APIPassthrough/V1")),
    ),
)


def _other_partition(scene: Scene) -> str:
    return "aws" if scene.account.partition == "aws-cn" else "aws-cn"


VALIDITY = (
    refused("valid-for-8-days", "short-lived.seven-days", lambda scene: scene.issuing(Validity=_days(8))),
    refused(
        "valid-for-0-days",
        "validity.zero",
        lambda scene: scene.issuing(Validity=_days(0)),
        words="greater than or equal to 1",
    ),
    refused(
        "valid-until-2020",
        "validity.past",
        lambda scene: scene.issuing(Validity={"Type": "ABSOLUTE", "Value": 1_600_000_000}),
    ),
    refused(
        "end-date-of-no-day",
        "validity.end-date",
        lambda scene: scene.issuing(Validity={"Type": "END_DATE", "Value": 20_301_340_000_000}),
    ),
    issued(
        "valid-for-5-hours",
        {"validity.absolute": ("code", "status", "certificate.validMinutes")},
        lambda scene: scene.issuing(
            Validity={"Type": "ABSOLUTE", "Value": int(datetime.now(UTC).timestamp()) + 5 * 3600}
        ),
    ),
    # The second certificate of the CA expires in less than 7 days, so that only this rule can be the reason.
    refused(
        "valid-beyond-the-ca",
        "validity.beyond-ca",
        lambda scene: scene.issuing(Validity=_days(7)),
        stage=Stage.RENEWED,
        words="ends before",
    ),
)

# A CSR that is the same in each call of this process.
_SAME = csr("once", URIS)


def _once(scene: Scene, request: bytes = _SAME) -> dict[str, Any]:
    return scene.issuing(request, IdempotencyToken=f"once-{scene.run}")


IDEMPOTENCY = (
    issued("token-first", {"issue.idempotency": REFUSAL}, _once),
    Probe("token-again", ISSUE, Stage.ACTIVE, {"issue.idempotency": (*REFUSAL, "result.sameCertificateAs")}, _once),
    # No source says what AWS does.
    Probe(
        "token-for-another-csr",
        ISSUE,
        Stage.ACTIVE,
        {"issue.idempotency": ()},
        lambda scene: _once(scene, csr("another", URIS)),
        issues=True,
    ),
    refused(
        "issue-while-pending",
        "issue.pending",
        lambda scene: scene.issuing(),
        stage=Stage.PENDING,
        words="not in a valid state for issuing",
    ),
    refused(
        "root-template-for-another-csr",
        "root.own-key",
        lambda scene: scene.issuing(TemplateArn=scene.template("RootCACertificate/V1")),
        stage=Stage.PENDING,
    ),
    refused("issue-while-disabled", "state.disabled", lambda scene: scene.issuing(), stage=Stage.DISABLED),
    refused("issue-while-deleted", "state.deleted", lambda scene: scene.issuing(), stage=Stage.DELETED),
)

ISSUING = (*NAMES, *REQUESTS, *TEMPLATES, *VALIDITY, *IDEMPOTENCY)
