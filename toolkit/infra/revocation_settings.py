"""Configure how the CAs publish revocations, and create the bucket for their CRLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import acmpca, s3

from toolkit.infra import policies

if TYPE_CHECKING:
    from toolkit.infra.components import StackContext
    from toolkit.infra.settings import CrlSettings, RevocationSettings


def configure_revocation(
    settings: RevocationSettings, bucket_name: pulumi.Input[str] | None
) -> acmpca.CertificateAuthorityRevocationConfigurationArgs:
    """Return a CA's revocation configuration.

    A disabled method has no other settings, because AWS rejects them (hashicorp/terraform-provider-aws#29088).

    Args:
        settings: the stack's revocation settings.
        bucket_name: the bucket for CRLs; AWS Private CA must already be able to write to it.
    """
    crl, ocsp = settings.crl, settings.ocsp
    written = acmpca.CertificateAuthorityRevocationConfigurationCrlConfigurationArgs(enabled=False)
    if crl is not None:
        written = acmpca.CertificateAuthorityRevocationConfigurationCrlConfigurationArgs(
            enabled=True,
            expiration_in_days=crl.expiration_days,
            s3_bucket_name=bucket_name,
            # AWS's default is PUBLIC_READ, with which no CA can be created if public access is blocked (botocore,
            # CrlConfiguration.S3ObjectAcl).
            s3_object_acl="BUCKET_OWNER_FULL_CONTROL",
            custom_cname=crl.custom_cname,
            custom_path=crl.custom_path,
        )
    return acmpca.CertificateAuthorityRevocationConfigurationArgs(
        crl_configuration=written,
        ocsp_configuration=acmpca.CertificateAuthorityRevocationConfigurationOcspConfigurationArgs(
            enabled=ocsp is not None, ocsp_custom_cname=ocsp.custom_cname if ocsp else None
        ),
    )


class CrlBucket(pulumi.ComponentResource):
    """A bucket that only AWS Private CA can write CRLs to.

    The CRLs are not public: clients need a CloudFront distribution in front of the bucket, with the name in
    ``customCname`` (user guide, crl-planning.md, "Enable S3 Block Public Access (BPA) with CloudFront").

    Attributes:
        bucket_name: known only when AWS Private CA may write to it.
    """

    bucket_name: pulumi.Output[str]

    def __init__(self, name: str, settings: CrlSettings, context: StackContext) -> None:
        """Create the bucket.

        Args:
            name: logical name; the bucket's own name begins with it.
            settings: the CRL settings.
            context: the stack's context.
        """
        super().__init__("kong-mesh-pca:revocation:CrlBucket", name, None, context.opts)
        account = context.deployment.account
        # Certificates contain the URL of their CRL, so the bucket and its access settings are kept when the stack no
        # longer needs them. A bucket with CRLs in it could not be deleted anyway.
        inside = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        bucket = s3.Bucket(name, tags=dict(context.tags), opts=inside)
        block = s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=inside,
        )
        owner = s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            # AWS Private CA sets an ACL on its objects (s3:PutObjectAcl), which BucketOwnerEnforced would reject (S3
            # user guide, about-object-ownership.html).
            rule={"object_ownership": "BucketOwnerPreferred"},
            opts=inside,
        )
        encryption = self._encryption(name, bucket, settings, inside)
        self._versions(name, bucket, settings, inside)
        policy = s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=bucket.arn.apply(
                lambda text: policies.to_json(policies.allow_crl_writing(text, account, settings.distribution_arn))
            ),
            opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[block])),
        )
        # Create the CA only when all of this exists: AWS writes to the bucket while it creates the CA.
        self.bucket_name = pulumi.Output.all(policy.bucket, owner.id, encryption.id).apply(
            lambda values: str(values[0])
        )
        self.register_outputs({"bucketName": self.bucket_name})

    def _encryption(
        self, name: str, bucket: s3.Bucket, settings: CrlSettings, inside: pulumi.ResourceOptions
    ) -> s3.BucketServerSideEncryptionConfiguration:
        key = settings.kms_key_arn
        rule: s3.BucketServerSideEncryptionConfigurationRuleArgsDict = {
            "apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}
        }
        if key is not None:
            rule = {
                "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key},
                "bucket_key_enabled": True,
            }
        return s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption", bucket=bucket.bucket, rules=[rule], opts=inside
        )

    def _versions(self, name: str, bucket: s3.Bucket, settings: CrlSettings, inside: pulumi.ResourceOptions) -> None:
        """Keep replaced CRLs for a while, for later investigations."""
        versioning = s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=inside,
        )
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                {
                    "id": "replaced-lists",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrent_version_expiration": {"noncurrent_days": settings.keep_versions_days},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            # Terraform's documentation of the resource: enable versioning first, or the rule has no effect.
            opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[versioning])),
        )
