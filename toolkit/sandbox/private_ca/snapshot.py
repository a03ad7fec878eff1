"""The state of all CAs as plain JSON values, and back. Private keys are in it: its file is its owner's alone."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from toolkit.pki import pem
from toolkit.sandbox.private_ca import subject
from toolkit.sandbox.private_ca.authority import CertificateAuthority, IssuedCertificate

if TYPE_CHECKING:
    from toolkit.sandbox.private_ca.keys import PrivateKey
    from toolkit.sandbox.private_ca.registry import Registry

VERSION = 1


def dump(registry: Registry) -> dict[str, Any]:
    """Everything but the idempotency tokens, which live for five minutes only."""
    authorities = [_authority(found) for found in list(registry.authorities.values())]
    return {"version": VERSION, "authorities": authorities}


def load(registry: Registry, snapshot: dict[str, Any]) -> None:
    """Put the CAs of a snapshot into the registry.

    Raises:
        ValueError: it is of another version, or no snapshot; nothing was changed.
        KeyError: a field is missing; nothing was changed.
    """
    if snapshot["version"] != VERSION:
        raise ValueError(f"it is of version {snapshot['version']}, and this toolkit reads version {VERSION}")
    registry.authorities.update({item["arn"]: _restored(item) for item in snapshot["authorities"]})


def _authority(found: CertificateAuthority) -> dict[str, Any]:
    key = found.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with found.lock:
        return {
            "arn": found.arn,
            "owner": found.owner,
            "request": found.request,
            "created": _text(found.created),
            "changed": _text(found.changed),
            "key": key.decode(),
            "status": found.stored_status,
            "statusBeforeDeletion": found.status_before_deletion,
            "restorableUntil": _text(found.restorable_until),
            "certificates": pem.write(found.certificates),
            "tags": found.tags,
            "policy": found.policy,
            "permissions": [
                {**item, "CreatedAt": _text(item["CreatedAt"])} for item in list(found.permissions.values())
            ],
            "crlNumber": found.crl_number,
            "issued": [_issued(item) for item in list(found.issued.values())],
        }


def _issued(item: IssuedCertificate) -> dict[str, Any]:
    return {
        "arn": item.arn,
        "pem": item.pem,
        "chain": item.chain,
        "ready": _text(item.ready),
        "issued": _text(item.issued),
        "template": item.template,
        "revoked": _text(item.revoked),
        "revocationReason": item.revocation_reason,
    }


def _restored(item: dict[str, Any]) -> CertificateAuthority:
    bundle = item["certificates"]
    permissions = [{**kept, "CreatedAt": _moment(kept["CreatedAt"])} for kept in item["permissions"]]
    return CertificateAuthority(
        arn=item["arn"],
        owner=item["owner"],
        request=item["request"],
        created=_moment(item["created"]),
        changed=_moment(item["changed"]),
        key=_key(item["key"]),
        name=subject.name(item["request"]["CertificateAuthorityConfiguration"]["Subject"]),
        stored_status=item["status"],
        status_before_deletion=item["statusBeforeDeletion"],
        restorable_until=_moment(item["restorableUntil"]) if item["restorableUntil"] else None,
        certificates=pem.load_certificates(bundle) if bundle else (),
        tags=item["tags"],
        policy=item["policy"],
        permissions={(kept["Principal"], kept["SourceAccount"]): kept for kept in permissions},
        crl_number=item["crlNumber"],
        issued={kept["arn"]: _restored_certificate(kept) for kept in item["issued"]},
    )


def _restored_certificate(item: dict[str, Any]) -> IssuedCertificate:
    return IssuedCertificate(
        arn=item["arn"],
        pem=item["pem"],
        chain=item["chain"],
        ready=_moment(item["ready"]),
        issued=_moment(item["issued"]),
        serial=pem.load_certificate(item["pem"]).serial_number,
        template=item["template"],
        revoked=_moment(item["revoked"]) if item["revoked"] else None,
        revocation_reason=item["revocationReason"],
    )


def _key(text: str) -> PrivateKey:
    key = serialization.load_pem_private_key(text.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("the key of a CA is neither RSA nor elliptic")
    return key


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
