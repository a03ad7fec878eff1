"""Create the CAs of each topology: the issuing CA, and the CAs above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi

from toolkit.infra import existing
from toolkit.infra.private_authority import Issuer, PrivateAuthority
from toolkit.infra.revocation_settings import CrlBucket
from toolkit.pki import algorithms, arn, pem

if TYPE_CHECKING:
    import pulumi_aws as aws

    from toolkit.contract import KeyAlgorithm, SigningAlgorithm, UsageMode
    from toolkit.infra.components import StackContext
    from toolkit.infra.existing import ExistingAuthority
    from toolkit.infra.settings import Settings


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


def create(context: StackContext, found: ExistingAuthority | None, provider: aws.Provider | None) -> Issuing:
    """Create the issuing CA and the stack's own CAs above it, or return the adopted CA.

    Args:
        context: the stack's context.
        found: the adopted or signing CA, as AWS returned it.
        provider: the provider to call the parent CA with; None for the stack's own.
    """
    settings, crl = context.settings, context.settings.revocation.crl
    if settings.topology == "adopt" and found is not None:
        return _adopt(found, settings)
    crl_bucket = CrlBucket("kong-mesh-crl", crl, context).bucket_name if crl and crl.bucket is None else None
    bucket = crl_bucket if crl is None or crl.bucket is None else crl.bucket
    kind: Literal["ROOT", "SUBORDINATE"] = "ROOT" if settings.topology == "root" else "SUBORDINATE"
    issuer = None
    if settings.topology == "intermediate":
        root = PrivateAuthority(context, "ROOT", bucket)
        issuer = Issuer(root.arn, root.signing_algorithm, root.as_issued)
    elif found is not None:
        issuer = _sign_with(found, context, provider)
    authority = PrivateAuthority(context, kind, bucket, issuer)
    is_pending = settings.topology == "under-external-ca" and settings.issued_certificate is None
    return Issuing(
        arn=existing.refuse_when_active(authority.arn) if is_pending else authority.arn,
        chain=authority.chain,
        root=authority.chain if is_pending else authority.chain.apply(_last),
        type=kind,
        usage_mode=settings.usage_mode,
        key_algorithm=settings.key_algorithm,
        signing_algorithm=authority.signing_algorithm,
        csr=authority.csr if is_pending else None,
        crl_bucket=crl_bucket,
    )


def _adopt(adopted: ExistingAuthority, settings: Settings) -> Issuing:
    return Issuing(
        arn=pulumi.Output.from_input(adopted.arn),
        chain=pulumi.Output.from_input(pem.write(adopted.certificates)),
        root=pulumi.Output.from_input(pem.write(adopted.certificates[-1:])),
        type=adopted.type,
        usage_mode=adopted.usage_mode,
        key_algorithm=adopted.key_algorithm,
        signing_algorithm=settings.signing_algorithm or algorithms.choose_signing_algorithm(adopted.key_algorithm),
    )


def _sign_with(parent: ExistingAuthority, context: StackContext, provider: aws.Provider | None) -> Issuer:
    region = arn.PRIVATE_CA.parse(parent.arn).region
    return Issuer(
        parent.arn,
        algorithms.choose_signing_algorithm(parent.key_algorithm),
        region=region if region != context.deployment.region or provider else None,
        provider=provider,
        problems=lambda: existing.check_parent(parent, context.settings),
    )


def _last(bundle: str) -> str:
    return pem.write(pem.load_certificates(bundle)[-1:])
