"""The service as a whole: a request in, a response out, whatever happens between."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.private_ca import protocol
from toolkit.sandbox.private_ca.authority_operations import Authorities
from toolkit.sandbox.private_ca.certificate_operations import Certificates
from toolkit.sandbox.private_ca.registry import NoStorage, Registry
from toolkit.sandbox.private_ca.sharing_operations import Sharing

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.sandbox.parameters import Params
    from toolkit.sandbox.private_ca.protocol import Response
    from toolkit.sandbox.private_ca.registry import Caller, Storage

_log = logging.getLogger(__name__)


class PrivateCaService:
    """All private CAs of all accounts and regions.

    Attributes:
        registry: the state; its delays may be changed while the service runs.

    Args:
        clock: tells the time, aware of its zone.
        storage: the S3 for CRLs and audit reports.
    """

    def __init__(
        self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), storage: Storage | None = None
    ) -> None:
        self.registry = Registry(clock, storage or NoStorage())
        rooms = (Authorities(self.registry), Certificates(self.registry), Sharing(self.registry))
        self._operations: dict[str, Callable[[Caller, Params], Params | None]] = {
            name: getattr(room, name) for room in rooms for name in dir(room) if not name.startswith("_")
        }

    def handle(self, caller: Caller, target: str, body: bytes, *, cbor: bool = False) -> Response:
        """Answer one call; never raises.

        Args:
            caller: who asks.
            target: the ``X-Amz-Target`` header, for example ``ACMPrivateCA.IssueCertificate``.
            body: JSON or CBOR.
            cbor: whether it is CBOR, and so the answer.
        """
        try:
            operation = protocol.operation(target)
            params = protocol.decode(operation, body, cbor=cbor)
            self.registry.authorize(caller, operation.name, params)
            result = self._operations[_snake(operation.name)](caller, params)
            # The AWS Private CA API reference calls it "an HTTP 200 response with an empty HTTP body".
            return protocol.without_output(cbor=cbor) if result is None else protocol.encode(result, cbor=cbor)
        except AwsError as error:
            return protocol.refusal(error, cbor=cbor)
        except Exception:  # noqa: BLE001 - a traceback must never reach the client, whatever the defect
            _log.exception("%s failed", target)
            return protocol.refusal(AwsError("InternalFailure", "The sandbox has a defect.", 500), cbor=cbor)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
