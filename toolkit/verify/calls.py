"""Calls of AWS that are counted, and repeated while the reason for a failure may pass.

The AWS client's own retries are off: they know neither the zone's deadline nor that somebody wants to stop.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as BotoConnectionError

from toolkit.errors import ToolkitError
from toolkit.verify.aws_responses import NoAnswerError, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolkit.values import Value

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

# botocore/data/_retry.json and the acm-pca model; LimitExceededException is what a CA of its own quota says.
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "LimitExceededException"}
)
SERVER_ERROR = 500
# Full jitter: any pause up to a bound that doubles (AWS Architecture Blog, "Exponential Backoff And Jitter").
_FIRST_BOUND_SECONDS = 0.1
_LAST_BOUND_SECONDS = 4.0
_MOST_ATTEMPTS = 25


class DeadlineError(Exception):
    """Time is up."""


class StoppedError(Exception):
    """Somebody stopped the run: nothing is wrong with what was asked, and nothing more is."""


@dataclass
class Caller:
    """Makes the calls of one zone.

    Attributes:
        deadline: on the clock of :func:`time.monotonic`.
        stop: ends every wait when set.
        counts: calls by operation, repeated ones included.
        zone: for which the calls are made, for logs.
    """

    deadline: float
    stop: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter)
    zone: str = ""

    def ask(self, operation: str, call: Callable[[], _Answer], repeat_seconds: float = math.inf) -> _Answer:
        """Make a call, and again while it is throttled, fails on AWS's side or gets no connection.

        Args:
            operation: what to count it as, such as ``IssueCertificate``.
            call: makes it; must be safe to repeat.
            repeat_seconds: for how long after the first attempt it is.

        Raises:
            ClientError: AWS refuses, or still fails when the time or the attempts are used up.
            BotoCoreError: AWS can't be reached in that time.
            DeadlineError: the time was up before the first attempt.
            StoppedError: somebody stopped the run.
            NoAnswerError: what came is no answer of AWS.
            OSError: a file that the call needs can't be read.
            ToolkitError: something else that the call needs is missing.
        """
        last_repeat = time.monotonic() + repeat_seconds
        for attempt in range(_MOST_ATTEMPTS):
            self.refuse_when_over(operation)
            self.counts[operation] += 1
            try:
                return call()
            except (ClientError, BotoCoreError) as error:
                last = attempt == _MOST_ATTEMPTS - 1
                _require_code(error)
                if last or not may_pass(error):
                    raise
                if not self._wait(attempt) or time.monotonic() > last_repeat:
                    raise
                _log.debug("%s, zone %s: attempt %d is next", operation, self.zone, attempt + 2)
            except (NoAnswerError, DeadlineError, StoppedError, OSError, ToolkitError):
                raise
            except Exception as error:  # noqa: BLE001 - parsers raise KeyError, RecursionError and whatever else
                # Without the message and the cause: half an answer of AssumeRole contains a secret key.
                raise NoAnswerError(f"reading it failed ({type(error).__name__})") from None
        raise AssertionError  # The last attempt returns or raises.

    def refuse_when_over(self, what: str) -> None:
        """Stop where the time is up.

        Raises:
            DeadlineError: it is.
            StoppedError: somebody stopped the run.
        """
        self.refuse_when_stopped(what)
        if self.left <= 0:
            raise DeadlineError(f"{what}: no time is left")

    def refuse_when_stopped(self, what: str) -> None:
        """Stop where nobody waits any longer.

        Raises:
            StoppedError: somebody stopped the run.
        """
        if self.stop.is_set():
            raise StoppedError(f"{what}: the run was stopped")

    @property
    def left(self) -> float:
        """Seconds to the deadline; negative when it is past."""
        return self.deadline - time.monotonic()

    def pause(self, seconds: float) -> bool:
        """Wait; False when the deadline or a stop comes first."""
        left = self.left
        return not self.stop.wait(min(seconds, max(left, 0))) and left > seconds

    def _wait(self, attempt: int) -> bool:
        bound = min(_FIRST_BOUND_SECONDS * 2**attempt, _LAST_BOUND_SECONDS)
        return self.pause(random.uniform(0, bound))  # noqa: S311 - spreads load, hides nothing


def read_part(answer: Mapping[str, Value], name: str) -> str:
    """Return a text of an answer that AWS always gives; what is called an ARN has to look like one.

    Raises:
        NoAnswerError: it is not there, so the answer is not AWS's.
    """
    return read_text(answer, name)


def _require_code(error: Exception) -> None:
    """Make sure that an error of AWS has a code and a message, which callers then use as texts.

    Raises:
        NoAnswerError: it has not; AWS did not send it.
    """
    if isinstance(error, ClientError):
        details: Value = error.response.get("Error")
        if not (isinstance(details, dict) and isinstance(details.get("Code"), str) and details["Code"].strip()):
            raise NoAnswerError("it is an error without a code") from None
        if not isinstance(details.get("Message") or "", str):
            raise NoAnswerError("its error message is no text") from None


def may_pass(error: Exception) -> bool:
    """Whether the same call may succeed a moment later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in THROTTLED or status >= SERVER_ERROR
    # What the AWS client itself would repeat (botocore/retries/standard.py, _TRANSIENT_EXCEPTION_CLS), but for an
    # endpoint whose certificate is not trusted: it will not be a moment later.
    return isinstance(error, BotoConnectionError | HTTPClientError) and not is_not_trusted(error)


def is_not_trusted(error: Exception) -> bool:
    """Whether the endpoint's TLS certificate was refused on this side."""
    return isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
