"""A zone's variables in files of variables that exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.zones.test_rendering import ADDRESS, IDENTITIES, addresses, zone
from toolkit import zones
from toolkit.errors import InvalidInputError

if TYPE_CHECKING:
    from toolkit.contract import Zone

BASE = """\
# the zone's control plane
; for systemd alone
KUMA_STORE_TYPE=postgres
KUMA_STORE_POSTGRES_PASSWORD='it"s # secret'

  AWS_REGION=us-east-1
#KUMA_MODE=global
HTTP_PROXY
KUMA_MULTIZONE_ZONE_NAME=zone-1"""


def merge(text: str, chosen: Zone | None = None, address: str | None = ADDRESS) -> zones.Merged:
    return zones.merge_environment(text, "zone.env", chosen or zone(), address)


def as_docker(text: str) -> dict[str, str]:
    """What docker reads (docker/cli:pkg/kvfile/kvfile.go): every line as it is, the last of a name counts."""
    found = {}
    for line in text.split("\n"):
        written = line.removesuffix("\r").lstrip()
        if written and not written.startswith("#") and "=" in written:
            name, _, value = written.partition("=")
            found[name] = value
    return found


def as_systemd(text: str) -> dict[str, str]:  # noqa: C901, PLR0912 - systemd's own states, one after the other
    """What systemd reads (systemd/systemd:src/basic/env-file.c), character after character."""
    found: dict[str, str] = {}
    state, name, value, blanks = "before", "", "", 0
    for character in text + "\n":
        ends = character in "\r\n"
        if state == "before":
            if character in "#;":
                state = "comment"
            elif character not in " \t\r\n":
                state, name = "name", character
        elif state == "name":
            if ends:
                state = "before"
            elif character == "=":
                state, value, blanks = "start", "", 0
            else:
                name += character
        elif state in ("start", "value"):
            if ends:
                found[name.strip()] = value[: len(value) - blanks] if state == "value" else value
                state = "before"
            elif state == "start" and character in "'\"":
                state = character
            elif character == "\\":
                state, blanks = "escape", 0
            elif state == "value" or character not in " \t":
                blanks = blanks + 1 if character in " \t" else 0
                state, value = "value", value + character
        elif state == "escape":
            state, value = "value", value + ("" if ends else character)
        elif state in "'\"":
            if character == state:
                state = "start"
            elif character == "\\" and state == '"':
                state = "quoted escape"
            else:
                value += character
        elif state == "quoted escape":
            state, value = '"', value + ("" if character == "\n" else "\\" + character)
        elif state == "comment":
            state = "before" if ends else "comment escape" if character == "\\" else "comment"
        elif state == "comment escape":
            state = "before" if ends else "comment"
    return found


def test_everything_else_in_a_base_stays() -> None:
    merged = merge(BASE)
    assert merged.text == BASE.replace("us-east-1", "eu-central-1") + (
        f"\nKUMA_MODE=zone\nKUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS={ADDRESS}\n"
    )
    assert merged.notes == []
    assert merged.changes == ["zone zone-1: zone.env:6:3 AWS_REGION: 'us-east-1' -> 'eu-central-1'"]
    assert merge(merged.text) == (merged.text, [], [])
    assert merge(merged.text, address=None) == (merged.text, [], [])


@pytest.mark.parametrize("text", ["", "\n", "# none yet\n", "# none yet"])
def test_an_empty_base_is_filled(text: str) -> None:
    merged = merge(text)
    assert merged.text.startswith(text)
    assert as_docker(merged.text) == as_systemd(merged.text) == zones.environment(zone(), ADDRESS)


def test_line_ends_stay() -> None:
    merged = merge(BASE.replace("\n", "\r\n"))
    assert "\n" not in merged.text.replace("\r\n", "")
    assert merged.text.replace("\r\n", "\n") == merge(BASE).text


def test_what_docker_would_read_differently_is_written_again() -> None:
    merged = merge("KUMA_MODE='zone'\nAWS_REGION=eu-central-1 \n")
    assert merged.text.startswith("KUMA_MODE=zone\nAWS_REGION=eu-central-1\n")
    # It meant the same to systemd, so nothing was replaced.
    assert merged.changes == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\nKUMA_MODE=global\n", "zone.env:2:1 KUMA_MODE: is 'global', not zone"),
        ("KUMA_MULTIZONE_ZONE_NAME='zone-2'\n", "zone.env:1:1 KUMA_MULTIZONE_ZONE_NAME: is 'zone-2', not zone-1"),
        ("AWS_REGION=a\nAWS_REGION=b\n", "zone.env:1:1 AWS_REGION: is set more than once"),
        ("  export AWS_REGION=a\n", "zone.env:1:3 AWS_REGION: write it as AWS_REGION=VALUE"),
        ("AWS_REGION =a\n", "zone.env:1:1 AWS_REGION: write it as"),
        ("AWS_REGION\n", "zone.env:1:1 AWS_REGION: write it as"),
        ("A=b\\\nKUMA_MODE=x\n", "zone.env:1:1: continues in the next line for systemd"),
        ("A=1\nB='two\nKUMA_MODE=lines'\n", "zone.env:2:1: continues in the next line for systemd"),
        ('A="b\\"\nC=d\n', "zone.env:1:1: continues in the next line for systemd"),
        ("# a \\\nAWS_REGION=x\n", "zone.env:1:1: continues in the next line for systemd"),
        ("\u3000AWS_REGION=x\n", "zone.env:1:1: begins with a blank that docker skips"),
        ("A=b\rAWS_REGION=x\n", "zone.env:1:4: a carriage return, which docker reads as text"),
        ("# values\nkuma: {controlPlane: {}}\n", "zone.env:2:1: not NAME=VALUE, and neither is any other line"),
    ],
)
def test_a_base_that_does_not_fit_is_refused_by_its_place(text: str, problem: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        merge(text)
    assert any(str(found).startswith(problem) for found in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    "text", ["A='b' 'c'\n", 'A="b\\\\"\n', "A=it's\n", "A=b\\\\\n", "A=b\\ \n", "# it's\n", "A=b\nit's\n"]
)
def test_quotes_of_others_that_end_on_their_line_are_their_own_business(text: str) -> None:
    assert merge(text).text.startswith(text)


@pytest.mark.parametrize("identity", IDENTITIES)
def test_what_comes_before_the_role_is_warned_of_without_its_value(identity: str) -> None:
    chosen = zone(identity=identity)
    text = (
        f"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_WEB_IDENTITY_TOKEN_FILE=/token\nAWS_ROLE_ARN={chosen.role_arn}\n"
    )
    said = merge(text, chosen).notes
    names = [warning.split(":")[2].split()[1] for warning in said]
    # A web identity outside of EKS needs both of the others.
    others = [] if identity == "irsa" else ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]
    assert names == ["AWS_ACCESS_KEY_ID", *others]
    assert "AKIA" not in "".join(said)
    # A role without a token is not used.
    other = merge("AWS_ROLE_ARN=arn:aws:iam::123456789012:role/other\n", chosen).notes
    assert len(other) == (identity == "irsa")


def test_an_address_of_the_base_is_kept() -> None:
    text = "KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS=grpcs://old:1\n"
    kept = merge(text, address=None)
    assert kept.text.startswith(text)
    assert kept.notes == []
    (warning,) = merge("A=1\n", address=None).notes
    assert "--kds-address" in warning


_OURS = ("KUMA_MODE", "KUMA_MULTIZONE_ZONE_NAME", "KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS", "AWS_REGION")
lines = st.one_of(
    st.sampled_from(["", " ", "# note", "; note", "HTTP_PROXY", "#KUMA_MODE=x", "export A=b", "A", "=x"]),
    st.builds(
        lambda indent, name, sign, value: f"{indent}{name}{sign}{value}",
        st.sampled_from(["", "", "  ", "\t"]),
        st.sampled_from([*_OURS, "A", "AWS_ROLE_ARN", "AWS_REGIONS", "X_KUMA_MODE"]),
        st.sampled_from(["=", "=", "=", " = ", ""]),
        st.one_of(
            st.sampled_from(["", "zone", "zone-1", "'zone'", "eu-central-1", ADDRESS]),
            st.text("ab '\"\\#=;$é ", max_size=8),
        ),
    ),
    st.text(max_size=12),
)
files = st.builds(
    lambda found, end, last: end.join(found) + (end if last else ""),
    st.lists(lines, max_size=8),
    st.sampled_from(["\n", "\n", "\r\n"]),
    st.booleans(),
)


@given(files, st.sampled_from(IDENTITIES), addresses)
@example("A='\n'KUMA_MODE=x\n", "irsa", None)
@example("A=b\\", "irsa", None)
@example("=='", "irsa", None)
@example("A=b\r", "irsa", None)
def test_any_file_keeps_its_lines_and_gets_the_variables_or_is_refused(
    text: str, identity: str, address: str | None
) -> None:
    chosen = zone(identity=identity)
    try:
        merged = merge(text, chosen, address)
    except InvalidInputError as error:
        assert all(re.match(r"zone\.env:[1-9]\d*:[1-9]\d*", problem.path) for problem in error.problems)
        return
    wanted = zones.environment(chosen, address)
    for read in (as_docker, as_systemd):
        before, after = read(text), read(merged.text)
        assert {name: after[name] for name in wanted} == wanted
        assert {name: after[name] for name in after.keys() - wanted.keys()} == {
            name: before[name] for name in before.keys() - wanted.keys()
        }
    old, new = text.split("\n"), merged.text.split("\n")
    assert len(new) >= len(old)
    for one, other in zip(old, new, strict=False):
        assert one.rstrip("\r") == other.rstrip("\r") or one.lstrip().partition("=")[0] in wanted or not one
    assert merge(merged.text, chosen, address).text == merged.text
