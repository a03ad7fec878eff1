"""Faults between a zone and its certificate, each with the expected result in the report.

The table in ``docs/reference/verification.md`` is generated from these. ``test_faults.py`` injects each of them.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectionClosedError

from tests.verify.world import plan, source, without
from toolkit.pki import chain, pem
from toolkit.sandbox.faults import Fault, FaultPlan, Faults
from toolkit.verify import runner
from toolkit.verify.identity import AssumeRole, IdentitySource, ZoneIdentity

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.calls import Caller
    from toolkit.verify.results import Report

ZONE = "ireland-1"
EVERY = "every zone"
OF_ZONE = f"*{ZONE}*"


@dataclass
class World:
    """A stack in the sandbox in which things go wrong.

    Attributes:
        aws: the sandbox.
        outputs: the contract.
        source: how zones get their identity.
        changes: of the plan.
    """

    aws: TestSandbox
    outputs: StackOutputs
    source: IdentitySource
    changes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, aws: TestSandbox, outputs: StackOutputs) -> World:
        # A service of its own: a call that came late in another test may still sell something.
        return cls(aws, outputs, source(aws), {"service": f"verify-{secrets.token_hex(4)}"})

    @property
    def zone(self) -> Zone:
        return next(zone for zone in self.outputs.zones if zone.name == ZONE)

    def break_calls(self, *faults: Fault, seed: int = 0) -> None:
        self.aws.faults = Faults(FaultPlan(seed=seed, faults=faults))

    def verify(self) -> Report:
        return runner.verify(self.outputs, plan(self.outputs, **self.changes), self.source).report

    def count_issued(self) -> dict[str, int]:
        """What AWS sold to it, by zone, whatever the report says."""
        issued = self.aws.private_ca.registry.authorities[self.outputs.certificate_authority.arn].issued.values()
        uris = [set(chain.list_uris(pem.load_certificate(one.pem))) for one in issued]
        mine = [of for of in uris if f"spiffe://default/{self.changes['service']}" in of]
        return {zone.name: sum(f"kuma://kuma.io/zone/{zone.name}" in of for of in mine) for zone in self.outputs.zones}


@dataclass(frozen=True)
class Case:
    """One thing that goes wrong.

    Attributes:
        identifier: names it.
        statement: what goes wrong, for people.
        prepare: makes it go wrong.
        zone: where the report must say so; empty where verification gets through all the same.
        check: which check must fail; empty as well.
        advice: a part of what it must say to do.
        issued: how many certificates AWS issues to that zone; None where it is none or one, by when the answer would
            have come.
        timeout: how long a zone may take.
        slow: whether it takes seconds.
        also: checks that fail with the first one, because they look at the same thing.
    """

    identifier: str
    statement: str
    prepare: Callable[[World], None]
    zone: str = ""
    check: str = ""
    advice: str = ""
    issued: int | None = 1
    timeout: timedelta = timedelta(seconds=30)
    slow: bool = False
    also: tuple[str, ...] = ()


class Tampering:
    """Takes identities as another source does, and lets something happen to one zone's calls of AWS Private CA."""

    def __init__(self, real: IdentitySource, event: str, act: Callable[..., None]) -> None:
        self._real, self._event, self._act = real, event, act

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        identity = self._real.identity(zone, authority_region, caller)
        if zone.name == ZONE:
            identity.client.meta.events.register(self._event, self._act)
        return identity


def calls(effect: str, operation: str, **more: Any) -> Callable[[World], None]:
    return lambda world: world.break_calls(
        Fault.model_validate({"effect": effect, "operation": operation, "role": OF_ZONE, **more})
    )


def denied(action: str) -> Callable[[World], None]:
    return lambda world: without(world.aws, world.zone, action)


def wrong_credentials(world: World) -> None:
    world.source = AssumeRole(endpoint_url=world.aws.endpoint_url, credentials=("AKIAIOSFODNN7EXAMPLE", "x"))


