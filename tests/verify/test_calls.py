"""Calls are counted, and retried only after temporary failures and before the deadline."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import InvalidInputError
from toolkit.verify.aws_responses import NoAnswerError
from toolkit.verify.calls import THROTTLED, Caller, DeadlineError, StoppedError, may_pass
from toolkit.verify.failures import advise


class Impatient(threading.Event):
    """Waits for nothing, and remembers how long it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0.0)
        return self.is_set()


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "IssueCertificate")  # type: ignore[typeddict-item] # as far as it is looked at


def caller(seconds: float = 1000) -> tuple[Caller, Impatient]:
    stop = Impatient()
    return Caller(time.monotonic() + seconds, stop), stop


class Failing:
    """Fails so many times, then answers."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left, self.error = times, error

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise self.error
        return "answer"


@pytest.mark.parametrize("code", sorted(THROTTLED))
def test_throttling_passes(code: str) -> None:
    asks, stop = caller()
    assert asks.ask("IssueCertificate", Failing(5, refusal(code))) == "answer"
    assert asks.counts == {"IssueCertificate": 6}
    assert len(stop.pauses) == 5


@given(st.integers(0, 24))
def test_pauses_lie_anywhere_below_a_bound_that_doubles(times: int) -> None:
    asks, stop = caller()
    assert asks.ask("X", Failing(times, refusal("InternalFailure", 500))) == "answer"
    assert all(0 <= pause <= min(0.1 * 2**number, 4) for number, pause in enumerate(stop.pauses))


def test_pauses_of_many_zones_are_spread() -> None:
    pauses = []
    for _ in range(50):
        asks, stop = caller()
        asks.ask("X", Failing(3, refusal("Throttling")))
        pauses.append(stop.pauses[-1])
    assert len(set(pauses)) == 50
    assert max(pauses) - min(pauses) > 0.1


def test_it_gives_up_in_the_end() -> None:
    asks, _ = caller()
    with pytest.raises(ClientError, match="ThrottlingException"):
        asks.ask("X", Failing(1000, refusal("ThrottlingException")))
    assert asks.counts["X"] == 25


def test_what_does_not_pass_is_not_repeated() -> None:
    for error in (refusal("AccessDeniedException"), NoCredentialsError(), refusal("InvalidStateException")):
        asks, stop = caller()
        with pytest.raises(type(error)):
            asks.ask("X", Failing(1, error))
        assert asks.counts["X"] == 1
        assert stop.pauses == []


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (EndpointConnectionError(endpoint_url="https://x"), True),
        (ConnectTimeoutError(endpoint_url="https://x"), True),
        (ReadTimeoutError(endpoint_url="https://x"), True),
        (SSLError(endpoint_url="https://x", error=OSError("EOF occurred in violation of protocol")), True),
        (SSLError(endpoint_url="https://x", error=OSError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")), False),
        (ParamValidationError(report="wrong"), False),
        (NoCredentialsError(), False),
        (refusal("ServiceUnavailable", 503), True),
        (refusal("RequestInProgressException"), False),
        (ValueError("x"), False),
    ],
)
def test_what_may_pass(error: Exception, passes: bool) -> None:
    assert may_pass(error) is passes


def test_an_endpoint_that_is_not_trusted_has_its_own_advice() -> None:
    error = SSLError(endpoint_url="https://x", error=OSError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"))
    assert "AWS_CA_BUNDLE" in advise(error)
    assert "reaches AWS" in advise(ConnectTimeoutError(endpoint_url="https://x"))


@pytest.mark.parametrize("error", [KeyError("SecretAccessKey"), RecursionError("wJalr"), ValueError("wJalr")])
def test_whatever_a_parser_raises_is_no_answer_of_aws_and_is_not_quoted(error: Exception) -> None:
    asks, _ = caller()
    with pytest.raises(NoAnswerError) as caught:
        asks.ask("X", Failing(1, error))
    assert str(caught.value) == f"the response is not from AWS: reading it failed ({type(error).__name__})"
    assert caught.value.__suppress_context__
    assert asks.counts["X"] == 1


@pytest.mark.parametrize("error", [InvalidInputError("can't read the token"), PermissionError(13, "denied")])
def test_what_is_missing_here_is_said_as_it_is(error: Exception) -> None:
    asks, _ = caller()
    with pytest.raises(type(error)) as caught:
        asks.ask("X", Failing(1, error))
    assert caught.value is error


@pytest.mark.parametrize("parts", [{}, {"Code": ["X"]}, {"Code": ""}, {"Code": "X", "Message": {"a": 1}}])
def test_an_error_without_a_code_is_not_of_aws(parts: Any) -> None:
    asks, _ = caller()
    with pytest.raises(NoAnswerError):
        asks.ask("X", Failing(1, ClientError({"Error": parts}, "IssueCertificate")))


def test_nothing_is_asked_when_the_time_is_up() -> None:
    asks, _ = caller(-1)
    with pytest.raises(DeadlineError, match="IssueCertificate: no time is left"):
        asks.ask("IssueCertificate", Failing(0, BotoCoreError()))
    assert asks.counts == {}


def test_a_stop_ends_the_repeating_with_what_aws_last_said() -> None:
    asks, stop = caller()

    def call() -> Any:
        stop.set()
        raise refusal("ThrottlingException")

    with pytest.raises(ClientError):
        asks.ask("X", call)
    assert asks.counts["X"] == 1
    with pytest.raises(StoppedError):
        asks.ask("X", call)


def test_no_pause_goes_beyond_the_deadline() -> None:
    asks, stop = caller(0.05)
    assert not asks.pause(10)
    assert stop.pauses[0] <= 0.05
