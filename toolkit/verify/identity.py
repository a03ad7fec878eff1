"""Credentials as a zone gets them, and the AWS clients made from them."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

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
from toolkit.verify import bounded_http, known_secrets
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

# Retries are the caller's business (calls.py), which knows the zone's deadline.
_CLIENT = Config(
    connect_timeout=5,
    read_timeout=READ_TIMEOUT_SECONDS,
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=2,
    user_agent_extra=f"kong-mesh-pca-toolkit/{__version__}",
)
_SIGN_IN = "Sign in (aws sso login), name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
# No call is made to it.
_ANY_REGION = "us-east-1"
_SESSION_NAME = "kong-mesh-pca-toolkit-verify"


@dataclass(frozen=True)
class ZoneIdentity:
    """Who asks in a zone's place, and the client that it asks with.

    Attributes:
        caller_arn: what AWS says it is (``sts:GetCallerIdentity``).
        expected_role_arns: the roles that the contract names for it; it must be one of them.
        client: for the CA's region, because that is where a zone control plane sends its requests.
    """

    caller_arn: str
    expected_role_arns: tuple[str, ...]
    client: ACMPCAClient

    def is_expected(self) -> bool:
        """Whether the caller is a session of an expected role.

        AWS shows it as ``arn:<partition>:sts::<account>:assumed-role/<role name without its path>/<session>``.
        """
        caller = arn.Arn.parse(self.caller_arn)
        for expected in self.expected_role_arns:
            role = arn.ROLE.parse(expected)
            name = role.resource.rpartition("/")[2]
            if caller.account == role.account and caller.resource.startswith(f"assumed-role/{name}/"):
                return True
        return False


class IdentitySource(Protocol):
    """One way to become what a zone is."""

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Take the zone's identity.

        Args:
            zone: whose identity to take.
            authority_region: region of the CA that will be asked.
            caller: makes the calls.

        Raises:
            ClientError: AWS refuses.
            BotoCoreError: AWS can't be reached, or there are no credentials to start from.
            DeadlineError: time is up.
            OSError: a file that the credentials are in can't be read.
            ValueError: what came is no answer of AWS.
        """


class _Clients:
    """Clients of one AWS. Their models are read once: a session of its own for every zone would read them again.

    Args:
        profile: of the AWS configuration; None means the default credential chain.
        endpoint_url: of another AWS, such as the sandbox; None means the one of the environment.
        credentials: access key and secret instead of any configuration.
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
        # A session of boto3 must not make clients in two threads at once (boto3 guide, "Multithreading").
        self._lock = threading.Lock()

    def has_credentials(self) -> bool:
        """Whether there is something to start from."""
        credentials = self._session.get_credentials()
        known_secrets.require_usable(credentials)
        return credentials is not None

    def check_endpoints(self) -> None:
        """Check the URLs of the endpoints, wherever they are set, before any zone is asked.

        Raises:
            InvalidInputError: botocore takes no such URL.
        """
        session: Value = self._session
        where = "--endpoint-url" if self._endpoint_url is not None else "AWS_ENDPOINT_URL or the AWS profile"
        for service in ("sts", "acm-pca"):
            try:
                client = session.client(
                    service, region_name=_ANY_REGION, endpoint_url=self._endpoint_url, config=_CLIENT
                )
                url = client.meta.endpoint_url
                problem = _url_problem(url)
                client.close()
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
                    "Write http:// or https://, a host, and a port if it is another one: http://127.0.0.1:4566.",
                )

    def make(
        self,
        service: str,
        region: str,
        caller: Caller,
        taken: Mapping[str, str] | None = None,
        config: Config = _CLIENT,
    ) -> Client:
        """A client, with the session's credentials or with those of a role.

        Args:
            service: ``sts`` or ``acm-pca``.
            region: where to ask.
            caller: makes the calls; its deadline is the client's.
            taken: the ``Credentials`` of an answer of STS.
            config: other than the usual one.

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
        """Ask AWS who those credentials are, in the zone's own region."""
        sts = self.make("sts", zone.region, caller, taken)
        caller_arn = caller.ask("GetCallerIdentity", lambda: read_caller_arn(sts.get_caller_identity()))
        return ZoneIdentity(caller_arn, expected, self.make("acm-pca", authority_region, caller, taken))


