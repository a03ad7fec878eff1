"""Every shape of provisioning.md, end to end: it activates, its chain holds, its zones issue and are held back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.e2e.clearing import forgotten
from tests.e2e.shapes_world import accept_invitations, control_plane, prepared
from tests.infra import shapes
from tests.sandbox.conformance.world import DAYS, World, csr, refused
from toolkit import contract
from toolkit.files import find_project_root
from toolkit.pki import pem, templates
from toolkit.sandbox.pulumi import program
from toolkit.verify.identity import AssumeRole
from toolkit.verify.plan import Plan
from toolkit.verify.runner import verify

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs
    from toolkit.sandbox.pulumi.program import StackConfig

pytestmark = pytest.mark.slow
SIGNING = {"RSA": "SHA256WITHRSA", "EC_": "SHA256WITHECDSA"}


class Stack(NamedTuple):
    """A shape that is up."""

    aws: TestSandbox
    config: StackConfig
    outputs: StackOutputs

    def issue(self, client: Any, template: str | None, authority: str | None = None) -> str:
        more = {"TemplateArn": templates.build_arn(template)} if template else {}
        issued = client.issue_certificate(
            CertificateAuthorityArn=authority or self.outputs.certificate_authority.arn,
            Csr=csr(uris=("spiffe://default/web",)),
            SigningAlgorithm=SIGNING[self.outputs.certificate_authority.key_algorithm[:3]],
            Validity=DAYS,
            **more,
        )
        return str(issued["CertificateArn"])


def read(outputs: dict[str, Any]) -> StackOutputs:
    return contract.parse(json.dumps(outputs))


@pytest.fixture(scope="module", params=shapes.AT_ONCE)
def stack(request: pytest.FixtureRequest, running_sandbox: TestSandbox) -> Iterator[Stack]:
    with forgotten(running_sandbox):
        config = prepared(running_sandbox, request.param)
        outputs = program.run(find_project_root(), config, running_sandbox)
        yield Stack(running_sandbox, config, read(outputs))
        running_sandbox.clean_up()


def test_the_ca_is_active_and_openssl_verifies_its_chain(stack: Stack, tmp_path: Path) -> None:
    authority = stack.outputs.certificate_authority
    pca = owner(stack)
    described = pca.describe_certificate_authority(CertificateAuthorityArn=authority.arn)["CertificateAuthority"]
    assert (described["Status"], described["Type"]) == ("ACTIVE", authority.type)
    assert described["UsageMode"] == authority.usage_mode
    own, *above = pem.load_certificates(stack.outputs.certificate_chain)
    (tmp_path / "own.pem").write_text(pem.write([own]))
    (tmp_path / "above.pem").write_text(pem.write(above[:-1]))
    (tmp_path / "root.pem").write_text(stack.outputs.root_certificate)
    untrusted = ["-untrusted", "above.pem"] if above[:-1] else []
    command = ["openssl", "verify", "-x509_strict", "-CAfile", "root.pem", *untrusted, "own.pem"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_control_plane_issues_and_fetches(stack: Stack, tmp_path: Path) -> None:
    accept_invitations(stack.aws, shapes.ELSEWHERE)
    for zone in stack.outputs.zones:
        client = control_plane(stack.aws, stack.config, stack.outputs, zone)
        issued = stack.issue(client, templates.END_ENTITY)
        named = {"CertificateAuthorityArn": stack.outputs.certificate_authority.arn, "CertificateArn": issued}
        leaf = tmp_path / f"{zone.name}.pem"
        leaf.write_text(client.get_certificate(**named)["Certificate"])
        (tmp_path / "chain.pem").write_text(stack.outputs.certificate_chain)
        (tmp_path / "root.pem").write_text(stack.outputs.root_certificate)
        command = ["openssl", "verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", leaf.name]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_every_control_plane_is_held_back(stack: Stack) -> None:
    accept_invitations(stack.aws, shapes.ELSEWHERE)
    other = World(stack.aws, stack.outputs.certificate_authority.region).root()
    arn = stack.outputs.certificate_authority.arn
    for zone in stack.outputs.zones:
        client = control_plane(stack.aws, stack.config, stack.outputs, zone)
        with refused("AccessDeniedException", "with an explicit deny in an identity-based policy"):
            stack.issue(client, templates.name_subordinate_ca(0))
        with refused("AccessDeniedException", "because no identity-based policy allows"):
            stack.issue(client, templates.END_ENTITY, other)
        with refused("AccessDeniedException"):
            client.revoke_certificate(
                CertificateAuthorityArn=arn, CertificateSerial="01", RevocationReason="SUPERSEDED"
            )
        with refused("AccessDeniedException"):
            client.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
        with refused("AccessDeniedException"):
            client.list_certificate_authorities()


def test_verify_proves_every_zone(stack: Stack) -> None:
    accept_invitations(stack.aws, shapes.ELSEWHERE)
    source = AssumeRole(endpoint_url=stack.aws.endpoint_url, credentials=stack.aws.credentials)
    plan = Plan(stack.outputs.meshes[0], stack.outputs.certificate_chain)
    report = verify(stack.outputs, plan, source).report
    # Where a stack names who may verify, the administrator is nobody.
    named = shapes.setting(stack.config, "verifierPrincipals")
    assert report.passed == (not named), [check for zone in report.zones for check in zone.checks]
    if named:
        assert {zone.checks[0].outcome.value for zone in report.zones} == {"failed"}


def owner(stack: Stack) -> Any:
    """A client of the CA's own account, in its region."""
    account, region = stack.outputs.certificate_authority.arn.split(":")[4], stack.outputs.certificate_authority.region
    world = World(stack.aws, region)
    return (
        world.pca
        if account == shapes.HOME
        else world.role({"Effect": "Allow", "Action": "*", "Resource": "*"}, account=account)
    )
