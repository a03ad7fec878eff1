"""Probes of all operations but IssueCertificate: fetching, revoking, importing, states, permissions, policies."""

from __future__ import annotations

import json
from typing import Any

from tests.aws.probe import GET, REFUSAL, Probe, Scene, Stage, refused
from tests.support import Authority
from toolkit.pki import pem

_DESCRIBE, _UPDATE, _DELETE = (f"{verb}CertificateAuthority" for verb in ("Describe", "Update", "Delete"))
_IMPORT, _CSR = "ImportCertificateAuthorityCertificate", "GetCertificateAuthorityCsr"
_PENDING, _ACTIVE, _DISABLED, _DELETED = Stage.PENDING, Stage.ACTIVE, Stage.DISABLED, Stage.DELETED
# Its certificate is revoked.
_REVOKED = "subject-and-critical-san"
_NO_CERTIFICATE = "0" * 32


def _importing(scene: Scene, certificate: str, **more: Any) -> dict[str, Any]:
    return {**scene.named, "Certificate": certificate.encode(), **more}


def _revoking(scene: Scene, serial: str) -> dict[str, Any]:
    return {**scene.named, "CertificateSerial": serial, "RevocationReason": "CESSATION_OF_OPERATION"}


def _own(scene: Scene) -> str:
    return pem.write([scene.authority]) if scene.authority else ""