def role_is_gone(world: World) -> None:
    gone = world.zone.model_copy(update={"verifier_role_arn": world.zone.verifying_role_arn + "-gone"})
    zones = tuple(gone if zone.name == ZONE else zone for zone in world.outputs.zones)
    world.outputs = world.outputs.model_copy(update={"zones": zones})


def foreign_identity(world: World) -> None:
    """A zone that gets the credentials of another one."""
    real, other = world.source, world.outputs.zones[0]

    class Mistaken:
        def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
            if zone.name != ZONE:
                return real.identity(zone, authority_region, caller)
            taken = real.identity(other, authority_region, caller)
            return replace(taken, expected_role_arns=zone.role_arns)

    world.source = Mistaken()


def disabled(world: World) -> None:
    pca, arn = world.aws.client("acm-pca"), world.outputs.certificate_authority.arn
    pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    world.aws.on_cleanup(lambda: pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="ACTIVE"))


def expired(world: World) -> None:
    ends = world.outputs.certificate_authority.not_after
    world.aws.clock.shift = ends - world.aws.clock() + timedelta(hours=1)


def never_ready(world: World) -> None:
    world.aws.private_ca.registry.issuance_delay = timedelta(days=1)


def wrong_bundle(world: World) -> None:
    world.changes["trust_bundle"] = pem.write(pem.load_certificates(world.outputs.certificate_chain)[:1])


def far_horizon(world: World) -> None:
    world.changes["horizon"] = timedelta(days=4000)


def lost_answer(world: World) -> None:
    """AWS issues the certificate, and the connection breaks before the answer is here."""
    lost: list[object] = []

    def lose(**_: Any) -> None:
        if not lost:
            lost.append(object())
            raise ConnectionClosedError(endpoint_url=world.aws.endpoint_url)

    world.source = Tampering(world.source, "after-call.acm-pca.IssueCertificate", lose)


def _changed(change: Callable[[dict[str, Any]], None]) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        def act(parsed: dict[str, Any], **_: Any) -> None:
            if "Certificate" in parsed:
                change(parsed)

        world.source = Tampering(world.source, "after-call.acm-pca.GetCertificate", act)

    return prepare


def _flip(parsed: dict[str, Any]) -> None:
    """Another bit in the last byte, which belongs to the signature."""
    lines = parsed["Certificate"].strip().splitlines()
    der = bytearray(base64.b64decode("".join(lines[1:-1])))
    der[-1] ^= 1
    parsed["Certificate"] = f"{lines[0]}\n{base64.encodebytes(bytes(der)).decode()}{lines[-1]}\n"


def _no_chain(parsed: dict[str, Any]) -> None:
    parsed["CertificateChain"] = ""


def _nonsense(parsed: dict[str, Any]) -> None:
    parsed["Certificate"] = json.dumps({"error": "captive portal"})


