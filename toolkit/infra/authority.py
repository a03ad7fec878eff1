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

from toolkit.pki import chain, templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.contract import KeyAlgorithm, SigningAlgorithm, UsageMode

# The hash that matches the strength of the key (NIST SP 800-57 part 1, table 3).
_SIGNING_ALGORITHMS: dict[KeyAlgorithm, SigningAlgorithm] = {
    "RSA_2048": "SHA256WITHRSA",
    "RSA_3072": "SHA256WITHRSA",
    "RSA_4096": "SHA384WITHRSA",
    "EC_prime256v1": "SHA256WITHECDSA",
    "EC_secp384r1": "SHA384WITHECDSA",
    "EC_secp521r1": "SHA512WITHECDSA",
}


def signing_algorithm(key_algorithm: KeyAlgorithm) -> SigningAlgorithm:
    """The algorithm with which a CA of that key signs; AWS wants the same family as the CA's key."""
    return _SIGNING_ALGORITHMS[key_algorithm]


@dataclass(frozen=True)
class AuthorityArgs:
    """What a private CA is made from.

    Attributes:
        common_name: CN of its subject, at most 64 characters.
        organization: O of its subject.
        key_algorithm: of its key pair, which AWS keeps in its HSMs.
        usage_mode: what it may issue; AWS can't change it later.
        validity_years: lifetime of its certificate.
        deletion_window_days: for how long it can be restored after a deletion, 7 to 30.
        protect: whether Pulumi refuses to delete it.
        tags: of the CA.
    """

    common_name: str
    organization: str
    key_algorithm: KeyAlgorithm
    usage_mode: UsageMode
    validity_years: int
    deletion_window_days: int
    protect: bool
    tags: Mapping[str, str]


class PrivateAuthority(pulumi.ComponentResource):
    """An activated private CA.

    Attributes:
        arn: its ARN, known only once the CA is active.
        certificate: PEM of its own certificate.
        chain: PEM, its own certificate first, the root last.
    """

    arn: pulumi.Output[str]
    certificate: pulumi.Output[str]
    chain: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: AuthorityArgs,
        *,
        issuer: PrivateAuthority | None = None,
        path_length: int | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create, certify and activate the CA.

        Args:
            name: logical name; URNs are built from it, so changing it would replace the CA.
            args: what the CA is made from.
            issuer: the CA above it, already active; None makes a root.
            path_length: how many further CAs may stand below, 0 to 3; required below an issuer.
            opts: resource options of the component.
        """
        super().__init__("kong-mesh-pca:authority:PrivateAuthority", name, None, opts)
        self.signing_algorithm = signing_algorithm(args.key_algorithm)
        authority = self._create(name, args, "SUBORDINATE" if issuer else "ROOT")
        certificate = self._certify(name, args, authority, issuer, path_length)
        activation = acmpca.CertificateAuthorityCertificate(
            f"{name}-activation",
            certificate_authority_arn=authority.arn,
            certificate=certificate.certificate,
            # A root is imported without a chain, a subordinate only with it.
            certificate_chain=certificate.certificate_chain if issuer else None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = activation.certificate_authority_arn
        # Read from the issued certificate: the CA resource's own fields are filled when the CA is created,
        # before there is a certificate, and stay empty until a refresh.
        self.certificate = certificate.certificate.apply(_normalized)
        self.chain = (
            pulumi.Output.all(certificate.certificate, certificate.certificate_chain).apply(
                lambda pems: _normalized("\n".join(pems))
            )
            if issuer
            else self.certificate
        )
        self.register_outputs({"arn": self.arn, "certificate": self.certificate, "chain": self.chain})

    def _create(self, name: str, args: AuthorityArgs, kind: str) -> acmpca.CertificateAuthority:
        subject = acmpca.CertificateAuthorityCertificateAuthorityConfigurationSubjectArgs(
            common_name=args.common_name, organization=args.organization
        )
        configuration = acmpca.CertificateAuthorityCertificateAuthorityConfigurationArgs(
            key_algorithm=args.key_algorithm, signing_algorithm=self.signing_algorithm, subject=subject
        )
        return acmpca.CertificateAuthority(
            name,
            type=kind,
            certificate_authority_configuration=configuration,
            usage_mode=args.usage_mode,
            permanent_deletion_time_in_days=args.deletion_window_days,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                # AWS can change neither; a changed value alone makes the provider send an empty
                # UpdateCertificateAuthority, which AWS refuses (hashicorp/terraform-provider-aws,
                # internal/service/acmpca/certificate_authority.go: HasChangesExcept).
                ignore_changes=["permanent_deletion_time_in_days", "usage_mode"],
                # The provider's own limit is one minute, and CreateCertificateAuthority one call a second.
                custom_timeouts=pulumi.CustomTimeouts(create="10m"),
            ),
        )

    def _certify(
        self,
        name: str,
        args: AuthorityArgs,
        authority: acmpca.CertificateAuthority,
        issuer: PrivateAuthority | None,
        path_length: int | None,
    ) -> acmpca.Certificate:
        if issuer and path_length is None:
            raise ValueError("a CA below another one needs a path length")
        template = templates.subordinate_ca(path_length or 0) if issuer else templates.ROOT_CA
        return acmpca.Certificate(
            f"{name}-certificate",
            certificate_authority_arn=issuer.arn if issuer else authority.arn,
            certificate_signing_request=authority.certificate_signing_request,
            signing_algorithm=issuer.signing_algorithm if issuer else self.signing_algorithm,
            template_arn=authority.arn.apply(lambda text: templates.arn(template, text.split(":")[1])),
            validity=acmpca.CertificateValidityArgs(type="YEARS", value=str(args.validity_years)),
            opts=pulumi.ResourceOptions(
                parent=self,
                # Destroying it would revoke the CA's certificate while proxies still present chains with it
                # (same provider, certificate.go: resourceCertificateRevoke).
                retain_on_delete=True,
            ),
        )


def _normalized(pem: str) -> str:
    return chain.to_pem(chain.load_bundle(pem))
