"""Rules on the validity periods of certificates."""

from __future__ import annotations

from datetime import timedelta

from tests.sandbox.conformance.world import (
    BOTOCORE,
    SHORT_LIVED_DOC,
    World,
    near,
    now,
    refused,
    rule,
)

ISSUE_DOC = "docs.aws.amazon.com/acm-pca/latest/userguide/PcaIssueCert.html"
URIS = ("spiffe://default/backend", "kuma://kuma.io/service/backend")


@rule("validity.days", "DAYS are counted from the issuance.", f"{BOTOCORE}: Validity")
def _(world: World) -> None:
    leaf = world.issued(world.root(), validity={"Type": "DAYS", "Value": 3})
    assert near(leaf.not_valid_after_utc, now() + timedelta(days=3))


@rule("validity.months", "MONTHS are calendar months.", f"{BOTOCORE}: Validity")
def _(world: World) -> None:
    leaf = world.issued(world.root(), validity={"Type": "MONTHS", "Value": 13})
    assert timedelta(days=394) <= leaf.not_valid_after_utc - now() <= timedelta(days=398)


@rule("validity.years", "YEARS are calendar years.", f"{BOTOCORE}: Validity")
def _(world: World) -> None:
    leaf, today = world.issued(world.root(), validity={"Type": "YEARS", "Value": 2}), now()
    # The 29th of February ends in a year that has none on the 28th.
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    assert near(leaf.not_valid_after_utc, today.replace(year=today.year + 2, day=day))


@rule("validity.absolute", "ABSOLUTE is a Unix time, accurate to the second.", f"{BOTOCORE}: Validity")
def _(world: World) -> None:
    ends = int((now() + timedelta(hours=5)).timestamp())
    leaf = world.issued(world.root(), validity={"Type": "ABSOLUTE", "Value": ends})
    assert leaf.not_valid_after_utc.timestamp() == ends


@rule("validity.end-date", "END_DATE is GeneralizedTime or UTCTime in digits.", f"{BOTOCORE}: Validity")
def _(world: World) -> None:
    arn, ends = world.root(), (now() + timedelta(days=2)).replace(microsecond=0)
    for form in ("%Y%m%d%H%M%S", "%y%m%d%H%M%S"):
        leaf = world.issued(arn, validity={"Type": "END_DATE", "Value": int(ends.strftime(form))})
        assert leaf.not_valid_after_utc == ends
    for wrong in (20301340000000, 1, 99999999999999, int(ends.strftime("%Y%m%d%H%M") + "5"), 2030123123595959):
        with refused("ValidationException"):
            world.issue(arn, validity={"Type": "END_DATE", "Value": wrong})


@rule("validity.zero", "A validity period is at least 1.", "cert-manager/aws-privateca-issuer#71 (AWS's message)")
def _(world: World) -> None:
    with refused("ValidationException", "greater than or equal to 1"):
        world.issue(world.root(), validity={"Type": "DAYS", "Value": 0})


@rule("validity.past", "A validity period that ends in the past is rejected.", ISSUE_DOC)
def _(world: World) -> None:
    with refused("ValidationException"):
        world.issue(world.root(), validity={"Type": "ABSOLUTE", "Value": 1_600_000_000})


@rule("validity.huge", "A validity period that is out of range is rejected.", f"{BOTOCORE}: Validity.Value")
def _(world: World) -> None:
    arn = world.root()
    for kind in ("DAYS", "MONTHS", "YEARS", "ABSOLUTE", "END_DATE"):
        with refused("ValidationException"):
            world.issue(arn, validity={"Type": kind, "Value": 2**62})


@rule(
    "validity.beyond-ca",
    "A certificate can't expire after its CA.",
    "awsdocs/aws-private-ca-user-guide:doc_source/PCATsExceptions.md",
)
def _(world: World) -> None:
    arn = world.root(years=1)
    with refused("ValidationException", "ends before"):
        world.issue(arn, validity={"Type": "DAYS", "Value": 370})
    issuing = world.subordinate(arn, days=30)
    with refused("ValidationException", "ends before"):
        world.issue(issuing, validity={"Type": "DAYS", "Value": 31})


@rule(
    "validity.backdated",
    "By default, notBefore is 60 minutes before the issuance.",
    f"{BOTOCORE}: IssueCertificateRequest.ValidityNotBefore",
)
def _(world: World) -> None:
    assert near(world.issued(world.root()).not_valid_before_utc, now() - timedelta(minutes=60))


@rule(
    "validity.not-before",
    "ValidityNotBefore sets notBefore and does not change notAfter.",
    f"{BOTOCORE}: IssueCertificateRequest.ValidityNotBefore",
)
def _(world: World) -> None:
    arn, begins = world.root(), int((now() + timedelta(hours=2)).timestamp())
    leaf = world.issued(arn, ValidityNotBefore={"Type": "ABSOLUTE", "Value": begins})
    assert leaf.not_valid_before_utc.timestamp() == begins
    assert near(leaf.not_valid_after_utc, now() + timedelta(days=1))
    with refused("ValidationException"):
        world.issue(arn, ValidityNotBefore={"Type": "DAYS", "Value": 1})
    with refused("ValidationException"):
        later = int((now() + timedelta(days=2)).timestamp())
        world.issue(arn, ValidityNotBefore={"Type": "ABSOLUTE", "Value": later})


@rule("short-lived.seven-days", "In short-lived mode, certificates are valid for at most 7 days.", SHORT_LIVED_DOC)
def _(world: World) -> None:
    arn = world.root(UsageMode="SHORT_LIVED_CERTIFICATE")
    world.issue(arn, validity={"Type": "DAYS", "Value": 7})
    with refused("ValidationException", "7 days"):
        world.issue(arn, validity={"Type": "DAYS", "Value": 8})
    begins = int((now() - timedelta(days=1)).timestamp())
    with refused("ValidationException", "7 days"):
        world.issue(
            arn,
            validity={"Type": "DAYS", "Value": 7},
            ValidityNotBefore={"Type": "ABSOLUTE", "Value": begins},
        )


@rule("short-lived.last", "A short-lived CA is the last of its chain.", SHORT_LIVED_DOC)
def _(world: World) -> None:
    arn = world.root(UsageMode="SHORT_LIVED_CERTIFICATE")
    with refused("InvalidArgsException", "short-lived"):
        world.issue(arn, template="SubordinateCACertificate_PathLen0/V1")


@rule("short-lived.own", "A short-lived CA's own certificate may be valid for longer.", SHORT_LIVED_DOC)
def _(world: World) -> None:
    arn = world.root(years=10, UsageMode="SHORT_LIVED_CERTIFICATE")
    assert world.certificate(arn).not_valid_after_utc > now() + timedelta(days=3000)
