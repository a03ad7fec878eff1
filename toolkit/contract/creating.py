"""Make a contract for a CA and roles that were created without Pulumi."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.contract.draft import Draft
from toolkit.contract.mapping import take_outputs
from toolkit.contract.models import (
    DEFAULT_DATA_PLANE_LIFETIME,
    DEFAULT_IDENTITY,
    DEFAULT_NAMESPACE,
    DEFAULT_SERVICE_ACCOUNT,
    SCHEMA_VERSION,
)
from toolkit.errors import Problem
from toolkit.text import list_names, take_line
from toolkit.values import Object, Value

# Role names may contain commas (IAM user guide, "IAM and AWS STS quotas").
_BEFORE_AN_ARN = re.compile(r",(?=arn:)")
_DEFAULT_MESH = "default"
_MOST_NAMES = 10
_MOST_SHOWN = 60


@dataclass(frozen=True)
class Choices:
    """The operator's choices for the contract; None for an option that is not set.

    Attributes:
        arn: the CA's ARN.
        chain: the CA's chain as PEM.
        meshes: the names of the meshes; empty if the option is not set.
        lifetime: the lifetime of data plane certificates.
        zones: ``NAME=REGION,ROLE_ARN`` each, or ``NAME=REGION,ROLE_ARN,VERIFIER_ROLE_ARN``.
        namespace: the namespace of the control planes of all zones.
        service_account: the service account of the control planes of all zones.
        identity: how the control planes of all zones get their roles.
    """

    arn: str | None = None
    chain: str | None = None
    meshes: tuple[str, ...] = ()
    lifetime: str | None = None
    zones: tuple[str, ...] = ()
    namespace: str | None = None
    service_account: str | None = None
    identity: str | None = None


def make_draft(choices: Choices, outputs: Object | None = None, mapped: Sequence[str] = ()) -> Draft:
    """Return a contract from the operator's choices and another tool's outputs; it may still lack a chain.

    Args:
        choices: the operator's choices.
        outputs: the outputs of Terraform or CloudFormation, by name.
        mapped: ``FIELD=OUTPUT`` each, for outputs with names other than the contract's fields.
    """
    draft = Draft()
    if outputs is not None:
        take_outputs(draft, outputs, mapped)
    document, authority = draft.document, draft.authority
    document.setdefault("schemaVersion", SCHEMA_VERSION)
    if choices.arn is not None and authority is not None:
        draft.put(authority, "certificateAuthority.arn", choices.arn, "--arn")
    given: dict[str, tuple[str, Value]] = {
        "certificateChain": ("--chain", choices.chain),
        "meshes": ("--mesh", list(choices.meshes) or None),
        "dataPlaneLifetime": ("--lifetime", choices.lifetime),
    }
    for name, (option, value) in given.items():
        if value is not None:
            draft.put(document, name, value, option)
    for written in choices.zones:
        _add_zone(draft, written)
    _assume(draft, choices)
    return draft


def lacks_chain(draft: Draft) -> bool:
    """Return whether the CA and its chain must still be looked up in AWS."""
    return "certificateChain" not in draft.document


def add_authority(draft: Draft, fields: Object, chain: str) -> None:
    """Add the CA's properties from AWS.

    Args:
        draft: a draft without problems in :meth:`Draft.require_rest`.
        fields: the fields of ``certificateAuthority``, by the contract's names.
        chain: the CA's chain as PEM, issuing CA first.
    """
    authority = draft.authority
    if authority is None:
        return
    for name, value in fields.items():
        # A CA can sign with any hash that its key supports; AWS only returns the algorithm from the CA's creation.
        if name != "signingAlgorithm" or name not in authority:
            draft.put(authority, f"certificateAuthority.{name}", value, "AWS")
    draft.put(draft.document, "certificateChain", chain, "AWS")


def list_unchecked(draft: Draft) -> list[str]:
    """Return what is unknown about a CA that was not looked up in AWS, as sentences."""
    authority = draft.authority or {}
    found = ["AWS was not called, so it is unknown whether the CA is ACTIVE and whether the chain is the CA's"]
    if "usageMode" not in authority:
        found.append(
            "the CA's usageMode is unknown: the contract leaves it out, and prices are those of GENERAL_PURPOSE, "
            "the more expensive mode"
        )
    return found


def _add_zone(draft: Draft, written: str) -> None:
    zones = draft.zones
    name, equals, rest = written.partition("=")
    region, *roles = _BEFORE_AN_ARN.split(rest)
    if not equals or not name or not 1 <= len(roles) <= 2:  # noqa: PLR2004 - the zone's role and the verifier's
        form = "must be NAME=REGION,ROLE_ARN or NAME=REGION,ROLE_ARN,VERIFIER_ROLE_ARN, with roles that begin with arn:"
        draft.problems.append(Problem(f"--add-zone {take_line(written, _MOST_SHOWN)}", form))
        return
    if zones is None:
        return
    zone = {"name": name, "region": region, **dict(zip(("roleArn", "verifierRoleArn"), roles, strict=False))}
    draft.origins[f"zones[{len(zones)}]"] = "--add-zone"
    zones.append(zone)


def _assume(draft: Draft, choices: Choices) -> None:
    """Fill in defaults, and record them."""
    document = draft.document
    if "meshes" not in document:
        document["meshes"] = [_DEFAULT_MESH]
        draft.assumed.append(f"assumed meshes: {_DEFAULT_MESH} (--mesh)")
    if "dataPlaneLifetime" not in document:
        document["dataPlaneLifetime"] = DEFAULT_DATA_PLANE_LIFETIME
        draft.assumed.append(f"assumed dataPlaneLifetime: {DEFAULT_DATA_PLANE_LIFETIME} (--lifetime)")
    zones = [(number, zone) for number, zone in enumerate(draft.zones or ()) if isinstance(zone, dict)]
    # Fields with one value for all zones.
    for field, option, value, default in (
        ("namespace", "--namespace", choices.namespace, DEFAULT_NAMESPACE),
        ("serviceAccount", "--service-account", choices.service_account, DEFAULT_SERVICE_ACCOUNT),
        ("identity", "--zone-identity", choices.identity, DEFAULT_IDENTITY),
    ):
        if value is not None:
            for number, zone in zones:
                draft.put(zone, f"zones[{number}].{field}", value, option)
            continue
        without = [zone for _, zone in zones if field not in zone]
        for zone in without:
            zone[field] = default
        if without:
            draft.assumed.append(f"assumed {field} of {_listed(without)}: {default} ({option})")
    if alone := [zone for _, zone in zones if "verifierRoleArn" not in zone]:
        draft.assumed.append(f"no verifierRoleArn for {_listed(alone)}: toolkit verify assumes roleArn (--role zone)")


def _listed(zones: Sequence[Object]) -> str:
    return list_names([str(zone.get("name")) for zone in zones], _MOST_NAMES)
