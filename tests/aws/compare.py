"""Compare recorded answers of AWS with the sandbox's answers to the same probes, rule by rule."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config

from tests.aws import plan, running
from tests.aws.account import Account
from tests.aws.answers import Record
from tests.aws.probe import REFUSAL, Probe
from toolkit.cli.signals import Signals
from toolkit.errors import InvalidInputError, Problem

if TYPE_CHECKING:
    from toolkit.sandbox.server import Sandbox

# Parts of an answer that differ from call to call, or that only describe the probe.
_NOT_COMPARED = {"probe", "stage", "rules", "operation", "request", "requestId", "milliseconds"}
# A certificate may be ready at once or not.
_FIRST_GET = "result.firstGet"
_READY_OR_NOT = (None, "RequestInProgressException")
_ABSENT = "absent"
# Messages may name the moment of the call.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Difference(NamedTuple):
    """One part of one answer in which AWS and the sandbox differ.

    Attributes:
        rule: the conformance rule that fixes this part; empty if none does.
        probe: name of the probe.
        part: dotted path into the answer.
        recorded: what AWS answered.
        sandbox: what the sandbox answered.
    """

    rule: str
    probe: str
    part: str
    recorded: object
    sandbox: object

    def __str__(self) -> str:
        head = f"{self.rule}: " if self.rule else ""
        return f"{head}{self.probe}: {self.part}: recorded {self.recorded!r}, sandbox {self.sandbox!r}"


class Comparison(NamedTuple):
    """What a comparison found.

    Attributes:
        compared: names of the probes that both sides answered.
        missing: names of probes that the record lacks.
        differences: all of them.
    """

    compared: tuple[str, ...]
    missing: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def rules(self) -> set[str]:
        """Return the conformance rules that fix a part of a compared answer."""
        probes = (probe for probe in plan.PROBES if probe.name in self.compared)
        return {rule for probe in probes for rule, parts in probe.rules.items() if parts}

    @property
    def broken(self) -> list[Difference]:
        """Return the differences in what a conformance rule fixes, by rule."""
        return sorted((each for each in self.differences if each.rule), key=lambda each: each.rule)

    @property
    def open(self) -> list[Difference]:
        """Return the differences in what no conformance rule fixes."""
        return [each for each in self.differences if not each.rule]


def sandbox_answers(region: str) -> list[dict[str, Any]]:
    """Return the sandbox's answers to all probes, in a sandbox that lives for this call.

    Args:
        region: that the record is of.

    Raises:
        ToolkitError: the smoke path fails in the sandbox.
    """
    # Imported late: moto takes seconds.
    from toolkit.sandbox.server import Sandbox  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="test-aws-") as name, Sandbox() as aws, Signals() as signals:
        account = _account(aws, region)
        record = Record(account, Path(name) / "answers.json")
        running.Run(account, record, Path(name), smoke=False, say=lambda _: None).run(signals)
        return record.answers


def _account(aws: Sandbox, region: str) -> Account:
    session: Any = aws.session(region)
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    made = {name: session.client(name, endpoint_url=aws.endpoint_url, config=config) for name in ("sts", "acm-pca")}
    caller = made["sts"].get_caller_identity()
    return Account(caller["Arn"], caller["Account"], region, None, made["acm-pca"])


def compare(recorded: list[dict[str, Any]], sandbox: list[dict[str, Any]]) -> Comparison:
    """Compare two lists of answers.

    Raises:
        InvalidInputError: the record has answers to probes that do not exist.
    """
    theirs, ours = ({answer["probe"]: answer for answer in answers} for answers in (recorded, sandbox))
    if unknown := [name for name in theirs if name not in ours]:
        problems = [Problem(name, "no such probe") for name in unknown]
        raise InvalidInputError("the record is of another version of the probes", problems, "Record the answers again.")
    probes = [probe for probe in plan.PROBES if probe.name in theirs]
    differences = [each for probe in probes for each in _differences(probe, theirs[probe.name], ours[probe.name])]
    missing = tuple(probe.name for probe in plan.PROBES if probe.name not in theirs)
    return Comparison(tuple(probe.name for probe in probes), missing, tuple(differences))


def _differences(probe: Probe, recorded: dict[str, Any], sandbox: dict[str, Any]) -> Iterator[Difference]:
    if probe.words and recorded["code"] == sandbox["code"] and probe.words not in (recorded["message"] or ""):
        yield Difference(next(iter(probe.rules)), probe.name, "message", recorded["message"], f"...{probe.words}...")
    theirs, ours = dict(_leaves(recorded)), dict(_leaves(sandbox))
    refused = recorded["code"] != sandbox["code"]
    for part in dict.fromkeys((*theirs, *ours)):
        found = theirs.get(part, _ABSENT), ours.get(part, _ABSENT)
        # A certificate that only one side issued is one difference, not twenty.
        if _same(part, *found) or (refused and part.startswith(("certificate", "result"))):
            continue
        yield Difference(_rule_of(probe, part), probe.name, part, *found)


def _same(part: str, recorded: object, sandbox: object) -> bool:
    if part == _FIRST_GET and recorded in _READY_OR_NOT and sandbox in _READY_OR_NOT:
        return True
    if part == "message" and recorded and sandbox:
        return _MOMENT.sub("", str(recorded)) == _MOMENT.sub("", str(sandbox))
    return recorded == sandbox


def _leaves(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, each in value.items():
        part = f"{prefix}{name}"
        if part in _NOT_COMPARED:
            continue
        if isinstance(each, dict):
            yield from _leaves(each, f"{part}.")
        else:
            yield part, each


def _rule_of(probe: Probe, part: str) -> str:
    """Return the rule that fixes a part of the answer; empty if none does."""
    for rule, parts in probe.rules.items():
        # A rule about a part of an answer also means that AWS gives this answer.
        if (parts and part in REFUSAL) or any(part == fixed or part.startswith(f"{fixed}.") for fixed in parts):
            return rule
    return ""
