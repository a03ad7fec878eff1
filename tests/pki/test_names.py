from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests.support import AUTHORITY_ARN
from toolkit.pki import arn, csr, pem, spiffe, templates


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


def test_templates() -> None:
    assert templates.arn(templates.END_ENTITY, "aws-cn") == "arn:aws-cn:acm-pca:::template/EndEntityCertificate/V1"
    assert templates.subordinate_ca(3) == "SubordinateCACertificate_PathLen3/V1"
    for length in (-1, 4):
        with pytest.raises(ValueError, match="path lengths 0 to 3"):
            templates.subordinate_ca(length)


def test_the_names_of_a_data_plane_proxy() -> None:
    assert spiffe.data_plane_uris("default", ["a", "b"], {"kuma.io/zone": "z"}) == (
        "spiffe://default/a",
        "spiffe://default/b",
        "kuma://kuma.io/zone/z",
    )
    for bad in ("a b", "ü", "a\n"):
        with pytest.raises(ValueError, match="printable ASCII"):
            spiffe.data_plane_uris("default", [bad], {})


def test_a_request_like_that_of_a_zone_control_plane() -> None:
    key = csr.data_plane_key()
    assert key.key_size == 2048
    uris = ("spiffe://default/a", "kuma://kuma.io/service/a")
    request = x509.load_pem_x509_csr(pem.write_request(csr.data_plane_csr(key, uris)).encode())
    assert request.is_signature_valid
    assert list(request.subject) == []
    sans = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert sans.value.get_values_for_type(x509.UniformResourceIdentifier) == list(uris)
    assert sans.critical
    named = csr.data_plane_csr(key, uris, "backend.mesh")
    assert named.subject.rfc4514_string() == "CN=backend.mesh"
    assert not named.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    with pytest.raises(ValueError, match="at least one URI"):
        csr.data_plane_csr(key, ())
