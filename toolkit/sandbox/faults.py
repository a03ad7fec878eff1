"""What can go wrong between a zone and AWS, on purpose and reproducibly.

A plan of faults is a YAML file or a value made in a test::

    seed: 7
    quotas: aws                      # or requests a second by operation: {IssueCertificate: 25}
    faults:
      - effect: throttle             # ThrottlingException
        operation: IssueCertificate
        probability: 0.5
      - effect: unreachable          # nothing is ever answered to this zone
        role: verifier-ireland-1-*
"""

from __future__ import annotations

import fnmatch
import hashlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from toolkit.contract import list_validation_problems
from toolkit.errors import InvalidInputError
from toolkit.files import read_text
from toolkit.sandbox.aws_error import AwsError
from toolkit.yamltext import parsing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

Effect = Literal["throttle", "latency", "reset", "error", "unreachable", "expired-credentials"]

# Requests a second per account and region: the last table that AWS published
# (awsdocs/aws-private-ca-user-guide@f7de21f:doc_source/PcaLimits.md, 2020); Service Quotas has today's.
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
    """The connection is to be reset without an answer."""


@dataclass(frozen=True)
class Call:
    """One call, as far as faults look at it.

    Attributes:
        service: ``acm-pca``, ``sts``, ``ram``, ``eks`` or ``eks-auth``, which the sandbox answers or guards.
        operation: for example ``IssueCertificate`` or ``AssumeRole``.
        account: of the caller.
        region: that the request was signed for.
        role: name of the caller's role, or of the role that it wants to assume; empty for the administrator.
    """

    service: str
    operation: str
    account: str
    region: str
    role: str = ""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fault(_Model):
    """One thing that goes wrong, and for whom; patterns are those of a shell.

    Attributes:
        effect: what happens.
        operation: which calls; STS has ``AssumeRole`` and ``GetCallerIdentity``.
        region: for requests signed for it.
        account: for callers of it.
        role: for callers with a role of that name, and for those who want to assume it.
        probability: how often, 0 to 1.
        seconds: of latency.
        status: of an error.
        times: only the first so many matching calls; None for all.
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
            raise ValueError("seconds belong to the effect latency, which needs them")
        return self

    def concerns(self, call: Call) -> bool:
        """Return whether the call is one of those that it is for."""
        pairs = ((call.operation, self.operation), (call.region, self.region), (call.account, self.account))
        return all(fnmatch.fnmatchcase(*pair) for pair in (*pairs, (call.role, self.role)))


class FaultPlan(_Model):
    """Everything that goes wrong.

    Attributes:
        seed: the same seed and the same calls give the same faults, whatever the order of threads.
        quotas: ``aws`` for AWS's published table, or requests a second by operation; empty for none.
        faults: in this order; latencies add up, the first other effect ends the call.
    """

    seed: int = 0
    quotas: Literal["aws"] | dict[str, Annotated[float, Field(gt=0)]] = {}
    faults: tuple[Fault, ...] = ()

    @property
    def requests_a_second(self) -> dict[str, float]:
        """The quotas as numbers."""
        return AWS_QUOTAS if self.quotas == "aws" else dict(self.quotas)


def read_plan(path: Path) -> FaultPlan:
    """Read a plan from a YAML file.

    Raises:
        InvalidInputError: it can't be read, or says what no plan can say; every problem is named by path.
    """
    try:
        return FaultPlan.model_validate(parsing.load(read_text(str(path)), str(path)))
    except ValidationError as error:
        raise InvalidInputError(f"{path} is not a plan of faults", list_validation_problems(error)) from error


class Faults:
    """Applies a plan to calls.

    Args:
        plan: what goes wrong.
        now: seconds on a clock that only goes forward.
        sleep: waits for seconds.
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
        """Let the call through, late perhaps, or end it.

        Raises:
            AwsError: as AWS would answer.
            ConnectionLostError: no answer at all.
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
            # Per account, region and API, never per CA (AWS Private CA quotas).
            bucket = self._buckets.setdefault((call.account, call.region, call.operation), _Bucket(rate, self._now()))
            if not bucket.take(self._now()):
                _throttle()


class _Bucket:
    """A token bucket that holds a second's worth."""

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
    """Between 0 and 1, from the call itself, so that the order in which threads come does not matter."""
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
