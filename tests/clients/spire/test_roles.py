"""spire-server assumes a role of an issuer, and stops with AWS's words where the role may not do enough."""

from __future__ import annotations

import pytest

from tests.clients.spire.server import StoppedError
from tests.clients.spire.test_issuance import WORKLOAD, verified
from tests.clients.spire.upstream import ISSUER_ACTIONS, Upstream
from tests.sandbox.conformance.world import ACCOUNT

pytestmark = pytest.mark.slow
TEMPLATE = "SubordinateCACertificate_PathLen0/V1"


def denial(upstream: Upstream, authority: str, role: str | None, action: str = "sts:AssumeRole") -> str:
    """Return the log of a server that stops, with the credentials of a user who is allowed one action."""
    settings = {} if role is None else {"assume_role_arn": role}
    with pytest.raises(StoppedError) as stopped, upstream.server(authority, settings, upstream.user(action)):
        pass
    return str(stopped.value)


def name_of(role: str) -> str:
    return role.rpartition("/")[2]


def session_of(role: str) -> str:
    """Return the ARN of the role's sessions, without their names, which the SDK chooses."""
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name_of(role)}"


def not_allowed(authority: str, action: str) -> str:
    """Return the end of AWS's message (IAM user guide, "Troubleshoot access denied error messages")."""
    reason = f"because no identity-based policy allows the {action} action"
    return f"is not authorized to perform: {action} on resource: {authority} {reason}"


def test_least_privilege(upstream: Upstream) -> None:
    authority = upstream.world.root()
    role = upstream.issuer_role(authority, TEMPLATE, *ISSUER_ACTIONS)
    recorder = upstream.record()
    with upstream.server(authority, {"assume_role_arn": role}, upstream.user("sts:AssumeRole")) as spire:
        verified(spire.mint(WORKLOAD), upstream.world.certificate(authority))
        spire.rotate()
        verified(spire.mint(WORKLOAD), upstream.world.certificate(authority))
    of_spire = {call for call in recorder.calls if call.role}
    assert {call.role for call in of_spire} == {name_of(role)}
    allowed = {action.removeprefix("acm-pca:") for action in ISSUER_ACTIONS}
    assert {call.operation for call in of_spire} == {"AssumeRole"} | allowed


def test_a_role_for_another_template(upstream: Upstream) -> None:
    authority = upstream.world.root()
    role = upstream.issuer_role(authority, "EndEntityCertificate/V1", *ISSUER_ACTIONS)
    log = denial(upstream, authority, role)
    assert f"AccessDeniedException: User: {session_of(role)}/" in log
    assert not_allowed(authority, "acm-pca:IssueCertificate") in log


@pytest.mark.parametrize("action", ISSUER_ACTIONS)
def test_a_role_that_lacks_an_action(upstream: Upstream, action: str) -> None:
    authority = upstream.world.root()
    role = upstream.issuer_role(authority, TEMPLATE, *(known for known in ISSUER_ACTIONS if known != action))
    recorder = upstream.record()
    log = denial(upstream, authority, role)
    assert recorder.operations(name_of(role))[-1] == action.removeprefix("acm-pca:")
    if action == "acm-pca:GetCertificate":
        # The SDK's waiter gives up on AccessDeniedException, but not with its message (api_op_GetCertificate.go).
        assert "failed waiting for issuance: waiter state transitioned to Failure" in log
        assert recorder.operations().count("GetCertificate") == 1
    else:
        assert f"AccessDeniedException: User: {session_of(role)}/" in log
        assert not_allowed(authority, action) in log


def test_a_role_for_another_ca(upstream: Upstream) -> None:
    authority = upstream.world.root()
    role = upstream.issuer_role(upstream.world.root(), TEMPLATE, *ISSUER_ACTIONS)
    log = denial(upstream, authority, role)
    assert not_allowed(authority, "acm-pca:DescribeCertificateAuthority") in log


def test_without_the_role(upstream: Upstream) -> None:
    authority = upstream.world.root()
    log = denial(upstream, authority, None)
    assert f"AccessDeniedException: User: arn:aws:iam::{ACCOUNT}:user/" in log
    assert not_allowed(authority, "acm-pca:DescribeCertificateAuthority") in log


def test_a_user_who_may_not_assume_the_role(upstream: Upstream) -> None:
    authority = upstream.world.root()
    role = upstream.issuer_role(authority, TEMPLATE, *ISSUER_ACTIONS)
    log = denial(upstream, authority, role, "sts:GetCallerIdentity")
    assert f"AccessDenied: User: arn:aws:iam::{ACCOUNT}:user/" in log
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in log


def test_a_role_that_trusts_somebody_else(upstream: Upstream) -> None:
    authority = upstream.world.root()
    nobody = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = upstream.issuer_role(authority, TEMPLATE, *ISSUER_ACTIONS, trust=nobody)
    log = denial(upstream, authority, role)
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in log
