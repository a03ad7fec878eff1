"""What a probe is: one call of AWS Private CA whose answer is recorded, and the conformance rules that it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.sandbox.conformance.world import csr
from toolkit.pki import templates

if TYPE_CHECKING:
    from cryptography import x509

    from tests.aws.account import Account

Request: TypeAlias = dict[str, Any]
ISSUE = "IssueCertificate"
GET = "GetCertificate"
DAY = {"Type": "DAYS", "Value": 1}
URIS = ("spiffe://default/backend", "kuma://kuma.io/service/backend")
# What a rule about a refusal fixes.
REFUSAL = ("code", "status")


class Stage(IntEnum):
    """The state that the CA is in when a probe is sent, in the order of a run.

    RENEWED: active, with a second certificate that expires in less than 7 days.
    """

    PENDING = 0
    ACTIVE = 1
    RENEWED = 2
    DISABLED = 3
    DELETED = 4


@dataclass
class Scene:
    """What the requests of probes are made from.

    Attributes:
        account: that is asked.
        arn: of the CA.
        run: the ID of the run.
        authority: the CA's own certificate; None while the CA is pending.
        second: PEM of the CA's second certificate, once it is issued.
        certificate_arns: the certificates that earlier probes got, by the probes' names.
        serials: their serial numbers, in hexadecimal.
    """

    account: Account
    arn: str
    run: str
    authority: x509.Certificate | None = None
    second: str = ""
    certificate_arns: dict[str, str] = field(default_factory=dict)
    serials: dict[str, str] = field(default_factory=dict)

    @property
    def named(self) -> Request:
        """Return the parameter that names the CA."""
        return {"CertificateAuthorityArn": self.arn}

    @property
    def unknown_arn(self) -> str:
        """Return the ARN of a CA that does not exist."""
        return self.account.authority_arn("00000000-0000-4000-8000-000000000000")

    def template(self, name: str) -> str:
        """Return the ARN of a template in the account's partition."""
        return templates.build_arn(name, self.account.partition)

    def issuing(self, request: bytes | None = None, **more: Any) -> Request:
        """Return the parameters of IssueCertificate: one day, no template named, unless told otherwise."""
        signing = {"SigningAlgorithm": "SHA256WITHECDSA", "Validity": DAY}
        return {**self.named, "Csr": request or csr("leaf", URIS), **signing, **more}

    def fetching(self, probe: str) -> Request:
        """Return the parameters of GetCertificate for what an earlier probe got."""
        return {**self.named, "CertificateArn": self.certificate_arns.get(probe, f"{self.arn}/certificate/{'0' * 32}")}


@dataclass(frozen=True)
class Probe:
    """One call whose answer is recorded.

    Attributes:
        name: in the record.
        operation: of AWS Private CA.
        stage: when it is sent.
        rules: identifiers of conformance rules, each with the parts of the answer that the rule fixes. A part is a
            dotted path, such as ``certificate.extensions.keyUsage``. No part: AWS's answer is not known.
        request: makes the parameters.
        issues: whether a certificate is expected.
        words: what AWS's message contains, according to the first rule's source.
    """

    name: str
    operation: str
    stage: Stage
    rules: dict[str, tuple[str, ...]]
    request: Callable[[Scene], Request]
    issues: bool = False
    words: str = ""


def refused(
    name: str,
    rule: str,
    request: Callable[[Scene], Request],
    operation: str = ISSUE,
    stage: Stage = Stage.ACTIVE,
    words: str = "",
) -> Probe:
    """Return a probe that AWS rejects according to a rule."""
    return Probe(name, operation, stage, {rule: REFUSAL}, request, words=words)


def issued(
    name: str, rules: dict[str, tuple[str, ...]], request: Callable[[Scene], Request], stage: Stage = Stage.ACTIVE
) -> Probe:
    """Return a probe that gets a certificate according to rules about parts of it."""
    return Probe(name, ISSUE, stage, rules, request, issues=True)


def extension(name: str) -> str:
    """Return the part of an answer that is an extension of the certificate."""
    return f"certificate.extensions.{name}"
