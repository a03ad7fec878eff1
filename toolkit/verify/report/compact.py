"""Write the report for a Kubernetes termination message: JSON with the report's schema, in at most 4096 bytes.

The kubelet keeps only the last 4096 bytes of a termination message (kubernetes/kubernetes:pkg/kubelet/container/
runtime.go, MaxContainerTerminationMessageLength, and pkg/util/tail). A longer JSON document would not be valid.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolkit.errors import ExternalError
from toolkit.values import Object
from toolkit.verify.report.json import make_document
from toolkit.verify.results import Outcome, Report

if TYPE_CHECKING:
    from pathlib import Path


LIMIT = 4096
# Lengths in bytes to which the texts of failures are cut, one after the other, until the report fits.
_STEPS = (2000, 1000, 500, 250, 120, 60, 30, 0)
_REASON = 60
_TEXTS = ("expected", "found", "note", "advice")
_CUT = "..."


def render(report: Report) -> str:
    """Return the report as one line of JSON that :func:`toolkit.verify.report.json.parse` reads.

    Until the report fits, omit in this order: the texts of passed checks, answered requests, the ends of long texts,
    and the certificate's chain and names. The issued certificates and the outcome of every check are kept. A report of
    one zone always fits. A report of many zones may not, and is then as short as possible.
    """
    text = ""
    for shorter in _shorter(make_document(report)):
        text = json.dumps(shorter, separators=(",", ":")) + "\n"
        if len(text) <= LIMIT:
            break
    return text


def write(path: Path, text: str) -> None:
    """Write into an existing file in place: the kubelet mounts the message's file, so it can't be replaced.

    Everybody may write the file (kubernetes/kubernetes:pkg/kubelet/kuberuntime/kuberuntime_container.go, makeMounts),
    but not its directory.

    Raises:
        ExternalError: the file can't be written.
    """
    try:
        with path.open("w", encoding="ascii", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise ExternalError(
            f"can't write {path}: {error.strerror or error}", "Choose a path that you can write to."
        ) from error


def _shorter(whole: Object) -> Iterator[Object]:
    """Yield the document, shorter each time. The document is changed in place."""
    yield whole
    checks = [check for zone in whole["zones"] for check in zone["checks"]]
    passed = [check for check in checks if check["outcome"] == Outcome.PASSED]
    for names in (("expected", "found"), ("note",)):
        for check in passed:
            for name in names:
                check.pop(name, None)
        yield whole
    # The ledger has the answered requests too. Those with an unknown outcome are kept.
    for zone in whole["zones"]:
        zone["requests"] = [each for each in zone["requests"] if not each.keys() & {"certificateArn", "reason"}]
    yield whole
    for step in _STEPS:
        for check in checks:
            check |= {name: _cut(check[name], step) for name in _TEXTS if name in check}
        yield whole
    for zone in whole["zones"]:
        zone["revocations"] = [
            {**found, "reason": _cut(found["reason"], _REASON)} for found in zone["revocations"] if not found["revoked"]
        ]
    yield whole
    for zone in whole["zones"]:
        if zone["certificate"]:
            zone["certificate"] |= {"chain": [], "uris": []}
    yield whole


def _cut(text: str, limit: int) -> str:
    """Return a text, cut with ``...`` to take at most ``limit`` bytes in JSON."""
    if len(json.dumps(text)) <= limit:
        return text
    kept = text[: max(limit - len(_CUT), 0)]
    while kept and len(json.dumps(kept + _CUT)) > limit:
        # A character outside ASCII takes up to twelve bytes in JSON.
        kept = kept[: -max((len(json.dumps(kept + _CUT)) - limit) // 12, 1)]
    return kept + _CUT
