"""Which CAs a stack has: for every topology the one that issues, and what stands above it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pulumi

from toolkit.infra import existing, revocation_settings
from toolkit.infra.private_authority import (
    AuthorityArgs,
    Issuer,
    PrivateAuthority,
    SelfSigned,
    SignedBy,
    SignedElsewhere,
    Subject,
)
from toolkit.pki import algorithms, arn, pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi_aws as aws

    from toolkit.contract import KeyAlgorithm, SigningAlgorithm, UsageMode
    from toolkit.infra.deployment_account import Home
    from toolkit.infra.existing import ExistingAuthority
    from toolkit.infra.settings import Settings

_ROOT, _ISSUING = "root-ca", "issuing-ca"


@dataclass(frozen=True)
class Issuing:
    """The CA that issues for the stack's meshes.

    Attributes:
        arn: known once it is active.
        chain: PEM, its own certificate first, the root last.
        root: PEM of the root.
        type: ROOT or SUBORDINATE.
        usage_mode: what it may issue.
        key_algorithm: of its key.
        signing_algorithm: with which it signs.
        csr: PEM of the request that somebody has yet to sign; None for a CA that can issue.
        crl_bucket: of the bucket that was made for its revocation lists, if one was.
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


@dataclass(frozen=True)
class Authorities:
    """Makes a stack's CAs, or takes the one that is there.

    Attributes:
        settings: the stack's.
        home: where it deploys to.
        found: the CA that is adopted or that signs, as AWS showed it.
        provider: with which the parent is called; None for the stack's own.
        tags: of the CAs.
        opts: resource options of the components.
    """

    settings: Settings
    home: Home
    found: ExistingAuthority | None
    provider: aws.Provider | None
    tags: Mapping[str, str]
    opts: pulumi.ResourceOptions

    def issuing(self) -> Issuing:
        """The CA that issues, with everything above it that the stack owns."""
        settings = self.settings
        if settings.topology == "adopt":
            return self._adopted()
        made = self._crl_bucket()
        bucket = made if made is not None or settings.revocation.crl is None else settings.revocation.crl.bucket
        return replace(self._own(bucket), crl_bucket=made)

    def _own(self, bucket: pulumi.Input[str] | None) -> Issuing:
        """The CA that issues where the stack makes it."""
        settings = self.settings
        if settings.topology == "root":
            root = self._make(_ROOT, "Root", settings.usage_mode, bucket, self._root_certification())
            return self._of_the_stack(root, "ROOT")
        if settings.topology == "intermediate":
            # Above an intermediate the root stays general-purpose: a short-lived CA can't have one below it.
            root = self._make(_ROOT, "Root", "GENERAL_PURPOSE", bucket, self._root_certification())
            certification = self._signed_by(Issuer(root.arn, root.signing_algorithm, root.as_issued))
        elif settings.topology == "under-aws-ca":
            certification = self._signed_by(self._parent())
        else:
            return self._under_external_ca(bucket)
        issuing = self._make(_ISSUING, "Issuing", settings.usage_mode, bucket, certification)
        return self._of_the_stack(issuing, "SUBORDINATE")

    def _adopted(self) -> Issuing:
        found = self._required()
        bundle = pem.write(found.certificates)
        return Issuing(
            arn=pulumi.Output.from_input(found.arn),
            chain=pulumi.Output.from_input(bundle),
            root=pulumi.Output.from_input(pem.write(found.certificates[-1:])),
            type=found.type,
            usage_mode=found.usage_mode,
            key_algorithm=found.key_algorithm,
            signing_algorithm=self.settings.signing_algorithm or algorithms.signing_algorithm(found.key_algorithm),
        )

    def _under_external_ca(self, bucket: pulumi.Input[str] | None) -> Issuing:
        settings = self.settings
        certificate, above = settings.issued_certificate, settings.issued_certificate_chain
        certification = SignedElsewhere(certificate, above) if certificate and above else None
        issuing = self._make(_ISSUING, "Issuing", settings.usage_mode, bucket, certification)
        return self._of_the_stack(issuing, "SUBORDINATE", pending=certification is None)

    def _of_the_stack(
        self, authority: PrivateAuthority, kind: Literal["ROOT", "SUBORDINATE"], *, pending: bool = False
    ) -> Issuing:
        return Issuing(
            arn=existing.refuse_when_active(authority.arn) if pending else authority.arn,
            chain=authority.chain,
            root=authority.chain if pending else authority.chain.apply(_last),
            type=kind,
            usage_mode=self.settings.usage_mode,
            key_algorithm=self.settings.key_algorithm,
            signing_algorithm=authority.signing_algorithm,
            csr=authority.csr if pending else None,
        )

    def _root_certification(self) -> SelfSigned:
        return SelfSigned(self.settings.root_validity_years, self.settings.root_generation)

    def _signed_by(self, issuer: Issuer) -> SignedBy:
        settings = self.settings
        parent = self.found
        return SignedBy(
            issuer=issuer,
            path_length=settings.intermediate_path_length,
            validity_years=settings.intermediate_validity_years,
            generation=settings.issuing_generation,
            problems=(lambda: existing.parent_problems(parent, settings)) if parent else list,
        )

    def _parent(self) -> Issuer:
        found = self._required()
        region = arn.PRIVATE_CA.parse(found.arn).region
        return Issuer(
            found.arn,
            algorithms.signing_algorithm(found.key_algorithm),
            region=region if region != self.home.region or self.provider else None,
            provider=self.provider,
        )

    def _required(self) -> ExistingAuthority:
        assert self.found is not None  # noqa: S101 - looked up for every topology that needs it
        return self.found

    def _crl_bucket(self) -> pulumi.Output[str] | None:
        """The bucket that is made for revocation lists; None where none is wanted, or one is there."""
        crl = self.settings.revocation.crl
        if crl is None or crl.bucket is not None:
            return None
        made = revocation_settings.CrlBucket(
            "kong-mesh-crl", crl, account=self.home.account, tags=self.tags, opts=self.opts
        )
        return made.bucket_name

    def _make(
        self,
        name: str,
        kind: str,
        usage_mode: UsageMode,
        bucket: pulumi.Input[str] | None,
        certification: SelfSigned | SignedBy | SignedElsewhere | None,
    ) -> PrivateAuthority:
        settings = self.settings
        subject = Subject(
            common_name=f"{settings.ca_name} {kind} CA",
            organization=settings.organization,
            organizational_unit=settings.organizational_unit,
            country=settings.country,
            state=settings.state,
            locality=settings.locality,
        )
        args = AuthorityArgs(
            subject=subject,
            key_algorithm=settings.key_algorithm,
            signing_algorithm=settings.signing_algorithm or algorithms.signing_algorithm(settings.key_algorithm),
            usage_mode=usage_mode,
            key_storage=settings.key_storage,
            deletion_window_days=settings.deletion_window_days,
            protect=settings.protect,
            revocation=revocation_settings.configuration(settings.revocation, bucket),
            tags=self.tags,
        )
        return PrivateAuthority(name, args, certification, opts=self.opts)


def _last(bundle: str) -> str:
    return pem.write(pem.load_certificates(bundle)[-1:])
