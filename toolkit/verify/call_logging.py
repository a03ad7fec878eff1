"""Log AWS calls: operation, zone, duration and request ID. Parameters and responses are never logged."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from toolkit.values import Client, Object

_log = logging.getLogger(__name__)
# A key of the context that botocore passes to every handler of one call.
_BEGUN = "toolkit_begun"


def log_calls(client: Client, zone: str) -> None:
    """Log each completed call of a client, if the log level is INFO or lower.

    Args:
        client: a boto3 client.
        zone: the zone that it is used for; empty for none.
    """
    if not _log.isEnabledFor(logging.INFO):
        return

    def begin(context: Object, **_: object) -> None:
        context[_BEGUN] = time.monotonic()

    def end(event_name: str, context: Object, parsed: object, **_: object) -> None:
        metadata, error = _part(parsed, "ResponseMetadata"), _part(parsed, "Error")
        status = " ".join(str(each) for each in (_part(metadata, "HTTPStatusCode"), _part(error, "Code")) if each)
        log(event_name, context, f"{status}, request {_part(metadata, 'RequestId') or 'without an ID'}")

    def fail(event_name: str, context: Object, exception: Exception, **_: object) -> None:
        # Messages of other libraries may quote the request.
        message = f": {exception}" if isinstance(exception, BotoCoreError) else ""
        log(event_name, context, f"{type(exception).__name__}{message}")

    def log(event_name: str, context: Object, outcome: str) -> None:
        # after-call.acm-pca.IssueCertificate
        call = " ".join(event_name.split(".")[1:])
        now = time.monotonic()
        where = f"{call}, zone {zone}" if zone else call
        _log.info("%s: %s, %.0f ms", where, outcome, (now - context.get(_BEGUN, now)) * 1000)

    client.meta.events.register("before-call", begin)
    client.meta.events.register("after-call", end)
    client.meta.events.register("after-call-error", fail)


def _part(answer: object, name: str) -> object:
    """Return a member of an answer; None if the answer is not a mapping, because logging must not fail."""
    return answer.get(name) if isinstance(answer, dict) else None
