"""The smoke path on one CA: a contract of it, the Mesh that uses it, and the toolkit's verification of one zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.aws.authority import KEY_ALGORITHM, SIGNING_ALGORITHM, USAGE_MODE
from toolkit.cli import main as toolkit
from toolkit.contract import StackOutputs, Zone
from toolkit.errors import EXIT_INTERRUPTED, ExternalError
from toolkit.files import read_text, write_whole
from toolkit.mesh.documents.applied import read_applied
from toolkit.mesh.documents.reader import read
from toolkit.pki import pem
from toolkit.pki.arn import Arn
from toolkit.verify.identity import Ambient, ZoneIdentity
from toolkit.verify.plan import Plan
from toolkit.verify.report.json import render as render_json
from toolkit.verify.runner import verify

if TYPE_CHECKING:
    from pathlib import Path

    from tests.aws.account import Account
    from toolkit.verify.calls import Caller
    from toolkit.verify.results import Report

ZONE, MESH = "test-aws", "default"


class _CallerIdentity(ZoneIdentity):
    """The caller's own identity: the smoke test has no zone role."""

    def is_expected(self) -> bool:
        """Return whether AWS still says what it said before the CA was created."""
        return self.caller_arn in self.expected_role_arns


class _Caller(Ambient):
    """The credentials of the caller, for `toolkit verify`."""

    def __init__(self, account: Account) -> None:
        super().__init__(account.profile)
        self._expected = account.caller_arn

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        """Ask STS who is calling; see :class:`toolkit.verify.identity.IdentitySource`."""
        found = super().identity(zone, authority_region, caller)
        return _CallerIdentity(found.caller_arn, (self._expected,), found.client)


def contract(account: Account, arn: str, certificate: str) -> StackOutputs:
    """Return the contract of a stack whose only CA is this one.

    Args:
        account: of the CA; the contract's one zone is in it.
        arn: of the CA.
        certificate: the CA's own, as PEM.

    Raises:
        ValidationError: the CA's certificate breaks a rule of the contract.
    """
    role = _role(account)
    ends = pem.load_certificate(certificate).not_valid_after_utc
    authority = {
        "arn": arn,
        "type": "ROOT",
        "region": account.region,
        "usageMode": USAGE_MODE,
        "keyAlgorithm": KEY_ALGORITHM,
        "signingAlgorithm": SIGNING_ALGORITHM,
        "notAfter": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }
    zone = {
        "name": ZONE,
        "region": account.region,
        "accountId": account.number,
        "namespace": "kong-mesh-system",
        "serviceAccount": "kong-mesh-control-plane",
        "identity": "ambient",
        "roleArn": role,
        "verifierRoleArn": role,
    }
    document = {
        "schemaVersion": 1,
        "certificateAuthority": authority,
        "certificateChain": certificate,
        "rootCertificate": certificate,
        "meshes": [MESH],
        "zones": [zone],
    }
    return StackOutputs.model_validate(document, strict=False)


def _role(account: Account) -> str:
    """Return the caller's role without its path; for a caller without a role, one that does not exist."""
    kind, _, rest = Arn.parse(account.caller_arn).resource.partition("/")
    name = rest.partition("/")[0] if kind == "assumed-role" else "no-role"
    return f"arn:{account.partition}:iam::{account.number}:role/{name}"


def render(outputs: StackOutputs, directory: Path) -> Path:
    """Write the contract, run `toolkit render-mesh` on it, and return the file of the Mesh.

    Raises:
        ExternalError: the command failed.
        KeyboardInterrupt: somebody stopped the run.
    """
    contract_file, mesh_file = directory / "outputs.json", directory / "mesh.yaml"
    write_whole(contract_file, outputs.to_json())
    words = ["render-mesh", "--contract", str(contract_file), "--output-file", str(mesh_file)]
    code = toolkit.main(args=words, prog_name="toolkit", standalone_mode=False)
    if code == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise ExternalError(f"toolkit render-mesh ended with exit code {code}")
    return mesh_file


def verified(account: Account, outputs: StackOutputs, mesh_file: Path) -> Report:
    """Verify the one zone against the trust bundle of the rendered Mesh; this issues one certificate.

    Raises:
        KeyboardInterrupt: somebody stopped the run.
        Exception: what ended the run before all checks were made.
    """
    bundle = read_applied(read([(str(mesh_file), read_text(str(mesh_file)))]), MESH).bundle
    run = verify(outputs, Plan(mesh=MESH, trust_bundle=bundle), _Caller(account))
    write_whole(mesh_file.parent / "verify.json", render_json(run.report))
    if run.report.interrupted:
        raise KeyboardInterrupt
    if run.trouble:
        raise run.trouble
    return run.report


def summary(report: Report) -> dict[str, Any]:
    """Return what a record keeps of the verification."""
    (zone,) = report.zones
    checks = {check.name: {"outcome": check.outcome.value, "found": check.found} for check in zone.checks}
    seconds = round(zone.issuance.total_seconds(), 3) if zone.issuance else None
    return {"passed": report.passed, "issuanceSeconds": seconds, "checks": checks}
