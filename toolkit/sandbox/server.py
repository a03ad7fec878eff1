"""Run the emulated AWS: moto's server on a free loopback port, with the sandbox's own AWS Private CA in front.

moto serves IAM, STS, S3 and others. Calls to acm-pca go to :mod:`toolkit.sandbox.private_ca`, because moto's acm-pca
ignores key algorithm, validity, templates and state. The sandbox also has its own RAM and Pod Identity.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import boto3
from moto.core.base_backend import BackendDict

from toolkit.errors import ExternalError
from toolkit.sandbox import organizations, principals
from toolkit.sandbox.faults import Faults
from toolkit.sandbox.gateway.gate import Gate
from toolkit.sandbox.gateway.listener import PatientServer
from toolkit.sandbox.gateway.moto_services import ListedServices
from toolkit.sandbox.pod_identity import PodIdentity
from toolkit.sandbox.principals import ADMINISTRATOR_KEY
from toolkit.sandbox.private_ca import PrivateCaService
from toolkit.sandbox.ram.share_operations import Ram
from toolkit.sandbox.state import Keeper

if TYPE_CHECKING:
    from pathlib import Path

_LOOPBACK = "127.0.0.1"
# moto's state is per process, so a process can run only one sandbox at a time.
_only_one = threading.Lock()


class Sandbox:
    """An emulated AWS that runs as long as its ``with`` block.

    Args:
        private_ca: the service for acm-pca; a new one by default.
        faults: the injected faults; none by default.
        port: the loopback port; 0 for a free one.
        state: a directory that keeps the state between sandboxes; None keeps nothing.
        account: the administrator's account, twelve digits; moto's default account by default.

    Attributes:
        private_ca: the service, for tests that inspect it.
        faults: the injected faults; may be replaced while the sandbox runs.
        ram: the shares with other accounts.
        pod_identity: the Pod Identity associations of EKS clusters.

    Example:
        >>> with Sandbox() as aws:  # doctest: +SKIP
        ...     aws.session("eu-central-1").client("sts").get_caller_identity()
    """

    def __init__(
        self,
        private_ca: PrivateCaService | None = None,
        faults: Faults | None = None,
        port: int = 0,
        state: Path | None = None,
        account: str | None = None,
    ) -> None:
        self.private_ca = private_ca or PrivateCaService()
        self.ram = Ram(self.private_ca.registry)
        self.private_ca.registry.find_shared_policies = self.ram.directory.find_policies
        self.pod_identity = PodIdentity(self.private_ca.registry.clock)
        self.faults = faults or Faults()
        self._port = port
        self._account = account
        self._keeper = Keeper(state, self.private_ca.registry, self.ram, self.pod_identity) if state else None
        self._server: PatientServer | None = None

    def __enter__(self) -> Self:
        """Start to listen.

        Raises:
            ExternalError: another sandbox runs in this process or uses the state directory, or the port is not free.
            InvalidInputError: the state can't be read; it is not changed.
        """
        if not _only_one.acquire(blocking=False):
            raise ExternalError("a sandbox already runs in this process", "Use that one, or a second process.")
        with ExitStack() as running:
            running.callback(_only_one.release)
            running.callback(_forget_everything)
            if self._keeper:
                running.callback(self._keeper.stop)
            self._start(running)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, close the state directory and clear all state in memory."""
        self._running.close()

    @property
    def endpoint_url(self) -> str:
        """Return the URL for ``AWS_ENDPOINT_URL`` and ``--endpoint-url``."""
        if self._server is None:
            raise RuntimeError("the sandbox does not listen yet")
        return f"http://{_LOOPBACK}:{self._server.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that point an AWS client at the sandbox; the keys are valid only there."""
        key, secret = self.credentials
        return {"AWS_ENDPOINT_URL": self.endpoint_url, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}

    @property
    def credentials(self) -> tuple[str, str]:
        """Return access key and secret of the sandbox's administrator."""
        # Signatures are not checked.
        return ADMINISTRATOR_KEY, "sandbox"

    def session(self, region: str) -> boto3.Session:
        """Return an administrator's session in the sandbox's account; give its clients :attr:`endpoint_url`."""
        return boto3.Session(*self.credentials, region_name=region)

    def service_session(self, service: str, role_arn: str, region: str, context: Mapping[str, str]) -> boto3.Session:
        """Return a session of a role that a service assumes for a machine or a task.

        Give its clients :attr:`endpoint_url`.

        Args:
            service: the service principal: ``ec2.amazonaws.com``, ``ecs-tasks.amazonaws.com``.
            role_arn: the role; for EC2 it must be in an instance profile.
            region: the session's region.
            context: the condition keys that the service sends: ``aws:SourceAccount``, ``aws:SourceArn``.

        Raises:
            AwsError: ``AccessDenied``: the role's trust policy does not let the service assume it.
        """
        principals.check_service(service, role_arn, context, {})
        taken = principals.open_session(role_arn, f"{service.partition('.')[0]}-{uuid.uuid4().hex}", region, {})
        return boto3.Session(taken.access_key_id, taken.secret_access_key, taken.session_token, region)

    def _start(self, running: ExitStack) -> None:
        _forget_everything()
        if self._account is not None:
            principals.give_account(self._account)
        # Bind the socket here, because werkzeug ends the process if a port is taken. Bind it first, so that nothing
        # else has started if that fails.
        with _listen(self._port) as listener:
            own = (self.private_ca, self.ram.service, *self.pod_identity.services)
            moto, keeper, registry = ListedServices(), self._keeper, self.private_ca.registry
            if keeper:
                gate = Gate(own, keeper.start(moto), registry, lambda: self.faults, keeper.change)
            else:
                gate = Gate(own, moto, registry, lambda: self.faults)
            self._server = PatientServer(listener, gate)
        thread = threading.Thread(target=self._server.serve, name="sandbox", daemon=True)
        thread.start()
        running.callback(thread.join)
        running.callback(self._server.shutdown)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((_LOOPBACK, port), backlog=1024)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = "Choose another --port, or none for a free one."
        raise ExternalError(f"can't listen on {_LOOPBACK}:{port}: {reason}", hint) from error


def _forget_everything() -> None:
    """Clear moto's process-wide state, so that no sandbox sees another one's roles."""
    BackendDict.reset()
    organizations.forget()
