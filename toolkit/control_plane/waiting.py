"""Wait until the zones' control planes report that applied MeshIdentities are ready, and explain why they are not.

Only zone control planes compute conditions (kumahq/kuma:pkg/core/resources/apis/meshidentity/status/component.go). A
MeshIdentity of the global control plane has another name there, and its own in the label ``kuma.io/display-name``.

Sources: kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/meshidentity.go and status/updater.go; answers of
Kuma 2.14.3 in ``tests/control_plane/recorded/``. The texts about ``acmpca`` are from Kong's unreleased documentation.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, NoReturn
from urllib.parse import urlsplit

from toolkit.control_plane.client import ControlPlane, ControlPlaneError
from toolkit.control_plane.resource_keys import Key, build_list_path
from toolkit.control_plane.write_order import Change, Step, get_provider
from toolkit.errors import EXIT_CHECK_FAILED, ExternalError, ToolkitError
from toolkit.mesh.documents.differences import are_same
from toolkit.mesh.documents.kept import normalize
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.mesh import DISPLAY_NAME_LABEL, ORIGIN_LABEL
from toolkit.redaction import blot
from toolkit.text import take_line
from toolkit.values import Object
from toolkit.yamltext.plain import items, mapping, text

if TYPE_CHECKING:
    from toolkit.control_plane.resources import Resource

# Between two rounds, in seconds. A zone control plane computes conditions at an interval
# (kumahq/kuma:pkg/config, KUMA_CORE_RESOURCES_STATUS_MESH_IDENTITY_INTERVAL); measured with Kuma 2.14.3: within 8 s.
PAUSE = 5.0
# Until then, conditions may be from before a change: they don't name the spec that they were computed for.
SETTLING = 10.0
_KONNECT = ".api.konghq.com"
READY = "Ready"
# By type and reason, then by type alone.
_MEANINGS = {
    ("Provider", "MeshServicesDisabled"): "set meshServices.mode: Exclusive in the Mesh",
    ("Provider", "ProviderNotFoundError"): f"this control plane has no such provider; {ACMPCA} needs a version "
    "of Kong Mesh that has it, and open-source Kuma does not have it",
    ("Provider", "ProviderInitializationError"): f"the provider can't start; for {ACMPCA}, see whether the zone's "
    "control plane has AWS credentials and config.arn names its CA",
    ("Provider", "ProviderValidationError"): "the provider rejects its configuration; a Bundled provider with a "
    "self-signed CA needs insecureAllowSelfSigned: true",
    ("Provider", ""): "the provider can't be used; see the zone control plane's log",
    ("MeshTrustCreated", ""): f"the control plane could not create the MeshTrust; for {ACMPCA}, its role needs "
    "acm-pca:GetCertificateAuthorityCertificate",
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
        if labels.get(ORIGIN_LABEL) == "global" and labels.get(DISPLAY_NAME_LABEL) == name:
            return candidate
    return next((candidate for candidate in candidates if candidate.get("name") == name), None)


def _say(value: object) -> str:
    return take_line(blot(text(value)))


class NotReadyError(ToolkitError):
    """MeshIdentities are not ready in each zone, or their state is unknown."""

    exit_code = EXIT_CHECK_FAILED


class Clock(NamedTuple):
    """The functions for the time and for sleeping; tests replace them."""

    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


def wait(
    zones: Sequence[Zone],
    identities: Sequence[Resource],
    timeout: float,
    on_look: Callable[[Sequence[State]], None] = lambda _: None,
    clock: Clock | None = None,
    settling: float = 0.0,
) -> list[State]:
    """Return the MeshIdentities that are not ready in a zone after the timeout; empty if all are ready.

    Args:
        zones: the zones to query, one after the other.
        identities: the applied MeshIdentities.
        timeout: in seconds. Each zone is queried at least once.
        on_look: is called with all states after each round.
        clock: the functions for the time.
        settling: seconds before the first round.

    Raises:
        ExternalError: a zone control plane rejects the request.
    """
    clock = clock or Clock()
    end = clock.now() + timeout
    if settling:
        clock.pause(min(settling, timeout))
    while True:
        states = [state for zone in zones for state in read_states(zone, identities)]
        on_look(states)
        missing = [state for state in states if not state.is_ready]
        left = end - clock.now()
        if not missing or left <= 0:
            return missing
        clock.pause(min(PAUSE, left))


def needs_settling(steps: Sequence[Step]) -> bool:
    """Return whether conditions may be from before a change. A change of only the selector changes no condition."""
    return any(
        step.change is Change.CHANGED and _list_relevant(step.resource.document) != _list_relevant(step.current or {})
        for step in steps
        if step.resource.key.kind == "MeshIdentity"
    )


def _list_relevant(identity: Object) -> list[object]:
    spec = mapping(normalize(identity).get("spec"))
    return [spec.get(field) for field in ("provider", "spiffeID")]


def require_ready(missing: Sequence[State], timeout: str) -> None:
    """Raise an error that names the MeshIdentities that are not ready.

    Raises:
        NotReadyError: a MeshIdentity is not ready.
    """
    if missing:
        keys, zones = (dict.fromkeys(names) for names in zip(*((str(s.key), s.zone) for s in missing), strict=True))
        error = NotReadyError(
            f"{', '.join(keys)}: not ready after {timeout} in {', '.join(zones)}",
            "Everything was written. Fix what is named, then run the same command again: it only waits.",
        )
        error.details = tuple(line for state in missing for line in state.describe())
        raise error


def refuse_without_zones(identities: Sequence[Resource], url: str) -> NoReturn:
    """Raise an error with the requests that show the conditions.

    Raises:
        NotReadyError: always.
    """
    # Konnect has only global control planes.
    is_konnect = (urlsplit(url).hostname or "").endswith(_KONNECT)
    where = "Konnect does not show conditions" if is_konnect else "Only zone control planes compute conditions"
    meshes = dict.fromkeys(identity.key.mesh for identity in identities)
    addresses = [f"https://ZONE_CONTROL_PLANE:5682{build_list_path('MeshIdentity', mesh)}" for mesh in meshes]
    error = NotReadyError(
        f"can't tell whether the MeshIdentities are ready. {where}, and no zone control plane is given",
        "Everything was written. Run the command again with --zone-control-plane NAME=URL for each zone, or make these "
        "requests yourself: status.conditions must have Ready True, and without a provider SpiffeIDProvider True.",
    )
    error.details = tuple(f"curl --fail --silent --show-error {shlex.quote(address)}" for address in addresses)
    raise error


def find_own_zone(control_plane: ControlPlane) -> Zone | None:
    """Return the zone of a zone control plane, which computes conditions itself; None for any other."""
    configuration = control_plane.get_configuration()
    if configuration.get("mode") != "zone":
        return None
    name = mapping(mapping(configuration.get("multizone")).get("zone")).get("name")
    return Zone(take_line(name) if isinstance(name, str) and name else "zone", control_plane)
