"""Fill in what a contract may leave out, because it can be derived from what it has.

What has a default is left to the models. What is wrong is left to them too: nothing is derived from it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from toolkit.contract.models import CertificateAuthority, StackOutputs, Zone
from toolkit.pki import algorithms, arn, pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography import x509
    from pydantic import BaseModel

    from toolkit.values import Object, Value

# By model, the fields that :func:`complete` derives.
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
    """Return a document with what can be derived from it; what it has is never changed.

    Args:
        document: of a CA that issues. Any part of it may be wrong.
    """
    found = with_aliases(document, StackOutputs)
    chain = _read_chain(found.get("certificateChain"))
    if chain:
        found.setdefault("rootCertificate", pem.write(chain[-1:]))
    if isinstance(authority := found.get("certificateAuthority"), dict):
        found["certificateAuthority"] = _complete_authority(with_aliases(authority, CertificateAuthority), chain)
    if isinstance(zones := found.get("zones"), list):
        found["zones"] = [_complete_zone(zone) if isinstance(zone, dict) else zone for zone in zones]
    return found


def is_derived(location: tuple[int | str, ...]) -> bool:
    """Return whether the field at a place of the contract is one that is derived.

    Args:
        location: keys and indexes from the document down, as pydantic names them.
    """
    place = tuple(0 if isinstance(part, int) else part for part in location[:-1])
    model = _PLACES.get(place)
    return model is not None and location[-1] in DERIVED[model]


def with_aliases(part: Object, model: type[BaseModel]) -> Object:
    """Return a part with the contract's names for those of the model, such as ``role_arn``, which it takes as well."""
    aliases = {name: str(field.alias) for name, field in model.model_fields.items()}
    # With both names in it, the model says that one is too many.
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
        # The rules for chains name a key that no CA of AWS has.
        with suppress(ValueError):
            found.setdefault("keyAlgorithm", algorithms.read_key_algorithm(chain[0]))
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
