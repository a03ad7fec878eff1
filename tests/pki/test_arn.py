from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import AUTHORITY_ARN
from toolkit.pki import arn


def test_arns_in_every_partition() -> None:
    for partition in ("aws", "aws-us-gov", "aws-cn"):
        text = AUTHORITY_ARN.replace("arn:aws:", f"arn:{partition}:")
        parsed = arn.PRIVATE_CA.parse(text)
        assert (parsed.partition, parsed.region, parsed.account) == (partition, "eu-central-1", "123456789012")
        assert str(parsed) == text
    assert arn.ROLE.parse("arn:aws:iam::123456789012:role/team/a/zone-1").resource == "role/team/a/zone-1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arn",
        "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
        AUTHORITY_ARN + "/certificate/abc",
        AUTHORITY_ARN.replace("123456789012", ""),
        AUTHORITY_ARN.replace("eu-central-1", ""),
        AUTHORITY_ARN + "\n",
        AUTHORITY_ARN.replace("123456789012", "12345678901\N{ARABIC-INDIC DIGIT TWO}"),
        AUTHORITY_ARN.replace("eu-central-1", "eu-central-\N{ARABIC-INDIC DIGIT ONE}"),
        "arn:aws:iam::123456789012:role/x",
    ],
)
def test_what_is_no_private_ca(text: str) -> None:
    with pytest.raises(ValueError, match="ARN"):
        arn.PRIVATE_CA.parse(text)


@pytest.mark.parametrize("text", ["arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:role/", AUTHORITY_ARN])
def test_what_is_no_role(text: str) -> None:
    with pytest.raises(ValueError, match="ARN of an IAM role"):
        arn.ROLE.parse(text)


@given(st.text())
def test_any_text_is_an_arn_or_a_clear_refusal(text: str) -> None:
    for parse in (arn.PRIVATE_CA.parse, arn.ROLE.parse, arn.OIDC_PROVIDER.parse):
        with pytest.raises(ValueError, match="ARN") as caught:
            parse(text)
        assert "\n" not in str(caught.value)
