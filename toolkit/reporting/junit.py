"""Write JUnit XML for CI systems.

The format has no standard. These documents are valid in the schemas of Jenkins' xUnit plugin and of Ant: a suite has
``name``, ``tests``, ``failures`` and ``errors``, and all suites are in one ``testsuites``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from toolkit.text import replace_illegible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta


class Case(NamedTuple):
    """One case of a suite.

    Attributes:
        name: the name of the check.
        verdict: ``failure``, ``error`` or ``skipped``; None if it passed.
        message: the reason on one line.
        kind: the verdict's type attribute, for statistics.
        text: the reason in full; for a passed case, a note.
        time: its duration; None if it is not known.
    """

    name: str
    verdict: str | None = None
    message: str = ""
    kind: str = ""
    text: str = ""
    time: timedelta | None = None


class Suite(NamedTuple):
    """Describe one suite of a JUnit report.

    Attributes:
        name: the subject of its cases, such as a zone.
        cases: its cases, in order.
        properties: its properties as names and values.
        time: its duration; None if it is not known.
    """

    name: str
    cases: Sequence[Case]
    properties: Sequence[tuple[str, str]] = ()
    time: timedelta | None = None


def write_suites(name: str, suites: Iterable[Suite], *, group: str, started: datetime, time: timedelta) -> str:
    """Return a document with suites.

    Args:
        name: the document's name.
        suites: in order.
        group: the first part of the cases' class names; the suite's name is the second.
        started: when the run began, in UTC.
        time: the duration of the run.
    """
    elements = [_suite(suite, group, started) for suite in suites]
    root = ET.Element("testsuites", {"name": replace_illegible(name)})
    for total in ("tests", "failures", "errors"):
        root.set(total, str(sum(int(element.get(total, "0")) for element in elements)))
    root.set("time", _seconds(time))
    root.extend(elements)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document.decode() + "\n"


def _suite(suite: Suite, group: str, started: datetime) -> ET.Element:
    count = {
        verdict: sum(case.verdict == verdict for case in suite.cases) for verdict in ("failure", "error", "skipped")
    }
    element = ET.Element(
        "testsuite",
        {
            "name": replace_illegible(suite.name),
            "tests": str(len(suite.cases)),
            "failures": str(count["failure"]),
            "errors": str(count["error"]),
            "skipped": str(count["skipped"]),
            # In UTC: Ant's schema allows no time zone here.
            "timestamp": f"{started:%Y-%m-%dT%H:%M:%S}",
        },
    )
    if suite.time is not None:
        element.set("time", _seconds(suite.time))
    if suite.properties:
        properties = ET.SubElement(element, "properties")
        for name, value in suite.properties:
            ET.SubElement(properties, "property", {"name": name, "value": replace_illegible(value)})
    for case in suite.cases:
        element.append(_case(case, f"{group}.{suite.name}"))
    return element


def _case(case: Case, classname: str) -> ET.Element:
    element = ET.Element("testcase", {"name": replace_illegible(case.name), "classname": replace_illegible(classname)})
    if case.time is not None:
        element.set("time", _seconds(case.time))
    if case.verdict is None:
        if case.text:
            ET.SubElement(element, "system-out").text = replace_illegible(case.text)
        return element
    verdict = ET.SubElement(element, case.verdict, {"message": replace_illegible(case.message)})
    if case.kind:
        verdict.set("type", replace_illegible(case.kind))
    if case.text:
        verdict.text = replace_illegible(case.text)
    return element


def _seconds(time: timedelta) -> str:
    return f"{max(time.total_seconds(), 0):.3f}"
