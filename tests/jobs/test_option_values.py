"""Schedules have the form that Kubernetes reads, and images are pinned."""

from __future__ import annotations

import re

import pytest

from tests.jobs.job_documents import DIGEST
from toolkit.jobs import option_values


@pytest.mark.parametrize(
    "text",
    [*option_values.MACROS, "* * * * *", "0 6 * * 1", "*/15 0-6/2 1,15 jan-mar MON-FRI", "5/10 ? * * ?", "0 0 29 2 *"],
)
def test_schedules(text: str) -> None:
    assert option_values.read_schedule(text) == text
    assert option_values.read_schedule(f" {text.replace(' ', '  ')} ") == text


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
        option_values.read_schedule(text)


@pytest.mark.parametrize("text", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"])
def test_time_zones(text: str) -> None:
    assert option_values.read_time_zone(text) == text


@pytest.mark.parametrize("text", ["", "Local", "local", "localtime", "Europe/Atlantis", "../etc", "/UTC", "UTC "])
def test_what_is_no_time_zone(text: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        option_values.read_time_zone(text)


def test_without_a_database_kubernetes_alone_judges_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    assert option_values.read_time_zone("Europe/Atlantis") == "Europe/Atlantis"
    with pytest.raises(ValueError, match="IANA"):
        option_values.read_time_zone("Local")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("toolkit:1", "1"),
        ("toolkit:v1.2.3-rc.1", "v1.2.3-rc.1"),
        ("localhost:5000/a/b__c/d.e-f:0.1.0", "0.1.0"),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com/toolkit:0.1.0", "0.1.0"),
        (f"r.example/toolkit@{DIGEST}", "sha256-0123456789ab"),
        (f"r.example/toolkit:latest@{DIGEST}", "latest"),
        ("toolkit:_1_", "1"),
        ("toolkit:" + "1" * 128, "1" * 63),
    ],
)
def test_images_that_are_pinned(text: str, version: str) -> None:
    assert option_values.read_image(text) == (text, version)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("toolkit", "has no tag, so it means latest"),
        ("localhost:5000/toolkit", "has no tag, so it means latest"),
        ("toolkit:latest", "the tag 'latest' is not a version"),
        ("toolkit:main", "the tag 'main' is not a version"),
        ("", "is not an image name"),
        ("Toolkit:1", "is not an image name"),
        ("toolkit:1 ", "is not an image name"),
        ("toolkit:1\n", "is not an image name"),
        ("https://r.example/toolkit:1", "is not an image name"),
        ("toolkit@sha256:abc", "is not an image name"),
        (f"toolkit@{DIGEST.upper()}", "is not an image name"),
        ("toolkit:" + "1" * 129, "is not an image name"),
        ("a/" * 1000 + "b:1", "is not an image name"),
        ("tööl:1", "is not an image name"),
        ("toolkit:\u0661", "is not an image name"),
    ],
)
def test_images_that_are_not(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="name a version") as caught:
        option_values.read_image(text)
    assert words in str(caught.value)
