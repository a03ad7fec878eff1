"""The IAM documents are evaluated, not compared as text."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

import pytest

from toolkit.infra import policies
from toolkit.pki import templates
from toolkit.values import Object

CA = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"
OTHER_CA = CA.replace("1111", "9999")
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC"
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/ABC"


def allows(document: Object, action: str, resource: str, context: dict[str, str] | None = None) -> bool:
    """IAM's decision: an explicit Deny first, then any Allow (IAM user guide, policy evaluation logic)."""
    matching = [s for s in document["Statement"] if _matches(s, action, resource, context or {})]
    return bool(matching) and all(statement["Effect"] == "Allow" for statement in matching)


def _matches(statement: dict[str, Any], action: str, resource: str, context: dict[str, str]) -> bool:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    if action not in actions:
        return False
    if "Resource" in statement and not fnmatch.fnmatchcase(resource, statement["Resource"]):
        return False
    for operator, wanted in statement.get("Condition", {}).items():
        for key, pattern in wanted.items():
            # A condition on a key that the request does not carry does not match.
            if key not in context:
                return False
            patterns = pattern if isinstance(pattern, list) else [pattern]
            assert operator in {"StringEquals", "StringLike"}
            like = operator == "StringLike"
            if not any(fnmatch.fnmatchcase(context[key], one) if like else context[key] == one for one in patterns):
                return False
    return True


CA_TEMPLATES = [
    "RootCACertificate/V1",
    "RootCACertificate_APIPassthrough/V1",
    "BlankRootCACertificate_APIPassthrough/V1",
    "BlankRootCACertificate_PathLen0_APIPassthrough/V1",
    *(f"SubordinateCACertificate_PathLen{n}/V1" for n in range(4)),
    "SubordinateCACertificate_PathLen0_CSRPassthrough/V1",
    "BlankSubordinateCACertificate_PathLen0_APICSRPassthrough/V1",
]
END_ENTITY_TEMPLATES = [
    "EndEntityCertificate/V1",
    "EndEntityClientAuthCertificate/V1",
    "EndEntityServerAuthCertificate/V1",
    "BlankEndEntityCertificate_APICSRPassthrough/V1",
    "BlankEndEntityCertificate_CriticalBasicConstraints_APIPassthrough/V1",
]


def issue(document: Object, template: str | None, authority: str = CA, partition: str = "aws") -> bool:
    context = {"acm-pca:TemplateArn": templates.build_arn(template, partition)} if template else {}
    return allows(document, "acm-pca:IssueCertificate", authority, context)


@pytest.mark.parametrize("template", CA_TEMPLATES)
@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
@pytest.mark.parametrize("policy", [policies.allow_issuing, policies.allow_verifying])
def test_no_role_can_mint_a_ca(template: str, partition: str, policy: Any) -> None:
    authority = CA.replace("arn:aws:", f"arn:{partition}:")
    document = policy(authority)
    assert not issue(document, template, authority, partition)
    # Not for want of an Allow: an Allow added by somebody later does not help.
    generous = {"Effect": "Allow", "Action": "acm-pca:IssueCertificate", "Resource": "*"}
    document["Statement"].append(generous)
    assert not issue(document, template, authority, partition)


@pytest.mark.parametrize("template", [None, *END_ENTITY_TEMPLATES])
def test_a_zone_issues_end_entities_whichever_way_it_asks(template: str | None) -> None:
    assert issue(policies.allow_issuing(CA), template)


def test_a_verifier_issues_with_its_one_template_only() -> None:
    document = policies.allow_verifying(CA)
    assert issue(document, templates.END_ENTITY)
    assert not issue(document, "EndEntityClientAuthCertificate/V1")
    assert not issue(document, None)


@pytest.mark.parametrize("policy", [policies.allow_issuing, policies.allow_verifying])
def test_least_privilege(policy: Any) -> None:
    document = policy(CA)
    assert allows(document, "acm-pca:GetCertificate", CA)
    assert allows(document, "acm-pca:DescribeCertificateAuthority", CA)
    assert not allows(document, "acm-pca:GetCertificate", OTHER_CA)
    assert not issue(document, templates.END_ENTITY, OTHER_CA)
    for action in ("RevokeCertificate", "DeleteCertificateAuthority", "UpdateCertificateAuthority", "PutPolicy"):
        assert not allows(document, f"acm-pca:{action}", CA)
    assert len(json.dumps(document)) < 2048, "an inline policy of a role has at most 10,240 characters in all"


def test_only_the_one_service_account_becomes_the_zone() -> None:
    trust = policies.trust_web_identity(PROVIDER, "kong-mesh-system", "kong-mesh-control-plane")
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Federated": PROVIDER}
    subject = "system:serviceaccount:kong-mesh-system:kong-mesh-control-plane"
    action = "sts:AssumeRoleWithWebIdentity"

    def may(aud: str | None, sub: str | None, issuer: str = ISSUER) -> bool:
        context = {f"{issuer}:{key}": value for key, value in (("aud", aud), ("sub", sub)) if value}
        return allows(trust, action, "", context)

    assert may("sts.amazonaws.com", subject)
    assert not may(None, subject)
    assert not may("sts.amazonaws.com", None)
    assert not may("vault", subject)
    assert not may("sts.amazonaws.com", subject + "-2")
    assert not may("sts.amazonaws.com", subject, "oidc.eks.eu-central-1.amazonaws.com/id/OTHER")
    assert not allows(trust, "sts:AssumeRole", "", {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject})


def test_who_becomes_the_verifier() -> None:
    (own,) = policies.trust_verifiers([], ["123456789012", "123456789012"], "aws-us-gov")["Statement"]
    assert own["Principal"] == {"AWS": ["arn:aws-us-gov:iam::123456789012:root"]}
    (both,) = policies.trust_verifiers([], ["210987654321", "123456789012"], "aws")["Statement"]
    assert both["Principal"] == {"AWS": ["arn:aws:iam::210987654321:root", "arn:aws:iam::123456789012:root"]}
    named = ["arn:aws:iam::123456789012:role/ci"]
    (chosen,) = policies.trust_verifiers(named, ["123456789012"], "aws")["Statement"]
    assert chosen["Principal"] == {"AWS": named}
    # Who comes from EKS Pod Identity has session tags, and takes them along.
    assert chosen["Action"] == ["sts:AssumeRole", "sts:TagSession"]
