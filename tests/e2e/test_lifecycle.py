"""What happens to a stack over the years, in the sandbox: what must change changes, what must not is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.shapes_world import prepared
from tests.infra.shapes import changed, setting, shape, signed_for_the_stack
from tests.sandbox.conformance.world import World
from toolkit import contract
from toolkit.errors import SurroundingsError
from toolkit.files import project_root
from toolkit.infra.settings import SettingsError
from toolkit.pki import pem
from toolkit.sandbox import program
from toolkit.sandbox.engine import State
from toolkit.sandbox.faults import FaultPlan, Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs
    from toolkit.sandbox.engine import Operation
    from toolkit.sandbox.program import Deployment, StackConfig

pytestmark = pytest.mark.slow
CHANGING: tuple[Operation, ...] = ("create", "update", "replace", "delete", "forget")


class Stack:
    """One stack that is brought up again and again."""

    def __init__(self, aws: TestSandbox, config: StackConfig) -> None:
        self.aws, self.config, self.state = aws, config, State()

    def up(self, **changes: object) -> Deployment:
        return program.up(project_root(), changed(self.config, **changes), self.aws, self.state)

    def changes(self, **changes: object) -> dict[str, str]:
        return self.up(**changes).of(*CHANGING)

    def outputs(self, **changes: object) -> StackOutputs:
        return contract.parse(json.dumps(self.up(**changes).outputs))

    def destroy(self) -> dict[str, str]:
        return {change.name: change.operation for change in program.destroy(self.config, self.aws, self.state)}


@pytest.fixture
def stack(aws: TestSandbox) -> Iterator[Callable[[str], Stack]]:
    made: list[Stack] = []

    def make(name: str) -> Stack:
        made.append(Stack(aws, prepared(aws, name)))
        return made[-1]

    yield make
    for each in made:
        for resource in each.state.resources.values():
            resource.protect = False
        each.destroy()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("keyAlgorithm", "RSA_4096", "RSA_4096 is asked for, but root-ca was made with EC_prime256v1"),
        ("signingAlgorithm", "SHA512WITHECDSA", "SHA512WITHECDSA is asked for"),
        ("caName", "Other", "Other Root CA is asked for, but root-ca was made with Kong Mesh Root CA"),
        ("organization", "Other Inc.", "made with Example Corp"),
        ("country", "FR", "made with None"),
        ("usageMode", "GENERAL_PURPOSE", "made with SHORT_LIVED_CERTIFICATE"),
        ("keyStorage", "FIPS_140_2_LEVEL_2_OR_HIGHER", "made with FIPS_140_2_LEVEL_3_OR_HIGHER"),
        ("deletionWindowDays", 7, "7 is asked for, but root-ca was made with 30"),
    ],
)
@pytest.mark.parametrize("protect", [True, False])
def test_what_a_ca_was_made_with_is_never_changed_by_an_update(
    stack: Callable[[str], Stack], key: str, value: object, words: str, protect: bool
) -> None:
    live = stack("root")
    before = live.outputs(protect=protect)
    with pytest.raises(SettingsError) as caught:
        live.up(protect=protect, **{key: value})
    assert f"kong-mesh-pca:{key}" in {problem.path for problem in caught.value.problems}
    assert words in str(caught.value)
    # Put back, it is as it was, and nothing has happened.
    assert live.changes(protect=protect) == {}
    assert live.outputs(protect=protect) == before


def test_a_certificate_is_renewed_on_purpose_only(stack: Callable[[str], Stack]) -> None:
    live = stack("ocsp")
    before = live.outputs()
    renewed = live.changes(issuingGeneration=2)
    assert renewed == {
        "issuing-ca-certificate": "forget",
        "issuing-ca-certificate-2": "create",
        "issuing-ca-activation": "replace",
    }
    after = live.outputs(issuingGeneration=2)
    assert after.certificate_authority.arn == before.certificate_authority.arn
    old, new = (pem.load_certificates(outputs.certificate_chain)[0] for outputs in (before, after))
    assert old.public_key() == new.public_key()
    assert old.serial_number != new.serial_number
    # What proxies still present is not revoked.
    root = live.state.resources[
        next(urn for urn in live.state.resources if urn.endswith("CertificateAuthority::root-ca"))
    ]
    authority = live.aws.private_ca.registry.authorities[root.identifier]
    assert [issued.revoked for issued in authority.issued.values()] == [None] * len(authority.issued)


def test_a_renewed_root_is_trusted_by_the_chain_again(stack: Callable[[str], Stack]) -> None:
    live = stack("ocsp")
    before = live.outputs()
    after = live.outputs(rootGeneration=2)
    (issuing, old_root), (same, new_root) = (pem.load_certificates(item.certificate_chain) for item in (before, after))
    assert same == issuing
    assert new_root.public_key() == old_root.public_key()
    assert new_root.serial_number != old_root.serial_number
    assert after.root_certificate == pem.write([new_root])
    imported = World(live.aws).pca.get_certificate_authority_certificate(
        CertificateAuthorityArn=after.certificate_authority.arn
    )
    assert pem.load_certificates(imported["CertificateChain"]) == (new_root,)
    assert after.certificate_authority.arn == before.certificate_authority.arn


def test_revocation_is_switched_on_changed_and_off_again(stack: Callable[[str], Stack]) -> None:
    live = stack("intermediate")
    outputs = live.outputs()
    world = World(live.aws)

    def configured() -> dict[str, Any]:
        return dict(world.describe(outputs.certificate_authority.arn)["RevocationConfiguration"])

    both = {"root-ca": "update", "issuing-ca": "update"}
    assert live.changes(revocation={"ocsp": True}) == both
    assert configured()["OcspConfiguration"] == {"Enabled": True}
    with_list = live.changes(revocation={"crl": True})
    assert with_list.items() >= both.items()
    assert {name: how for name, how in with_list.items() if how == "create"}
    assert configured()["CrlConfiguration"]["S3ObjectAcl"] == "BUCKET_OWNER_FULL_CONTROL"
    s3 = world.client("s3")
    bucket = configured()["CrlConfiguration"]["S3BucketName"]
    assert bucket.startswith("kong-mesh-crl")
    lists = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert f"crl/{outputs.certificate_authority.arn.rpartition('/')[2]}.crl" in lists
    assert live.changes(revocation={"crl": {"expirationDays": 30}}) == both
    # Certificates go on to name the lists, so they stay, and so does what keeps them closed.
    off = live.changes()
    assert {name: how for name, how in off.items() if name not in both} == {
        f"kong-mesh-crl{suffix}": "forget"
        for suffix in ("", "-policy", "-public-access", "-ownership", "-encryption", "-versioning", "-lifecycle")
    }
    assert configured() == {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": False}}
    assert s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True


def test_a_ca_that_somebody_disabled_stays_disabled(stack: Callable[[str], Stack]) -> None:
    live = stack("root")
    arn = live.outputs().certificate_authority.arn
    world = World(live.aws)
    world.disable(arn)
    # As `pulumi refresh` would read it.
    (authority,) = [item for item in live.state.real() if item.name == "root-ca"]
    authority.inputs["enabled"] = authority.outputs["enabled"] = False
    assert live.changes() == {}
    assert world.status(arn) == "DISABLED"


def test_a_pod_identity_zone_is_renamed_in_one_update(stack: Callable[[str], Stack]) -> None:
    live = stack("identities")
    live.up(protect=False)
    zones = [{**zone, "name": "renamed"} if zone["name"] == "pods" else zone for zone in setting(live.config, "zones")]
    changes = live.changes(zones=zones, protect=False)
    (association,) = [name for name in changes if name.startswith("pod-")]
    assert changes[association] == "update"
    assert changes["zone-renamed"] == "create"
    assert changes["zone-pods"] == "delete"


def test_what_is_destroyed_on_purpose_can_be_restored_and_revokes_nothing(stack: Callable[[str], Stack]) -> None:
    live = stack("intermediate")
    outputs = live.outputs(protect=False)
    gone = live.destroy()
    assert {name: how for name, how in gone.items() if name.endswith("-certificate")} == {
        "root-ca-certificate": "forget",
        "issuing-ca-certificate": "forget",
    }
    assert gone["issuing-ca"] == gone["zone-frankfurt"] == "delete"
    assert live.state.real() == []
    described = World(live.aws).describe(outputs.certificate_authority.arn)
    assert described["Status"] == "DELETED"
    assert (described["RestorableUntil"] - described["LastStateChangeAt"]).days == 30


def test_a_parent_that_rests_afterwards_does_not_stop_updates(stack: Callable[[str], Stack]) -> None:
    live = stack("under-aws-ca")
    live.up()
    World(live.aws).disable(setting(live.config, "parent")["arn"])
    assert live.changes() == {}
    zones = [*setting(live.config, "zones"), {"name": "second", "region": "eu-central-1", "identity": "ambient"}]
    assert set(live.changes(zones=zones).values()) == {"create"}
    # But it can't sign another one, and the preview says so.
    with pytest.raises(SettingsError, match=r"parent\.arn: the CA is DISABLED"):
        live.up(issuingGeneration=2)


def test_an_adopted_ca_is_as_it_was_after_the_stack_is_gone(stack: Callable[[str], Stack]) -> None:
    live = stack("adopt")
    arn = live.config.values["kong-mesh-pca:adoptArn"]
    world = World(live.aws)
    before = world.describe(arn)
    live.up(protect=False)
    live.destroy()
    assert world.describe(arn) == before
    assert world.pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == []


def test_below_an_external_root_in_two_updates(stack: Callable[[str], Stack], tmp_path: Path) -> None:
    live = stack("under-external-ca")
    first = live.up()
    assert first.of(*CHANGING) == {"issuing-ca": "create"}
    assert live.changes() == {}
    # As people do it: the request comes out of the command line, and openssl reads it.
    (tmp_path / "outputs.json").write_text(json.dumps(first.outputs))
    command = [
        sys.executable,
        "-c",
        "from toolkit.cli import main; main()",
        "outputs",
        "--outputs",
        "outputs.json",
        "--csr",
    ]
    request = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    verified = subprocess.run(
        ["openssl", "req", "-verify", "-noout"], input=request, capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stderr
    certificate, above = signed_for_the_stack(request)
    given = {"issuedCertificate": certificate, "issuedCertificateChain": above}
    second = live.changes(**given)
    assert second["issuing-ca-activation"] == "create"
    assert "issuing-ca" not in second
    assert live.changes(**given) == {}
    assert live.outputs(**given).root_certificate == above
    # Lost settings don't take the zones' roles with them.
    with pytest.raises(SettingsError, match="issuedCertificate: is missing, but the CA has its certificate"):
        live.up()
    # A new certificate is imported by itself.
    another, other_root = signed_for_the_stack(request)
    renewed = live.changes(issuedCertificate=another, issuedCertificateChain=other_root)
    assert renewed == {"issuing-ca-activation": "replace"}


def test_what_was_signed_for_another_ca_is_refused_while_previewing(stack: Callable[[str], Stack]) -> None:
    live, other = stack("under-external-ca"), stack("under-external-ca")
    live.up()
    request = contract.read(json.dumps(other.up().outputs))
    assert isinstance(request, contract.PendingStack)
    certificate, above = signed_for_the_stack(request.pending_certificate_authority.certificate_signing_request)
    with pytest.raises(SettingsError, match="issuedCertificate: is for another key"):
        live.up(issuedCertificate=certificate, issuedCertificateChain=above)
    assert [resource.name for resource in live.state.real()] == ["issuing-ca"]


def test_a_failure_halfway_is_finished_by_the_next_update(stack: Callable[[str], Stack]) -> None:
    live = stack("intermediate")
    broken = {"effect": "error", "operation": "ImportCertificateAuthorityCertificate", "status": 500, "times": 20}
    live.aws.faults = Faults(FaultPlan.model_validate({"faults": [broken]}))
    with pytest.raises(SurroundingsError, match="root-ca-activation"):
        live.up()
    live.aws.faults = Faults()
    made = {resource.name: resource.identifier for resource in live.state.real()}
    assert set(made) >= {"root-ca", "root-ca-certificate"}
    live.up()
    now = {resource.name: resource.identifier for resource in live.state.real()}
    assert now.items() >= made.items()


def test_a_setting_that_does_not_exist_is_refused(aws: TestSandbox) -> None:
    with pytest.raises(SettingsError, match="kong-mesh-pca:protct: is no setting; protect is"):
        Stack(aws, changed(shape("root"), protct=False)).up()
