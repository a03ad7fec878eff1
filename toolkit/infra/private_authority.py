"""Create, certify and activate private CAs.

AWS Private CA needs three steps: the CA itself (PENDING_CERTIFICATE, with a CSR), a certificate for that CSR, and its
import, which activates the CA. Resources that use a CA take its ARN from the import, so Pulumi can't create them
earlier. Issuing before the activation fails with InvalidStateException (hashicorp/terraform-provider-aws#37592).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_aws import acmpca
from pydantic.alias_generators import to_camel

from toolkit.errors import Problem
from toolkit.infra.components import Guard, StackContext
from toolkit.infra.reading import build_error
from toolkit.infra.revocation_settings import configure_revocation
from toolkit.pki import algorithms, csr, pem, templates
from toolkit.values import Value

if TYPE_CHECKING:
    import pulumi_aws as aws

    from toolkit.contract import SigningAlgorithm, UsageMode

# AWS can't change these on a CA. The provider would replace the CA, with a new key and ARN that no zone uses
# (hashicorp/terraform-provider-aws, internal/service/acmpca/certificate_authority.go: ForceNew), or send an empty
# UpdateCertificateAuthority, which AWS rejects (same file: HasChangesExcept). So Pulumi ignores a changed value, and
# _require_unchanged reports it.
# `enabled` is not set by the stack: an update must not enable a CA that was disabled on purpose, as the provider's
# default would (same file: Default true, read back from the status).
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
    """A CA that signs another CA's certificate.

    Attributes:
        arn: the CA's ARN; the CA is active.
        signing_algorithm: an algorithm of the type of its key.
        above: PEM as AWS returned it: the chain of a certificate that it signs; None for the chain that is returned
            with the certificate. It is set for a CA of the stack, so that a renewed root is also imported below it.
        region: the CA's region, if it is not the stack's.
        provider: the provider to call it with, if it is in another account.
        problems: lists what prevents a new certificate; called only before one is issued, because later the issuer may
            be disabled or about to expire.
    """

    arn: pulumi.Input[str]
    signing_algorithm: SigningAlgorithm
    above: pulumi.Output[str] | None = None
    region: str | None = None
    provider: aws.Provider | None = None
    problems: Callable[[], Iterable[Problem]] = list


class PrivateAuthority(pulumi.ComponentResource):
    """A private CA, active unless its CSR has not been signed yet.

    Attributes:
        arn: its ARN, known only once the CA is active; for a pending CA, once it is created.
        csr: PEM of the CSR for its own certificate.
        certificate: PEM of its own certificate; empty for a pending CA.
        as_issued: the same PEM, exactly as AWS returned it, because an import is compared with it byte by byte.
        chain: PEM, its own certificate first, the root last; empty for a pending CA.
        signing_algorithm: the algorithm that it signs with.
    """

    arn: pulumi.Output[str]
    csr: pulumi.Output[str]
    certificate: pulumi.Output[str]
    as_issued: pulumi.Output[str]
    chain: pulumi.Output[str]

    def __init__(
        self,
        context: StackContext,
        kind: Literal["ROOT", "SUBORDINATE"],
        bucket: pulumi.Input[str] | None,
        issuer: Issuer | None = None,
    ) -> None:
        """Create, certify and activate the CA.

        Args:
            context: the stack's context.
            kind: ROOT for a CA that signs its own certificate.
            bucket: the bucket for its CRLs.
            issuer: the CA that signs a subordinate CA; None if an external CA does.
        """
        # URNs contain the logical name, so changing it would replace the CA.
        name, title = ("root-ca", "Root CA") if kind == "ROOT" else ("issuing-ca", "Issuing CA")
        super().__init__("kong-mesh-pca:authority:PrivateAuthority", name, None, context.opts)
        settings = context.settings
        self._name, self._context = name, context
        # The root above an intermediate CA is general-purpose: a short-lived CA can't have another CA below it.
        is_above = kind == "ROOT" and settings.topology == "intermediate"
        self._usage_mode: UsageMode = "GENERAL_PURPOSE" if is_above else settings.usage_mode
        names = {field: getattr(settings, field) for field in _SUBJECT[1:]}
        self._subject: dict[str, str | None] = {"common_name": f"{settings.ca_name} {title}", **names}
        self.signing_algorithm = settings.signing_algorithm or algorithms.choose_signing_algorithm(
            settings.key_algorithm
        )
        authority = self._create(kind, bucket)
        # A renewed certificate replaces the activation, so the activation itself is not protected.
        self._guarded: list[pulumi.Resource] = [authority]
        # All other resources depend on this, so nothing is signed for a CA that differs from the settings.
        self.arn = self._require_unchanged(authority)
        self.csr = authority.certificate_signing_request
        self.certificate = self.as_issued = self.chain = pulumi.Output.from_input("")
        if kind == "ROOT":
            own, years = Issuer(self.arn, self.signing_algorithm), settings.root_validity_years
            issued = self._certify(own, templates.ROOT_CA, years, settings.root_generation)
            # A root is imported without a chain, a subordinate CA only with its chain.
            self._import(issued.certificate, None)
        elif issuer is not None:
            template = templates.name_subordinate_ca(settings.intermediate_path_length)
            years = settings.intermediate_validity_years
            issued = self._certify(issuer, template, years, settings.issuing_generation)
            _refuse_when_new(issued, issuer.problems)
            self._import(issued.certificate, issued.certificate_chain if issuer.above is None else issuer.above)
        elif settings.issued_certificate and settings.issued_certificate_chain:
            self._import(*self._signed_elsewhere(settings.issued_certificate, settings.issued_certificate_chain))
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
            # Set it even if revocation is off: the provider ignores a missing block, so revocation that was on would
            # stay on (same provider: SuppressMissingOptionalConfigurationBlock).
            revocation_configuration=configure_revocation(settings.revocation, bucket),
            tags=dict(self._context.tags),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=settings.protect,
                ignore_changes=_LEFT_ALONE,
                # The provider's default timeout is one minute, and CreateCertificateAuthority allows one call a second.
                custom_timeouts=pulumi.CustomTimeouts(create="10m"),
            ),
        )

    def _certify(self, issuer: Issuer, template: str, years: int, generation: int) -> acmpca.Certificate:
        return acmpca.Certificate(
            # A changed relative validity shows no diff, so a renewed certificate gets another name. The first one has
            # no number, for compatibility with existing stacks.
            f"{self._name}-certificate" + (f"-{generation}" if generation > 1 else ""),
            certificate_authority_arn=issuer.arn,
            certificate_signing_request=self.csr,
            signing_algorithm=issuer.signing_algorithm,
            template_arn=self.arn.apply(lambda text: templates.build_arn(template, text.split(":")[1])),
            validity={"type": "YEARS", "value": str(years)},
            region=issuer.region,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=issuer.provider,
                # Deleting it would revoke the CA's certificate while proxies still present chains with it (same
                # provider, certificate.go: resourceCertificateRevoke).
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
        # Read from the issued certificate: the fields of the CA resource are set on creation, before there is a
        # certificate, and stay empty until a refresh.
        self.as_issued = certificate
        self.certificate = certificate.apply(_canonical)
        self.chain = (
            pulumi.Output.all(certificate, above).apply(lambda texts: "".join(map(_canonical, texts)))
            if above is not None
            else self.certificate
        )

    def _signed_elsewhere(self, certificate: str, above: str) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        def check(request: str) -> str:
            problem = csr.find_mismatch(request, pem.load_certificate(certificate))
            if problem:
                raise build_error(
                    "the certificate was not issued for this CA",
                    [Problem("issuedCertificate", problem)],
                    "Have the CSR signed that `toolkit contract csr` prints, and set the result.",
                )
            return _canonical(certificate).strip()

        return self.csr.apply(check), pulumi.Output.from_input(_canonical(above).strip())

    def _require_unchanged(self, authority: acmpca.CertificateAuthority) -> pulumi.Output[str]:
        """Return the CA's ARN, if the CA matches the settings; a preview already knows an existing CA."""
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
            storage = settings.key_storage and storage
            made = {**configuration, "usageMode": mode, "keyStorage": storage, "deletionWindowDays": days}
            changed = [
                Problem(
                    key,
                    f"is {'not set' if value is None else value}, but {self._name} was created "
                    + ("without it" if made[key] is None else f"with {made[key]}"),
                )
                for key, value in asked.items()
                if value != made[key]
            ]
            if changed:
                raise build_error(
                    f"AWS can't change these settings of the existing CA {self._name}",
                    changed,
                    "Restore the earlier values. For another CA, create another stack and rotate the mesh to it.",
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
    """Return the CA's original configuration, by the keys of the settings."""
    return {
        "keyAlgorithm": configuration.key_algorithm,
        "signingAlgorithm": configuration.signing_algorithm,
        **{_key(field): getattr(configuration.subject, field) or None for field in _SUBJECT},
    }


def _key(field: str) -> str:
    """Return the setting for an attribute of the subject."""
    return "caName" if field == "common_name" else to_camel(field)


def _refuse_when_new(certificate: acmpca.Certificate, problems: Callable[[], Iterable[Problem]]) -> None:
    """Fail a preview if it is about to issue a certificate that can't be issued; ignore an existing certificate."""

    async def check() -> str:
        is_new = pulumi.runtime.is_dry_run() and not await certificate.arn.is_known()
        if reasons := list(problems()) if is_new else []:
            hint = "Choose another parent or other settings; nothing was created."
            raise build_error("the parent CA can't sign the stack's CA", reasons, hint)
        return "checked"

    # An Output, because Pulumi waits for outputs at the end of a program and fails with their exceptions.
    _: pulumi.Output[str] = pulumi.Output.from_input(check())


def _canonical(text: str) -> str:
    return pem.write(pem.load_certificates(text))
