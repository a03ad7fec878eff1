"""`python -m tests.aws` changes nothing in an account that its options do not name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.aws.account import connect
from tests.aws.places import REGION, YES, Place
from tests.sandbox.conformance.world import ACCOUNT, OTHER

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("command", [(), ("cleanup",)], ids=["run", "cleanup"])
def test_the_account_must_be_named(place: Place, command: tuple[str, ...]) -> None:
    assert "--yes needs --account" in place.run(*command, "--yes", code=2)
    assert "'12345' is not an account ID" in place.run(*command, "--account", "12345", "--yes", code=2)
    said = place.run(*command, "--account", OTHER, "--yes", code=2)
    assert f"the credentials are for account {ACCOUNT}, not for account {OTHER}" in said
    assert "Nothing was changed." in said
    assert place.created == []


@pytest.mark.parametrize(
    "given", [("--profile", "other"), ("--region", "eu-west-1"), YES, ("--record", "x.json"), ("--keep",)], ids=str
)
def test_an_option_before_a_command_is_rejected(place: Place, given: tuple[str, ...]) -> None:
    said = place.run(*given, "cleanup", code=2)
    assert f"{given[0]}" in said
    assert "give the options of cleanup after its name" in said


def test_debug_before_a_command(place: Place) -> None:
    assert "No CA of an earlier run is there." in place.run("--debug", "cleanup")


def test_printed_commands_have_the_profile_of_the_environment(
    place: Place, inside: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, secret = place.aws.credentials
    file = tmp_path / "config"
    file.write_text(f"[profile other]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    inside.setenv("AWS_CONFIG_FILE", str(file))
    inside.setenv("AWS_PROFILE", "other")
    # Credentials in variables win, and the profile is not used.
    assert connect(REGION, None).command("aws") == f"aws --region {REGION}"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        inside.delenv(name)
    assert connect(REGION, None).command("aws") == f"aws --region {REGION} --profile other"
    inside.delenv("AWS_PROFILE")
    assert connect(REGION, "other").command("aws") == f"aws --region {REGION} --profile other"