# A zone whose calls fail throughout takes all of it; for the others it must be enough, whatever else the machine does.
_SHORT = timedelta(seconds=10)
_REACH = "Check that this machine reaches AWS"
CASES = (
    Case("throttled-half", "half of all calls are throttled", calls("throttle", "*", probability=0.5)),
    Case(
        "throttled-identity",
        "`AssumeRole` is throttled throughout",
        calls("throttle", "AssumeRole"),
        ZONE,
        "identity",
        "quota",
        issued=0,
        timeout=_SHORT,
    ),
    Case(
        "throttled-issue",
        "`IssueCertificate` is throttled throughout",
        calls("throttle", "IssueCertificate"),
        ZONE,
        "issue",
        "Service Quotas",
        issued=0,
        timeout=_SHORT,
    ),
    Case(
        "throttled-fetch",
        "`GetCertificate` is throttled throughout",
        calls("throttle", "GetCertificate"),
        ZONE,
        "fetch",
        "Service Quotas",
        timeout=_SHORT,
    ),
    Case("late", "an answer takes 5 s", calls("latency", "IssueCertificate", seconds=5), slow=True),
    Case(
        "too-late",
        "an answer takes 15 s with a time limit of 10 s",
        calls("latency", "IssueCertificate", seconds=15),
        ZONE,
        "issue",
        "--timeout",
        issued=None,
        timeout=_SHORT,
        slow=True,
    ),
    Case("reset-half", "half of all connections break", calls("reset", "*", probability=0.5)),
    Case(
        "reset-issue",
        "every connection breaks at `IssueCertificate`",
        calls("reset", "IssueCertificate"),
        ZONE,
        "issue",
        _REACH,
        issued=0,
        timeout=_SHORT,
    ),
    Case("lost-answer", "a certificate is issued and the answer is lost", lost_answer),
    Case("error-half", "half of all calls end with 503", calls("error", "*", probability=0.5)),
    Case(
        "error-500",
        "`IssueCertificate` ends with 500 throughout",
        calls("error", "IssueCertificate", status=500),
        ZONE,
        "issue",
        "AWS has a server error",
        issued=0,
        timeout=_SHORT,
    ),
    Case(
        "error-503",
        "`DescribeCertificateAuthority` ends with 503 throughout",
        calls("error", "DescribeCertificateAuthority"),
        ZONE,
        "authority",
        "AWS has a server error",
        issued=0,
        timeout=_SHORT,
    ),
    Case("unreachable", "the zone gets no answer", calls("unreachable", "*"), ZONE, "identity", _REACH, 0, _SHORT),
    Case(
        "not-ready",
        "`RequestInProgressException` without end",
        never_ready,
        EVERY,
        "fetch",
        "--timeout",
        timeout=_SHORT,
    ),
    Case(
        "expired-credentials",
        "the role's credentials have expired",
        calls("expired-credentials", "DescribeCertificateAuthority"),
        ZONE,
        "authority",
        "sign in again",
        issued=0,
    ),
    Case(
        "expired-between",
        "the credentials expire between issuing and fetching",
        calls("expired-credentials", "GetCertificate"),
        ZONE,
        "fetch",
        "sign in again",
    ),
    Case(
        "wrong-credentials",
        "AWS does not know the credentials",
        wrong_credentials,
        EVERY,
        "identity",
        "not known to AWS",
        issued=0,
    ),
    Case("foreign-identity", "the zone gets another zone's role", foreign_identity, ZONE, "identity", "AWS_PROFILE", 0),
    Case("no-role", "the role does not exist", role_is_gone, ZONE, "identity", "verifierPrincipals", issued=0),
    Case(
        "no-describe",
        "the role is not allowed to call `DescribeCertificateAuthority`",
        denied("acm-pca:DescribeCertificateAuthority"),
        ZONE,
        "authority",
        "Allow acm-pca:DescribeCertificateAuthority",
        issued=0,
    ),
    Case(
        "no-issue",
        "the role is not allowed to call `IssueCertificate`",
        denied("acm-pca:IssueCertificate"),
        ZONE,
        "issue",
        "Allow acm-pca:IssueCertificate",
        issued=0,
    ),
    Case(
        "no-fetch",
        "the role is not allowed to call `GetCertificate`",
        denied("acm-pca:GetCertificate"),
        ZONE,
        "fetch",
        "Allow acm-pca:GetCertificate",
    ),
    Case("disabled", "the CA is disabled", disabled, EVERY, "authority", "Enable the CA", issued=0),
    Case("expired", "the CA has expired", expired, EVERY, "authority", "Renew the CA", issued=0),
    Case("wrong-bundle", "the Mesh contains another chain", wrong_bundle, EVERY, "chain", "Render the Mesh again"),
    Case(
        "short-chain-life",
        "a CA of the chain expires before `--horizon`",
        far_horizon,
        EVERY,
        "chain-lifetime",
        "rotate",
    ),
    Case(
        "tampered", "one bit of the certificate is changed", _changed(_flip), ZONE, "chain", "", also=("chain-order",)
    ),
    Case(
        "no-chain",
        "the certificate is returned without its chain",
        _changed(_no_chain),
        ZONE,
        "chain-order",
        "run this again",
    ),
    Case("no-certificate", "the answer contains no certificate", _changed(_nonsense), ZONE, "fetch", ""),
)
