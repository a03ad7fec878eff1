"""Reports of every kind, made by hand, for tests of the forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.support import AUTHORITY_ARN
from toolkit.verify.results import (
    CertificateFacts,
    Check,
    Handshake,
    Link,
    Outcome,
    Report,
    Request,
    Revocation,
    ZoneResult,
)
from toolkit.verify.zone import CHECK_NAMES

_Kind = TypeVar("_Kind")
STARTED = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADVICE = "Enable the CA: aws acm-pca update-certificate-authority --status ACTIVE; find out who disabled it."
DISTRUST = "Render the Mesh again from the contract and apply it."
_FINGERPRINT = ":".join(["AB", "CD", "EF", "01"] * 8)
_FOUND = {
    "identity": "arn:aws:sts::123456789012:assumed-role/verifier-frankfurt-1-0a1b2c3/toolkit-verify",
    "authority": "ACTIVE, GENERAL_PURPOSE, until 2031-01-01T12:00:00Z",
    "chain": "leaf < Kong Mesh Issuing CA < Kong Mesh Root CA",
    "key-usage": "digital_signature, key_encipherment, critical",
}


_TOKEN = "3f6f7b1c-0000-4000-8000-000000000000"


def certificate() -> CertificateFacts:
    chain = (
        Link("Kong Mesh Issuing CA", _FINGERPRINT, STARTED + timedelta(days=1826)),
        Link("Kong Mesh Root CA, Example Organization plc", _FINGERPRINT[::-1], STARTED + timedelta(days=3652)),
    )
    uris = ("spiffe://default/toolkit-verify", "kuma://kuma.io/zone/frankfurt-1")
    ends = STARTED + timedelta(hours=24)
    return CertificateFacts("4f:3b:99:00:aa", _FINGERPRINT, STARTED - timedelta(hours=1), ends, uris, chain)


def good(name: str = "frankfurt-1", region: str = "eu-central-1", milliseconds: int = 412) -> ZoneResult:
    note = "AWS left basic constraints without the critical mark."
    return ZoneResult(
        zone=name,
        region=region,
        checks=tuple(
            Check(
                check,
                Outcome.PASSED,
                "what should be",
                _FOUND.get(check, "as expected"),
                note=note if check == "basic-constraints" else "",
            )
            for check in CHECK_NAMES
        ),
        certificates_issued=(f"{AUTHORITY_ARN}/certificate/{name}",),
        requests=(Request(STARTED, "verification", _TOKEN, f"{AUTHORITY_ARN}/certificate/{name}"),),
        certificate=certificate(),
        issuance_milliseconds=milliseconds,
        calls={"AssumeRole": 1, "DescribeCertificateAuthority": 1, "IssueCertificate": 1, "GetCertificate": 3},
    )


def refused(name: str = "ireland-1", region: str = "eu-west-1") -> ZoneResult:
    """A zone that finds its CA disabled."""
    failed = Check("authority", Outcome.FAILED, "ACTIVE, GENERAL_PURPOSE", "DISABLED, GENERAL_PURPOSE", ADVICE)
    skipped = [Check(check, Outcome.SKIPPED) for check in CHECK_NAMES[2:]]
    return ZoneResult(name, region, (good().checks[0], failed, *skipped), calls={"AssumeRole": 1})


def untrusted(name: str = "tokyo-1", region: str = "ap-northeast-1") -> ZoneResult:
    """A zone whose certificate the Mesh does not trust."""
    zone = good(name, region, 1780)
    failed = Check("chain", Outcome.FAILED, "a valid way to the root in the Mesh's caCert", "no way", DISTRUST)
    checks = tuple(failed if check.name == "chain" else check for check in zone.checks)
    return replace(zone, checks=checks, certificates_revoked=zone.certificates_issued)


def kept(name: str = "oregon-1", region: str = "us-west-2") -> ZoneResult:
    """A zone whose certificate could not be revoked."""
    zone = good(name, region, 890)
    return replace(
        zone,
        revocations=(
            Revocation(zone.certificates_issued[0], revoked=False, reason="AccessDeniedException: not authorized"),
        ),
    )


def report(zones: Sequence[ZoneResult] = (), **changes: Any) -> Report:
    made = Report(
        mesh="default",
        certificate_authority_arn=AUTHORITY_ARN,
        usage_mode="GENERAL_PURPOSE",
        started_at=STARTED,
        finished_at=STARTED + timedelta(seconds=2.5),
        zones=tuple(zones),
    )
    return replace(made, **changes)


def meetings(zones: Sequence[ZoneResult], bad: str = "") -> tuple[Handshake, ...]:
    """Every zone with every other; those of one zone fail."""
    problem = "the client refuses the server's certificate: self-signed certificate in certificate chain"
    return tuple(
        Handshake(one.zone, other.zone, problem if bad in (one.zone, other.zone) else "")
        for one, other in permutations(zones, 2)
    )


def passed() -> Report:
    zones = [good(), good("ireland-1", "eu-west-1", 530), good("oregon-1", "us-west-2", 890)]
    return report(zones, handshakes=meetings(zones))


def mixed() -> Report:
    """A bit of everything that can go wrong."""
    zones = [good(), refused(), untrusted(), good("oregon-1", "us-west-2", 890)]
    met = meetings([zone for zone in zones if zone.certificate], bad="tokyo-1")
    return report(zones, handshakes=met, missing_zones=("sydney-1",))


def interrupted() -> Report:
    nothing = ZoneResult("ireland-1", "eu-west-1", tuple(Check(name, Outcome.SKIPPED) for name in CHECK_NAMES))
    return report([good(), nothing], missing_zones=("oregon-1",), interrupted=True)


def many(count: int = 100) -> Report:
    """So many zones, some of which failed, with every handshake between them."""
    regions = ["eu-central-1", "eu-west-1", "us-west-2", "ap-northeast-1"]
    zones = [good(f"zone-{n:03}", regions[n % 4], 200 + (n * 37) % 900) for n in range(count)]
    zones[7] = refused("zone-007", regions[3])
    zones[42] = untrusted("zone-042", regions[2])
    met = meetings([zone for zone in zones if zone.certificate], bad="zone-042")
    return report(zones, handshakes=met)


ALL: dict[str, Callable[[], Report]] = {
    "passed": passed,
    "mixed": mixed,
    "interrupted": interrupted,
    "nothing": report,
    "missing": lambda: report(missing_zones=("a", "b")),
}

# What would break a form that does not encode: markup, quotes, the end of CDATA, control and other strange characters.
strange = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "]]>",
            '"',
            "'",
            "\\",
            "\\n",
            "\n",
            "\r\n",
            "\t",
            "\x00",
            "\x1b[31m",
            "\x85",
            "\ufffe",
        ]
    ),
    st.sampled_from(
        ["{{ 7 * 7 }}", "{% raw %}", "&amp;", "--><b>", "</style>", "\u202eevil", "\U0001f512", "\u2028", "x" * 5000]
    ),
    st.characters(codec=None).map(str),
)


def built(kind: Callable[..., _Kind], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[_Kind]:
    """As ``st.builds``, which would take the aliases in the signatures of these classes for further arguments."""
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))


_texts = dict.fromkeys(("expected", "found", "advice", "note"), strange)
_checks = built(Check, name=strange, outcome=st.sampled_from(Outcome), **_texts)
_links = built(Link, name=strange, sha256_fingerprint=strange, not_after=st.just(STARTED))
_requests = built(
    Request,
    requested_at=st.just(STARTED),
    purpose=strange,
    idempotency_token=strange,
    certificate_arn=strange,
    reason=strange,
)
_kept = built(Revocation, certificate_arn=strange, revoked=st.just(value=False), reason=strange)
_met = built(Handshake, client=strange, server=strange, problem=st.one_of(st.just(""), strange))
_zones = built(
    ZoneResult,
    zone=strange,
    region=strange,
    checks=st.lists(_checks, max_size=4, unique_by=lambda check: check.name).map(tuple),
    certificates_issued=st.lists(strange, max_size=2).map(tuple),
    requests=st.lists(_requests, max_size=2).map(tuple),
    certificate=st.one_of(
        st.none(),
        built(
            CertificateFacts,
            serial=strange,
            sha256_fingerprint=strange,
            not_before=st.just(STARTED),
            not_after=st.just(STARTED + timedelta(days=1)),
            uris=st.lists(strange, max_size=2).map(tuple),
            chain=st.lists(_links, max_size=3).map(tuple),
        ),
    ),
    issuance_milliseconds=st.one_of(st.none(), st.integers(0, 2 * 3600 * 1000)),
    calls=st.dictionaries(strange, st.integers(0, 1000), max_size=3),
    certificates_revoked=st.lists(strange, max_size=1).map(tuple),
    revocations=st.lists(_kept, max_size=1).map(tuple),
)
reports = built(
    Report,
    mesh=strange,
    certificate_authority_arn=strange,
    usage_mode=st.sampled_from(["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"]),
    started_at=st.just(STARTED),
    finished_at=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)).map(lambda took: STARTED + took),
    zones=st.lists(_zones, max_size=3, unique_by=lambda zone: zone.zone).map(tuple),
    handshakes=st.lists(_met, max_size=4).map(tuple),
    missing_zones=st.lists(strange, max_size=2, unique=True).map(tuple),
    interrupted=st.booleans(),
)
