"""Read the conditions of MeshIdentities from zone control planes, and explain them.

Only zone control planes compute conditions (kumahq/kuma:pkg/core/resources/apis/meshidentity/status/component.go). A
MeshIdentity of the global control plane has another name there, and its own in the label ``kuma.io/display-name``.

Sources: kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/meshidentity.go and status/updater.go; answers of
Kuma 2.14.3 in ``tests/control_plane/recorded/``. The texts about ``acmpca`` are from Kong's unreleased documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from toolkit.control_plane.client import ControlPlaneError
from toolkit.control_plane.write_order import get_provider
from toolkit.errors import ExternalError
from toolkit.mesh.documents.differences import are_same
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.redaction import blot
from toolkit.text import take_line
from toolkit.yamltext.plain import items, mapping, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.control_plane.client import ControlPlane
    from toolkit.control_plane.resources import Key, Resource
    from toolkit.values import Object

READY = "Ready"
_DISPLAY_NAME, _ORIGIN = "kuma.io/display-name", "kuma.io/origin"
_MESH_SERVICES = "set meshServices.mode: Exclusive in the Mesh"
_NOT_FOUND = (
    f"this control plane has no such provider; {ACMPCA} needs a Kong Mesh that has it, and open-source Kuma has not"
)
_INITIALIZATION = (
    f"the provider can't start; for {ACMPCA}, see whether the zone's control plane has AWS credentials and config.arn "
    "names its CA"
)
_VALIDATION = (
    "the provider rejects its configuration; a Bundled provider with a self-signed CA needs insecureAllowSelfSigned: "
    "true"
)
_NO_TRUST = (
    f"the control plane could not create the MeshTrust; for {ACMPCA}, its role needs "
    "acm-pca:GetCertificateAuthorityCertificate"
)
# By type and reason, then by type alone.
_MEANINGS = {
    ("Provider", "MeshServicesDisabled"): _MESH_SERVICES,
    ("Provider", "ProviderNotFoundError"): _NOT_FOUND,
    ("Provider", "ProviderInitializationError"): _INITIALIZATION,
    ("Provider", "ProviderValidationError"): _VALIDATION,
    ("Provider", ""): "the provider can't be used; see the zone control plane's log",
    ("MeshTrustCreated", ""): _NO_TRUST,
    ("SpiffeIDProvider", ""): "SPIFFE IDs are not published; see spec.spiffeID and the zone control plane's log",
    ("DependenciesReady", ""): "the MeshIdentity waits for what it needs; see the zone control plane's log",
}


class Zone(NamedTuple):
    """A zone and its control plane."""

    name: str
    control_plane: ControlPlane


class Condition(NamedTuple):
    """A condition of a MeshIdentity. Each text is a single line."""

    type: str
    is_true: bool
    reason: str
    message: str

    @property
    def meaning(self) -> str:
        """Return what to do about a condition that is not true; empty if nothing is known."""
        return _MEANINGS.get((self.type, self.reason)) or _MEANINGS.get((self.type, ""), "")

    def __str__(self) -> str:
        said = ": ".join(filter(None, (self.reason, self.message)))
        return f"{self.type} is {self.is_true}" + (f" ({said})" if said else "")


@dataclass(frozen=True)
class State:
    """A MeshIdentity in one zone.

    Attributes:
        zone: the zone's name.
        key: the MeshIdentity, by its name in the documents.
        problem: why there are no conditions; empty if there are some.
        conditions: as the zone control plane computed them.
        issues: whether it has a provider, so that it must be ready.
    """

    zone: str
    key: Key
    problem: str = ""
    conditions: tuple[Condition, ...] = ()
    issues: bool = True

    @property
    def is_ready(self) -> bool:
        """Return whether it is ready. Without a provider, it needs only to publish SPIFFE IDs."""
        if self.issues:
            return any(condition.type == READY and condition.is_true for condition in self.conditions)
        publishes = any(condition.type == "SpiffeIDProvider" and condition.is_true for condition in self.conditions)
        return publishes and any(
            condition.type == READY and (condition.is_true or condition.reason == "PartiallyReady")
            for condition in self.conditions
        )

    def describe(self) -> list[str]:
        """Return the reasons why it is not ready, one per line."""
        if self.problem:
            return [f"{self.zone}: {self.key}: {self.problem}"]
        wrong = [condition for condition in self.conditions if not condition.is_true]
        # Ready only repeats the other conditions.
        causes = [condition for condition in wrong if condition.type != READY] or wrong
        return [
            f"{self.zone}: {self.key}: {condition}" + (f": {condition.meaning}" if condition.meaning else "")
            for condition in causes
        ] or [f"{self.zone}: {self.key}: has no condition {READY} yet"]


def read_states(zone: Zone, identities: Sequence[Resource]) -> list[State]:
    """Return the states of MeshIdentities in a zone.

    Raises:
        ExternalError: the zone control plane rejects the request, so waiting can't help.
    """
    found: dict[str, list[Object]] = {}
    states = []
    for identity in identities:
        key = identity.key
        issues = bool(get_provider(identity.document))
        try:
            if key.mesh not in found:
                found[key.mesh] = zone.control_plane.list_resources("MeshIdentity", key.mesh)
        except ControlPlaneError as error:
            # The mesh may not have arrived yet.
            if not error.may_end:
                raise ExternalError(f"zone {zone.name}: {error.message}", error.hint) from error
            states.append(State(zone.name, key, error.message, issues=issues))
            continue
        states.append(_read_state(zone.name, identity, found[key.mesh], issues=issues))
    return states


def _read_state(zone: str, identity: Resource, candidates: Sequence[Object], *, issues: bool) -> State:
    there = _find(identity.key.name, candidates)
    if there is None:
        return State(zone, identity.key, "is not in the zone yet", issues=issues)
    if not are_same({**identity.document, "name": there.get("name")}, there, heed_unknown=False):
        return State(zone, identity.key, "is not in the zone as it was applied yet", issues=issues)
    entries = [mapping(entry) for entry in items(mapping(there.get("status")).get("conditions"))]
    conditions = tuple(
        Condition(
            _say(entry.get("type")),
            entry.get("status") == "True",
            _say(entry.get("reason")),
            _say(entry.get("message")),
        )
        for entry in entries
    )
    problem = "" if conditions else "the zone control plane has not computed its conditions yet"
    return State(zone, identity.key, problem, conditions, issues)


def _find(name: str, candidates: Sequence[Object]) -> Object | None:
    """Return the MeshIdentity with a name: synchronized from the global control plane, or the zone's own."""
    for candidate in candidates:
        labels = mapping(candidate.get("labels"))
        if labels.get(_ORIGIN) == "global" and labels.get(_DISPLAY_NAME) == name:
            return candidate
    return next((candidate for candidate in candidates if candidate.get("name") == name), None)


def _say(value: object) -> str:
    return take_line(blot(text(value)))
