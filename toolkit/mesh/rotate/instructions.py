"""Tell an operator what to do before and after each step of a rotation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Instructions for one step.

    Attributes:
        title: the step's effect.
        first: what to do before the step is applied.
        wait: what must be true before the next step.
        back: how to undo the step.
    """

    title: str
    first: tuple[str, ...]
    wait: tuple[str, ...]
    back: str


def describe_steps(mesh: str, old: str, new: str) -> dict[str, Words]:
    """Return the instructions for add, switch and remove.

    The counts are those of ``GET /mesh-insights/{mesh}`` (kumahq/kuma:api/mesh/v1alpha1/mesh_insight.proto).
    """
    insight = f"GET /mesh-insights/{mesh}"
    return {
        "add": Words(
            title=f"trust {new} beside {old}; {old} still signs",
            first=(f"prove with toolkit verify that every zone gets certificates from {new}",),
            wait=(f"{insight}: mTLS.supportedBackends.{new}.online is as high as dataplanes.online",),
            back="apply the Mesh as it was before",
        ),
        "switch": Words(
            title=f"let {new} sign; both are trusted",
            first=(
                # kong-mesh#10356, CHANGELOG of 2.14.3
                "control planes run Kong Mesh 2.14.3 or later: before, this change can crash them",
            ),
            wait=(
                f"{insight}: mTLS.issuedBackends.{new}.online is as high as dataplanes.online",
                f"mTLS.issuedBackends.{old} is gone, and traffic flows between old and new proxies",
                "keep the old CA and what signs with it until the last step is done and nobody wants to go back",
            ),
            back=f"apply step 1 again: {old} signs again, and certificates of {new} stay trusted",
        ),
        "remove": Words(
            title=f"trust {new} alone",
            first=(f"no proxy holds a certificate of {old} any more, also none that is offline and will come back",),
            wait=(f"{insight}: mTLS.supportedBackends.{old} is gone",),
            back=f"apply step 2, wait until all proxies support {old} again, then apply step 1",
        ),
    }


COST_OF_PERMISSIVE = (
    "open-source Kuma takes one backend and lets nobody change it while mTLS is on, so mTLS is off in between",
    "while it is off, traffic is neither encrypted nor authenticated, and no MeshTrafficPermission is enforced",
    "while a change reaches the proxies, clients that still speak TLS meet servers that no longer do, and fail",
)


def describe_steps_of_kuma(mesh: str, old: str, new: str) -> dict[str, Words]:
    """Return the instructions for open-source Kuma, whose rotation passes through plain traffic."""
    insight = f"GET /mesh-insights/{mesh}"
    return {
        "permissive": Words(
            title=f"{old} accepts plain traffic as well",
            first=(),
            wait=("every proxy has the change: its updates in kumactl inspect dataplanes are newer than it",),
            back="apply the Mesh as it was before",
        ),
        "off": Words(
            title="turn mTLS off: all traffic is plain",
            first=("those who own the traffic know that it is not encrypted from here to step 3",),
            wait=(f"{insight}: mTLS.issuedBackends is empty",),
            back="apply step 1 again",
        ),
        "on": Words(
            title=f"turn mTLS on with {new}, which still accepts plain traffic",
            first=(),
            wait=(f"{insight}: mTLS.issuedBackends.{new}.online is as high as dataplanes.online",),
            back="apply step 2 again, then step 1",
        ),
        "strict": Words(
            title=f"{new} refuses plain traffic again",
            first=("no client sends plain traffic any more",),
            wait=("traffic flows",),
            back="apply step 3 again",
        ),
    }
