"""AWS variables of a control plane that override the zone's role or endpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.zones.test_rendering import ADDRESS, IDENTITIES, zone
from toolkit.zones import values_file

if TYPE_CHECKING:
    from toolkit.contract import Zone

ALL = set(IDENTITIES)
OTHERS = ALL - {"irsa"}
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
VPC = "https://vpce-0a1b.acm-pca.eu-central-1.vpce.amazonaws.com"
SECRET = "hunter-2-hunter"

# A variable, its value, and the identities that it is warned of for.
CASES: list[tuple[str, str, set[str]]] = [
    ("AWS_ACCESS_KEY_ID", SECRET, ALL),
    ("AWS_ACCESS_KEY", SECRET, ALL),
    ("AWS_SECRET_ACCESS_KEY", SECRET, ALL),
    ("AWS_SECRET_KEY", SECRET, ALL),
    ("AWS_ACCESS_KEY_ID", "", set()),
    # A session token without a key is not used.
    ("AWS_SESSION_TOKEN", SECRET, set()),
    # A role without a token is not used; EKS looks at the name only.
    ("AWS_ROLE_ARN", OTHER_ROLE, {"irsa"}),
    ("AWS_ROLE_ARN", "", {"irsa"}),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token", ALL),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "", {"irsa"}),
    ("AWS_ROLE_SESSION_NAME", "a", set()),
    ("AWS_PROFILE", "p", OTHERS),
    ("AWS_DEFAULT_PROFILE", "p", OTHERS),
    ("AWS_CONFIG_FILE", "/c", OTHERS),
    ("AWS_SHARED_CREDENTIALS_FILE", "/c", OTHERS),
    ("AWS_ENDPOINT_URL", "http://localstack:4566", ALL),
    ("AWS_ENDPOINT_URL", VPC, ALL),
    ("AWS_ENDPOINT_URL_ACM_PCA", "http://localstack:4566", ALL),
    ("AWS_ENDPOINT_URL_ACM_PCA", VPC, set()),
    ("AWS_ENDPOINT_URL_ACM_PCA", VPC.replace("https", "http"), ALL),
    ("AWS_ENDPOINT_URL_ACM_PCA", f"{VPC}.cn/", set()),
    ("AWS_ENDPOINT_URL_ACM_PCA", f"{VPC}.evil.example", ALL),
    ("AWS_ENDPOINT_URL_ACM_PCA", "https://acm-pca.eu-central-1.api.aws", set()),
    ("AWS_ENDPOINT_URL_STS", "https://sts.eu-central-1.amazonaws.com", set()),
    ("AWS_ENDPOINT_URL_S3", "http://minio", set()),
    ("HTTPS_PROXY", "http://proxy:3128", set()),
    ("AWS_STS_REGIONAL_ENDPOINTS", "legacy", set()),
    ("aws_access_key_id", SECRET, set()),
    ("XAWS_ACCESS_KEY_ID", SECRET, set()),
]


def warnings(chosen: Zone, variables: str, section: str = "envVars") -> list[str]:
    text = f"kuma:\n  controlPlane:\n    {section}: {variables}\n"
    return values_file.merge(text, "v.yaml", chosen, ADDRESS).notes


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize(("name", "value", "warned"), CASES)
def test_what_overrides_the_zones_identity_is_warned_of_without_its_value(
    name: str, value: str, warned: set[str], identity: str
) -> None:
    chosen = zone(identity=identity)
    said = [
        warnings(chosen, json.dumps({name: value})),
        warnings(chosen, json.dumps([{"name": name, "value": value}]), "envVarEntries"),
    ]
    assert [len(each) for each in said] == [identity in warned] * 2
    places = (
        f"v.yaml:3:15 kuma.controlPlane.envVars.{name}: ",
        f"v.yaml:3:22 kuma.controlPlane.envVarEntries[0].name: {name}: ",
    )
    for each, place in zip(said, places, strict=True):
        assert all(warning.startswith(place) for warning in each)
        assert SECRET not in "".join(each)
        # A URL may have a password.
        assert "://" not in "".join(each)


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("section", ["secrets", "envVarEntries"])
def test_variables_from_secrets_are_warned_of_too(identity: str, section: str) -> None:
    chosen = zone(identity=identity)

    def is_warned_of(name: str) -> bool:
        entry: dict[str, object] = {"Env": name, "Secret": "s", "Key": "k"}
        if section == "envVarEntries":
            entry = {"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
        return bool(warnings(chosen, json.dumps([entry]), section))

    assert is_warned_of("AWS_ACCESS_KEY_ID")
    assert is_warned_of("AWS_ENDPOINT_URL_ACM_PCA")
    assert is_warned_of("AWS_PROFILE") == (identity != "irsa")
    assert not is_warned_of("KUMA_STORE_POSTGRES_PASSWORD")


def test_what_is_no_variable_is_passed_over() -> None:
    for section, value in [
        ("envVars", "{1: AWS_PROFILE, AWS_ACCESS_KEY_ID: null}"),
        ("envVarEntries", "[AWS_ACCESS_KEY_ID, {name: [AWS_ACCESS_KEY_ID]}, {value: x}]"),
        ("envVarEntries", "AWS_ACCESS_KEY_ID"),
        ("secrets", "{AWS_ACCESS_KEY_ID: {Secret: s}, x: AWS_ACCESS_KEY_ID}"),
        ("extraSecrets", "{AWS_ACCESS_KEY_ID: {name: s}}"),
    ]:
        assert warnings(zone(), value, section) == []
    text = "kuma:\n  ingress: {envVars: {AWS_ACCESS_KEY_ID: x}}\nratelimit: {envVars: {AWS_ACCESS_KEY_ID: x}}\n"
    assert values_file.merge(text, "v.yaml", zone(), ADDRESS).notes == []


names = st.sampled_from(sorted({name for name, *_ in CASES}))
secrets = st.text("abcdef", min_size=20, max_size=20).map(lambda text: f"S3CR3T{text}")


@given(st.dictionaries(names, secrets, max_size=8), st.sampled_from(IDENTITIES))
def test_no_value_is_shown(variables: dict[str, str], identity: str) -> None:
    chosen = zone(identity=identity)
    entries = [{"name": name, "value": value} for name, value in variables.items()]
    said = [*warnings(chosen, json.dumps(variables)), *warnings(chosen, json.dumps(entries), "envVarEntries")]
    assert "S3CR3T" not in "".join(said)
