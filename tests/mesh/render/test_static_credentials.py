from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import InvalidInputError
from toolkit.mesh.render import static_credentials

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def test_from_the_environment() -> None:
    found = static_credentials.read_from_environment({"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET})
    assert (found.access_key, found.access_key_secret) == (KEY, SECRET)
    assert SECRET not in repr(found)
    assert KEY not in repr(found)


def test_from_a_file_of_awss_form() -> None:
    text = (
        "[default]\naws_access_key_id = AKIAOTHEROTHEROTHER0\naws_secret_access_key = x\n"
        f"[mesh]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n"
    )
    found = static_credentials.read_from_file(text, "credentials", "mesh")
    assert (found.access_key, found.access_key_secret) == (KEY, SECRET)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no profile mesh. Profiles: none"),
        ("[default]\n", "no profile mesh. Profiles: default"),
        ("[mesh]\naws_access_key_id = AKIA\n", "aws_secret_access_key: is missing"),
        (f"[mesh]\naws_access_key_id = short\naws_secret_access_key = {SECRET}\n", "16 to 128"),
        (f"[mesh]\naws_access_key_id = {KEY}\naws_secret_access_key = ümlaut\n", "no secret of AWS"),
        (f"[mesh]\naws_access_key_id = ASIA{KEY[4:]}\naws_secret_access_key = {SECRET}\n", "temporary"),
        (f"{SECRET}\n", "is not an AWS credentials file"),
    ],
)
def test_what_can_not_be_used_is_said_and_never_shown(text: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        static_credentials.read_from_file(text, "credentials", "mesh")
    said = "\n".join(caught.value.lines())
    assert words in said
    assert SECRET not in said
    assert caught.value.__cause__ is None


def test_a_variable_that_is_missing() -> None:
    with pytest.raises(InvalidInputError) as caught:
        static_credentials.read_from_environment({"AWS_ACCESS_KEY_ID": KEY})
    assert "AWS_SECRET_ACCESS_KEY: is missing" in caught.value.lines()[1]


@given(st.text(), st.text())
def test_any_file_is_read_or_refused(text: str, profile: str) -> None:
    try:
        static_credentials.read_from_file(text, "credentials", profile)
    except InvalidInputError:
        return