class _Configured:
    """A source that starts from credentials of the AWS configuration.

    Args:
        profile: of the AWS configuration; None means the default credential chain.
        endpoint_url: of another AWS, such as the sandbox; None means the one of the environment.
        credentials: access key and secret instead of any configuration.

    Raises:
        ExternalError: the profile is not there.
    """

    def __init__(
        self,
        profile: str | None = None,
        endpoint_url: str | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self._clients = _clients(profile, endpoint_url, credentials)

    def require_credentials(self) -> None:
        """Look for credentials, before any zone is asked.

        Raises:
            ExternalError: there are none.
            InvalidInputError: the URL of an endpoint is not valid.
        """
        self._clients.check_endpoints()
        try:
            has_credentials = self._clients.has_credentials()
        except ToolkitError:
            raise
        # They may come from a program or a server of anybody's, through any of botocore's dozen providers.
        except Exception as error:
            raise _not_loaded(error) from error
        if not has_credentials:
            raise ExternalError("there are no AWS credentials", _SIGN_IN)

    def make_client(self, service: str, region: str, caller: Caller) -> Client:
        """Make a client with the credentials of the configuration; see :meth:`_Clients.make`."""
        return self._clients.make(service, region, caller)


class AssumeRole(_Configured):
    """From a workstation or CI: assume the role that the contract names for the zone.

    The zone's own role trusts only the service account of its control plane, so nobody else can take it unless the
    stack says so; the verifier role has the same permissions on the CA and is in the same account.

    Args:
        role: which of the two.
        profile: of the AWS configuration to start from; None means the default credential chain.
        endpoint_url: of another AWS, such as the sandbox; None means the one of the environment.
        credentials: access key and secret to start from instead of any configuration.

    Raises:
        ExternalError: the profile is not there.
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
    """With a token of the zone's OIDC provider, the way IRSA does it.

    Args:
        token_file: the token; read for every zone, since Kubernetes renews it.
        role: which of the zone's roles to take.
        endpoint_url: of another AWS.
    """

    def __init__(self, token_file: Path, role: Role = "zone", endpoint_url: str | None = None) -> None:
        self._token_file = token_file
        self._role = role
        self._clients = _clients(None, endpoint_url, None)

    def require_credentials(self) -> None:
        """Read the token, before any zone is asked.

        Raises:
            InvalidInputError: it can't be read, or the URL of an endpoint is not valid.
        """
        self._clients.check_endpoints()
        self._token()

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Exchange the token in the zone's own region; see :class:`IdentitySource`."""
        role_arn = choose_role(zone, self._role)
        # The call is not signed: the token is the proof.
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
            reason = getattr(error, "strerror", None) or "it is no token"
            # The cause would carry what was read.
            raise InvalidInputError(f"can't read the token {self._token_file}: {reason}") from None
        know(token)
        problem = check_characters(token) if token else "is empty"
        if problem:
            raise InvalidInputError(f"the token {self._token_file} {problem}")
        return token


class Ambient(_Configured):
    """Inside the zone: whatever the environment gives, as the control plane itself gets it.

    That is the AWS default credential chain: variables, files, the web identity token of IRSA, Pod Identity and ECS
    through their container endpoints, the machine's role. It may be the zone's role or the verifier's. A profile of the
    AWS configuration is taken as it is in the same way.
    """

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Ask AWS who this is; see :class:`IdentitySource`."""
        return self._clients.identity(zone, authority_region, caller, zone.role_arns)


def choose_role(zone: Zone, role: Role) -> str:
    """The ARN of one of a zone's roles; its own one where it has no verifier role."""
    return zone.verifying_role_arn if role == "verifier" else zone.role_arn


def _clients(profile: str | None, endpoint_url: str | None, credentials: tuple[str, str] | None) -> _Clients:
    try:
        return _Clients(profile, endpoint_url, credentials)
    except ToolkitError:
        raise
    except Exception as error:
        raise _not_loaded(error) from error


def _url_problem(url: str) -> str:
    """Return what is wrong with an endpoint's URL; botocore itself looks at the host alone.

    Raises:
        ValueError: the port is no number, or too large a one.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{arn.quote(url)} is no URL of a web server"
    if parts.username is not None or parts.query or parts.fragment:
        return "a user, a query or a fragment has no meaning in it"
    return "" if parts.port != 0 else "port 0 is none"


def _not_loaded(error: Exception) -> ExternalError:
    """Return the error for credentials that can't be loaded."""
    # A message that nobody knows may quote the file.
    reason = flatten(error) if isinstance(error, BotoCoreError | OSError | NoAnswerError) else type(error).__name__
    return ExternalError(f"can't load AWS credentials: {reason}", _SIGN_IN)
