"""The IAM documents: who may become a role, and what the role may do with the private CA.

Sources: AWS Private CA user guide, "Identity-based policies" and `pca-rbp.md`; the least privilege for an
issuer is the one that cert-manager/aws-privateca-issuer and SPIRE's aws_pca plugin document.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolkit.pki import arn, templates

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION = "2012-10-17"
Document = dict[str, Any]


def irsa_trust(oidc_provider_arn: str, namespace: str, service_account: str) -> Document:
    """Who may assume a zone's role: one service account of one cluster.

    Both conditions are needed: without ``sub`` every pod of the cluster could take the role, without ``aud``
    a token made for another service could be used (EKS user guide, "Assign IAM roles to service accounts").

    Args:
        oidc_provider_arn: its resource part carries the issuer without ``https://``.
        namespace: of the service account.
        service_account: its name.
    """
    issuer = arn.oidc_provider(oidc_provider_arn).resource.removeprefix("oidc-provider/")
    return _document(
        {
            "Sid": "ZoneControlPlane",
            "Effect": "Allow",
            "Principal": {"Federated": oidc_provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{issuer}:aud": "sts.amazonaws.com",
                    f"{issuer}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                }
            },
        }
    )


def verifier_trust(principals: Sequence[str], account: str, partition: str) -> Document:
    """Who may assume a verifier role.

    Args:
        principals: ARNs; when empty, the account itself, so that its own IAM policies decide.
        account: the account that the role is in.
        partition: of that account.
    """
    trusted = list(principals) or [f"arn:{partition}:iam::{account}:root"]
    return _document({"Sid": "Verifiers", "Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"})


def issuer_policy(authority_arn: str) -> Document:
    """What a zone control plane may do: issue from the one CA, and fetch what it issued.

    Both permissions matter: with IssueCertificate alone a mesh buys certificates in a loop, because it never
    gets to see one (kumahq/kuma#17448, cert-manager/aws-privateca-issuer#479). The template is not pinned,
    because Kong does not document which one its control plane names; minting a CA is denied outright.

    Args:
        authority_arn: the issuing CA.
    """
    return _document(
        {
            "Sid": "IssueDataPlaneCertificates",
            "Effect": "Allow",
            "Action": [
                "acm-pca:DescribeCertificateAuthority",
                "acm-pca:GetCertificate",
                "acm-pca:IssueCertificate",
            ],
            "Resource": authority_arn,
        },
        _never_mint_a_ca(),
    )


def verifier_policy(authority_arn: str) -> Document:
    """What the verifier may do: the zone's calls with the one template it uses, and read the CA's chain.

    Args:
        authority_arn: the issuing CA.
    """
    partition = arn.certificate_authority(authority_arn).partition
    return _document(
        {
            "Sid": "ReadTheAuthority",
            "Effect": "Allow",
            "Action": [
                "acm-pca:DescribeCertificateAuthority",
                "acm-pca:GetCertificate",
                "acm-pca:GetCertificateAuthorityCertificate",
            ],
            "Resource": authority_arn,
        },
        {
            "Sid": "IssueEndEntitiesOnly",
            "Effect": "Allow",
            "Action": "acm-pca:IssueCertificate",
            "Resource": authority_arn,
            "Condition": {"StringEquals": {"acm-pca:TemplateArn": templates.arn(templates.END_ENTITY, partition)}},
        },
        _never_mint_a_ca(),
    )


def _never_mint_a_ca() -> Document:
    # An explicit Deny beats every Allow, also one that somebody attaches later; any CA, any partition.
    return {
        "Sid": "NeverMintAnAuthority",
        "Effect": "Deny",
        "Action": "acm-pca:IssueCertificate",
        "Resource": "*",
        "Condition": {
            "StringLike": {"acm-pca:TemplateArn": templates.arn(templates.CA_MINTING_PATTERN, partition="*")}
        },
    }


def _document(*statements: Document) -> Document:
    return {"Version": _VERSION, "Statement": list(statements)}


def to_json(document: Document) -> str:
    """The document as IAM takes it; keys keep their order, so the same settings never show as a change."""
    return json.dumps(document)
