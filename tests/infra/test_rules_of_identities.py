"""Identities that can't work are rejected with their config path; likely mistakes cause a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.shapes import ELSEWHERE, HOME, changed, shape
from tests.support import AUTHORITY_ARN
from toolkit.infra.reading import check_settings
from toolkit.infra.settings import SettingsError

if TYPE_CHECKING:
    from tests.infra.conftest import RunProgram

ID = "AB12CD34EF5600112233445566778899"
HOST = "oidc.eks.eu-central-1.amazonaws.com"
ISSUER = f"https://{HOST}/id/{ID}"
ARN = f"arn:aws:iam::{HOME}:oidc-provider/{HOST}/id/{ID}"


def zone(name: str = "quay", **more: object) -> dict[str, Any]:
    return {"name": name, "region": "eu-central-1", **more}


def problems(*zones: dict[str, Any]) -> dict[str, str]:
    try:
        check_settings({"zones": list(zones)}, "p")
    except SettingsError as error:
        return {problem.path.removeprefix("p:"): problem.message for problem in error.problems}
    return {}


@pytest.mark.parametrize(
    "issuer",
    [
        ISSUER,
        ISSUER.removeprefix("https://"),
        "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/" + ID,
        "https://oidc.eks.us-gov-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE",
        "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c",
        "https://example-oidc.s3.eu-central-1.amazonaws.com",
    ],
)
def test_issuers_of_any_origin_are_taken(issuer: str) -> None:
    assert problems(zone(oidcIssuer=issuer)) == {}
    provider = f"arn:aws:iam::{HOME}:oidc-provider/{issuer.removeprefix('https://')}"
    assert problems(zone(oidcProviderArn=provider)) == {}


@pytest.mark.parametrize(
    ("issuer", "words"),
    [
        (f"{ID}.gr7.eu-central-1.eks.amazonaws.com", "API server endpoint"),
        (f"{ID}.yl4.cn-north-1.eks.amazonaws.com.cn", "API server endpoint"),
        (f"{ID}.sk1.EU-central-1.EKS.amazonaws.com/", "API server endpoint"),
        (f"{ID}.gr7.eu-central-1.eks.amazonaws.com/id/{ID}", "API server endpoint"),
        ("a1b2.eks-cluster.eu-central-1.api.aws", "API server endpoint"),
        ("a1b2.eks-cluster.cn-north-1.api.amazonwebservices.com.cn", "API server endpoint"),
        (HOST, "must end with /id/..."),
        (f"{HOST}/", "must end with /id/..."),
        (f"{HOST}/id/", "must end with /id/..."),
        (f"{HOST}/{ID}", "must end with /id/..."),
        (f"{HOST}/id/{ID}/keys", "must end with /id/..."),
        ("oidc.eks.cn-northwest-1.amazonaws.com.cn", "must end with /id/..."),
    ],
)
def test_what_of_eks_is_no_issuer(issuer: str, words: str) -> None:
    for create in (False, True):
        found = problems(zone(oidcIssuer=f"https://{issuer}", createOidcProvider=create))
        assert set(found) == {"zones[0].oidcIssuer"}
        assert words in found["zones[0].oidcIssuer"]
        assert "cluster.identity.oidc.issuer" in found["zones[0].oidcIssuer"]
    found = problems(zone(oidcProviderArn=f"arn:aws:iam::{HOME}:oidc-provider/{issuer}"))
    assert words in found["zones[0].oidcProviderArn"]


def test_an_arn_is_no_issuer() -> None:
    found = problems(zone(oidcIssuer=ARN, createOidcProvider=True))
    assert found == {
        "zones[0].oidcIssuer": f"{ARN!r} is an ARN; an existing provider is named by oidcProviderArn",
    }


OTHER = ARN.replace("AB12", "CD34")
POD = {"identity": "pod-identity", "clusterName": "harbour"}


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ({"oidcProviderArn": ARN}, {"oidcProviderArn": ARN}, True),
        ({"oidcProviderArn": ARN}, {"oidcIssuer": ISSUER}, True),
        ({"oidcIssuer": ISSUER}, {"oidcIssuer": f"{ISSUER}/"}, True),
        ({"oidcIssuer": ISSUER}, {"oidcIssuer": ISSUER.replace("oidc.eks", "OIDC.eks")}, True),
        # The cluster is the issuer's, in whatever account it is known.
        (
            {"oidcProviderArn": ARN},
            {
                "oidcProviderArn": ARN.replace(HOME, ELSEWHERE),
                "assumeRoleArn": f"arn:aws:iam::{ELSEWHERE}:role/deploy",
            },
            True,
        ),
        ({"oidcProviderArn": ARN, "region": "eu-west-1"}, {"oidcProviderArn": ARN}, True),
        ({"oidcProviderArn": ARN}, {"oidcProviderArn": OTHER}, False),
        ({"oidcProviderArn": ARN}, {"oidcProviderArn": ARN, "namespace": "second"}, False),
        ({"oidcProviderArn": ARN}, {"oidcProviderArn": ARN, "serviceAccount": "second"}, False),
        (POD, POD, True),
        (POD, {**POD, "region": "eu-west-1"}, False),
        (POD, {**POD, "clusterName": "other"}, False),
        (POD, {**POD, "serviceAccount": "second"}, False),
        ({"identity": "ambient"}, {"identity": "ambient"}, False),
    ],
)
def test_a_service_account_has_one_role(first: dict[str, Any], second: dict[str, Any], clash: bool) -> None:
    found = problems(zone(**first), zone("pier", **second))
    assert set(found) == ({"zones[1].serviceAccount"} if clash else set())
    if clash:
        assert "zone quay in the same cluster" in found["zones[1].serviceAccount"]


def test_an_issuer_of_another_region_is_warned_of(run_program: RunProgram, warnings: list[str]) -> None:
    there = ISSUER.replace("eu-central-1", "eu-west-1")
    zones = [
        zone(oidcIssuer=ISSUER),
        zone("pier", oidcIssuer=there),
        zone("dock", oidcProviderArn=f"arn:aws:iam::{HOME}:oidc-provider/{there.removeprefix('https://')}2"),
        zone("elsewhere", oidcIssuer="https://issuer.example"),
    ]
    run_program(changed(shape("root"), zones=zones))
    assert warnings == [
        "zones[1].oidcIssuer: is the issuer of an EKS cluster in eu-west-1, but zone pier is in eu-central-1",
        "zones[2].oidcProviderArn: is the issuer of an EKS cluster in eu-west-1, but zone dock is in eu-central-1",
    ]


GOV = "arn:aws-us-gov:"


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"verifierPrincipals": [f"arn:aws:iam::{HOME}:root", f"{GOV}iam::{HOME}:role/ci"]}, "verifierPrincipals[1]"),
        ({"permissionsBoundaryArn": f"{GOV}iam::{HOME}:policy/b"}, "permissionsBoundaryArn"),
        ({"zones": [zone(oidcProviderArn=ARN.replace("arn:aws:", GOV))]}, "zones[0].oidcProviderArn"),
        (
            {"zones": [zone(identity="ambient", permissionsBoundaryArn=f"{GOV}iam::{HOME}:policy/b")]},
            "zones[0].permissionsBoundaryArn",
        ),
        ({"formerAuthorityArns": [AUTHORITY_ARN.replace("arn:aws:", GOV)]}, "formerAuthorityArns[0]"),
        (
            {"sharing": {"method": "ram", "organization": f"{GOV}organizations::{HOME}:organization/o-a1b2c3d4e5"}},
            "sharing.organization",
        ),
        ({"alarms": {"topicArn": f"{GOV}sns:eu-central-1:{HOME}:on-call"}}, "alarms.topicArn"),
        (
            {"revocation": {"crl": {"kmsKeyArn": f"{GOV}kms:eu-central-1:{HOME}:key/1"}}},
            "revocation.crl.kmsKeyArn",
        ),
    ],
)
def test_nothing_crosses_partitions(run_program: RunProgram, settings: dict[str, Any], path: str) -> None:
    with pytest.raises(SettingsError) as caught:
        run_program(changed(shape("root"), **settings))
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert found[f"kong-mesh-pca:{path}"] == "is in partition aws-us-gov, but the stack is in aws"
