"""Wait until the zones' control planes report that applied MeshIdentities are ready."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, NamedTuple, NoReturn
from urllib.parse import urlsplit

from toolkit.control_plane.resources import build_list_path
from toolkit.control_plane.write_order import Change, Step
from toolkit.control_plane.zone_conditions import State, Zone, read_states
from toolkit.errors import EXIT_CHECK_FAILED, ToolkitError
from toolkit.mesh.documents.kept import normalize
from toolkit.text import take_line
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolkit.control_plane.client import ControlPlane
    from toolkit.control_plane.resources import Resource
    from toolkit.values import Object

# Between two rounds, in seconds. A zone control plane computes conditions at an interval
# (kumahq/kuma:pkg/config, KUMA_CORE_RESOURCES_STATUS_MESH_IDENTITY_INTERVAL); measured with Kuma 2.14.3: within 8 s.
PAUSE = 5.0
# Until then, conditions may be from before a change: they don't name the spec that they were computed for.
SETTLING = 10.0
_KONNECT = ".api.konghq.com"


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
    where = "Konnect does not show conditions" if is_konnect(url) else "Only zone control planes compute conditions"
    error = NotReadyError(
        f"can't tell whether the MeshIdentities are ready. {where}, and no zone control plane is given",
        "Everything was written. Run the command again with --zone-control-plane NAME=URL for each zone, or make these "
        "requests yourself: status.conditions must have Ready True, and without a provider SpiffeIDProvider True.",
    )
    error.details = tuple(list_requests(identities))
    raise error


def list_requests(identities: Sequence[Resource]) -> Iterator[str]:
    """Yield the commands that show the conditions of MeshIdentities on a zone control plane."""
    for mesh in dict.fromkeys(identity.key.mesh for identity in identities):
        address = f"https://ZONE_CONTROL_PLANE:5682{build_list_path('MeshIdentity', mesh)}"
        yield f"curl --fail --silent --show-error {shlex.quote(address)}"


def find_own_zone(control_plane: ControlPlane) -> Zone | None:
    """Return the zone of a zone control plane, which computes conditions itself; None for any other."""
    configuration = control_plane.get_configuration()
    if configuration.get("mode") != "zone":
        return None
    name = mapping(mapping(configuration.get("multizone")).get("zone")).get("name")
    return Zone(take_line(name) if isinstance(name, str) and name else "zone", control_plane)


def is_konnect(url: str) -> bool:
    """Return whether an address is Konnect's, which has only global control planes."""
    return (urlsplit(url).hostname or "").endswith(_KONNECT)
