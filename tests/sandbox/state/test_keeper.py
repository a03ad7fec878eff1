"""No change is lost if `toolkit sandbox --state DIR` is killed after a response."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.sandbox.conformance.world import csr, refused
from tests.sandbox.killable import (
    ANYTHING,
    OTHER,
    REGION,
    ROLE,
    Killable,
    activate,
    answers,
    create_cluster,
    create_role,
    create_root,
    document,
    issue,
    survives,
)
from toolkit.infra import policies

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.killable import Look


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_iam_comes_back_with_the_same_identifiers(state: Path) -> None:
    def fill(aws: Killable) -> Look:
        iam = aws.client("iam")
        # AWS's managed policies get their IDs when somebody first needs them, here by reading.
        iam.list_roles()
        role = create_role(iam)
        user = iam.create_user(UserName="somebody")["User"]
        key = iam.create_access_key(UserName="somebody")["AccessKey"]
        policy = iam.create_policy(PolicyName="mine", PolicyDocument=ANYTHING)["Policy"]
        create_role(iam, "gone")
        iam.delete_role_policy(RoleName="gone", PolicyName="p")
        iam.delete_role(RoleName="gone")
        theirs = create_role(aws.client("iam", OTHER))

        def look(now: Killable) -> Any:
            iam = now.client("iam")
            (found,) = iam.list_roles()["Roles"]
            assert {name: found[name] for name in ("Arn", "RoleId", "CreateDate")} == {
                name: role[name] for name in ("Arn", "RoleId", "CreateDate")
            }
            (kept,) = iam.list_access_keys(UserName="somebody")["AccessKeyMetadata"]
            assert kept["AccessKeyId"] == key["AccessKeyId"]
            assert iam.get_user(UserName="somebody")["User"]["UserId"] == user["UserId"]
            assert iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["PolicyId"] == policy["PolicyId"]
            (other,) = now.client("iam", OTHER).list_roles()["Roles"]
            assert other["RoleId"] == theirs["RoleId"]
            return [
                found,
                kept,
                other,
                iam.list_policies(MaxItems=1000)["Policies"],
                iam.list_role_policies(RoleName="kept")["PolicyNames"],
            ]

        return look

    survives(state, fill)


@pytest.mark.slow
def test_s3_comes_back_with_versions_and_unfinished_uploads(state: Path) -> None:
    def fill(aws: Killable) -> Look:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        for body in (b"one", b"two\x00\xff", b"three"):
            s3.put_object(Bucket="kept", Key="a b/ü+%2F", Body=body, Metadata={"is": "kept"})
        s3.put_object(Bucket="kept", Key="gone", Body=b"x")
        s3.delete_object(Bucket="kept", Key="gone")
        upload = s3.create_multipart_upload(Bucket="kept", Key="big")["UploadId"]
        part = s3.upload_part(Bucket="kept", Key="big", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]

        def look(now: Killable) -> Any:
            s3 = now.client("s3")
            assert [found["UploadId"] for found in s3.list_multipart_uploads(Bucket="kept")["Uploads"]] == [upload]
            (found,) = s3.list_parts(Bucket="kept", Key="big", UploadId=upload)["Parts"]
            assert found["ETag"] == part
            versions = s3.list_object_versions(Bucket="kept")
            bodies = [
                s3.get_object(Bucket="kept", Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
                for version in versions["Versions"]
            ]
            head = s3.head_object(Bucket="kept", Key="a b/ü+%2F")
            return [
                s3.list_buckets()["Buckets"],
                versions["Versions"],
                versions["DeleteMarkers"],
                bodies,
                head["Metadata"],
                head["LastModified"],
            ]

        return look

    survives(state, fill)


@pytest.mark.slow
def test_organizations_and_what_moto_keeps_besides(state: Path) -> None:
    def fill(aws: Killable) -> Look:
        organizations = aws.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        organizations.create_account(AccountName="zone", Email="zone@example.com")
        (root,) = organizations.list_roots()["Roots"]
        organizations.create_organizational_unit(ParentId=root["Id"], Name="unit")
        aws.client("ram").enable_sharing_with_aws_organization()
        topic = aws.client("sns").create_topic(Name="alarms")["TopicArn"]
        aws.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName="alarm",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Threshold=1,
            MetricName="m",
            Namespace="n",
            Period=60,
            Statistic="Sum",
        )
        aws.client("events").put_rule(Name="rule", ScheduleExpression="rate(1 day)")

        def look(now: Killable) -> Any:
            organizations = now.client("organizations")
            return [
                organizations.describe_organization()["Organization"],
                organizations.list_accounts()["Accounts"],
                organizations.list_organizational_units_for_parent(ParentId=root["Id"])["OrganizationalUnits"],
                # RAM gave itself access to the organization.
                organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"],
                now.client("sns").list_subscriptions()["Subscriptions"],
                now.client("cloudwatch").describe_alarms()["MetricAlarms"],
                now.client("events").list_rules()["Rules"],
            ]

        return look

    survives(state, fill)


def test_private_cas_come_back_with_everything_about_them(state: Path) -> None:
    def fill(aws: Killable) -> Look:
        pca = aws.client("acm-pca")
        pending, arn = create_root(pca), create_root(pca, Tags=[{"Key": "a", "Value": "b"}])
        activate(pca, arn)
        certificates = [issue(pca, arn, csr(f"leaf-{number}")) for number in range(3)]
        leaf = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificates[0])["Certificate"]
        serial = f"{x509.load_pem_x509_certificate(leaf.encode()).serial_number:x}"
        pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
        pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "c", "Value": "d"}])
        pca.create_permission(
            CertificateAuthorityArn=arn,
            Principal="acm.amazonaws.com",
            Actions=["IssueCertificate", "GetCertificate", "ListPermissions"],
        )
        policy = json.dumps(policies.allow_sharing(arn, [OTHER], None))
        pca.put_policy(ResourceArn=arn, Policy=policy)
        deleted = create_root(pca)
        pca.delete_certificate_authority(CertificateAuthorityArn=deleted)

        def look(now: Killable) -> Any:
            pca = now.client("acm-pca")
            with refused("RequestAlreadyProcessedException"):
                pca.revoke_certificate(
                    CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED"
                )
            found = pca.list_certificate_authorities()["CertificateAuthorities"]
            assert [authority["Arn"] for authority in found] == [pending, arn, deleted]
            return [
                found,
                answers(pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)),
                *(
                    answers(pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate))
                    for certificate in certificates
                ),
                # The signature differs each time, the key doesn't.
                x509.load_pem_x509_csr(
                    pca.get_certificate_authority_csr(CertificateAuthorityArn=pending)["Csr"].encode()
                ).public_key(),
                pca.list_tags(CertificateAuthorityArn=arn)["Tags"],
                pca.list_permissions(CertificateAuthorityArn=arn)["Permissions"],
                pca.get_policy(ResourceArn=arn)["Policy"],
            ]

        return look

    survives(state, fill)


@pytest.mark.slow
def test_crls_and_audit_reports_come_back(state: Path) -> None:
    def fill(aws: Killable) -> Look:
        pca, s3 = aws.client("acm-pca"), aws.client("s3")
        s3.create_bucket(Bucket="crls", CreateBucketConfiguration={"LocationConstraint": REGION})
        service = {"Effect": "Allow", "Principal": {"Service": "acm-pca.amazonaws.com"}, "Action": "s3:*"}
        s3.put_bucket_policy(
            Bucket="crls", Policy=document({**service, "Resource": ["arn:aws:s3:::crls", "arn:aws:s3:::crls/*"]})
        )
        crl = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": "crls"}
        arn = create_root(pca, RevocationConfiguration={"CrlConfiguration": crl})
        activate(pca, arn)
        report = pca.create_certificate_authority_audit_report(
            CertificateAuthorityArn=arn, S3BucketName="crls", AuditReportResponseFormat="JSON"
        )["AuditReportId"]

        def look(now: Killable) -> Any:
            s3 = now.client("s3")
            objects = s3.list_objects_v2(Bucket="crls")["Contents"]
            bodies = [s3.get_object(Bucket="crls", Key=found["Key"])["Body"].read() for found in objects]
            described = now.client("acm-pca").describe_certificate_authority_audit_report(
                CertificateAuthorityArn=arn, AuditReportId=report
            )
            return [objects, bodies, answers(described)]

        return look

    survives(state, fill)


def test_no_token_is_forgotten(state: Path) -> None:
    def ask(aws: Killable) -> Any:
        pca = aws.client("acm-pca")
        arn = create_root(pca, IdempotencyToken="one")
        if (
            pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["Status"]
            != "ACTIVE"
        ):
            activate(pca, arn)
        share = aws.client("ram").create_resource_share(name="share", resourceArns=[arn], clientToken="two")
        associated = aws.client("eks").create_pod_identity_association(
            clusterName="zone", namespace="mesh", serviceAccount="cp", roleArn=ROLE, clientRequestToken="three"
        )
        return [arn, issue(pca, arn, IdempotencyToken="four"), answers(share), answers(associated)]

    with Killable(state) as aws:
        create_role(aws.client("iam"))
        create_cluster(aws)
        before = ask(aws)
    with Killable(state) as aws:
        assert ask(aws) == before
        pca = aws.client("acm-pca")
        assert issue(pca, before[0], IdempotencyToken="five") != before[1]
        with refused("IdempotentParameterMismatchException"):
            aws.client("ram").create_resource_share(name="another", clientToken="two")


def test_a_message_reaches_no_url(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        receiver.settimeout(0)
        with Killable(state) as aws:
            sns = aws.client("sns")
            topic = sns.create_topic(Name="topic")["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{receiver.getsockname()[1]}/")
            sns.publish(TopicArn=topic, Message="message")
        with Killable(state) as aws:
            assert len(aws.client("sns").list_subscriptions()["Subscriptions"]) == 1
        with pytest.raises(BlockingIOError):
            receiver.accept()
