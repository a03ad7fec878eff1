"""Run a sandbox in a separate process that can be killed, and clients for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from tests.sandbox.conformance.world import csr, in_account

if TYPE_CHECKING:
    from pathlib import Path

    Look = Callable[["Killable"], Any]

REGION = "eu-central-1"
COMMAND = [sys.executable, "-c", "from toolkit.cli import main; main()", "sandbox"]
# A client that tries again would hide a lost answer.
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=30, read_timeout=60)
_SECONDS = 60


class Killable:
    """A running `toolkit sandbox --state DIR`; killed at the end of its `with` block, unless it has ended before.

    Args:
        state: the directory.
        file_limit: how large its files may become, as `ulimit -f` takes it.
    """

    def __init__(self, state: Path, file_limit: int | None = None) -> None:
        self._state = state
        self._limit = ["sh", "-c", f'ulimit -f {file_limit}; exec "$@"', "sh"] if file_limit else []
        self.environment: dict[str, str] = {}
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        command = [*self._limit, *COMMAND, "-o", "json", "--state", str(self._state)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout
        lines = []
        for line in self._process.stdout:
            lines.append(line)
            if line.startswith("}"):
                break
        if not lines:
            _, said = self._process.communicate(timeout=_SECONDS)
            raise AssertionError(f"the sandbox did not start: {said}")
        self.environment = json.loads("".join(lines))
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """As `kill -9` does it."""
        if self._process.returncode is None:
            self._process.kill()
            _, said = self._process.communicate(timeout=_SECONDS)
            assert "Traceback" not in said, said

    def stop(self) -> str:
        """As SIGTERM does it.

        Returns:
            What the sandbox wrote to stderr.
        """
        self._process.terminate()
        _, said = self._process.communicate(timeout=_SECONDS)
        assert self._process.returncode == 0, said
        return said

    def client(
        self, service: str, account: str | None = None, credentials: Mapping[str, str] | None = None, **more: Any
    ) -> Any:
        """A client.

        Args:
            service: its name.
            account: to work in with a service of moto's; the administrator's own unless given.
            credentials: as STS answers them; the administrator's unless given.
            more: parameters of the client.
        """
        taken = credentials or {}
        session: Any = boto3.Session(
            aws_access_key_id=taken.get("AccessKeyId", self.environment["AWS_ACCESS_KEY_ID"]),
            aws_secret_access_key=taken.get("SecretAccessKey", self.environment["AWS_SECRET_ACCESS_KEY"]),
            aws_session_token=taken.get("SessionToken"),
            region_name=REGION,
        )
        made = session.client(service, **{"endpoint_url": self.environment["AWS_ENDPOINT_URL"], "config": ONCE, **more})
        if account:
            made.meta.events.register(f"before-send.{service}", partial(in_account, account))
        return made


def refusal(state: Path) -> tuple[int, str]:
    """Exit code and stderr of a sandbox that does not start."""
    result = subprocess.run(
        [*COMMAND, "--state", str(state)], capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    return result.returncode, result.stderr


def create_root(pca: Any, **more: Any) -> str:
    """A root CA that waits for its certificate."""
    configuration = {
        "KeyAlgorithm": "EC_prime256v1",
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Subject": {"CommonName": "Kept Root"},
    }
    return str(
        pca.create_certificate_authority(
            CertificateAuthorityConfiguration=configuration, CertificateAuthorityType="ROOT", **more
        )["CertificateAuthorityArn"]
    )


def activate(pca: Any, arn: str) -> None:
    """Give a root CA its certificate."""
    request = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    template = "arn:aws:acm-pca:::template/RootCACertificate/V1"
    issued = issue(pca, arn, request, days=3650, TemplateArn=template)
    certificate = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)["Certificate"]
    pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())


def issue(pca: Any, arn: str, request: bytes | None = None, days: int = 1, **more: Any) -> str:
    """A certificate's ARN."""
    answer = pca.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=request or csr(),
        SigningAlgorithm="SHA256WITHECDSA",
        Validity={"Type": "DAYS", "Value": days},
        **more,
    )
    return str(answer["CertificateArn"])


def document(*statements: Mapping[str, Any]) -> str:
    """A policy document as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


ACCOUNT, OTHER = "123456789012", "210987654321"
TRUST = document(
    {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"},
    {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    },
)
ANYTHING = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
ROLE = f"arn:aws:iam::{ACCOUNT}:role/kept"


def answers(found: dict[str, Any]) -> dict[str, Any]:
    """What a call answered, without what belongs to the call itself."""
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}


def survives(state: Path, fill: Callable[[Killable], Look]) -> None:
    """Fill a sandbox and look at it; after a kill, and after a stop, it looks the same."""
    with Killable(state) as aws:
        look = fill(aws)
        before = look(aws)
    with Killable(state) as aws:
        assert look(aws) == before
        aws.stop()
    with Killable(state) as aws:
        assert look(aws) == before


def create_role(iam: Any, name: str = "kept") -> dict[str, Any]:
    made: dict[str, Any] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=ANYTHING)
    return made


def create_cluster(aws: Killable) -> dict[str, Any]:
    made: dict[str, Any] = aws.client("eks").create_cluster(
        name="zone", roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]}
    )["cluster"]
    return made
