"""Settings that can't be combined are rejected before anything is created, with path and reason."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.shapes import ELSEWHERE, HOME, shape
from tests.support import AUTHORITY_ARN, NOW, Authority
from toolkit.infra import rules
from toolkit.infra.deployment_account import Deployment, list_problems
from toolkit.infra.reading import check_settings
from toolkit.infra.settings import SettingsError
from toolkit.pki import pem

if TYPE_CHECKING:
    from tests.infra.conftest import RunProgram

ZONE = {
    "name": "zone-1",
    "region": "eu-central-1",
    "oidcProviderArn": f"arn:aws:iam::{HOME}:oidc-provider/oidc.example/id/1",
}
POD = {"name": "zone-1", "region": "eu-central-1", "identity": "pod-identity", "clusterName": "one"}
ROOT = Authority("Offline Root")
SIGNED = Authority("Issuing", parent=ROOT)
ENDED = Authority("Ended", parent=ROOT, not_after=NOW - timedelta(minutes=1))
OTHER = pem.write([Authority("Other Root").certificate])
NO_CA = pem.write([ROOT.issue(SIGNED.key.public_key(), ["spiffe://default/web"])])
PEM, ABOVE = pem.write([SIGNED.certificate]), pem.write([ROOT.certificate])
EXTERNAL = {"topology": "under-external-ca"}
PARENT = {"topology": "under-aws-ca", "parent": {"arn": AUTHORITY_ARN}}
ADOPT = {"topology": "adopt", "adoptArn": AUTHORITY_ARN}
UNIT = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-f6a7-b8c9d0e1"


def zones(**changes: object) -> dict[str, Any]:
    return {"zones": [{**ZONE, **changes}]}


def problems(values: dict[str, Any]) -> dict[str, str]:
    """By path, without the project."""
    with pytest.raises(SettingsError) as caught:
        check_settings({"zones": [ZONE], **values}, "p")
    return {problem.path.removeprefix("p:"): problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        ({"topology": "adopt"}, "adoptArn", "is missing"),
        ({"topology": "under-aws-ca"}, "parent", "is missing"),
        ({"adoptArn": AUTHORITY_ARN}, "adoptArn", "a stack has one issuing CA"),
        ({**ADOPT, "parent": {"arn": AUTHORITY_ARN}}, "parent", "a stack has one issuing CA"),
        ({**EXTERNAL, "issuedCertificate": PEM}, "issuedCertificateChain", "is missing"),
        ({**EXTERNAL, "issuedCertificateChain": ABOVE}, "issuedCertificate", "is missing"),
        ({**EXTERNAL, "issuedCertificate": "x", "issuedCertificateChain": ABOVE}, "issuedCertificate", "no PEM"),
        (
            {**EXTERNAL, "issuedCertificate": PEM + ABOVE, "issuedCertificateChain": ABOVE},
            "issuedCertificate",
            "contains 2",
        ),
        (
            {**EXTERNAL, "issuedCertificate": PEM, "issuedCertificateChain": OTHER},
            "issuedCertificateChain",
            "counting issuedCertificate as certificate 1, certificate 1 (Issuing) is not issued by",
        ),
        (
            {**EXTERNAL, "issuedCertificate": NO_CA, "issuedCertificateChain": ABOVE},
            "issuedCertificate",
            ") is not a CA certificate",
        ),
        (
            {**EXTERNAL, "issuedCertificate": pem.write([ENDED.certificate]), "issuedCertificateChain": ABOVE},
            "issuedCertificate",
            "UTC, not now",
        ),
        ({**EXTERNAL, "issuingGeneration": 2}, "issuingGeneration", "imported by itself"),
        ({"topology": "root", "issuingGeneration": 2}, "issuingGeneration", "raise rootGeneration"),
        ({**PARENT, "rootGeneration": 2}, "rootGeneration", "not the stack's"),
        ({**ADOPT, "issuingGeneration": 2}, "issuingGeneration", "never changed"),
        ({**ADOPT, "revocation": {"ocsp": True}}, "revocation", "never changed"),
        ({**ADOPT, "sharing": {"method": "ram", "accounts": [ELSEWHERE]}}, "sharing", "never changed"),
        ({"rootValidityYears": 5}, "intermediateValidityYears", "outlive"),
        (
            {"usageMode": "SHORT_LIVED_CERTIFICATE", "intermediatePathLength": 1},
            "intermediatePathLength",
            "short-lived",
        ),
        ({"signingAlgorithm": "SHA256WITHRSA"}, "signingAlgorithm", "can't be made with"),
        ({"usageMode": "SHORT_LIVED_CERTIFICATE", "dataPlaneLifetime": "8d"}, "dataPlaneLifetime", "7 days"),
        ({"dataPlaneLifetime": "6y"}, "dataPlaneLifetime", "5 years"),
        ({"topology": "root", "dataPlaneLifetime": "10y"}, "dataPlaneLifetime", "10 years"),
        ({"dataPlaneLifetime": "1d12h"}, "dataPlaneLifetime", "not a duration"),
        ({"dataPlaneLifetime": "0"}, "dataPlaneLifetime", "more than 0"),
        (
            {"pinnedTemplate": "SubordinateCACertificate_PathLen0/V1"},
            "pinnedTemplate",
            "not a template for data plane",
        ),
        ({"pinnedTemplate": "EndEntityClientAuthCertificate/V1"}, "pinnedTemplate", "servers and clients"),
        (
            {"revocation": {"crl": {"bucket": "b-1", "kmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1"}}},
            "revocation.crl.kmsKeyArn",
            "is an existing one",
        ),
        ({"revocation": {"crl": {"customCname": "http://x"}}}, "revocation.crl.customCname", "a host name alone"),
        ({"revocation": {"ocsp": {"customCname": "x/y"}}}, "revocation.ocsp.customCname", "a host name alone"),
        ({"revocation": {"crl": {"expirationDays": 0}}}, "revocation.crl.expirationDays", "greater than"),
        ({"revocation": {"crl": {"crlType": "PARTITIONED"}}}, "revocation.crl.crlType", "is not known here"),
        ({"sharing": {"method": "ram"}}, "sharing", "is empty"),
        ({"sharing": {"method": "ram", "accounts": [ELSEWHERE, ELSEWHERE]}}, "sharing.accounts", "more than once"),
        ({"sharing": {"method": "policy", "organizationalUnits": [UNIT]}}, "sharing.organizationalUnits", "method ram"),
        (
            {"sharing": {"method": "policy", "accounts": [ELSEWHERE], "allowExternalAccounts": True}},
            "sharing.allowExternalAccounts",
            "method ram",
        ),
        ({"alarms": {"topicArn": "arn:aws:sns:eu-central-1:123456789012"}}, "alarms.topicArn", "not an ARN"),
        ({"tags": {"aws:x": "y"}}, "tags", "reserved"),
        ({"tags": {f"k{n}": "v" for n in range(48)}}, "tags", "AWS allows 50"),
        ({"tags": {"Owner": "a", "owner": "b"}}, "tags", "another case"),
        ({"tags": {"Managed-By": "a"}}, "tags", "the toolkit's own"),
        ({"tags": {"a": "b;c"}}, "tags", "';'"),
        ({"namePrefix": "ü-"}, "namePrefix", "1 to 40 letters, digits"),
        ({"namePrefix": "x" * 38, "alarms": True}, "namePrefix", "room for 37"),
        ({"alarms": {"expiryDays": 1825}}, "alarms.expiryDays", "5 years"),
        ({"verifierPrincipals": [f"arn:aws:iam::{HOME}:group/admins"]}, "verifierPrincipals[0]", "a role or a user"),
        ({"verifierPrincipals": [f"arn:aws:iam::{HOME}:role/ci-*"]}, "verifierPrincipals[0]", "a role or a user"),
        ({"revocation": {"crl": {"bucket": "192.168.1.1"}}}, "revocation.crl.bucket", "like an IP address"),
        ({"zones": [POD, {**POD, "name": "zone-2"}]}, "zones[1].serviceAccount", "zone zone-1 in the same cluster"),
        ({**PARENT, "parent": {"arn": AUTHORITY_ARN, "profile": "p"}}, "parent.accountId", "is missing"),
        (zones(profile="p"), "zones[0].accountId", "is missing"),
        (zones(externalId="xx"), "zones[0].externalId", "assumeRoleArn"),
        (
            zones(assumeRoleArn=f"arn:aws:iam::{ELSEWHERE}:role/r", accountId=HOME),
            "zones[0].assumeRoleArn",
            f"in account {ELSEWHERE}",
        ),
        (zones(accountId=123), "zones[0].accountId", "quote it"),
        (zones(clusterName="c"), "zones[0].clusterName", "pod-identity"),
        (zones(compute="ecs"), "zones[0].compute", "ambient"),
        (zones(identity="ambient"), "zones[0].oidcProviderArn", "irsa"),
        (zones(identity="pod-identity", oidcProviderArn=None), "zones[0].clusterName", "is missing"),
        (zones(oidcProviderArn=None), "zones[0].oidcProviderArn", "is missing"),
        (zones(oidcIssuer="https://x/y"), "zones[0].oidcIssuer", "together with oidcProviderArn"),
        (zones(createOidcProvider=True), "zones[0].oidcIssuer", "is missing"),
        (zones(oidcProviderArn=None, oidcIssuer="http://x"), "zones[0].oidcIssuer", "https://"),
        (zones(authorityArn=AUTHORITY_ARN), "zones[0].authorityArn", "a stack has one issuing CA"),
        ({**zones(name="z" * 40), "namePrefix": "acme-platform-team-"}, "zones[0].name", "room for 36"),
    ],
)
def test_settings_that_can_not_work(values: dict[str, Any], path: str, words: str) -> None:
    found = problems(values)
    assert set(found) == {path}
    assert words in found[path]


def test_every_problem_is_listed_at_once_also_beside_values_that_can_not_be_read() -> None:
    broken = {"name": "Bad Name", "region": "eu-central-1"}
    found = problems(
        {
            "rootValidityYears": "many",
            "signingAlgorithm": "SHA256WITHRSA",
            "sharing": {"method": "ram"},
            "alarms": 7,
            "zones": [broken, {**ZONE, "clusterName": "c"}, {**ZONE, "name": "zone-2", "region": "mars"}, POD, POD],
        }
    )
    assert set(found) == {
        "rootValidityYears",
        "signingAlgorithm",
        "sharing",
        "alarms",
        "zones",
        "zones[0].name",
        "zones[1].clusterName",
        "zones[2].region",
    }


def test_what_was_signed_elsewhere_is_for_one_topology() -> None:
    found = problems({"issuedCertificate": PEM, "issuedCertificateChain": ABOVE})
    assert set(found) == {"issuedCertificate", "issuedCertificateChain"}
    assert all("under-external-ca" in message for message in found.values())


def test_a_zone_that_can_not_be_read_does_not_hide_what_is_wrong_with_the_next() -> None:
    found = problems({"zones": [{"name": "x"}, {**POD, "clusterName": None}]})
    assert set(found) == {"zones[0].region", "zones[1].clusterName"}


def test_where_no_zone_can_be_read_the_rest_is_judged_all_the_same() -> None:
    assert set(problems({"zones": [{"name": "x"}], "rootValidityYears": 1})) == {
        "zones[0].region",
        "intermediateValidityYears",
    }
    assert set(problems({"zones": "x", "rootValidityYears": 1})) == {"zones", "intermediateValidityYears"}


def test_every_rule_says_which_settings_it_reads() -> None:
    from toolkit.infra.settings import Settings  # noqa: PLC0415 - the one test that looks at it

    for rule in rules.RULES:
        assert rule.reads
        assert rule.reads <= set(Settings.model_fields)


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        (
            {"zones": [{**POD, "accountId": ELSEWHERE}], "sharing": {"method": "ram", "accounts": [ELSEWHERE]}},
            "zones[0].accountId",
            "set profile or assumeRoleArn",
        ),
        (
            {"zones": [{**POD, "accountId": ELSEWHERE, "profile": "p"}]},
            "zones[0].accountId",
            "add it to sharing.accounts",
        ),
        (
            {
                "zones": [{**POD, "assumeRoleArn": f"arn:aws:iam::{ELSEWHERE}:role/r"}],
                "sharing": {"method": "policy", "accounts": ["999999999999"]},
            },
            "zones[0].accountId",
            "add it to sharing.accounts",
        ),
        (
            zones(oidcProviderArn=f"arn:aws:iam::{ELSEWHERE}:oidc-provider/x"),
            "zones[0].oidcProviderArn",
            "in its own account",
        ),
        (zones(region="cn-north-1"), "zones[0].region", "partition"),
        (
            zones(permissionsBoundaryArn=f"arn:aws:iam::{ELSEWHERE}:policy/b"),
            "zones[0].permissionsBoundaryArn",
            ELSEWHERE,
        ),
        ({"permissionsBoundaryArn": f"arn:aws:iam::{ELSEWHERE}:policy/b"}, "permissionsBoundaryArn", ELSEWHERE),
        (
            {
                "topology": "under-aws-ca",
                "parent": {"arn": AUTHORITY_ARN.replace(HOME, ELSEWHERE)},
                "intermediatePathLength": 1,
            },
            "intermediatePathLength",
            "AWS shares no other template",
        ),
        (
            {
                "topology": "under-aws-ca",
                "parent": {"arn": AUTHORITY_ARN.replace(HOME, ELSEWHERE), "accountId": ELSEWHERE},
            },
            "parent.accountId",
            "set profile or assumeRoleArn",
        ),
        (
            {"topology": "under-aws-ca", "parent": {"arn": AUTHORITY_ARN.replace("arn:aws:", "arn:aws-cn:")}},
            "parent.arn",
            "partition aws-cn",
        ),
        (
            {"topology": "adopt", "adoptArn": AUTHORITY_ARN.replace(HOME, ELSEWHERE), "alarms": True},
            "alarms",
            ELSEWHERE,
        ),
        ({"alarms": {"topicArn": f"arn:aws:sns:eu-west-1:{HOME}:t"}}, "alarms.topicArn", "region, eu-central-1"),
    ],
)
def test_settings_that_do_not_fit_the_account(values: dict[str, Any], path: str, words: str) -> None:
    settings = check_settings({"zones": [ZONE], **values}, "p")
    (problem,) = list_problems(settings, Deployment(HOME, "aws", "eu-central-1"))
    assert problem.path == path
    assert words in problem.message


def test_boundaries_of_aws_are_in_every_account() -> None:
    settings = check_settings(
        {"zones": [ZONE], "permissionsBoundaryArn": "arn:aws:iam::aws:policy/PowerUserAccess"}, "p"
    )
    assert list_problems(settings, Deployment(HOME, "aws", "eu-central-1")) == []


def test_numbers_are_text_in_tags() -> None:
    assert check_settings({"zones": [ZONE], "tags": {"cost": 4711}}, "p").tags == {"cost": "4711"}


def test_the_alarms_role_is_counted_under_its_own_name(run_program: RunProgram) -> None:
    graph = run_program(shape("alarms"))
    assert rules.ALARM_ROLE in graph.of_type("Role")


def test_twelve_digits_without_quotes_are_an_account() -> None:
    zone = {**POD, "accountId": 210987654321, "profile": "p"}
    assert check_settings({"zones": [zone]}, "p").zones[0].account_id == "210987654321"
