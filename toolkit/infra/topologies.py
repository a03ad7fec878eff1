"""Create the CAs of each topology: the issuing CA, and the CAs above it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pulumi

from toolkit.infra import existing
from toolkit.infra.private_authority import (
    Issuer,
    PrivateAuthority,
    SelfSigned,
    SignedBy,
    SignedElsewhere,
)
from toolkit.infra.revocation_settings import CrlBucket
from toolkit.pki import algorithms, arn, pem

if TYPE_CHECKING:
    import pulumi_aws as aws

    from toolkit.contract import KeyAlgorithm, SigningAlgorithm, UsageMode
    from toolkit.infra.existing import ExistingAuthority
    from toolkit.infra.stack_context import StackContext


@dataclass(frozen=True)
class Issuing:
    """The CA that issues for the stack's meshes.

    Attributes:
        arn: known once it is active.
        chain: PEM, its own certificate first, the root last.
        root: PEM of the root.
        type: ROOT or SUBORDINATE.
        usage_mode: the usage mode, which limits the certificates that it may issue.
        key_algorithm: the algorithm of its key.
        signing_algorithm: the algorithm that it signs with.
        csr: PEM of the CSR that must still be signed; None for a CA that can issue.
        crl_bucket: the bucket that was created for its CRLs, if any.
    """

    arn: pulumi.Output[str]
    chain: pulumi.Output[str]
    root: pulumi.Output[str]
    type: Literal["ROOT", "SUBORDINATE"]
    usage_mode: UsageMode
    key_algorithm: KeyAlgorithm
    signing_algorithm: SigningAlgorithm
    csr: pulumi.Output[str] | None = None
    crl_bucket: pulumi.Output[str] | None = None


class Authorities:
    """Creates a stack's CAs, or uses the existing one."""

    def __init__(
        self, context: StackContext, existing_authority: ExistingAuthority | None, provider: aws.Provider | None
    ) -> None:
        """Prepare the CAs without creating anything.

        Args:
            context: the stack's context.
            existing_authority: the adopted or signing CA, as AWS returned it.
            provider: the provider to call the parent CA with; None for the stack's own.
        """
        self._context, self._settings = context, context.settings
        self._existing, self._provider = existing_authority, provider
        self._bucket: pulumi.Input[str] | None = None

    def create(self) -> Issuing:
        """Create the issuing CA and the stack's own CAs above it, or return the adopted CA."""
        settings, crl, crl_bucket = self._settings, self._settings.revocation.crl, None
        if settings.topology == "adopt" and self._existing is not None:
            return self._adopt(self._existing)
        if crl is not None:
            if crl.bucket is None:
                crl_bucket = CrlBucket("kong-mesh-crl", crl, self._context).bucket_name
            self._bucket = crl_bucket if crl_bucket is not None else crl.bucket
        if settings.topology == "root":
            issuing = self._describe(self._make_root(settings.usage_mode), "ROOT")
        elif settings.topology == "intermediate":
            # The root above an intermediate CA is general-purpose: a short-lived CA can't have another CA below it.
            root = self._make_root("GENERAL_PURPOSE")
            issuing = self._make_issuing(self._signed_by(Issuer(root.arn, root.signing_algorithm, root.as_issued)))
        elif self._existing is not None:
            issuing = self._make_issuing(self._signed_by(self._parent(self._existing)))
        else:
            certificate, above = settings.issued_certificate, settings.issued_certificate_chain
            issuing = self._make_issuing(SignedElsewhere(certificate, above) if certificate and above else None)
        return replace(issuing, crl_bucket=crl_bucket)

    def _adopt(self, adopted: ExistingAuthority) -> Issuing:
        return Issuing(
            arn=pulumi.Output.from_input(adopted.arn),
            chain=pulumi.Output.from_input(pem.write(adopted.certificates)),
            root=pulumi.Output.from_input(pem.write(adopted.certificates[-1:])),
            type=adopted.type,
            usage_mode=adopted.usage_mode,
            key_algorithm=adopted.key_algorithm,
            signing_algorithm=self._settings.signing_algorithm
            or algorithms.choose_signing_algorithm(adopted.key_algorithm),
        )

    def _make_root(self, usage_mode: UsageMode) -> PrivateAuthority:
        settings = self._settings
        certification = SelfSigned(settings.root_validity_years, settings.root_generation)
        return PrivateAuthority(
            "root-ca", self._context, f"{settings.ca_name} Root CA", usage_mode, self._bucket, certification
        )

    def _make_issuing(self, certification: SignedBy | SignedElsewhere | None) -> Issuing:
        name, mode = f"{self._settings.ca_name} Issuing CA", self._settings.usage_mode
        authority = PrivateAuthority("issuing-ca", self._context, name, mode, self._bucket, certification)
        return self._describe(authority, "SUBORDINATE", pending=certification is None)

    def _describe(
        self, authority: PrivateAuthority, kind: Literal["ROOT", "SUBORDINATE"], *, pending: bool = False
    ) -> Issuing:
        return Issuing(
            arn=existing.refuse_when_active(authority.arn) if pending else authority.arn,
            chain=authority.chain,
            root=authority.chain if pending else authority.chain.apply(_last),
            type=kind,
            usage_mode=self._settings.usage_mode,
            key_algorithm=self._settings.key_algorithm,
            signing_algorithm=authority.signing_algorithm,
            csr=authority.csr if pending else None,
        )

    def _signed_by(self, issuer: Issuer) -> SignedBy:
        settings, parent = self._settings, self._existing
        return SignedBy(
            issuer=issuer,
            path_length=settings.intermediate_path_length,
            validity_years=settings.intermediate_validity_years,
            generation=settings.issuing_generation,
            problems=(lambda: existing.check_parent(parent, settings)) if parent else list,
        )

    def _parent(self, parent: ExistingAuthority) -> Issuer:
        region = arn.PRIVATE_CA.parse(parent.arn).region
        return Issuer(
            parent.arn,
            algorithms.choose_signing_algorithm(parent.key_algorithm),
            region=region if region != self._context.deployment.region or self._provider else None,
            provider=self._provider,
        )


def _last(bundle: str) -> str:
    return pem.write(pem.load_certificates(bundle)[-1:])
