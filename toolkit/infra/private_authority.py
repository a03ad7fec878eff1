"""Private CAs that are ready to use: created, certified, activated, in the one order that works.

AWS Private CA makes a CA in three steps: the CA itself (PENDING_CERTIFICATE, with a CSR), a certificate for
that CSR, and its import, which activates the CA. What uses a CA takes its ARN from the import, so Pulumi can't
start it earlier: issuing before activation fails with InvalidStateException
(hashicorp/terraform-provider-aws#37592).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import acmpca
from pydantic.alias_generators import to_camel

from toolkit.errors import Problem
from toolkit.infra.guard import Guard
from toolkit.infra.reading import build_error
from toolkit.infra.revocation_settings import configure_revocation
from toolkit.pki import algorithms, csr, pem, templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pulumi_aws as aws

    from toolkit.contract import SigningAlgorithm, UsageMode
    from toolkit.infra.stack_context import StackContext
    from toolkit.values import Value

# What AWS can't change on a CA. Where the provider would replace it (a new key under a new ARN, which no zone knows:
# hashicorp/terraform-provider-aws, internal/service/acmpca/certificate_authority.go: ForceNew), or send an empty
# UpdateCertificateAuthority, which AWS refuses (same place: HasChangesExcept), a changed value is ignored there
# and refused here.
# And `enabled`, which is not ours to say: a CA that somebody disabled for a reason must not come back with an update,
# as the provider's default would have it (same place: Default true, read back from the status).
_LEFT_ALONE = [
    "certificateAuthorityConfiguration",
    "enabled",
    "keyStorageSecurityStandard",
    "permanentDeletionTimeInDays",
    "type",
    "usageMode",
]


_SUBJECT = ("common_name", "organization", "organizational_unit", "country", "state", "locality")


@dataclass(frozen=True)
class Issuer:
    """A CA that signs another one's certificate.

    Attributes:
        arn: of that CA, active.
        signing_algorithm: of the family of its key.
        above: PEM, as AWS wrote it, what stands above a certificate that it signs; None for what comes with the
            certificate. Of a CA of the stack it is given, so that a root that was renewed is imported below it too.
        region: of that CA, where it is another one than the stack's.
        provider: with which it is called, where it is in another account.
    """

    arn: pulumi.Input[str]
    signing_algorithm: SigningAlgorithm
    above: pulumi.Output[str] | None = None
    region: str | None = None
    provider: aws.Provider | None = None


@dataclass(frozen=True)
class SelfSigned:
    """A root.

    Attributes:
        validity_years: lifetime of its certificate.
        generation: raised by one, the certificate is made again.
    """

    validity_years: int
    generation: int = 1


@dataclass(frozen=True)
class SignedBy:
    """Below another private CA of AWS.

    Attributes:
        issuer: that CA.
        path_length: how many further CAs may stand below, 0 to 3.
        validity_years: lifetime of its certificate.
        generation: raised by one, the certificate is made again.
        problems: what speaks against a new certificate; asked only when one is about to be made, since later the
            issuer may rest, disabled, or have too little time left for another one.
    """

    issuer: Issuer
    path_length: int
    validity_years: int
    generation: int = 1
    problems: Callable[[], Iterable[Problem]] = list


@dataclass(frozen=True)
class SignedElsewhere:
    """Below a CA that AWS does not know.

    Attributes:
        certificate: PEM, what was issued for the CA's CSR.
        chain: PEM, the certificates above it, root last.
    """

    certificate: str
    chain: str


class PrivateAuthority(pulumi.ComponentResource):
    """A private CA, activated unless nobody has signed its request yet.

    Attributes:
        arn: its ARN, known only once the CA is active; of a pending CA, once it is there.
        csr: PEM of the request for its own certificate.
        certificate: PEM of its own certificate; empty for a pending CA.
        as_issued: the same as AWS wrote it: what is imported is compared with what AWS returns, blank by blank.
        chain: PEM, its own certificate first, the root last; empty for a pending CA.
        signing_algorithm: with which it signs.
    """

    arn: pulumi.Output[str]
    csr: pulumi.Output[str]
    certificate: pulumi.Output[str]
    as_issued: pulumi.Output[str]
    chain: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        context: StackContext,
        common_name: str,
        usage_mode: UsageMode,
        bucket: pulumi.Input[str] | None,
        certification: SelfSigned | SignedBy | SignedElsewhere | None,
    ) -> None:
        """Create, certify and activate the CA.

        Args:
            name: logical name; URNs are built from it, so changing it would replace the CA.
            context: of the stack.
            common_name: of the CA's subject.
            usage_mode: what it may issue; AWS can't change it later.
            bucket: for its revocation lists.
            certification: who signs its certificate; None leaves the CA pending.
        """
        super().__init__("kong-mesh-pca:authority:PrivateAuthority", name, None, context.opts)
        settings = context.settings
        self._name, self._context, self._usage_mode = name, context, usage_mode
        names = {field: getattr(settings, field) for field in _SUBJECT[1:]}
        self._subject: dict[str, str | None] = {"common_name": common_name, **names}
        self.signing_algorithm = settings.signing_algorithm or algorithms.choose_signing_algorithm(
            settings.key_algorithm
        )
        authority = self._create("ROOT" if isinstance(certification, SelfSigned) else "SUBORDINATE", bucket)
        # A renewed certificate replaces the activation, which therefore is not protected itself.
        self._guarded: list[pulumi.Resource] = [authority]
        # Everything else waits for this: nothing is signed for a CA that is not what the settings say.
        self.arn = self._require_unchanged(authority)
        self.csr = authority.certificate_signing_request
        self.certificate = self.as_issued = self.chain = pulumi.Output.from_input("")
        if isinstance(certification, SignedElsewhere):
            self._import(*self._signed_elsewhere(certification))
        elif isinstance(certification, SelfSigned):
            issued = self._certify(certification, Issuer(self.arn, self.signing_algorithm), templates.ROOT_CA)
            # A root is imported without a chain, a subordinate only with it.
            self._import(issued.certificate, None)
        elif certification is not None:
            issued = self._certify(
                certification, certification.issuer, templates.name_subordinate_ca(certification.path_length)
            )
            _refuse_when_new(issued, certification.problems)
            above = certification.issuer.above
            self._import(issued.certificate, issued.certificate_chain if above is None else above)
        Guard(f"{name}-guard", self._guarded, protect=settings.protect, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"arn": self.arn, "certificate": self.certificate, "chain": self.chain})

    def _create(self, kind: str, bucket: pulumi.Input[str] | None) -> acmpca.CertificateAuthority:
        settings = self._context.settings
        return acmpca.CertificateAuthority(
            self._name,
            type=kind,
            certificate_authority_configuration=acmpca.CertificateAuthorityCertificateAuthorityConfigurationArgs(
                key_algorithm=settings.key_algorithm,
                signing_algorithm=self.signing_algorithm,
                subject=acmpca.CertificateAuthorityCertificateAuthorityConfigurationSubjectArgs(**self._subject),
            ),
            usage_mode=self._usage_mode,
            key_storage_security_standard=settings.key_storage,
            permanent_deletion_time_in_days=settings.deletion_window_days,
            # Always said, also when it is off: a missing block is no difference to the provider, so revocation that
            # was on would stay on (same provider: SuppressMissingOptionalConfigurationBlock).
            revocation_configuration=configure_revocation(settings.revocation, bucket),
            tags=dict(self._context.tags),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=settings.protect,
                ignore_changes=_LEFT_ALONE,
                # The provider's own limit is one minute, and CreateCertificateAuthority one call a second.
                custom_timeouts=pulumi.CustomTimeouts(create="10m"),
            ),
        )

    def _certify(self, certification: SelfSigned | SignedBy, issuer: Issuer, template: str) -> acmpca.Certificate:
        generation = certification.generation
        return acmpca.Certificate(
            # A relative validity never shows as a difference, so a certificate is renewed by another name. The first
            # has no number, for the sake of stacks that are there already.
            f"{self._name}-certificate" + (f"-{generation}" if generation > 1 else ""),
            certificate_authority_arn=issuer.arn,
            certificate_signing_request=self.csr,
            signing_algorithm=issuer.signing_algorithm,
            template_arn=self.arn.apply(lambda text: templates.build_arn(template, text.split(":")[1])),
            validity={"type": "YEARS", "value": str(certification.validity_years)},
            region=issuer.region,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=issuer.provider,
                # Destroying it would revoke the CA's certificate while proxies still present chains with it
                # (same provider, certificate.go: resourceCertificateRevoke).
                retain_on_delete=True,
            ),
        )

    def _import(self, certificate: pulumi.Output[str], above: pulumi.Output[str] | None) -> None:
        activation = acmpca.CertificateAuthorityCertificate(
            f"{self._name}-activation",
            certificate_authority_arn=self.arn,
            certificate=certificate,
            certificate_chain=above,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._guarded.append(activation)
        self.arn = activation.certificate_authority_arn
        # Read from the issued certificate: the CA resource's own fields are filled when the CA is created, before
        # there is a certificate, and stay empty until a refresh.
        self.as_issued = certificate
        self.certificate = certificate.apply(_canonical)
        self.chain = (
            pulumi.Output.all(certificate, above).apply(lambda texts: "".join(map(_canonical, texts)))
            if above is not None
            else self.certificate
        )

    def _signed_elsewhere(self, given: SignedElsewhere) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        def check(request: str) -> str:
            problem = csr.find_mismatch(request, pem.load_certificate(given.certificate))
            if problem:
                raise build_error(
                    "the certificate was not issued for this CA",
                    [Problem("issuedCertificate", problem)],
                    "Have the CSR signed that `toolkit contract csr` prints, and set the result.",
                )
            return _canonical(given.certificate).strip()

        return self.csr.apply(check), pulumi.Output.from_input(_canonical(given.chain).strip())

    def _require_unchanged(self, authority: acmpca.CertificateAuthority) -> pulumi.Output[str]:
        """Return the CA's ARN, if the CA is what the settings say; a preview already knows a CA that exists."""
        settings = self._context.settings

        asked = {
            "keyAlgorithm": settings.key_algorithm,
            "signingAlgorithm": self.signing_algorithm,
            "usageMode": self._usage_mode,
            "keyStorage": settings.key_storage,
            "deletionWindowDays": settings.deletion_window_days,
            **{_key(field): text for field, text in self._subject.items()},
        }

        def check(values: Sequence[Value]) -> str:
            arn, configuration, mode, storage, days = values
            made = {**configuration, "usageMode": mode, "keyStorage": storage, "deletionWindowDays": days}
            if settings.key_storage is None:
                made["keyStorage"] = None
            changed = [
                Problem(
                    key,
                    f"{'nothing' if value is None else value} is asked for, but {self._name} was made with {made[key]}",
                )
                for key, value in asked.items()
                if value != made[key]
            ]
            if changed:
                raise build_error(
                    f"AWS can't change what {self._name} was made with",
                    changed,
                    "Put the values back. For another CA make another stack and rotate the mesh to it.",
                )
            return str(arn)

        return pulumi.Output.all(
            authority.arn,
            authority.certificate_authority_configuration.apply(_read_configuration),
            authority.usage_mode,
            authority.key_storage_security_standard,
            authority.permanent_deletion_time_in_days,
        ).apply(check)


