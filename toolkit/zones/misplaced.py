"""Values that the release chart of Kong Mesh does not read where they are.

The chart has open-source Kuma's as a dependency, below ``kuma``; at its own top level it reads ``ratelimit`` and Helm's
``global`` (Kong/developer.konghq.com:app/assets/mesh/*/raw/helm-values.yaml and helm-values-prod/). The keys of Kuma's
own chart: kumahq/kuma:deployments/charts/kuma/values.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from toolkit.yamltext.editing import dotted
from toolkit.zones.rendering import ROLE_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.contract import Zone
    from toolkit.yamltext.nodes import Path

_ACCOUNT_ANNOTATIONS = "serviceAccountAnnotations"
_CONTROL_PLANE: Path = ("kuma", "controlPlane")
_ANNOTATIONS: Path = (*_CONTROL_PLANE, _ACCOUNT_ANNOTATIONS)
# Where a file that is meant for the control plane may have annotations at its top; other keys are other charts'.
_AT_TOP = (ROLE_ANNOTATION, "annotations", "podAnnotations", "serviceAccount", _ACCOUNT_ANNOTATIONS)
# Without `global`, which Helm hands to every dependency, and `nameOverride`, which is common to charts.
_OF_KUMA = (
    *("controlPlane", "cni", "dataPlane", "ingress", "egress", "kumactl", "kubectl", "hooks", "transparentProxy"),
    *("experimental", "postgres", "plugins", "patchSystemNamespace", "installCrdsOnUpgrade", "noHelmHooks"),
    *("namespaceAllowList", "skipRBAC", "restartOnSecretChange"),
)


class Misplaced(NamedTuple):
    """A value that has no effect where it is.

    Attributes:
        path: of the value.
        message: what is wrong, and how to fix it.
    """

    path: Path
    message: str


def misplaced(zone: Zone, document: object) -> Iterator[Misplaced]:
    """Yield the values of a file that the chart does not read, and role annotations of other objects."""
    if not isinstance(document, dict):
        return
    for key in _OF_KUMA:
        if document.get(key) is not None:
            yield Misplaced(
                (key,), f"Kong Mesh's chart does not read this key of open-source Kuma: move it to kuma.{key}"
            )
    for path, value in _entries(document, _get(document, _ANNOTATIONS)):
        if path[-2:] == _CONTROL_PLANE and path != _CONTROL_PLANE and isinstance(value, dict):
            above = dotted(path[:-2])
            yield Misplaced(
                path,
                f"Helm passes this to the dependency {above}, but the zone's values are written to kuma.controlPlane "
                f"at the top: move them below {above}, or use a file with the values of {above} alone",
            )
        if path[-1] == ROLE_ANNOTATION and path[:-1] != _ANNOTATIONS and (reason := _annotation(zone, path, value)):
            yield Misplaced(path, reason)


def _annotation(zone: Zone, path: Path, value: object) -> str | None:
    """Return what is wrong with a role annotation; None if it may be right for another service account."""
    above = path[:-1]
    if not value or (above[-3:] == _ANNOTATIONS and len(above) > len(_ANNOTATIONS)):
        # The latter is right where the chart is a dependency.
        return None
    is_direct = above[-1:] == (_ACCOUNT_ANNOTATIONS,)
    is_account = is_direct or above[-2:] == ("serviceAccount", "annotations")
    owner = above[:-1] if is_direct else above[:-2]
    is_other_account = is_account and owner not in ((), ("kuma",), ("controlPlane",), _CONTROL_PLANE)
    is_other_chart = path[0] not in ("kuma", *_OF_KUMA, *_AT_TOP)
    if is_other_account or (is_other_chart and above[-1] != "podAnnotations"):
        is_role = value == zone.role_arn
        account = f"{zone.namespace}/{zone.service_account}"
        return f"the zone's role trusts service account {account} only, so remove it" if is_role else None
    return f"has no effect: EKS reads it from the control plane's service account, {dotted(_ANNOTATIONS)}; remove it"


def _get(document: object, path: Path) -> object:
    for part in path:
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _entries(document: object, without: object) -> Iterator[tuple[Path, object]]:
    """Yield every value with its path of texts and numbers; values that aliases share come once, or not at all."""
    waiting: list[tuple[Path, object]] = [((), document)]
    known = {id(without)}
    while waiting:
        above, holder = waiting.pop()
        if id(holder) in known or not isinstance(holder, dict | list):
            continue
        known.add(id(holder))
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for part, value in pairs:
            if isinstance(part, str) or isinstance(holder, list):
                yield (*above, part), value
                waiting.append(((*above, part), value))
