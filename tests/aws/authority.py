"""The one CA of the smoke test: create it, activate it as a root, delete it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.aws.account import CREATED_BY, CREATOR, RUN, Account, status_of
from toolkit.errors import ExternalError, ToolkitError, flatten
from toolkit.files import write_whole
from toolkit.pki import templates

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.contract import UsageMode

USAGE_MODE: UsageMode = "SHORT_LIVED_CERTIFICATE"
KEY_ALGORITHM = "EC_prime256v1"
SIGNING_ALGORITHM = "SHA256WITHECDSA"
# toolkit verify wants the CAs of the chain to live 30 days longer. A CA that is left behind expires soon after.
ROOT_DAYS = 60
# botocore, DeleteCertificateAuthorityRequest.PermanentDeletionTimeInDays: 7 to 30.
DELETION_DAYS = 7
_STATUS_SECONDS, _STATUS_PAUSE_SECONDS = 60, 1
# AWS applies changes with a delay (terraform-provider-aws#37592); a moment later the same call succeeds.
_PASSING = frozenset(
    {"ConcurrentModificationException", "InvalidStateException", "ResourceNotFoundException", "ThrottlingException"}
)


class CreationError(ExternalError):
    """CreateCertificateAuthority failed.

    Attributes:
        is_certain: whether AWS created no CA: it rejected the first attempt.
    """

    def __init__(self, account: Account, error: Exception) -> None:
        super().__init__(
            f"can't create the CA: {flatten(error)}",
            f"If AWS shows a CA of this run later, this deletes it: {cleanup_command(account)}",
        )
        metadata = error.response.get("ResponseMetadata", {}) if isinstance(error, ClientError) else {}
        self.is_certain = _is_rejection(metadata) and not metadata.get("RetryAttempts")


class RemovalError(ToolkitError):
    """The CA could not be deleted.

    Args:
        arn: of the CA.
        reason: why.
        commands: what deletes it by hand.
    """

    exit_code = 1

    def __init__(self, arn: str, reason: str, commands: list[str]) -> None:
        super().__init__(f"can't delete {arn}: {reason}", "AWS charges for the CA until it is deleted.")
        self.arn = arn
        self.reason = reason
        self.commands = commands

    def lines(self) -> list[str]:
        """Return the message, then the commands that delete the CA, one each line."""
        head, hint = super().lines()
        return [head, "Delete it by hand:", *(f"  {command}" for command in self.commands), hint]


@dataclass(frozen=True)
class StateFile:
    """Where a run notes its CA, so that nobody loses it: written before and after the CA is created.

    Attributes:
        path: of the file.
        run: the ID of the run.
        region: of the CA.
    """

    path: Path
    run: str
    region: str

    def note(self, status: str, arn: str | None = None) -> None:
        """Write what is known of the CA now.

        Raises:
            ExternalError: the file can't be written.
        """
        known = {"run": self.run, "region": self.region, "arn": arn, "status": status}
        write_whole(
            self.path, json.dumps({**known, "noted": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}, indent=2) + "\n"
        )


def create(account: Account, run: str) -> str:
    """Create the CA with its tags, in one call, and return its ARN.

    Args:
        account: where to create it.
        run: the ID of the run. It is the idempotency token too, so that a repeated call creates no second CA
            (botocore, CreateCertificateAuthorityRequest.IdempotencyToken).

    Raises:
        CreationError: AWS returned an error, or can't be reached. A CA may exist all the same.
    """
    try:
        created = account.pca.create_certificate_authority(
            CertificateAuthorityConfiguration={
                "KeyAlgorithm": KEY_ALGORITHM,
                "SigningAlgorithm": SIGNING_ALGORITHM,
                "Subject": {"CommonName": f"test-aws {run}"},
            },
            CertificateAuthorityType="ROOT",
            UsageMode=USAGE_MODE,
            IdempotencyToken=run,
            Tags=[{"Key": CREATED_BY, "Value": CREATOR}, {"Key": RUN, "Value": run}],
        )
        return str(created["CertificateAuthorityArn"])
    # Whatever goes wrong here, the user must learn that a CA may exist.
    except Exception as error:
        raise CreationError(account, error) from error


def certify(account: Account, arn: str, days: int, token: str) -> str:
    """Let a root CA issue its own certificate, and return that as PEM.

    Args:
        account: of the CA.
        arn: of the CA.
        days: for how long the certificate is valid.
        token: the idempotency token.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached, or the certificate was not ready in time.
    """
    named = {"CertificateAuthorityArn": arn}
    account.pca.get_waiter("certificate_authority_csr_created").wait(**named)
    issued: dict[str, Any] = account.pca.issue_certificate(
        **named,
        Csr=account.pca.get_certificate_authority_csr(**named)["Csr"].encode(),
        SigningAlgorithm=SIGNING_ALGORITHM,
        TemplateArn=templates.build_arn(templates.ROOT_CA, account.partition),
        Validity={"Type": "DAYS", "Value": days},
        IdempotencyToken=token,
    )
    named["CertificateArn"] = issued["CertificateArn"]
    account.pca.get_waiter("certificate_issued").wait(**named)
    return str(account.pca.get_certificate(**named)["Certificate"])


def activate(account: Account, arn: str, token: str) -> str:
    """Give the CA its own certificate, which makes it active, and return the certificate as PEM.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached, or the certificate was not ready in time.
    """
    certificate = certify(account, arn, ROOT_DAYS, token)
    account.pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())
    await_status(account, arn, "ACTIVE")
    return certificate


def await_status(account: Account, arn: str, wanted: str) -> None:
    """Wait until AWS shows the CA in that status. AWS applies changes with a delay (terraform-provider-aws#37592).

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached.
        ExternalError: the CA has another status when the time is up.
    """
    until = time.monotonic() + _STATUS_SECONDS
    while (found := status_of(account, arn)) != wanted:
        if time.monotonic() > until:
            raise ExternalError(f"{arn} is {found} after {_STATUS_SECONDS} s, not {wanted}")
        time.sleep(_STATUS_PAUSE_SECONDS)


def disable(account: Account, arn: str) -> None:
    """Disable the CA, and wait until it is.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached.
        ExternalError: the CA is not disabled when the time is up.
    """
    account.pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    await_status(account, arn, "DISABLED")


def remove(account: Account, arn: str) -> None:
    """Disable the CA if it is active, and delete it; try again after an error that passes.

    Raises:
        RemovalError: it is not deleted; the error has the commands that do it by hand.
    """
    until = time.monotonic() + _STATUS_SECONDS
    while True:
        try:
            return _delete(account, arn)
        # Whatever goes wrong here, the user must get the commands.
        except Exception as error:
            if not _passes(error) or time.monotonic() > until:
                raise RemovalError(arn, flatten(error), commands_by_hand(account, arn)) from error
        time.sleep(_STATUS_PAUSE_SECONDS)


def _delete(account: Account, arn: str) -> None:
    """Delete the CA unless it is deleted. AWS deletes no active CA (user guide, PCADeleteCA.md)."""
    named = {"CertificateAuthorityArn": arn}
    status = status_of(account, arn)
    if status == "ACTIVE":
        account.pca.update_certificate_authority(**named, Status="DISABLED")
    if status != "DELETED":
        account.pca.delete_certificate_authority(**named, PermanentDeletionTimeInDays=DELETION_DAYS)


def _passes(error: Exception) -> bool:
    """Return whether the same call may succeed a moment later."""
    if isinstance(error, ClientError):
        rejected = _is_rejection(error.response.get("ResponseMetadata", {}))
        return error.response["Error"]["Code"] in _PASSING or not rejected
    return isinstance(error, BotoCoreError)


def _is_rejection(metadata: Mapping[str, Any]) -> bool:
    """Return whether AWS rejected the request: HTTP status 4xx."""
    return int(metadata.get("HTTPStatusCode", 500)) in range(400, 500)


def commands_by_hand(account: Account, arn: str) -> list[str]:
    """Return the commands of the aws CLI that delete the CA."""
    named = ("--certificate-authority-arn", arn)
    return [
        account.command("aws", "acm-pca", "update-certificate-authority", *named, "--status", "DISABLED"),
        account.command(
            "aws",
            "acm-pca",
            "delete-certificate-authority",
            *named,
            "--permanent-deletion-time-in-days",
            str(DELETION_DAYS),
        ),
    ]


def cleanup_command(account: Account) -> str:
    """Return the command that finds the CAs of all runs by their tag, and deletes them."""
    return account.command("python", "-m", "tests.aws", "cleanup", "--account", account.number, "--yes")
