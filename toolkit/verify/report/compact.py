"""The report for a Kubernetes termination message: JSON that is read like the other, in at most 4096 bytes.

Of a termination message the kubelet keeps the last 4096 bytes (kubernetes/kubernetes:pkg/kubelet/container/runtime.go,
MaxContainerTerminationMessageLength, and pkg/util/tail), which of a longer JSON document would be no JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from toolkit.errors import ExternalError
from toolkit.verify.report.json import make_document
from toolkit.verify.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolkit.values import Object
    from toolkit.verify.results import Report

LIMIT = 4096
# To how many bytes the texts of a failure are cut, until all fit.
_STEPS = (2000, 1000, 500, 250, 120, 60, 30, 0)
_REASON = 60
_TEXTS = ("expected", "found", "note", "advice")
_CUT = "..."


class CompactForm:
    """Implements :class:`toolkit.verify.report.Form`.

    What it leaves out, and no more than needed: the texts of checks that passed, then requests that were answered, then
    the ends of long texts, then the chain and the names of the certificate. What was issued, how every check ended, and
    why, stay. One zone always fits; a report of many may not, and is then as short as can be.
    """

    def render(self, report: Report) -> str:
        """The report as one line of JSON that :func:`toolkit.verify.report.json.parse` reads."""
        text = ""
        for shorter in _shorter(make_document(report)):
            text = json.dumps(shorter, separators=(",", ":")) + "\n"
            if len(text) <= LIMIT:
                break
        return text


def write(path: Path, text: str) -> None:
    """Write into a file that is there: the kubelet mounts one for the message, which can't be replaced.

    It is writable for everybody (kubernetes/kubernetes:pkg/kubelet/kuberuntime/kuberuntime_container.go, makeMounts),
    its directory is not.

    Raises:
        ExternalError: it can't be written.
    """
    try:
        with path.open("w", encoding="ascii", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise ExternalError(
            f"can't write {path}: {error.strerror or error}", "Choose a place you may write to."
        ) from error


def _shorter(whole: Object) -> Iterator[Object]:
    """The document, ever shorter; it is changed on the way."""
    yield whole
    checks = [check for zone in whole["zones"] for check in zone["checks"]]
    passed = [check for check in checks if check["outcome"] == Outcome.PASSED]
    for names in (("expected", "found"), ("note",)):
        for check in passed:
            for name in names:
                check.pop(name, None)
        yield whole
    # What the ledger knows as well, but for what nobody knows the end of.
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
    """As much of a text as takes no more than so many bytes in JSON, its cut shown."""
    if len(json.dumps(text)) <= limit:
        return text
    kept = text[: max(limit - len(_CUT), 0)]
    while kept and len(json.dumps(kept + _CUT)) > limit:
        # Characters beyond ASCII take up to twelve bytes.
        kept = kept[: -max((len(json.dumps(kept + _CUT)) - limit) // 12, 1)]
    return kept + _CUT
