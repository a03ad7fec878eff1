"""Make AWS calls: count them, and retry temporary failures.

The AWS client's own retries are off, because they ignore the zone's deadline and Ctrl-C.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as BotoConnectionError

from toolkit.errors import ToolkitError
from toolkit.values import Value
from toolkit.verify.aws_responses import NoAnswerError

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

# botocore/data/_retry.json and the acm-pca model. LimitExceededException is AWS Private CA's own quota error.
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "LimitExceededException"}
)
SERVER_ERROR = 500
# Full jitter: any pause up to a bound that doubles (AWS Architecture Blog, "Exponential Backoff And Jitter").
_FIRST_BOUND_SECONDS = 0.1
_LAST_BOUND_SECONDS = 4.0
_MOST_ATTEMPTS = 25


class DeadlineError(Exception):
    """The deadline has passed."""


class StoppedError(Exception):
    """The user stopped the run, so no further calls are made. It is not a failure of the call."""


@dataclass
class Caller:
    """Makes the calls of one zone.

    Attributes:
        deadline: on the clock of :func:`time.monotonic`.
        stop: ends every wait when set.
        counts: calls by operation, repeated ones included.
        zone: the zone's name, for logs.
    """

    deadline: float
    stop: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter)
    zone: str = ""

    def ask(self, operation: str, call: Callable[[], _Answer], repeat_seconds: float = math.inf) -> _Answer:
        """Make a call, and retry it if it is throttled, fails on AWS's side or can't connect.

        Args:
            operation: its name in the counts, such as ``IssueCertificate``.
            call: makes the call; it must be safe to repeat.
            repeat_seconds: how long after the first attempt it is safe to repeat.

        Raises:
            ClientError: AWS returned an error that a retry does not fix, or every attempt failed.
            BotoCoreError: AWS could not be reached in any attempt.
            DeadlineError: the deadline passed before the first attempt.
            StoppedError: the run was stopped.
            NoAnswerError: the response is not from AWS.
            OSError: a file that the call needs can't be read.
            ToolkitError: the call needs something else that is missing.
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
        """Raise if the deadline has passed or the run was stopped.

        Raises:
            DeadlineError: the deadline has passed.
            StoppedError: the run was stopped.
        """
        self.refuse_when_stopped(what)
        if self.left <= 0:
            raise DeadlineError(f"{what}: no time is left")

    def refuse_when_stopped(self, what: str) -> None:
        """Raise if the run was stopped.

        Raises:
            StoppedError: the run was stopped.
        """
        if self.stop.is_set():
            raise StoppedError(f"{what}: the run was stopped")

    @property
    def left(self) -> float:
        """Return the seconds to the deadline; negative if it has passed."""
        return self.deadline - time.monotonic()

    def pause(self, seconds: float) -> bool:
        """Wait for some seconds; return False if the deadline or a stop comes first."""
        left = self.left
        return not self.stop.wait(min(seconds, max(left, 0))) and left > seconds

    def _wait(self, attempt: int) -> bool:
        bound = min(_FIRST_BOUND_SECONDS * 2**attempt, _LAST_BOUND_SECONDS)
        return self.pause(random.uniform(0, bound))  # noqa: S311 - spreads load, hides nothing


def _require_code(error: Exception) -> None:
    """Check that a ClientError's code and message are texts, which callers rely on.

    Raises:
        NoAnswerError: they are not, so the response is not from AWS.
    """
    if isinstance(error, ClientError):
        details: Value = error.response.get("Error")
        if not (isinstance(details, dict) and isinstance(details.get("Code"), str) and details["Code"].strip()):
            raise NoAnswerError("it is an error without a code") from None
        if not isinstance(details.get("Message") or "", str):
            raise NoAnswerError("its error message is not text") from None


def read_code(error: BaseException) -> str:
    """Return the code of an error from AWS, such as ``AccessDenied``; empty for any other error."""
    code: Value = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else ""
    return code if isinstance(code, str) else ""


def read_status(error: BaseException) -> int:
    """Return the HTTP status of an error from AWS; 0 for any other error."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(error, ClientError) else 0


def may_pass(error: Exception) -> bool:
    """Return whether a retry of the same call may succeed."""
    if isinstance(error, ClientError):
        return read_code(error) in THROTTLED or read_status(error) >= SERVER_ERROR
    # The errors that botocore retries (botocore/retries/standard.py, _TRANSIENT_EXCEPTION_CLS), except for an untrusted
    # certificate, which a retry does not fix.
    return isinstance(error, BotoConnectionError | HTTPClientError) and not is_not_trusted(error)


def is_not_trusted(error: Exception) -> bool:
    """Return whether this machine did not trust the endpoint's TLS certificate."""
    return isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
