"""Get a zone's AWS credentials and make AWS clients with them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from botocore import UNSIGNED
from botocore.config import Config

from toolkit.errors import InvalidInputError
from toolkit.files import read_at_most
from toolkit.pki import arn
from toolkit.redaction import check_characters, know
from toolkit.verify.aws_responses import read_caller_arn, read_credentials
from toolkit.verify.aws_session import CLIENT_CONFIG, AwsSession

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import Zone
    from toolkit.verify.calls import Caller

_log = logging.getLogger(__name__)
Role = Literal["verifier", "zone"]

_SESSION_NAME = "kong-mesh-pca-toolkit-verify"


@dataclass(frozen=True)
class ZoneIdentity:
    """The identity of a zone and its ACM PCA client.

    Attributes:
        caller_arn: the caller's ARN from ``sts:GetCallerIdentity``.
        expected_role_arns: the zone's roles in the contract; the caller must be a session of one of them.
        client: a client for the CA's region, because a zone control plane sends its requests there.
    """

    caller_arn: str
    expected_role_arns: tuple[str, ...]
    client: ACMPCAClient

    def is_expected(self) -> bool:
        """Return whether the caller is a session of an expected role.

        A session's ARN is ``arn:<partition>:sts::<account>:assumed-role/<role name without its path>/<session>``.
        """
        caller = arn.Arn.parse(self.caller_arn)
        for expected in self.expected_role_arns:
            role = arn.ROLE.parse(expected)
            name = role.resource.rpartition("/")[2]
            if caller.account == role.account and caller.resource.startswith(f"assumed-role/{name}/"):
                return True
        return False


class IdentitySource(Protocol):
    """A way to get a zone's identity."""

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Get the zone's identity.

        Args:
            zone: the zone.
            authority_region: the CA's region.
            caller: makes the calls.

        Raises:
            ClientError: AWS returned an error.
            BotoCoreError: AWS can't be reached, or there are no source credentials.
            DeadlineError: the deadline has passed.
            OSError: a file with credentials can't be read.
            ValueError: the response is not from AWS.
        """


class AssumeRole(AwsSession):
    """Assumes one of the zone's roles, from a workstation or CI.

    By default, the zone's own role trusts only the service account of its control plane. The verifier role has the
    same permissions on the CA and is in the same account.

    Args:
        role: the role to assume: the verifier role or the zone's own role.
        profile: of the AWS configuration, for the source credentials; None for the default credential chain.
        endpoint_url: of the AWS endpoints, such as the sandbox's; None for the configured ones.
        credentials: access key ID and secret access key to use instead of the AWS configuration.

    Raises:
        ExternalError: the profile does not exist.
    """

    def __init__(
        self,
        role: Role = "verifier",
        profile: str | None = None,
        endpoint_url: str | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(profile, endpoint_url, credentials)
        self._role = role

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Assume the role in the zone's own region; see :class:`IdentitySource`."""
        role_arn = choose_role(zone, self._role)
        _log.debug("zone %s: assuming %s in %s", zone.name, role_arn, zone.region)
        sts = self.make_client("sts", zone.region, caller)
        taken = caller.ask(
            "AssumeRole",
            lambda: read_credentials(sts.assume_role(RoleArn=role_arn, RoleSessionName=_SESSION_NAME)),
        )
        return _identify(self, zone, authority_region, caller, (role_arn,), taken)


class WebIdentity(AwsSession):
    """Assumes a role with a token of the zone's OIDC provider, as IRSA does.

    Args:
        token_file: the file with the token. It is read for each zone, because Kubernetes renews it.
        role: the role to assume: the verifier role or the zone's own role.
        endpoint_url: of the AWS endpoints, such as the sandbox's; None for the configured ones.
    """

    def __init__(self, token_file: Path, role: Role = "zone", endpoint_url: str | None = None) -> None:
        super().__init__(None, endpoint_url)
        self._token_file = token_file
        self._role = role

    def require_credentials(self) -> None:
        """Check that the token can be read, before any call.

        Raises:
            InvalidInputError: the token can't be read, or the URL of an endpoint is not valid.
        """
        self.check_endpoints()
        self._token()

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Exchange the token in the zone's own region; see :class:`IdentitySource`."""
        role_arn = choose_role(zone, self._role)
        # AssumeRoleWithWebIdentity is not signed: the token authenticates the caller.
        unsigned = CLIENT_CONFIG.merge(Config(signature_version=UNSIGNED))
        sts = self.make_client("sts", zone.region, caller, config=unsigned)
        taken = caller.ask(
            "AssumeRoleWithWebIdentity",
            lambda: read_credentials(
                sts.assume_role_with_web_identity(
                    RoleArn=role_arn, RoleSessionName=_SESSION_NAME, WebIdentityToken=self._token()
                )
            ),
        )
        return _identify(self, zone, authority_region, caller, (role_arn,), taken)

    def _token(self) -> str:
        try:
            token = read_at_most(self._token_file).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not a token"
            # Without the cause, which quotes the file's content.
            raise InvalidInputError(f"can't read the token {self._token_file}: {reason}") from None
        know(token)
        problem = check_characters(token) if token else "is empty"
        if problem:
            raise InvalidInputError(f"the token {self._token_file} {problem}")
        return token


class Ambient(AwsSession):
    """Uses the credentials of the environment, as the control plane does inside the zone.

    They come from the AWS default credential chain: variables, files, the web identity token of IRSA, the container
    endpoints of Pod Identity and ECS, and the instance role. They may be those of the zone's role or of the verifier
    role. The credentials of a profile are used in the same way, without assuming another role.
    """

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Get the identity of the credentials from STS; see :class:`IdentitySource`."""
        return _identify(self, zone, authority_region, caller, zone.role_arns)


def choose_role(zone: Zone, role: Role) -> str:
    """Return the ARN of one of a zone's roles; the zone's own role if it has no verifier role."""
    return zone.verifying_role_arn if role == "verifier" else zone.role_arn


def _identify(
    session: AwsSession,
    zone: Zone,
    authority_region: str,
    caller: Caller,
    expected: tuple[str, ...],
    taken: Mapping[str, str] | None = None,
) -> ZoneIdentity:
    """Get the identity of the credentials from STS in the zone's own region."""
    sts = session.make_client("sts", zone.region, caller, taken)
    caller_arn = caller.ask("GetCallerIdentity", lambda: read_caller_arn(sts.get_caller_identity()))
    return ZoneIdentity(caller_arn, expected, session.make_client("acm-pca", authority_region, caller, taken))
