"""Write JUnit XML for CI systems.

The format has no standard. These documents are valid in the schemas of Jenkins' xUnit plugin and of Ant: a suite has
``name``, ``tests``, ``failures`` and ``errors``, and all suites are in one ``testsuites``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from xml.etree import ElementTree as ET

from toolkit.text import replace_illegible


class Case(NamedTuple):
    """One case of a suite.

    Attributes:
        name: the name of the check.
        verdict: ``failure``, ``error`` or ``skipped``; None if it passed.
        message: the reason on one line.
        kind: the verdict's type attribute, for statistics; None for none.
        text: the reason in full; for a passed case, a note.
        time: its duration; None if it is not known.
    """

    name: str
    verdict: str | None = None
    message: str = ""
    kind: str | None = None
    text: str = ""
    time: timedelta | None = None


class Suite(NamedTuple):
    """One suite of a JUnit report.

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
    made = [_suite(suite, group, started) for suite in suites]
    tests, failures, errors = (
        sum(int(suite.get(total, "0")) for suite in made) for total in ("tests", "failures", "errors")
    )
    root = _element("testsuites", name=name, tests=tests, failures=failures, errors=errors, time=time)
    root.extend(made)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document.decode() + "\n"


def _suite(suite: Suite, group: str, started: datetime) -> ET.Element:
    count = Counter(case.verdict for case in suite.cases)
    element = _element(
        "testsuite",
        name=suite.name,
        tests=len(suite.cases),
        failures=count["failure"],
        errors=count["error"],
        skipped=count["skipped"],
        # In UTC: Ant's schema allows no time zone here.
        timestamp=f"{started:%Y-%m-%dT%H:%M:%S}",
        time=suite.time,
    )
    if suite.properties:
        element.append(_element("properties"))
        element[0].extend(_element("property", name=key, value=value) for key, value in suite.properties)
    element.extend(_case(case, f"{group}.{suite.name}") for case in suite.cases)
    return element


def _case(case: Case, classname: str) -> ET.Element:
    element = _element("testcase", name=case.name, classname=classname, time=case.time)
    if case.verdict:
        element.append(_element(case.verdict, case.text, message=case.message, type=case.kind))
    elif case.text:
        element.append(_element("system-out", case.text))
    return element


def _element(tag: str, text: str = "", /, **attributes: str | int | timedelta | None) -> ET.Element:
    """Return an element. Attributes that are None are omitted; times are in seconds."""
    element = ET.Element(tag)
    element.text = replace_illegible(text) or None
    for name, value in attributes.items():
        if value is not None:
            shown = f"{max(value.total_seconds(), 0):.3f}" if isinstance(value, timedelta) else str(value)
            element.set(name, replace_illegible(shown))
    return element
