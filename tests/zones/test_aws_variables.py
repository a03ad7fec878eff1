"""AWS variables of a control plane that override the zone's role, region or endpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.zones.test_rendering import ADDRESS, IDENTITIES, zone
from toolkit import zones

if TYPE_CHECKING:
    from toolkit.contract import Zone

ALL = set(IDENTITIES)
POD, AMBIENT = {"pod-identity"}, {"ambient"}
TRUE = "true"
AGENT = "http://169.254.170.23/v1/credentials"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
VPC = "https://vpce-0a1b.acm-pca.eu-central-1.vpce.amazonaws.com"
SECRET = "hunter-2-hunter"

# A variable, its value, and the identities that it is warned of for: in the chart, and in an environment.
CASES = [
    ("AWS_ACCESS_KEY_ID", SECRET, ALL, ALL),
    ("AWS_ACCESS_KEY", SECRET, ALL, ALL),
    ("AWS_SECRET_ACCESS_KEY", SECRET, ALL, ALL),
    ("AWS_SECRET_KEY", SECRET, ALL, ALL),
    ("AWS_ACCESS_KEY_ID", "", set(), set()),
    # A session token without a key is not used.
    ("AWS_SESSION_TOKEN", SECRET, set(), set()),
    ("AWS_ROLE_ARN", OTHER_ROLE, {"irsa"}, {"irsa"}),
    ("AWS_ROLE_ARN", zone().role_arn, {"irsa"}, set()),
    # EKS looks at the name only.
    ("AWS_ROLE_ARN", "", {"irsa"}, set()),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token", ALL, POD | AMBIENT),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "", {"irsa"}, set()),
    ("AWS_ROLE_SESSION_NAME", "a", set(), set()),
    ("AWS_PROFILE", "p", POD | AMBIENT, POD | AMBIENT),
    ("AWS_DEFAULT_PROFILE", "p", POD | AMBIENT, POD | AMBIENT),
    ("AWS_CONFIG_FILE", "/c", POD | AMBIENT, POD | AMBIENT),
    ("AWS_SHARED_CREDENTIALS_FILE", "/c", POD | AMBIENT, POD | AMBIENT),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x", POD | AMBIENT, POD | AMBIENT),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AGENT, POD | AMBIENT, AMBIENT),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[fd00:ec2::23]/v1/credentials", POD | AMBIENT, AMBIENT),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "", POD, set()),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x", POD | AMBIENT, POD | AMBIENT),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/t", POD, set()),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", SECRET, set(), set()),
    ("AWS_EC2_METADATA_DISABLED", TRUE, AMBIENT, AMBIENT),
    ("AWS_EC2_METADATA_DISABLED", "True", AMBIENT, AMBIENT),
    ("AWS_EC2_METADATA_DISABLED", "false", set(), set()),
    ("AWS_EC2_METADATA_V1_DISABLED", TRUE, set(), set()),
    ("AWS_DEFAULT_REGION", "us-east-1", ALL, ALL),
    ("AWS_DEFAULT_REGION", "eu-central-1", set(), set()),
    ("AWS_ENDPOINT_URL", "http://localstack:4566", ALL, ALL),
    ("AWS_ENDPOINT_URL", VPC, ALL, ALL),
    ("AWS_ENDPOINT_URL_ACM_PCA", "http://localstack:4566", ALL, ALL),
    ("AWS_ENDPOINT_URL_ACM_PCA", VPC, set(), set()),
    ("AWS_ENDPOINT_URL_ACM_PCA", VPC.replace("https", "http"), ALL, ALL),
    ("AWS_ENDPOINT_URL_ACM_PCA", f"{VPC}.cn/", set(), set()),
    ("AWS_ENDPOINT_URL_ACM_PCA", f"{VPC}.evil.example", ALL, ALL),
    ("AWS_ENDPOINT_URL_ACM_PCA", "https://acm-pca.eu-central-1.api.aws", set(), set()),
    # Only a web identity is exchanged at AWS STS.
    ("AWS_ENDPOINT_URL_STS", "http://sts.internal", {"irsa"}, {"irsa"}),
    ("AWS_ENDPOINT_URL_STS", "https://sts.eu-central-1.amazonaws.com", set(), set()),
    ("AWS_ENDPOINT_URL_S3", "http://minio", set(), set()),
    ("HTTPS_PROXY", "http://proxy:3128", set(), set()),
    ("NO_PROXY", "169.254.170.23", set(), set()),
    ("AWS_STS_REGIONAL_ENDPOINTS", "legacy", set(), set()),
    ("AWS_CA_BUNDLE", "/ca.pem", set(), set()),
    ("aws_access_key_id", SECRET, set(), set()),
    ("XAWS_ACCESS_KEY_ID", SECRET, set(), set()),
]


def in_chart(chosen: Zone, variables: str, section: str = "envVars") -> list[str]:
    text = f"kuma:\n  controlPlane:\n    {section}: {variables}\n"
    return zones.merge(text, "v.yaml", chosen, ADDRESS).notes


def in_environment(chosen: Zone, text: str) -> list[str]:
    return zones.merge_environment(text, "zone.env", chosen, ADDRESS).notes


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize(("name", "value", "chart", "environment"), CASES)
def test_what_overrides_the_zones_identity_is_warned_of_without_its_value(
    name: str, value: str, chart: set[str], environment: set[str], identity: str
) -> None:
    chosen = zone(identity=identity)
    said = [
        in_chart(chosen, json.dumps({name: value})),
        in_chart(chosen, json.dumps([{"name": name, "value": value}]), "envVarEntries"),
        in_environment(chosen, f"A=b\n{name}={value}\n"),
    ]
    assert [len(warnings) for warnings in said] == [identity in chart, identity in chart, identity in environment]
    places = (
        f"v.yaml:3:15 kuma.controlPlane.envVars.{name}: ",
        "v.yaml:3:22 kuma.controlPlane.envVarEntries[0].name: ",
    )
    for warnings, place in zip(said, (*places, f"zone.env:2:1 {name}: "), strict=True):
        assert all(warning.startswith(place) for warning in warnings)
        assert SECRET not in "".join(warnings)
        # A URL may have a password.
        assert "://" not in "".join(warnings)
    assert all(f"envVarEntries[0].name: {name}: " in warning for warning in said[1])


@pytest.mark.parametrize("identity", IDENTITIES)
def test_variables_from_secrets_are_warned_of_too(identity: str) -> None:
    chosen = zone(identity=identity)

    def warned(name: str, section: str = "secrets") -> bool:
        entry = {"Env": name, "Secret": "s", "Key": "k"}
        if section == "envVarEntries":
            entry = {"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}  # type: ignore[dict-item]
        return bool(in_chart(chosen, json.dumps([entry]), section))

    for section in ("secrets", "envVarEntries"):
        assert warned("AWS_ACCESS_KEY_ID", section)
        assert warned("AWS_ENDPOINT_URL_ACM_PCA", section)
        assert warned("AWS_PROFILE", section) == (identity != "irsa")
        # Nothing is known of these values, and they are right more often than not.
        assert not warned("AWS_EC2_METADATA_DISABLED", section)
        assert not warned("AWS_DEFAULT_REGION", section)
        assert not warned("KUMA_STORE_POSTGRES_PASSWORD", section)
    # The chart writes secrets after envVars, which have the zone's region, and envVarEntries before them.
    assert warned("AWS_REGION", "secrets")
    assert not warned("AWS_REGION", "envVarEntries")


def test_a_region_of_an_entry_that_differs_is_warned_of() -> None:
    (warning,) = in_chart(zone(), '[{"name": "AWS_REGION", "value": "us-east-1"}]', "envVarEntries")
    assert warning.endswith(
        "AWS_REGION: differs from the zone's AWS_REGION, eu-central-1, which the AWS SDK uses, so remove it"
    )
    assert in_chart(zone(), '[{"name": "AWS_REGION", "value": "eu-central-1"}]', "envVarEntries") == []


def test_a_session_token_belongs_to_its_key() -> None:
    assert len(in_chart(zone(), "{AWS_ACCESS_KEY_ID: a, AWS_SESSION_TOKEN: b}")) == 2
    assert len(in_environment(zone(), "AWS_SESSION_TOKEN=b\nAWS_SECRET_ACCESS_KEY=a\n")) == 2
    assert in_environment(zone(), "AWS_SESSION_TOKEN=b\nAWS_SECRET_ACCESS_KEY=\n") == []


@pytest.mark.parametrize("identity", ["pod-identity", "ambient"])
def test_a_role_of_a_variable_needs_a_token(identity: str) -> None:
    chosen = zone(identity=identity)
    assert in_chart(chosen, "{AWS_ROLE_ARN: x}") == []
    assert len(in_chart(chosen, "{AWS_ROLE_ARN: x, AWS_WEB_IDENTITY_TOKEN_FILE: /t}")) == 2


def test_endpoints_that_the_sdk_ignores_are_not_warned_of() -> None:
    ignored = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: true, AWS_ENDPOINT_URL: 'http://x'"
    assert in_chart(zone(), f"{{{ignored}}}") == []
    assert len(in_chart(zone(), f"{{{ignored.replace('true', 'false')}}}")) == 1


def test_what_is_no_variable_is_passed_over() -> None:
    for section, value in [
        ("envVars", "{1: AWS_PROFILE, AWS_ACCESS_KEY_ID: null}"),
        ("envVarEntries", "[AWS_ACCESS_KEY_ID, {name: [AWS_ACCESS_KEY_ID]}, {value: x}]"),
        ("envVarEntries", "AWS_ACCESS_KEY_ID"),
        ("secrets", "{AWS_ACCESS_KEY_ID: {Secret: s}, x: AWS_ACCESS_KEY_ID, ? null : {Env: AWS_ACCESS_KEY_ID}}"),
        ("extraSecrets", "{AWS_ACCESS_KEY_ID: {name: s}}"),
    ]:
        assert in_chart(zone(), value, section) == []
    text = "kuma:\n  ingress: {envVars: {AWS_ACCESS_KEY_ID: x}}\nratelimit: {envVars: {AWS_ACCESS_KEY_ID: x}}\n"
    assert zones.merge(text, "v.yaml", zone(), ADDRESS).notes == []


names = st.sampled_from(sorted({name for name, *_ in CASES}))
secrets = st.text("abcdef", min_size=20, max_size=20).map(lambda text: f"S3CR3T{text}")


@given(st.dictionaries(names, secrets, max_size=8), st.sampled_from(IDENTITIES))
def test_no_value_is_shown(variables: dict[str, str], identity: str) -> None:
    chosen = zone(identity=identity)
    entries = [{"name": name, "value": value} for name, value in variables.items()]
    said = [
        *in_chart(chosen, json.dumps(variables)),
        *in_chart(chosen, json.dumps(entries), "envVarEntries"),
        *in_environment(chosen, "".join(f"{name}={value}\n" for name, value in variables.items())),
    ]
    assert "S3CR3T" not in "".join(said)
