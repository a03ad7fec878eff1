"""Check existing CAs that are adopted or that sign the stack's own CA.

They are looked up before anything is created, so that a wrong ARN has no effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import pulumi
import pulumi_aws as aws

from toolkit.contract import KeyAlgorithm, UsageMode, check_mode
from toolkit.errors import Problem
from toolkit.infra import rules
from toolkit.infra.lookups import LookUpError, look_up
from toolkit.infra.reading import build_error
from toolkit.pki import algorithms, arn, chain, duration, judging, pem
from toolkit.pki.authority import AWS, IN_A_MESH, STRICT
from toolkit.values import Value

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.infra.settings import Settings

# ca-hierarchy.html: a root and four levels below it, without data plane certificates.
_MAX_DEPTH = 5


@dataclass(frozen=True)
class ExistingAuthority:
    """A private CA that the stack did not create.

    Attributes:
        arn: its ARN.
        status: for example ACTIVE.
        type: ROOT or SUBORDINATE.
        usage_mode: the usage mode, which limits the certificates that it may issue.
        certificates: its own certificate first, the root last.
    """

    arn: str
    status: str
    type: Literal["ROOT", "SUBORDINATE"]
    usage_mode: UsageMode
    certificates: tuple[x509.Certificate, ...]

    @property
    def not_after(self) -> datetime:
        """Return when its own certificate expires."""
        return self.certificates[0].not_valid_after_utc

    @property
    def key_algorithm(self) -> KeyAlgorithm:
        """Return the algorithm of its key.

        Raises:
            ValueError: the toolkit does not support the algorithm.
        """
        return algorithms.read_key_algorithm(self.certificates[0])


def look_up_authority(authority_arn: str, provider: aws.Provider | None = None) -> ExistingAuthority:
    """Return a CA from AWS, in the CA's region; it may be shared by another account.

    The CSR is not needed. It is not shared, and the provider ignores that (hashicorp/terraform-provider-aws#39952).

    Args:
        authority_arn: the CA's ARN.
        provider: the provider to call AWS with; None for the stack's own.

    Raises:
        LookUpError: the CA does not exist, access is denied, or the CA has no certificate.
    """
    region, options = arn.PRIVATE_CA.parse(authority_arn).region, pulumi.InvokeOptions(provider=provider)
    shown = look_up(aws.acmpca.get_certificate_authority, arn=authority_arn, region=region, opts=options)
    if not shown.certificate:
        raise LookUpError(f"it is {shown.status} and has no certificate yet")
    try:
        above = pem.load_certificates(shown.certificate_chain) if shown.certificate_chain else ()
        certificates = (pem.load_certificate(shown.certificate), *above)
    except ValueError as error:
        raise LookUpError(f"its certificate or chain can't be read: {error}") from error
    return ExistingAuthority(
        arn=authority_arn,
        status=shown.status,
        type="ROOT" if shown.type == "ROOT" else "SUBORDINATE",
        usage_mode=("SHORT_LIVED_CERTIFICATE" if shown.usage_mode == "SHORT_LIVED_CERTIFICATE" else "GENERAL_PURPOSE"),
        certificates=certificates,
    )


def check_adopted(adopted: ExistingAuthority, settings: Settings) -> Iterator[Problem]:
    """Yield the reasons why a CA can't issue for the stack's meshes.

    Args:
        adopted: the CA.
        settings: the stack's settings.
    """
    if adopted.status != "ACTIVE":
        yield Problem("adoptArn", f"the CA is {adopted.status}; only an ACTIVE CA can issue certificates")
    unknown = check_key("adoptArn", adopted)
    yield from unknown
    signing = settings.signing_algorithm
    if not unknown and signing is not None and not algorithms.fits(signing, adopted.key_algorithm):
        yield Problem(
            "signingAlgorithm", f"{signing} can't be made with the adopted CA's key of {adopted.key_algorithm}"
        )
    yield from check_path("adoptArn", adopted, settings)
    lifetime = duration.parse(settings.data_plane_lifetime)
    problem = check_mode(adopted.usage_mode, lifetime)
    if problem is not None:
        yield Problem("dataPlaneLifetime", f"{settings.data_plane_lifetime} {problem}, as the adopted CA is")


def check_path(key: str, authority: ExistingAuthority, settings: Settings) -> list[Problem]:
    """Return the problems that the programs of a mesh have with a CA's chain.

    Args:
        key: the setting that names the CA.
        authority: the CA.
        settings: the stack's settings.
    """
    # Whether an existing CA publishes a CRL does not depend on the stack.
    needs = rules.build_needs(settings)._replace(has_crl=False)
    problems = judging.list_problems(authority.certificates, needs, {AWS, *IN_A_MESH})
    return [Problem(key, f"in the CA's chain, {problem}") for problem in problems]


def warn_of_strict(settings: Settings) -> None:
    """Warn of problems that only strict clients have with a certificate from an external CA.

    Args:
        settings: the stack's settings.
    """
    if settings.issued_certificate is None or settings.issued_certificate_chain is None:
        return
    own, above = pem.load_certificate(settings.issued_certificate), settings.issued_certificate_chain
    needs = rules.build_needs(settings)
    for problem in judging.check_import(own, pem.load_certificates(above), "SUBORDINATE", needs, {STRICT}):
        key = "issuedCertificateChain" if problem.is_of_chain else "issuedCertificate"
        pulumi.log.warn(f"{key}: {problem.message} Only strict clients reject it.")


def warn_of_former(settings: Settings) -> None:
    """Warn of former CAs that can no longer issue for the meshes.

    This is not an error: meshes often leave a CA because it expires.

    Args:
        settings: the stack's settings.
    """
    for number, former in enumerate(settings.former_authority_arns):
        key = f"formerAuthorityArns[{number}]"
        try:
            problems = check_path(key, look_up_authority(former), settings)
        except LookUpError as error:
            problems = [Problem(key, f"{former} can't be looked up: {error}")]
        for problem in problems:
            pulumi.log.warn(str(problem))


def check_key(key: str, authority: ExistingAuthority) -> list[Problem]:
    """Return a problem if the toolkit does not support the CA's key, because then nothing can be signed.

    Args:
        key: the setting that names the CA.
        authority: the CA.
    """
    try:
        _ = authority.key_algorithm
    except ValueError as error:
        return [Problem(key, f"the CA can't be used: {error}")]
    return []


def check_parent(parent: ExistingAuthority, settings: Settings) -> Iterator[Problem]:
    """Yield the reasons why a CA can't currently sign the stack's issuing CA.

    Args:
        parent: the CA.
        settings: the stack's settings.
    """
    yield from check_path("parent.arn", parent, settings)
    if parent.status != "ACTIVE":
        yield Problem(
            "parent.arn", f"the CA is {parent.status}; only an ACTIVE CA can sign, so enable it for this update"
        )
    if parent.usage_mode == "SHORT_LIVED_CERTIFICATE":
        # privateca/latest/userguide/short-lived-certificates.html
        yield Problem("parent.arn", "the CA is in short-lived mode, so it can't have another CA below it")
    allowed, wanted = chain.get_path_length(parent.certificates[0]), settings.intermediate_path_length
    if allowed is not None and wanted >= allowed:
        # botocore, IssueCertificateRequest.TemplateArn
        more = f"at most {allowed - 1} below it" if allowed else "no CA below it"
        yield Problem("intermediatePathLength", f"is {wanted}, but the parent allows {more}")
    levels = len(parent.certificates) + 1 + wanted
    if levels > _MAX_DEPTH:
        yield Problem(
            "intermediatePathLength",
            f"{wanted} further CAs would make {levels} levels, and AWS allows {_MAX_DEPTH}",
        )
    ends = _years_from(datetime.now(UTC), settings.intermediate_validity_years)
    if ends > parent.not_after:
        yield Problem(
            "intermediateValidityYears",
            f"is {settings.intermediate_validity_years}, but the parent CA expires on {parent.not_after:%Y-%m-%d}; "
            "a CA can't outlive its issuer",
        )


def refuse_when_active(authority_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    """Return the ARN of a CA without a certificate; raise an error if the CA already has one.

    The settings have then lost the certificate. Without this check the stack would export a pending CA again, and
    delete the roles of all its zones.

    Args:
        authority_arn: the stack's own CA, below an external CA.
    """

    def check(authority: Sequence[str]) -> str:
        arn_text, status = authority
        if status != "PENDING_CERTIFICATE":
            raise build_error(
                "the CA is in use",
                [Problem("issuedCertificate", f"is missing, but the CA has its certificate and is {status}")],
                "Put issuedCertificate and issuedCertificateChain back; nothing was changed.",
            )
        return arn_text

    status = aws.acmpca.get_certificate_authority_output(arn=authority_arn).status
    return pulumi.Output.all(authority_arn, status).apply(check)


def require_same(authority_arn: pulumi.Output[str], former: Sequence[str]) -> pulumi.Output[str]:
    """Return the ARN of the issuing CA, if the meshes can continue to use it.

    A Mesh names the CA that the stack exported. If the policies allow another CA, the zones can't issue certificates
    any more, even if the update later fails because the earlier CA is protected.

    Args:
        authority_arn: the CA that issues after the update.
        former: CAs that the zones may continue to use.
    """
    stack = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}")

    def check(both: Sequence[Value]) -> str:
        current, exported = both
        before = exported.get("arn") if isinstance(exported, dict) else None
        if before in (None, current, *former):
            return str(current)
        raise build_error(
            "the meshes still use another CA",
            [
                Problem(
                    "formerAuthorityArns",
                    f"does not name {before}, which the stack's zones still use; with {current} alone, they can't "
                    "issue certificates for a Mesh that names the other CA",
                )
            ],
            "Add it to formerAuthorityArns, move the meshes with toolkit rotate, and remove it then.",
        )

    return pulumi.Output.all(authority_arn, stack.get_output("certificateAuthority")).apply(check)


def _years_from(moment: datetime, years: int) -> datetime:
    """Return the time some calendar years later, as AWS counts years (botocore, Validity)."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # the 29th of February
        return moment.replace(year=moment.year + years, day=28)
