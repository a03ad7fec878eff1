"""Images are pinned, or rejected."""

from __future__ import annotations

import pytest

from tests.jobs.job_documents import DIGEST
from toolkit.jobs import image


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
    assert image.read_image(text) == (text, version)


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
        image.read_image(text)
    assert words in str(caught.value)