def _read_configuration(
    configuration: acmpca.outputs.CertificateAuthorityCertificateAuthorityConfiguration,
) -> dict[str, str | None]:
    """Return what a CA was made with, by the keys of the settings."""
    return {
        "keyAlgorithm": configuration.key_algorithm,
        "signingAlgorithm": configuration.signing_algorithm,
        **{_key(field): getattr(configuration.subject, field) or None for field in _SUBJECT},
    }


def _key(field: str) -> str:
    """Return the setting that says an attribute of the subject."""
    return "caName" if field == "common_name" else to_camel(field)


def _refuse_when_new(certificate: acmpca.Certificate, problems: Callable[[], Iterable[Problem]]) -> None:
    """Let a preview fail when it is about to have a certificate issued that can't be; one that exists is left alone."""

    async def check() -> str:
        is_new = pulumi.runtime.is_dry_run() and not await certificate.arn.is_known()
        if reasons := list(problems()) if is_new else []:
            hint = "Choose another parent or other settings; nothing was made."
            raise build_error("the CA above can't sign", reasons, hint)
        return "checked"

    # An Output, because Pulumi waits for those at the end of a program and fails it with their exceptions.
    _: pulumi.Output[str] = pulumi.Output.from_input(check())


def _canonical(text: str) -> str:
    return pem.write(pem.load_certificates(text))