def _policy(scene: Scene, **changed: Any) -> dict[str, Any]:
    """Return the parameters of PutPolicy. The principal is the CA's own account: nobody else ever gets access."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": scene.account.number},
        "Action": ["acm-pca:DescribeCertificateAuthority"],
        "Resource": scene.arn,
    }
    document = {"Version": "2012-10-17", "Statement": [{**statement, **changed}]}
    return {"ResourceArn": scene.arn, "Policy": json.dumps(document)}


def _permission(scene: Scene, principal: str = "acm.amazonaws.com", *, actions: bool = True) -> dict[str, Any]:
    granted = ["IssueCertificate", "GetCertificate", "ListPermissions"]
    return {**scene.named, "Principal": principal, **({"Actions": granted} if actions else {})}


FETCHING = (
    refused("get-unknown", "get.unknown", lambda scene: scene.fetching(""), GET),
    refused("get-a-ca", "get.foreign", lambda scene: {**scene.named, "CertificateArn": scene.arn}, GET),
    Probe(
        "get-while-disabled", GET, _DISABLED, {"get.disabled": REFUSAL}, lambda scene: scene.fetching("empty-subject")
    ),
    refused("get-while-deleted", "state.deleted", lambda scene: scene.fetching("empty-subject"), GET, _DELETED),
)

REVOKING = (
    # No source says whether a CA in short-lived mode revokes.
    Probe(
        "revoke",
        "RevokeCertificate",
        _ACTIVE,
        {"revoke.serial": ()},
        lambda scene: _revoking(scene, scene.serials.get(_REVOKED, _NO_CERTIFICATE)),
    ),
    refused(
        "revoke-again",
        "revoke.twice",
        lambda scene: _revoking(scene, scene.serials.get(_REVOKED, _NO_CERTIFICATE)),
        "RevokeCertificate",
    ),
    Probe("get-revoked", GET, _ACTIVE, {"revoke.get": REFUSAL}, lambda scene: scene.fetching(_REVOKED)),
    refused("revoke-unknown", "revoke.unknown", lambda scene: _revoking(scene, "ab:cd"), "RevokeCertificate"),
    refused("revoke-not-hexadecimal", "revoke.serial", lambda scene: _revoking(scene, "not hex"), "RevokeCertificate"),
    refused(
        "revoke-the-root",
        "revoke.root",
        lambda scene: _revoking(scene, f"{scene.authority.serial_number:040x}" if scene.authority else _NO_CERTIFICATE),
        "RevokeCertificate",
    ),
)

STATES = (
    Probe(
        "describe-pending",
        _DESCRIBE,
        _PENDING,
        {
            "authority.pending": ("code", "status", "result.Status"),
            "authority.usage-mode": ("result.UsageMode",),
            "authority.key-storage": ("result.KeyStorageSecurityStandard",),
            "form.revocation": ("result.RevocationConfiguration",),
        },
        lambda scene: scene.named,
    ),
    refused(
        "certificate-while-pending",
        "authority.certificate.pending",
        lambda scene: scene.named,
        "GetCertificateAuthorityCertificate",
        _PENDING,
    ),
    refused(
        "disable-while-pending",
        "update.pending",
        lambda scene: {**scene.named, "Status": "DISABLED"},
        _UPDATE,
        _PENDING,
    ),
    Probe(
        "describe-active",
        _DESCRIBE,
        _ACTIVE,
        {
            "authority.activation": ("code", "status", "result.Status"),
            "form.authority-serial": ("result.serialIsDecimal",),
        },
        lambda scene: scene.named,
    ),
    Probe("csr-of-an-active-ca", _CSR, _ACTIVE, {"authority.csr": REFUSAL}, lambda scene: scene.named),
    refused(
        "describe-unknown", "authority.unknown", lambda scene: {"CertificateAuthorityArn": scene.unknown_arn}, _DESCRIBE
    ),
    refused(
        "describe-a-bad-arn",
        "authority.invalid-arn",
        lambda scene: {"CertificateAuthorityArn": scene.arn.replace(":certificate-authority/", ":something/")},
        _DESCRIBE,
    ),
    refused(
        "update-nothing",
        "update.empty",
        lambda scene: scene.named,
        _UPDATE,
        words="Either RevocationConfiguration or Status should be present",
    ),
    refused("update-to-expired", "update.status", lambda scene: {**scene.named, "Status": "EXPIRED"}, _UPDATE),
    refused(
        "delete-while-active", "delete.active", lambda scene: {**scene.named, "PermanentDeletionTimeInDays": 7}, _DELETE
    ),
    refused(
        "delete-for-6-days", "delete.window", lambda scene: {**scene.named, "PermanentDeletionTimeInDays": 6}, _DELETE
    ),
    refused("restore-while-active", "restore.living", lambda scene: scene.named, "RestoreCertificateAuthority"),
    Probe("describe-disabled", _DESCRIBE, _DISABLED, {"state.disabled": ("result.Status",)}, lambda scene: scene.named),
    Probe(
        "describe-deleted",
        _DESCRIBE,
        _DELETED,
        {"delete.window": ("result.restorableDays",), "delete.active": ("code", "status", "result.Status")},
        lambda scene: scene.named,
    ),
    refused(
        "delete-again",
        "delete.twice",
        lambda scene: {**scene.named, "PermanentDeletionTimeInDays": 7},
        _DELETE,
        _DELETED,
    ),
    refused("csr-while-deleted", "state.deleted", lambda scene: scene.named, _CSR, _DELETED),
)

IMPORTING = (
    refused("import-no-certificate", "import.malformed", lambda scene: _importing(scene, "x"), _IMPORT, _PENDING),
    refused(
        "import-of-another-key",
        "import.mismatch",
        lambda scene: _importing(scene, pem.write([Authority("Stranger").certificate])),
        _IMPORT,
        _PENDING,
    ),
    refused(
        "import-root-with-chain",
        "import.root-chain",
        lambda scene: _importing(scene, _own(scene), CertificateChain=_own(scene).encode()),
        _IMPORT,
    ),
    # No source says it of a root that is active.
    Probe(
        "import-second",
        _IMPORT,
        Stage.RENEWED,
        {"authority.activation": ()},
        lambda scene: _importing(scene, scene.second),
    ),
)

ACCESS = (
    refused("policy-while-pending", "policy.pending", _policy, "PutPolicy", _PENDING),
    refused("no-policy", "policy.lifecycle", lambda scene: {"ResourceArn": scene.arn}, "GetPolicy"),
    refused("policy-not-json", "policy.form", lambda scene: {"ResourceArn": scene.arn, "Policy": "{"}, "PutPolicy"),
    refused("policy-that-denies", "policy.form", lambda scene: _policy(scene, Effect="Deny"), "PutPolicy"),
    refused(
        "policy-that-deletes",
        "policy.form",
        lambda scene: _policy(scene, Action=["acm-pca:DeleteCertificateAuthority"]),
        "PutPolicy",
    ),
    refused(
        "permission-for-s3",
        "permission.principal",
        lambda scene: _permission(scene, "s3.amazonaws.com"),
        "CreatePermission",
    ),
    Probe("permission", "CreatePermission", _ACTIVE, {"permission.lifecycle": REFUSAL}, _permission),
    refused("permission-again", "permission.lifecycle", _permission, "CreatePermission"),
    Probe(
        "permission-deleted",
        "DeletePermission",
        _ACTIVE,
        {"permission.lifecycle": REFUSAL},
        lambda scene: _permission(scene, actions=False),
    ),
    refused(
        "permission-deleted-again",
        "permission.lifecycle",
        lambda scene: _permission(scene, actions=False),
        "DeletePermission",
    ),
    refused(
        "reserved-tag",
        "tags.reserved",
        lambda scene: {**scene.named, "Tags": [{"Key": "aws:mine", "Value": "x"}]},
        "TagCertificateAuthority",
    ),
    refused(
        "made-up-page-token",
        "authority.list.token",
        lambda _: {"NextToken": "made-up"},
        "ListCertificateAuthorities",
    ),
)

OTHERS = (*FETCHING, *REVOKING, *STATES, *IMPORTING, *ACCESS)
