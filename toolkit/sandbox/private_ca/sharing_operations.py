"""Let other accounts and ACM use a CA, with resource policies and permissions.

Sources: user guide, "Resource-based policies" (pca-rbp.md): the form of the policy "must be followed precisely"; API
reference, PutPolicy: a policy without "all required statements" is invalid.
"""

from __future__ import annotations

import json
import re

from toolkit.pki import templates
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.private_ca import certificate_authority as state
from toolkit.sandbox.private_ca.registry import ORGANIZATION, Registry
from toolkit.sandbox.services import Caller, page
from toolkit.values import Object

# What every account may do with a CA that is shared with it.
READING = [
    "acm-pca:DescribeCertificateAuthority",
    "acm-pca:GetCertificate",
    "acm-pca:GetCertificateAuthorityCertificate",
    "acm-pca:ListPermissions",
    "acm-pca:ListTags",
]
_VERSION = "2012-10-17"
_POLICY_KEYS = {"Version", "Id", "Statement"}
_STATEMENT_KEYS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
_ISSUING = {"acm-pca:IssueCertificate"}
_TEMPLATE = "acm-pca:TemplateArn"
# The templates with which other accounts may issue (pca-resource-sharing.html).
_SHARABLE = {
    templates.END_ENTITY,
    "EndEntityClientAuthCertificate/V1",
    "EndEntityServerAuthCertificate/V1",
    "BlankEndEntityCertificate_APIPassthrough/V1",
    "BlankEndEntityCertificate_APICSRPassthrough/V1",
    templates.name_subordinate_ca(0),
}
# Organizations API reference, Organization.Id
_ORGANIZATION_ID = re.compile(r"o-[a-z0-9]{10,32}", re.ASCII)
_ACCOUNT = re.compile(r"(?:arn:[a-z-]+:iam::)?\d{12}(?::[\w+=,.@/-]+)?", re.ASCII)
# botocore, ListPermissionsRequest.MaxResults
_PAGE = 1000
# botocore, CreatePermissionRequest.Principal
_ACM = "acm.amazonaws.com"


class Sharing:
    """The operations on policies and permissions; each public method is one operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def put_policy(self, caller: Caller, params: Object) -> None:
        """Attach a resource policy, which lets other accounts use the CA."""
        authority = self._registry.find(caller, params, state.ACTIVE, doing="a policy")
        authority.policy = _policy(params["Policy"], authority.arn, caller.partition)

    def get_policy(self, caller: Caller, params: Object) -> Object:
        """Return the policy, if the CA has one."""
        authority = self._registry.find(caller, params, *state.UNDELETED, doing="reading its policy")
        if authority.policy is None:
            raise AwsError("ResourceNotFoundException", "The certificate authority has no policy.")
        return {"Policy": json.dumps(authority.policy)}

    def delete_policy(self, caller: Caller, params: Object) -> None:
        """Delete the resource policy."""
        self._registry.find(caller, params, *state.UNDELETED, doing="deleting its policy").policy = None

    def create_permission(self, caller: Caller, params: Object) -> None:
        """Let ACM renew certificates."""
        authority = self._registry.find(caller, params, *state.CREATED, doing="a permission")
        principal, source = params["Principal"], params.get("SourceAccount", authority.owner)
        if principal != _ACM:
            raise AwsError("RequestFailedException", f"The only principal is {_ACM}.")
        if source != caller.account:
            # botocore, CreatePermissionRequest.SourceAccount: the calling account.
            raise AwsError("RequestFailedException", "SourceAccount must be the calling account.")
        if (principal, source) in authority.permissions:
            raise AwsError("PermissionAlreadyExistsException", "The permission has already been granted.")
        authority.permissions[principal, source] = {
            "CertificateAuthorityArn": authority.arn,
            "CreatedAt": self._registry.clock(),
            "Principal": principal,
            "SourceAccount": source,
            "Actions": params["Actions"],
        }

    def list_permissions(self, caller: Caller, params: Object) -> Object:
        """Return a page of ACM's permissions."""
        authority = self._registry.find(caller, params, *state.UNDELETED, doing="listing permissions")
        permissions = list(authority.permissions.values())
        return page(permissions, params, _PAGE, "Permissions", "InvalidNextTokenException")

    def delete_permission(self, caller: Caller, params: Object) -> None:
        """Delete ACM's permission."""
        authority = self._registry.find(caller, params, *state.UNDELETED, doing="deleting a permission")
        source = params.get("SourceAccount", authority.owner)
        if authority.permissions.pop((params["Principal"], source), None) is None:
            raise AwsError("ResourceNotFoundException", "There is no such permission.")


def _policy(text: str, arn: str, partition: str) -> Object:
    try:
        policy = json.loads(text)
        statements = policy["Statement"]
        good = policy.keys() <= _POLICY_KEYS and policy.get("Version", _VERSION) == _VERSION
        good = good and all(_is_allowed(statement, arn, partition) for statement in statements)
        reading = {_name_principals(statement) for statement in statements if not _issues(statement)}
        issuing = {_name_principals(statement) for statement in statements if _issues(statement)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _invalid() from error
    # Each principal needs both statements.
    if not good or not issuing or reading != issuing:
        raise _invalid()
    return dict(policy)


def _is_allowed(statement: Object, arn: str, partition: str) -> bool:
    actions = set([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    if not statement.keys() <= _STATEMENT_KEYS or statement["Effect"] != "Allow" or statement["Resource"] != arn:
        return False
    conditions: Object = {}
    if "Condition" in statement:
        conditions = dict(statement["Condition"]["StringEquals"])
        if set(statement["Condition"]) != {"StringEquals"} or not conditions:
            return False
    if statement["Principal"] == "*":
        # pca-rbp.md, example 2: all principals of one organization.
        if not _ORGANIZATION_ID.fullmatch(conditions.pop(ORGANIZATION, "")):
            return False
    elif not _names_accounts(statement["Principal"]):
        return False
    if actions == set(READING):
        return not conditions
    sharable = {templates.build_arn(name, partition) for name in _SHARABLE}
    return actions == _ISSUING and set(conditions) == {_TEMPLATE} and conditions[_TEMPLATE] in sharable


def _names_accounts(principal: Object) -> bool:
    names = principal["AWS"] if isinstance(principal["AWS"], list) else [principal["AWS"]]
    all_named = all(isinstance(name, str) and _ACCOUNT.fullmatch(name) for name in names)
    return set(principal) == {"AWS"} and bool(names) and all_named


def _issues(statement: Object) -> bool:
    return "Condition" in statement and _TEMPLATE in statement["Condition"]["StringEquals"]


def _name_principals(statement: Object) -> str:
    """Return the principals of a statement, and the organization that limits them, as text to compare."""
    organization = statement.get("Condition", {}).get("StringEquals", {}).get(ORGANIZATION)
    return json.dumps([statement["Principal"], organization], sort_keys=True)


def _invalid() -> AwsError:
    return AwsError("InvalidPolicyException", "The resource policy is invalid or is missing a required statement.")
