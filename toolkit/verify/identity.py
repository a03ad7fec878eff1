"""Get a zone's AWS credentials and make AWS clients with them."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.utils import get_environ_proxies

from toolkit import __version__
from toolkit.errors import ExternalError, InvalidInputError, Problem, ToolkitError, flatten
from toolkit.files import read_at_most
from toolkit.network_settings import require_ca_bundle, require_key_log, require_proxy
from toolkit.pki import arn
from toolkit.redaction import check_characters, know, know_sts_credentials
from toolkit.verify import bounded_http, endpoints, known_secrets
from toolkit.verify.aws_responses import NoAnswerError, read_caller_arn, read_credentials
from toolkit.verify.bounded_http import READ_TIMEOUT_SECONDS
from toolkit.verify.call_logging import log_calls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import Zone
    from toolkit.values import Client, Object, Value
    from toolkit.verify.calls import Caller

_log = logging.getLogger(__name__)
Role = Literal["verifier", "zone"]

# calls.py does the retries, because it knows the zone's deadline.
_CLIENT = Config(
    connect_timeout=5,
    read_timeout=READ_TIMEOUT_SECONDS,
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=2,
    user_agent_extra=f"kong-mesh-pca-toolkit/{__version__}",
)
_SIGN_IN = "Sign in (aws sso login), name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
# Clients in this region only resolve endpoints; no call is made.
_ANY_REGION = "us-east-1"
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


class _Clients:
    """Makes the clients of all zones from one session, because each session would read botocore's models again.

    Args:
        profile: of the AWS configuration; None for the default credential chain.
        endpoint_url: of the AWS endpoints, such as the sandbox's; None for the configured ones.
        credentials: access key ID and secret access key to use instead of the AWS configuration.
    """

    def __init__(
        self,
        profile: str | None = None,
        endpoint_url: str | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        require_ca_bundle(os.environ)
        require_key_log(os.environ)
        key, secret = credentials or (None, None)
        self._session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, profile_name=profile)
        known_secrets.watch(self._session)
        bounded_http.watch(self._session)
        self._endpoint_url = endpoint_url
        # URLs by service; check_endpoints fills it.
        self.endpoints: dict[str, str] = {}
        # boto3 sessions are not thread-safe when they make clients (boto3 guide, "Multithreading").
        self._lock = threading.Lock()

    def has_credentials(self) -> bool:
        """Return whether the session finds credentials."""
        credentials = self._session.get_credentials()
        known_secrets.require_usable(credentials)
        return credentials is not None

    def check_endpoints(self) -> None:
        """Check the URLs of the endpoints, from every place they can be set, before any call.

        Raises:
            InvalidInputError: a URL is not valid.
        """
        session: Value = self._session
        where = "--endpoint-url" if self._endpoint_url is not None else "AWS_ENDPOINT_URL or the AWS profile"
        for service in ("sts", "acm-pca"):
            try:
                client = session.client(
                    service, region_name=_ANY_REGION, endpoint_url=self._endpoint_url, config=_CLIENT
                )
                url = client.meta.endpoint_url
                problem = endpoints.find_problem(url)
                client.close()
                self.endpoints[service] = url
                kind = url.partition("://")[0]
                require_proxy(get_environ_proxies(url).get(kind), f"{kind.upper()}_PROXY")
            except ValueError as error:
                problem = flatten(error)
            except BotoCoreError as error:
                raise _not_loaded(error) from error
            if problem:
                raise InvalidInputError(
                    "the URL of the AWS endpoint is not valid",
                    [Problem(where, problem)],
                    "Write http:// or https://, a host, and a port if needed: http://127.0.0.1:4566.",
                )

    def make(
        self,
        service: str,
        region: str,
        caller: Caller,
        taken: Mapping[str, str] | None = None,
        config: Config = _CLIENT,
    ) -> Client:
        """Make a client with the session's credentials or with those of an assumed role.

        Args:
            service: ``sts`` or ``acm-pca``.
            region: of the service.
            caller: makes the calls; its deadline is the client's.
            taken: the ``Credentials`` of an STS response; None for the session's.
            config: replaces the default configuration.

        Raises:
            BotoCoreError: the configuration is not valid.
            ValueError: the endpoint's URL is not valid.
        """
        keys: Object = {}
        if taken is not None:
            know_sts_credentials(taken)
            keys = {
                "aws_access_key_id": taken["AccessKeyId"],
                "aws_secret_access_key": taken["SecretAccessKey"],
                "aws_session_token": taken["SessionToken"],
            }
        session: Value = self._session
        with self._lock:
            client = session.client(service, region_name=region, endpoint_url=self._endpoint_url, config=config, **keys)
        client.end_by(caller.deadline)
        log_calls(client, caller.zone)
        return client

    def identity(
        self,
        zone: Zone,
        authority_region: str,
        caller: Caller,
        expected: tuple[str, ...],
        taken: Mapping[str, str] | None = None,
    ) -> ZoneIdentity:
        """Get the identity of the credentials from STS in the zone's own region."""
        sts = self.make("sts", zone.region, caller, taken)
        caller_arn = caller.ask("GetCallerIdentity", lambda: read_caller_arn(sts.get_caller_identity()))
        return ZoneIdentity(caller_arn, expected, self.make("acm-pca", authority_region, caller, taken))


