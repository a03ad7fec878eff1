"""The JSON report's schema, with what each field says; ``docs/verification.schema.json`` is what it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from pydantic import BaseModel

# What each field says, by the object that holds it; REPORT is the whole document.
REPORT = ""
_FIELDS = {
    REPORT: {
        "schemaVersion": "Fields may be added within a version; none is removed or changed.",
        "passed": "Whether every zone was asked and passed, and all trust each other.",
        "interrupted": "Whether somebody stopped the run before it was done.",
        "mesh": "The mesh that was asked for.",
        "certificateAuthorityArn": "The CA that was asked.",
        "usageMode": "Of the CA; it decides what a certificate costs.",
        "startedAt": "When the run began, RFC 3339.",
        "finishedAt": "When the run ended, RFC 3339.",
        "certificatesBought": "How many certificates were issued to the run.",
        "costAtMostUsd": "At most so many US dollars they cost: the account may be in a cheaper tier.",
        "calls": "Calls of AWS by operation, over all zones, repeated ones included.",
        "missingZones": "Zones of the contract of which nothing is known.",
        "zones": "One result for each zone that was asked, in the contract's order.",
        "handshakes": "Every zone's proxy with every other's; empty when none were made.",
    },
    "Zone": {
        "zone": "Its name.",
        "region": "Where it runs.",
        "passed": "Whether every check passed.",
        "interrupted": "Whether no check failed, but the run was stopped before all of them were made.",
        "issuanceMilliseconds": "From the request to the fetched certificate; null when none was fetched.",
        "certificatesBought": "ARNs of the certificates that were issued; AWS keeps no list of them.",
        "certificatesRevoked": "Of the issued certificates, those that were revoked.",
        "revocations": "With --revoke, for each issued certificate whether it was revoked; empty without.",
        "certificate": "The zone's certificate; null when none was fetched, issued or not.",
        "calls": "Calls of AWS by operation, repeated ones included.",
        "checks": "Every check, in order, also those that were skipped.",
    },
    "Revocation": {
        "certificateArn": "The certificate.",
        "revoked": "Whether it was revoked.",
        "reason": "Why it was not revoked; empty if it was.",
    },
    "Certificate": {
        "serial": "As RevokeCertificate takes it.",
        "sha256Fingerprint": "Of the certificate, as AB:CD:...",
        "notBefore": "When it begins, RFC 3339.",
        "notAfter": "When it ends, RFC 3339.",
        "uris": "Its URI SANs, in their order.",
        "chain": "The chain that came with it: issuing CA first, root last.",
    },
    "Link": {
        "name": "The CA's common name, or what stands for it.",
        "sha256Fingerprint": "Of the CA's certificate, as AB:CD:...",
        "notAfter": "When it ends, RFC 3339.",
    },
    "Check": {
        "name": "Stable: monitors may refer to it.",
        "outcome": "How it ended.",
        "expected": "What should be.",
        "found": "What is.",
        "advice": "What to do; there when it failed.",
        "note": "Something worth knowing that is no failure.",
    },
    "Handshake": {
        "client": "The zone of the proxy that connects.",
        "server": "The zone of the proxy that is connected to.",
        "problem": "Why they don't trust each other; empty when they do.",
    },
}
# Fields that follow from others. They are always written, and never read.
_COUNT = {"type": "integer", "minimum": 0}
_DERIVED: dict[str, dict[str, dict[str, Any]]] = {
    REPORT: {
        "passed": {"type": "boolean"},
        "certificatesBought": _COUNT,
        "costAtMostUsd": {"type": "number", "minimum": 0},
        "calls": {"type": "object", "additionalProperties": _COUNT},
    },
    "Zone": {"passed": {"type": "boolean"}, "interrupted": {"type": "boolean"}},
}


class _Plain(GenerateJsonSchema):
    """Pydantic would title `usageMode` "Usagemode" and call a zone "_Zone"."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's own signature
        return False

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(name).lstrip("_")


def describe(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what is written, from the model of what is read."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_Plain)
    parts = schema.pop("$defs")
    for name, part in {REPORT: schema, **parts}.items():
        part.pop("title", None)
        if name in _FIELDS:
            _describe_fields(part, _FIELDS[name], _DERIVED.get(name, {}))
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "Report of toolkit verify",
        "description": "What --format json writes.",
        **schema,
        "$defs": parts,
    }


def _describe_fields(part: dict[str, Any], texts: dict[str, str], derived: dict[str, dict[str, Any]]) -> None:
    """Give every field its text, in the order of the document; a field without one is a defect."""
    known = {**part["properties"], **derived}
    part["properties"] = {name: {"description": text, **known.pop(name)} for name, text in texts.items()}
    part["required"] = [name for name in texts if name in part["required"] or name in derived]
    if known:
        raise KeyError(", ".join(known))
