"""Credentials as a zone gets them, and the AWS clients made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from toolkit import __version__
from toolkit.errors import SurroundingsError
from toolkit.pki import arn

if TYPE_CHECKING:
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import Zone

# The client's own retries are safe: every issuance carries an idempotency token (see issue.py).
_CLIENT = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    user_agent_extra=f"kong-mesh-pca-toolkit/{__version__}",
)
_SIGN_IN = "Sign in (aws sso login), name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_SESSION_NAME = "kong-mesh-pca-toolkit-verify"


@dataclass(frozen=True)
class ZoneIdentity:
    """Who asks in a zone's place, and the client that it asks with.

    Attributes:
        caller_arn: what AWS says it is (``sts:GetCallerIdentity``).
        expected_role_arn: the role that the contract names for it.
        client: for the CA's region, because that is where a zone control plane sends its requests.
    """

    caller_arn: str
    expected_role_arn: str
    client: ACMPCAClient

    def is_expected(self) -> bool:
        """Whether the caller is a session of the expected role.

        AWS shows it as ``arn:<partition>:sts::<account>:assumed-role/<role name without its path>/<session>``.
        """
        caller, role = arn.Arn.parse(self.caller_arn), arn.role(self.expected_role_arn)
        name = role.resource.rpartition("/")[2]
        return caller.account == role.account and caller.resource.startswith(f"assumed-role/{name}/")


class IdentitySource(Protocol):
    """One way to become what a zone is."""

    def identity(self, zone: Zone, authority_region: str) -> ZoneIdentity:
        """Take the zone's identity.

        Args:
            zone: whose identity to take.
            authority_region: region of the CA that will be asked.

        Raises:
            ClientError: AWS refuses.
            BotoCoreError: AWS can't be reached, or there are no credentials to start from.
        """


class AssumeVerifierRole:
    """From a workstation or CI: assume the verifier role that the contract names for the zone.

    The zone's own role trusts only the service account of its control plane, so nobody else can take it; the
    verifier role has the same permissions on the CA and is in the same account.

    Args:
        profile: of the AWS configuration to start from; None means the default credential chain.
        endpoint_url: of another AWS, such as the sandbox; None means the one of the environment.
        credentials: access key and secret to start from instead of any configuration.
    """

    def __init__(
        self,
        profile: str | None = None,
        endpoint_url: str | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self._profile = profile
        self._endpoint_url = endpoint_url
        self._credentials = credentials

    def require_credentials(self) -> None:
        """Look for credentials to start from, before any zone is asked.

        Raises:
            SurroundingsError: there are none.
        """
        try:
            found = self._start(None).get_credentials()
        except BotoCoreError as error:
            raise SurroundingsError(f"can't load AWS credentials: {error}", _SIGN_IN) from error
        if found is None:
            raise SurroundingsError("there are no AWS credentials", _SIGN_IN)

    def _start(self, region: str | None) -> boto3.Session:
        key, secret = self._credentials or (None, None)
        return boto3.Session(
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            profile_name=self._profile,
            region_name=region,
        )

    def identity(self, zone: Zone, authority_region: str) -> ZoneIdentity:
        """Assume the role in the zone's own region; see :class:`IdentitySource`."""
        start = self._start(zone.region)
        taken = start.client("sts", endpoint_url=self._endpoint_url, config=_CLIENT).assume_role(
            RoleArn=zone.verifier_role_arn, RoleSessionName=_SESSION_NAME
        )["Credentials"]
        session = boto3.Session(
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
            region_name=zone.region,
        )
        sts = session.client("sts", endpoint_url=self._endpoint_url, config=_CLIENT)
        return ZoneIdentity(
            caller_arn=sts.get_caller_identity()["Arn"],
            expected_role_arn=zone.verifier_role_arn,
            client=session.client(
                "acm-pca", region_name=authority_region, endpoint_url=self._endpoint_url, config=_CLIENT
            ),
        )