class _Configured:
    """A source that uses credentials of the AWS configuration.

    Args:
        profile: of the AWS configuration; None for the default credential chain.
        endpoint_url: of the AWS endpoints, such as the sandbox's; None for the configured ones.
        credentials: access key ID and secret access key to use instead of the AWS configuration.

    Raises:
        ExternalError: the profile does not exist.
    """

    def __init__(
        self,
        profile: str | None = None,
        endpoint_url: str | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self._clients = _clients(profile, endpoint_url, credentials)
        self.endpoints = self._clients.endpoints

    def require_credentials(self) -> None:
        """Check that there are credentials, before any call.

        Raises:
            ExternalError: no credentials were found, or they can't be loaded.
            InvalidInputError: the URL of an endpoint is not valid.
        """
        self._clients.check_endpoints()
        try:
            has_credentials = self._clients.has_credentials()
        except ToolkitError:
            raise
        # botocore has a dozen providers, some of which run other programs, so any exception is possible.
        except Exception as error:
            raise _not_loaded(error) from error
        if not has_credentials:
            raise ExternalError("there are no AWS credentials", _SIGN_IN)

    def make_client(self, service: str, region: str, caller: Caller) -> Client:
        """Make a client with the credentials of the configuration; see :meth:`_Clients.make`."""
        return self._clients.make(service, region, caller)


class AssumeRole(_Configured):
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
        sts = self._clients.make("sts", zone.region, caller)
        taken = caller.ask(
            "AssumeRole",
            lambda: read_credentials(sts.assume_role(RoleArn=role_arn, RoleSessionName=_SESSION_NAME)),
        )
        return self._clients.identity(zone, authority_region, caller, (role_arn,), taken)


class WebIdentity:
    """Assumes a role with a token of the zone's OIDC provider, as IRSA does.

    Args:
        token_file: the file with the token. It is read for each zone, because Kubernetes renews it.
        role: the role to assume: the verifier role or the zone's own role.
        endpoint_url: of the AWS endpoints, such as the sandbox's; None for the configured ones.
    """

    def __init__(self, token_file: Path, role: Role = "zone", endpoint_url: str | None = None) -> None:
        self._token_file = token_file
        self._role = role
        self._clients = _clients(None, endpoint_url, None)
        self.endpoints = self._clients.endpoints

    def require_credentials(self) -> None:
        """Check that the token can be read, before any call.

        Raises:
            InvalidInputError: the token can't be read, or the URL of an endpoint is not valid.
        """
        self._clients.check_endpoints()
        self._token()

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Exchange the token in the zone's own region; see :class:`IdentitySource`."""
        role_arn = choose_role(zone, self._role)
        # AssumeRoleWithWebIdentity is not signed: the token authenticates the caller.
        unsigned = _CLIENT.merge(Config(signature_version=UNSIGNED))
        sts = self._clients.make("sts", zone.region, caller, config=unsigned)
        taken = caller.ask(
            "AssumeRoleWithWebIdentity",
            lambda: read_credentials(
                sts.assume_role_with_web_identity(
                    RoleArn=role_arn, RoleSessionName=_SESSION_NAME, WebIdentityToken=self._token()
                )
            ),
        )
        return self._clients.identity(zone, authority_region, caller, (role_arn,), taken)

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


class Ambient(_Configured):
    """Uses the credentials of the environment, as the control plane does inside the zone.

    They come from the AWS default credential chain: variables, files, the web identity token of IRSA, the container
    endpoints of Pod Identity and ECS, and the instance role. They may be those of the zone's role or of the verifier
    role. The credentials of a profile are used in the same way, without assuming another role.
    """

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Get the identity of the credentials from STS; see :class:`IdentitySource`."""
        return self._clients.identity(zone, authority_region, caller, zone.role_arns)


def choose_role(zone: Zone, role: Role) -> str:
    """Return the ARN of one of a zone's roles; the zone's own role if it has no verifier role."""
    return zone.verifying_role_arn if role == "verifier" else zone.role_arn


def _clients(profile: str | None, endpoint_url: str | None, credentials: tuple[str, str] | None) -> _Clients:
    try:
        return _Clients(profile, endpoint_url, credentials)
    except ToolkitError:
        raise
    except Exception as error:
        raise _not_loaded(error) from error


def _not_loaded(error: Exception) -> ExternalError:
    """Return the error for credentials that can't be loaded."""
    # Messages of other exceptions may quote the credentials file.
    reason = flatten(error) if isinstance(error, BotoCoreError | OSError | NoAnswerError) else type(error).__name__
    return ExternalError(f"can't load AWS credentials: {reason}", _SIGN_IN)
