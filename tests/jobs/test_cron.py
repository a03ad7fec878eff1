"""Schedules are those that Kubernetes reads, and come to pass."""

from __future__ import annotations

import re

import pytest

from toolkit.jobs import cron


@pytest.mark.parametrize(
    "text",
    [
        *cron.MACROS,
        "* * * * *",
        "0 6 * * 1",
        "*/15 0-6/2 1,15 jan-mar MON-FRI",
        "5/10 ? * * ?",
        "0 0 29 2 *",
        "0 0 31 1-3 *",
        # A day of the week makes a day of the month one of two ways.
        "0 0 31 2 1",
        "0 0 31 2 */2",
    ],
)
def test_schedules(text: str) -> None:
    assert cron.schedule(text) == text
    assert cron.schedule(f" {text.replace(' ', '  ')} ") == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five fields"),
        ("0 6 * *", "five fields"),
        ("0 0 6 * * *", "five fields"),
        ("@every 1h", "five fields"),
        ("@reboot", "five fields"),
        ("@Daily", "five fields"),
        ("TZ=UTC 0 6 * * *", "--time-zone"),
        ("CRON_TZ=Europe/Berlin 0 6 * * *", "--time-zone"),
        ("60 * * * *", "minute: 60 is not 0 to 59"),
        ("* 24 * * *", "hour: 24 is not 0 to 23"),
        ("* * 0 * *", "day of month: 0 is not 1 to 31"),
        ("* * * 13 *", "month: 13 is not 1 to 12 or jan to dec"),
        ("* * * * 7", "day of week: 7 is not 0 to 6 or sun to sat"),
        ("* * * * january", "is no number, range or step"),
        ("* * * mon *", "month: mon is not"),
        ("30-10 * * * *", "ends before it begins"),
        ("*/0 * * * *", "has a step of 0"),
        ("1,,2 * * * *", "is no number, range or step"),
        ("*-5 * * * *", "is no number, range or step"),
        ("-5 * * * *", "is no number, range or step"),
        ("1-2-3 * * * *", "is no number, range or step"),
        ("\u0663 * * * *", "is no number, range or step"),
        ("99999999999999999999 * * * *", "is no number, range or step"),
        ("0 0 31 2 *", "a day that never comes"),
        ("0 0 30-31 feb ?", "a day that never comes"),
        ("0 0 31 4,6,9,11 *", "a day that never comes"),
    ],
)
def test_what_is_no_schedule(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        cron.schedule(text)


@pytest.mark.parametrize("text", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"])
def test_time_zones(text: str) -> None:
    assert cron.time_zone(text) == text


@pytest.mark.parametrize(
    "text", ["", "Local", "local", "localtime", "Europe/Atlantis", "../etc", "/UTC", "UTC ", "x" * 65]
)
def test_what_is_no_time_zone(text: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        cron.time_zone(text)


def test_a_machine_without_time_zones_looks_at_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    assert cron.time_zone("Europe/Atlantis") == "Europe/Atlantis"
    with pytest.raises(ValueError, match="IANA"):
        cron.time_zone("Local")
