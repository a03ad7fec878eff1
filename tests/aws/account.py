"""The AWS account of the smoke test: who is asking, in which region, and which CAs of earlier runs are still there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from toolkit.errors import ExternalError, InvalidInputError, Problem, flatten
from toolkit.pki.arn import REGION, Arn
from toolkit.verify.aws_session import register_secrets, require_usable

# Every CA of the smoke test has both tags; RUN tells one run from another.
CREATED_BY = "created-by"
CREATOR = "kong-mesh-pca-toolkit-test-aws"
RUN = "kong-mesh-pca-toolkit-run"
# Requests that AWS must reject have to reach AWS. The retries are for throttling and for failures on AWS's side. All
# attempts of a call end well within the five minutes for which AWS remembers an idempotency token.
_CLIENT = Config(
    parameter_validation=False,
    connect_timeout=10,
    read_timeout=40,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra=CREATOR,
)
_SIGN_IN = "Sign in (aws sso login), name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."


class Earlier(NamedTuple):
    """A CA of an earlier run that is not deleted.

    Attributes:
        arn: of the CA.
        status: such as ``ACTIVE``.
        run: the ID of the run that created it.
    """

    arn: str
    status: str
    run: str


@dataclass(frozen=True)
class Account:
    """Where the smoke test runs.

    Attributes:
        caller_arn: what STS says the caller is.
        number: the account ID, twelve digits.
        region: where the CA is created.
        profile: of the AWS configuration, by option or by variable; None for the default credential chain.
        pca: the client of AWS Private CA.
    """

    caller_arn: str
    number: str
    region: str
    profile: str | None
    pca: Any

    @property
    def partition(self) -> str:
        """Return the partition, such as ``aws``."""
        return Arn.parse(self.caller_arn).partition

    @property
    def host(self) -> str:
        """Return the host that answers for AWS Private CA: AWS's own, or another one such as 127.0.0.1."""
        return urlsplit(self.pca.meta.endpoint_url).hostname or ""

    def authority_arn(self, identifier: str) -> str:
        """Return the ARN of a CA of this account and region."""
        return f"arn:{self.partition}:acm-pca:{self.region}:{self.number}:certificate-authority/{identifier}"

    def command(self, *words: str) -> str:
        """Return a command line for a shell, with the region and the profile of this account."""
        profile = ("--profile", self.profile) if self.profile else ()
        return shlex.join([*words, "--region", self.region, *profile])


def connect(region: str | None, profile: str | None) -> Account:
    """Return the account that the AWS configuration leads to. Ask STS only; change nothing.

    Args:
        region: None for the one of the AWS configuration.
        profile: None for the default credential chain.

    Raises:
        InvalidInputError: no region is configured, or it is not valid.
        ExternalError: there are no valid credentials, or STS can't be reached.
    """
    try:
        session: Any = boto3.Session(profile_name=profile, region_name=region)
        register_secrets(session)
        credentials = session.get_credentials()
    except (BotoCoreError, OSError) as error:
        raise ExternalError(f"can't load AWS credentials: {flatten(error)}", _SIGN_IN) from error
    require_usable(credentials)
    if credentials is None:
        raise ExternalError("there are no AWS credentials", _SIGN_IN)
    found = session.region_name
    if not found or not REGION.fullmatch(found):
        problem = f"{found!r} is not an AWS region" if found else "no region is configured"
        raise InvalidInputError("the region is not valid", [Problem("--region", problem)], "Try --region eu-central-1.")
    try:
        answer = session.client("sts", config=_CLIENT).get_caller_identity()
        pca = session.client("acm-pca", config=_CLIENT)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise ExternalError(f"can't ask STS who is calling: {flatten(error)}", _SIGN_IN) from error
    return Account(str(answer["Arn"]), str(answer["Account"]), found, profile or _profile_of(session), pca)


def _profile_of(session: Any) -> str | None:
    """Return the profile that a variable names, which another shell may not have."""
    # Credentials in variables win over AWS_PROFILE, but not over --profile.
    if session.profile_name == "default" or session.get_credentials().method == "env":
        return None
    return str(session.profile_name)


def earlier_authorities(account: Account) -> list[Earlier]:
    """Return the CAs of earlier runs that are still there, by their tag.

    Raises:
        ExternalError: AWS does not list the CAs or their tags.
    """
    try:
        return list(_tagged(account))
    except (BotoCoreError, ClientError) as error:
        raise ExternalError(
            f"can't look for CAs of earlier runs: {flatten(error)}",
            "The caller needs acm-pca:ListCertificateAuthorities and acm-pca:ListTags; see docs/how-to/test-aws.md.",
        ) from error


def _tagged(account: Account) -> Iterator[Earlier]:
    for page in account.pca.get_paginator("list_certificate_authorities").paginate():
        for found in page["CertificateAuthorities"]:
            if found["Status"] == "DELETED":
                continue
            tags = _tags(account, found["Arn"])
            if tags.get(CREATED_BY) == CREATOR:
                yield Earlier(found["Arn"], found["Status"], tags.get(RUN, ""))


def _tags(account: Account, arn: str) -> dict[str, str]:
    try:
        pages = account.pca.get_paginator("list_tags").paginate(CertificateAuthorityArn=arn)
        return {tag["Key"]: tag.get("Value", "") for page in pages for tag in page["Tags"]}
    except ClientError as error:
        # Deleted since it was listed.
        if _is_deleted(account, arn, error.response["Error"]["Code"]):
            return {}
        raise


def _is_deleted(account: Account, arn: str, code: str) -> bool:
    """Return whether the CA is deleted, after AWS returned this error code for it."""
    if code != "InvalidStateException":
        return code == "ResourceNotFoundException"
    # AWS also returns it for CAs that are being created.
    try:
        return status_of(account, arn) == "DELETED"
    except ClientError as error:
        return error.response["Error"]["Code"] == "ResourceNotFoundException"


def status_of(account: Account, arn: str) -> str:
    """Return the CA's status.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached.
    """
    answer = account.pca.describe_certificate_authority(CertificateAuthorityArn=arn)
    return str(answer["CertificateAuthority"]["Status"])
