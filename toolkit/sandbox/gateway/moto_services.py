"""Limit moto to the services of the sandbox.

moto has about 200 services. Some start Docker containers, some call URLs, and its own API at /moto-api clears its
state. Of the listed ones, SNS and EventBridge would post messages to the URLs of subscribers.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING

import moto.events.models
import moto.sns.models
from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.gateway import incoming
from toolkit.values import MotoObject

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


# Signing names.
_IN_MOTO = frozenset({"eks", "events", "iam", "monitoring", "organizations", "s3", "scheduler", "sns", "sts"})
SERVED = _IN_MOTO | {"acm-pca", "eks-auth", "ram"}
# moto's names for services, if they differ from the signing names.
_NAMES = {"monitoring": "cloudwatch"}


def _drop_message(*_: object, **__: object) -> None:
    """Send nothing to a URL."""


class ListedServices(DomainDispatcherApplication):  # type: ignore[misc] # moto is not typed, see pyproject.toml
    """moto's server for the listed services.

    moto guesses the service from Host, path, body and headers. Here only the credential scope determines it, as on AWS.
    """

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        for service in ("batch", "lambda"):
            default_user_config[service] = {"use_docker": False}
        for module in (moto.events.models, moto.sns.models):
            module.requests = types.SimpleNamespace(post=_drop_message, request=_drop_message)

    def get_application(self, environ: WSGIEnvironment) -> MotoObject:
        """Return the application of the service in the request's signature.

        Raises:
            AwsError: ``UnknownOperationException``: moto doesn't serve the request.
        """
        claim = incoming.read_claim(environ)
        # The only unsigned request that reaches this point is AssumeRoleWithWebIdentity.
        name = claim.service if claim else "sts"
        if name not in _IN_MOTO:
            raise AwsError("UnknownOperationException", "The requested operation is not recognized by the service.")
        service = _NAMES.get(name, name)
        with self.lock:
            if service not in self.app_instances:
                self.app_instances[service] = self.create_app(service)
            return self.app_instances[service]
