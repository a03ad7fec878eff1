"""Logs the calls of AWS clients: operation, zone, duration and request ID; never parameters, nor what AWS returns."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from toolkit.values import Client, Object

_log = logging.getLogger(__name__)
# Of the dictionary that botocore hands to every handler of one call.
_BEGUN = "toolkit_begun"


def log_calls(client: Client, zone: str) -> None:
    """Log each call of a client that ends, if anybody reads it.

    Args:
        client: of boto3.
        zone: for which it calls; empty for none.
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
        # Only botocore's own messages are known not to quote what was sent.
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
    """Return a part of what may be a mapping: what is no answer of AWS must not break a log."""
    return answer.get(name) if isinstance(answer, dict) else None
