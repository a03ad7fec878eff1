"""Inject faults between a zone and AWS, reproducibly.

A fault plan is a YAML file or a value made in a test::

    seed: 7
    quotas: aws                      # or requests a second by operation: {IssueCertificate: 25}
    faults:
      - effect: throttle             # ThrottlingException
        operation: IssueCertificate
        probability: 0.5
      - effect: unreachable          # this zone never gets a response
        role: verifier-ireland-1-*
"""

from __future__ import annotations

import fnmatch
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from toolkit.contract import list_validation_problems
from toolkit.errors import InvalidInputError
from toolkit.files import read_text
from toolkit.sandbox.aws_error import AwsError
from toolkit.yamltext import parsing

if TYPE_CHECKING:
    from pathlib import Path

Effect = Literal["throttle", "latency", "reset", "error", "unreachable", "expired-credentials"]

# Requests a second per account and region, from the last table that AWS published
# (awsdocs/aws-private-ca-user-guide@f7de21f:doc_source/PcaLimits.md, 2020). Service Quotas has the current values.
AWS_QUOTAS: dict[str, float] = {
    "IssueCertificate": 25,
    "GetCertificate": 75,
    "DescribeCertificateAuthority": 20,
    "GetCertificateAuthorityCertificate": 20,
    "CreateCertificateAuthority": 1,
    "CreatePermission": 1,
    "DeletePermission": 1,
    "GetCertificateAuthorityCsr": 10,
    "ImportCertificateAuthorityCertificate": 10,
    "UpdateCertificateAuthority": 10,
    "DeleteCertificateAuthority": 10,
    "TagCertificateAuthority": 10,
    "UntagCertificateAuthority": 10,
    "ListPermissions": 5,
    "RevokeCertificate": 20,
    "RestoreCertificateAuthority": 20,
    "ListCertificateAuthorities": 20,
    "ListTags": 20,
    "DescribeCertificateAuthorityAuditReport": 20,
    "CreateCertificateAuthorityAuditReport": 1,
}
# By HTTP status (AWS Private CA API reference, "Common errors").
_ERROR_CODES = {500: "InternalFailure", 503: "ServiceUnavailable"}


class ConnectionLostError(Exception):
    """The connection must be reset without a response."""


@dataclass(frozen=True)
class Call:
    """One call, with the properties that fault patterns match.

    Attributes:
        service: ``acm-pca``, ``sts``, ``ram``, ``eks`` or ``eks-auth``.
        operation: for example ``IssueCertificate`` or ``AssumeRole``.
        account: the caller's account.
        region: the region in the request's signature.
        role: name of the caller's role, or of the role to assume; empty for the administrator.
    """

    service: str
    operation: str
    account: str
    region: str
    role: str = ""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fault(_Model):
    """One fault and the calls that it affects; patterns are shell patterns.

    Attributes:
        effect: what happens to the call.
        operation: pattern of operations; STS has ``AssumeRole`` and ``GetCallerIdentity``.
        region: pattern of the region in the request's signature.
        account: pattern of the caller's account.
        role: pattern of the caller's role name, or of the role to assume.
        probability: the share of matching calls that fail, 0 to 1.
        seconds: the latency.
        status: the HTTP status of an error.
        times: affect only the first N matching calls; None for all.
    """

    effect: Effect
    operation: str = "*"
    region: str = "*"
    account: str = "*"
    role: str = "*"
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    seconds: Annotated[float, Field(ge=0, le=600)] = 0.0
    status: Literal[500, 503] = 503
    times: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _latency_has_a_length(self) -> Self:
        if (self.effect == "latency") != (self.seconds > 0):
            raise ValueError("seconds is required for the effect latency, and for no other effect")
        return self

    def concerns(self, call: Call) -> bool:
        """Return whether the fault's patterns match the call."""
        pairs = ((call.operation, self.operation), (call.region, self.region), (call.account, self.account))
        return all(fnmatch.fnmatchcase(*pair) for pair in (*pairs, (call.role, self.role)))


class FaultPlan(_Model):
    """A fault plan.

    Attributes:
        seed: the same seed and the same calls give the same faults, in any order of threads.
        quotas: ``aws`` for AWS's published table, or requests a second by operation; empty for none.
        faults: applied in this order; latencies add up, the first other effect ends the call.
    """

    seed: int = 0
    quotas: Literal["aws"] | dict[str, Annotated[float, Field(gt=0)]] = {}
    faults: tuple[Fault, ...] = ()

    @property
    def requests_a_second(self) -> dict[str, float]:
        """Return the quotas as requests a second by operation."""
        return AWS_QUOTAS if self.quotas == "aws" else dict(self.quotas)


def read_plan(path: Path) -> FaultPlan:
    """Read a plan from a YAML file.

    Raises:
        InvalidInputError: the file can't be read or the plan is invalid; lists every problem with its path.
    """
    try:
        return FaultPlan.model_validate(parsing.load(read_text(str(path)), str(path)))
    except ValidationError as error:
        raise InvalidInputError(f"{path} is not a valid fault plan", list_validation_problems(error)) from error


class Faults:
    """Applies a plan to calls.

    Args:
        plan: the fault plan.
        now: returns seconds of a monotonic clock.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        plan: FaultPlan | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.plan = plan or FaultPlan()
        self._now = now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._counts: dict[tuple[int, Call], int] = {}
        self._hits: dict[int, int] = {}
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}

    def apply(self, call: Call) -> None:
        """Let the call through, delay it or fail it.

        Raises:
            AwsError: the error that AWS would return.
            ConnectionLostError: the client gets no response.
        """
        for index, fault in enumerate(self.plan.faults):
            if fault.concerns(call) and self._strikes(index, fault, call):
                if fault.effect == "latency":
                    self._sleep(fault.seconds)
                else:
                    _end(fault)
        self._take_token(call)

    def _strikes(self, index: int, fault: Fault, call: Call) -> bool:
        with self._lock:
            number = self._counts[index, call] = self._counts.get((index, call), 0) + 1
            if _chance(self.plan.seed, index, call, number) >= fault.probability:
                return False
            self._hits[index] = self._hits.get(index, 0) + 1
            return fault.times is None or self._hits[index] <= fault.times

    def _take_token(self, call: Call) -> None:
        rate = self.plan.requests_a_second.get(call.operation) if call.service == "acm-pca" else None
        if rate is None:
            return
        with self._lock:
            # AWS counts per account, region and API, never per CA (AWS Private CA quotas).
            bucket = self._buckets.setdefault((call.account, call.region, call.operation), _Bucket(rate, self._now()))
            if not bucket.take(self._now()):
                _throttle()


class _Bucket:
    """A token bucket with a capacity of one second's requests."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._size = max(rate, 1.0)
        self._tokens = self._size
        self._then = now

    def take(self, now: float) -> bool:
        self._tokens = min(self._size, self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _chance(seed: int, index: int, call: Call, number: int) -> float:
    """Return a number from 0 to 1, derived from the call, so that the order of threads does not matter."""
    digest = hashlib.sha256(f"{seed}|{index}|{call}|{number}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _end(fault: Fault) -> NoReturn:
    if fault.effect in ("reset", "unreachable"):
        raise ConnectionLostError
    if fault.effect == "throttle":
        _throttle()
    if fault.effect == "expired-credentials":
        raise AwsError("ExpiredTokenException", "The security token included in the request is expired")
    message = "The request processing has failed because of an internal error."
    raise AwsError(_ERROR_CODES[fault.status], message, fault.status)


def _throttle() -> NoReturn:
    raise AwsError("ThrottlingException", "Rate exceeded")
