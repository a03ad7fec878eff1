"""Fill in values of a contract that can be derived from its other values.

Defaults are the models' task. Invalid values are left for the models to report, and nothing is derived from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from toolkit.contract.models import CertificateAuthority, StackOutputs, Zone
from toolkit.pki import algorithms, arn, pem
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from cryptography import x509
    from pydantic import BaseModel


# The fields that :func:`complete` derives, by model.
DERIVED: Mapping[type[BaseModel], frozenset[str]] = {
    StackOutputs: frozenset({"rootCertificate"}),
    CertificateAuthority: frozenset({"type", "region", "keyAlgorithm", "signingAlgorithm", "notAfter"}),
    Zone: frozenset({"accountId"}),
}
_PLACES: Mapping[tuple[int | str, ...], type[BaseModel]] = {
    (): StackOutputs,
    ("certificateAuthority",): CertificateAuthority,
    ("zones", 0): Zone,
}


def complete(document: Object) -> Object:
    """Return a document with its derived values; existing values are never changed.

    Args:
        document: the contract of a CA that can issue. Any part of it may be invalid.
    """
    found = with_aliases(document, StackOutputs)
    authority = found.get("certificateAuthority")
    named = with_aliases(authority, CertificateAuthority) if isinstance(authority, dict) else None
    # A contract of the Pulumi program has everything; its chain need not be read twice.
    is_whole = "rootCertificate" in found and (named is None or named.keys() >= DERIVED[CertificateAuthority])
    chain = () if is_whole else _read_chain(found.get("certificateChain"))
    if chain and "rootCertificate" not in found:
        found["rootCertificate"] = pem.write(chain[-1:])
    if named is not None:
        found["certificateAuthority"] = _complete_authority(named, chain)
    if isinstance(zones := found.get("zones"), list):
        found["zones"] = [_complete_zone(zone) if isinstance(zone, dict) else zone for zone in zones]
    return found


def is_derived(location: tuple[int | str, ...]) -> bool:
    """Return whether a field of the contract is derived.

    Args:
        location: keys and indexes from the top of the document, as in pydantic's errors.
    """
    place = tuple(0 if isinstance(part, int) else part for part in location[:-1])
    model = _PLACES.get(place)
    return model is not None and location[-1] in DERIVED[model]


def with_aliases(part: Object, model: type[BaseModel]) -> Object:
    """Return a part with the contract's names instead of the model's, such as ``role_arn``, which it also accepts."""
    aliases = {name: str(field.alias) for name, field in model.model_fields.items()}
    # If both names are present, the model reports one of them as unknown.
    return {key if (alias := aliases.get(key, key)) in part else alias: value for key, value in part.items()}


def _read_chain(text: Value) -> tuple[x509.Certificate, ...]:
    if not isinstance(text, str):
        return ()
    try:
        return pem.load_certificates(text)
    except ValueError:
        return ()


def _complete_authority(authority: Object, chain: tuple[x509.Certificate, ...]) -> Object:
    found = dict(authority)
    if chain:
        found.setdefault("type", "ROOT" if len(chain) == 1 else "SUBORDINATE")
        found.setdefault("notAfter", chain[0].not_valid_after_utc.isoformat().replace("+00:00", "Z"))
        # The chain rules report keys that no AWS CA has.
        if "keyAlgorithm" not in found:
            with suppress(ValueError):
                found["keyAlgorithm"] = algorithms.read_key_algorithm(chain[0])
    if isinstance(key := found.get("keyAlgorithm"), str) and key.startswith(("EC", "RSA")):
        found.setdefault("signingAlgorithm", "SHA256WITHECDSA" if key.startswith("EC") else "SHA256WITHRSA")
    if isinstance(named := found.get("arn"), str):
        with suppress(ValueError):
            found.setdefault("region", arn.PRIVATE_CA.parse(named).region)
    return found


def _complete_zone(zone: Object) -> Object:
    found = with_aliases(zone, Zone)
    for name in ("roleArn", "verifierRoleArn"):
        if "accountId" not in found and isinstance(role := found.get(name), str):
            with suppress(ValueError):
                found["accountId"] = arn.ROLE.parse(role).account
    return found
