"""Sessions, Pod Identity associations, shares and organizations survive a kill."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.conformance.world import refused
from tests.sandbox.killable import (
    ACCOUNT,
    OTHER,
    ROLE,
    Killable,
    activate,
    answers,
    create_cluster,
    create_role,
    create_root,
    issue,
    survives,
)
from toolkit.pki import templates

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.killable import Look

# The template of the default permission.
END_ENTITY = templates.build_arn(templates.END_ENTITY)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def pod_token(issuer: str) -> str:
    """What a cluster puts into a pod, unsigned."""
    claims = {
        "iss": issuer,
        "aud": ["pods.eks.amazonaws.com"],
        "exp": int(time.time()) + 600,
        "kubernetes.io": {"namespace": "mesh", "serviceaccount": {"name": "cp", "uid": "1"}},
    }
    parts = ({"alg": "RS256"}, claims, "signature")
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


@pytest.mark.slow
def test_sessions_work_on(state: Path) -> None:
    with Killable(state) as aws:
        create_role(aws.client("iam"))
        create_role(aws.client("iam", OTHER))
        issuer = create_cluster(aws)["identity"]["oidc"]["issuer"]
        aws.client("eks").create_pod_identity_association(
            clusterName="zone", namespace="mesh", serviceAccount="cp", roleArn=ROLE
        )
        sts = aws.client("sts")
        roles = (ROLE, f"arn:aws:iam::{OTHER}:role/kept")
        taken = [sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"] for role in roles]
        pod = aws.client("eks-auth").assume_role_for_pod_identity(clusterName="zone", token=pod_token(issuer))
        taken.append({name[0].upper() + name[1:]: value for name, value in pod["credentials"].items()})
        before = [answers(aws.client("sts", credentials=found).get_caller_identity()) for found in taken]
    assert [found["Account"] for found in before] == [ACCOUNT, OTHER, ACCOUNT]
    with Killable(state) as aws:
        after = [answers(aws.client("sts", credentials=found).get_caller_identity()) for found in taken]
        assert after == before
        for found in taken:
            aws.client("acm-pca", credentials=found).list_certificate_authorities()
        # Under a session, moto's services work in its account.
        aws.client("iam", credentials=taken[1]).create_user(UserName="theirs")
    with Killable(state) as aws:
        assert [user["UserName"] for user in aws.client("iam", OTHER).list_users()["Users"]] == ["theirs"]
        assert aws.client("iam").list_users()["Users"] == []


def test_pod_identity_comes_back_without_the_associations_of_deleted_clusters(state: Path) -> None:
    def fill(aws: Killable) -> Look:
        create_role(aws.client("iam"))
        create_cluster(aws)
        eks = aws.client("eks")
        names = {"clusterName": "zone", "namespace": "mesh", "roleArn": ROLE}
        eks.create_pod_identity_association(**names, serviceAccount="of-the-deleted-cluster")
        eks.delete_cluster(name="zone")
        create_cluster(aws)
        first = eks.create_pod_identity_association(**names, serviceAccount="cp", tags={"a": "b"})["association"]
        gone = eks.create_pod_identity_association(**names, serviceAccount="gone")["association"]
        eks.delete_pod_identity_association(clusterName="zone", associationId=gone["associationId"])
        eks.update_pod_identity_association(clusterName="zone", associationId=first["associationId"], roleArn=ROLE)

        def look(now: Killable) -> Any:
            eks = now.client("eks")
            (found,) = eks.list_pod_identity_associations(clusterName="zone")["associations"]
            described = eks.describe_pod_identity_association(clusterName="zone", associationId=found["associationId"])
            return [answers(described), answers(eks.describe_cluster(name="zone"))]

        return look

    survives(state, fill)


@pytest.mark.slow
def test_shares_and_invitations_come_back_and_count(state: Path) -> None:
    with Killable(state) as aws:
        pca, ram = aws.client("acm-pca"), aws.client("ram")
        create_role(aws.client("iam", OTHER))
        arn = create_root(pca)
        activate(pca, arn)
        share = ram.create_resource_share(name="share", resourceArns=[arn], principals=[OTHER])["resourceShare"]
        ram.tag_resource(resourceShareArn=share["resourceShareArn"], tags=[{"key": "a", "value": "b"}])
        taken = aws.client("sts").assume_role(RoleArn=f"arn:aws:iam::{OTHER}:role/kept", RoleSessionName="session")
        theirs = taken["Credentials"]
        with refused("AccessDeniedException"):
            issue(aws.client("acm-pca", credentials=theirs), arn, TemplateArn=END_ENTITY)
    with Killable(state) as aws:
        other = aws.client("ram", credentials=theirs)
        (invitation,) = other.get_resource_share_invitations()["resourceShareInvitations"]
        accepted = other.accept_resource_share_invitation(
            resourceShareInvitationArn=invitation["resourceShareInvitationArn"]
        )
        assert accepted["resourceShareInvitation"]["status"] == "ACCEPTED"
        before = aws.client("ram").get_resource_shares(resourceOwner="SELF")["resourceShares"]
        assert before[0]["tags"] == [{"key": "a", "value": "b"}]
    with Killable(state) as aws:
        issue(aws.client("acm-pca", credentials=theirs), arn, TemplateArn=END_ENTITY)
        (invitation,) = aws.client("ram", credentials=theirs).get_resource_share_invitations()[
            "resourceShareInvitations"
        ]
        assert invitation["status"] == "ACCEPTED"
        assert aws.client("ram").get_resource_shares(resourceOwner="SELF")["resourceShares"] == before
        aws.client("ram").delete_resource_share(resourceShareArn=share["resourceShareArn"])
    with Killable(state) as aws, refused("AccessDeniedException"):
        issue(aws.client("acm-pca", credentials=theirs), arn, TemplateArn=END_ENTITY)


def test_within_an_organization_shares_still_count(state: Path) -> None:
    with Killable(state) as aws:
        pca, organizations = aws.client("acm-pca"), aws.client("organizations")
        organization = organizations.create_organization(FeatureSet="ALL")["Organization"]
        member = organizations.create_account(AccountName="zone", Email="z@example.com")["CreateAccountStatus"]
        create_role(aws.client("iam", member["AccountId"]))
        aws.client("ram").enable_sharing_with_aws_organization()
        arn = create_root(pca)
        activate(pca, arn)
        aws.client("ram").create_resource_share(name="all", resourceArns=[arn], principals=[organization["Arn"]])
    with Killable(state) as aws:
        role = f"arn:aws:iam::{member['AccountId']}:role/kept"
        theirs = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
        issue(aws.client("acm-pca", credentials=theirs), arn, TemplateArn=END_ENTITY)
        # Nobody enables again what was disabled since.
        aws.client("organizations").disable_aws_service_access(ServicePrincipal="ram.amazonaws.com")
    with Killable(state) as aws, refused("AccessDeniedException"):
        issue(aws.client("acm-pca", credentials=theirs), arn, TemplateArn=END_ENTITY)
