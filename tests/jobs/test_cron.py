"""Schedules have the form that Kubernetes reads."""

from __future__ import annotations

import re

import pytest

from toolkit.jobs import cron


@pytest.mark.parametrize(
    "text", [*cron.MACROS, "* * * * *", "0 6 * * 1", "*/15 0-6/2 1,15 jan-mar MON-FRI", "5/10 ? * * ?", "0 0 29 2 *"]
)
def test_schedules(text: str) -> None:
    assert cron.read_schedule(text) == text
    assert cron.read_schedule(f" {text.replace(' ', '  ')} ") == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five fields"),
        ("0 6 * *", "five fields"),
        ("0 0 6 * * *", "five fields"),
        ("@every 1h", "five fields"),
        ("@reboot", "five fields"),
        ("@Daily", "five fields"),
        ("6:00 * * * *", "five fields"),
        ("mon 6 * * *", "five fields"),
        ("\u0663 * * * *", "five fields"),
        ("TZ=UTC 0 6 * * *", "--time-zone"),
        ("CRON_TZ=Europe/Berlin 0 6 * * *", "--time-zone"),
    ],
)
def test_what_is_no_schedule(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        cron.read_schedule(text)


@pytest.mark.parametrize("text", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"])
def test_time_zones(text: str) -> None:
    assert cron.read_time_zone(text) == text


@pytest.mark.parametrize("text", ["", "Local", "local", "localtime", "Europe/Atlantis", "../etc", "/UTC", "UTC "])
def test_what_is_no_time_zone(text: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        cron.read_time_zone(text)


def test_without_a_database_kubernetes_alone_judges_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    assert cron.read_time_zone("Europe/Atlantis") == "Europe/Atlantis"
    with pytest.raises(ValueError, match="IANA"):
        cron.read_time_zone("Local")
