"""`toolkit sandbox` runs as a process, stops on a signal, and restarts with its state."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.sandbox.conformance.world import csr, in_account

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-c", "from toolkit.cli import main; main()", "sandbox"]


@contextmanager
def sandbox(*arguments: str | Path, stop: signal.Signals = signal.SIGTERM) -> Iterator[dict[str, str]]:
    """The environment that a running sandbox prints; it must end cleanly."""
    command = [*COMMAND, "-o", "json", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("}"):
            break
    try:
        yield json.loads("".join(lines))
    finally:
        process.send_signal(stop)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert said.endswith("Stopped.\n")
    assert "Traceback" not in said


def client(environment: dict[str, str], service: str = "acm-pca") -> Any:
    session: Any = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    return session.client(service, endpoint_url=environment["AWS_ENDPOINT_URL"])


def taking(environment: dict[str, str], role: str) -> Callable[[str], Any]:
    """Makes clients with a role that the administrator takes."""
    taken = client(environment, "sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session: Any = boto3.Session(
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
        region_name=environment["AWS_REGION"],
    )
    return partial(session.client, endpoint_url=environment["AWS_ENDPOINT_URL"])


def active_root(pca: Any) -> str:
    configuration = {
        "KeyAlgorithm": "EC_prime256v1",
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Subject": {"CommonName": "Kept Root"},
    }
    arn: str = pca.create_certificate_authority(
        CertificateAuthorityConfiguration=configuration, CertificateAuthorityType="ROOT"
    )["CertificateAuthorityArn"]
    request = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    issued = issue(pca, arn, request, TemplateArn="arn:aws:acm-pca:::template/RootCACertificate/V1")
    certificate = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)["Certificate"]
    pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())
    return arn


def issue(pca: Any, arn: str, request: bytes, **more: Any) -> str:
    days = 3650 if more else 1
    issued: str = pca.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=request,
        SigningAlgorithm="SHA256WITHECDSA",
        Validity={"Type": "DAYS", "Value": days},
        **more,
    )["CertificateArn"]
    return issued


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_stopped(stop: signal.Signals) -> None:
    with sandbox(stop=stop) as environment:
        assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
        assert client(environment, "sts").get_caller_identity()["Account"] == "123456789012"


def test_its_environment_can_be_evaluated() -> None:
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(6)]
    script = "".join(lines) + "env | grep ^AWS_"
    shell = {"PATH": os.environ["PATH"], "AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "x"}
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env=shell).stdout
    process.terminate()
    process.communicate(timeout=30)
    found = dict(line.split("=", 1) for line in said.split())
    assert set(found) == {
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    }
    assert {"unset", "AWS_PROFILE", "AWS_SESSION_TOKEN"} <= set(shlex.split(lines[0]))


@pytest.mark.slow
def test_it_comes_back_with_its_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]}
    allow = {"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    with sandbox("--state", state) as environment:
        pca, iam = client(environment), client(environment, "iam")
        arn = active_root(pca)
        issued = issue(pca, arn, csr())
        before = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)
        described = pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
        iam.create_role(RoleName="kept", AssumeRolePolicyDocument=json.dumps(trust), Tags=[{"Key": "a", "Value": "b"}])
        iam.put_role_policy(RoleName="kept", PolicyName="p", PolicyDocument=json.dumps(policy))
        iam.create_role(RoleName="gone", AssumeRolePolicyDocument=json.dumps(trust))
        iam.delete_role(RoleName="gone")
        client(environment, "s3").create_bucket(
            Bucket="kept-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    assert state.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in state.iterdir()} == {0o600}
    for _ in range(2):
        with sandbox("--state", state) as environment:
            pca, iam = client(environment), client(environment, "iam")
            after = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)
            assert (after["Certificate"], after["CertificateChain"]) == (
                before["Certificate"],
                before["CertificateChain"],
            )
            again = pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
            assert again == described
            issue(pca, arn, csr())
            assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["kept"]
            assert iam.list_role_policies(RoleName="kept")["PolicyNames"] == ["p"]
            buckets = client(environment, "s3").list_buckets()["Buckets"]
            assert [bucket["Name"] for bucket in buckets] == ["kept-bucket"]
            assert client(environment, "sts").assume_role(
                RoleArn="arn:aws:iam::123456789012:role/kept", RoleSessionName="session"
            )["Credentials"]


def test_other_accounts_come_back_too(tmp_path: Path) -> None:
    state, other = tmp_path / "state", "210987654321"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]}
    with sandbox("--state", state) as environment:
        iam = client(environment, "iam")
        iam.meta.events.register("before-send.iam", partial(in_account, other))
        iam.create_role(RoleName="administrator", AssumeRolePolicyDocument=json.dumps(trust))
        administrator = taking(environment, f"arn:aws:iam::{other}:role/administrator")
        administrator("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(trust))
        administrator("s3").create_bucket(
            Bucket="their-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    with sandbox("--state", state) as environment:
        assert client(environment, "iam").list_roles()["Roles"] == []
        assert client(environment, "s3").list_buckets()["Buckets"] == []
        administrator = taking(environment, f"arn:aws:iam::{other}:role/administrator")
        roles = administrator("iam").list_roles()["Roles"]
        assert {role["Arn"] for role in roles} == {
            f"arn:aws:iam::{other}:role/{name}" for name in ("administrator", "theirs")
        }
        assert [bucket["Name"] for bucket in administrator("s3").list_buckets()["Buckets"]] == ["their-bucket"]


def test_faults_from_a_file(tmp_path: Path) -> None:
    plan = tmp_path / "faults.yaml"
    plan.write_text("faults: [{effect: throttle, operation: ListTags}]\n")
    with sandbox("--faults", plan) as environment:
        pca = client(environment)
        pca.meta.config.retries = {}
        with pytest.raises(pca.exceptions.ClientError, match="ThrottlingException"):
            pca.list_tags(CertificateAuthorityArn="arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/x")
    plan.write_text("faults: [{effect: explode}]\n")
    result = subprocess.run([*COMMAND, "--faults", plan], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2
    assert "faults[0].effect" in result.stderr


def test_a_port_that_is_taken() -> None:
    with sandbox() as environment:
        port = environment["AWS_ENDPOINT_URL"].rpartition(":")[2]
        result = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 3
    assert "can't listen on 127.0.0.1" in result.stderr
