"""Small Pulumi programs, for the sandbox's own engine and for the real one."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

from toolkit.sandbox.pulumi.stack_file import StackConfig

if TYPE_CHECKING:
    from pathlib import Path

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    ],
}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
# What every program may use: `role` makes the smallest resource there is, `authority` a CA.
_BEFORE = f"""\
import json
import pulumi
import pulumi_aws as aws
from pulumi_aws import acmpca, iam, s3, sns
from pulumi import ResourceOptions as Options

TRUST = {json.dumps(json.dumps(TRUST))}
POLICY = {json.dumps(json.dumps(POLICY))}

def role(resource, **more):
    return iam.Role(resource, assume_role_policy=TRUST, **more)

SUBJECT = acmpca.CertificateAuthorityCertificateAuthorityConfigurationSubjectArgs

def authority(resource, common_name="CA", **more):
    return acmpca.CertificateAuthority(
        resource,
        certificate_authority_configuration=acmpca.CertificateAuthorityCertificateAuthorityConfigurationArgs(
            key_algorithm="EC_prime256v1", signing_algorithm="SHA256WITHECDSA", subject=SUBJECT(common_name=common_name)
        ),
        **more,
    )

def certificate(name, signer, template, request, years, **more):
    return acmpca.Certificate(
        name,
        certificate_authority_arn=signer,
        certificate_signing_request=request,
        signing_algorithm="SHA256WITHECDSA",
        template_arn=f"arn:aws:acm-pca:::template/{{template}}/V1",
        validity=acmpca.CertificateValidityArgs(type="YEARS", value=str(years)),
        **more,
    )
"""


def write_project(directory: Path) -> None:
    """Write the Pulumi.yaml of a small project."""
    text = "name: small\nruntime: {name: python, options: {virtualenv: .venv}}\nstackConfigDir: stacks\n"
    (directory / "Pulumi.yaml").write_text(text, encoding="utf-8")


def write_program(directory: Path, body: str) -> None:
    """Write the `__main__.py` of a small project."""
    (directory / "__main__.py").write_text(_BEFORE + textwrap.dedent(body), encoding="utf-8")


def configuration(region: str = "eu-central-1") -> StackConfig:
    return StackConfig("small", "test", {"aws:region": region})
