"""`toolkit verify -f` with a MeshIdentity, in the sandbox: rendered documents, options, handshakes and resuming."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.mesh.documents.applied_documents import identity, mesh, trust
from toolkit.cli import main
from toolkit.mesh.render.identity_documents import IdentityOptions, build_identities, render_identities

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs
    from toolkit.mesh.schema.mesh import Form


def verify(aws: TestSandbox, live_file: Path, *arguments: str) -> Result:
    command = ["verify", "--contract", str(live_file), *arguments]
    return CliRunner(env=aws.environment).invoke(main, command)


def rendered(live: StackOutputs, directory: Path, **options: Any) -> str:
    chosen = IdentityOptions(**options)
    file = directory / "identity.yaml"
    file.write_text("---\n".join(render_identities(build_identities(live, "default", chosen), chosen.form)))
    return str(file)


def written(directory: Path, *documents: object) -> str:
    file = directory / "documents.yaml"
    file.write_text("\n---\n".join(json.dumps(document) for document in documents))
    return str(file)


@pytest.mark.parametrize(("form", "dataplane"), [("kubernetes", "envoy"), ("universal", "openssl")])
def test_rendered_documents_verify_and_all_zones_connect(
    aws: TestSandbox, live: StackOutputs, live_file: Path, tmp_path: Path, form: Form, dataplane: str
) -> None:
    file = rendered(live, tmp_path, form=form, expiry="2h")
    result = verify(aws, live_file, "-f", file, "--service", "web", "--dataplane", dataplane, "-o", "json")
    assert result.exit_code == 0, result.output
    assert "experimental" in result.stderr
    report = json.loads(result.stdout)
    assert report["schemaVersion"] == 2
    assert [met["problem"] for met in report["handshakes"]] == [""] * 6
    for zone in report["zones"]:
        assert zone["certificate"]["uris"] == [f"spiffe://default.{zone['zone']}.mesh.local/ns/web/sa/web"]


@pytest.mark.parametrize("dataplane", ["openssl", "envoy"])
def test_a_zone_whose_meshtrust_is_missing_is_rejected_by_the_others(
    aws: TestSandbox, live: StackOutputs, live_file: Path, tmp_path: Path, dataplane: str
) -> None:
    first, *others = (f"default.{zone.name}.mesh.local" for zone in live.zones)
    trusts = [trust(domain, live.certificate_chain) for domain in others]
    file = written(tmp_path, identity(arn=live.certificate_authority.arn), *trusts)
    result = verify(aws, live_file, "-f", file, "--dataplane", dataplane, "-o", "json", "-o", "table=/dev/stderr")
    assert result.exit_code == 1
    failed = {(met["client"], met["server"]) for met in json.loads(result.stdout)["handshakes"] if met["problem"]}
    zone = live.zones[0].name
    assert failed == {pair for other in live.zones[1:] for pair in ((zone, other.name), (other.name, zone))}
    assert first not in others


def test_without_any_meshtrust_nobody_connects(
    aws: TestSandbox, live: StackOutputs, live_file: Path, tmp_path: Path
) -> None:
    file = written(tmp_path, identity(arn=live.certificate_authority.arn))
    result = verify(aws, live_file, "-f", file, "--dataplane", "envoy", "-o", "json")
    assert result.exit_code == 1
    assert all("has no MeshTrust" in met["problem"] for met in json.loads(result.stdout)["handshakes"])


def test_two_issuers_need_a_name(aws: TestSandbox, live: StackOutputs, live_file: Path, tmp_path: Path) -> None:
    arn, chain = live.certificate_authority.arn, live.certificate_chain
    of_mesh = mesh()
    of_mesh["mtls"]["backends"][0]["conf"] = {"arn": arn, "caCert": {"inlineString": chain}}
    trusts = [trust(f"default.{zone.name}.mesh.local", chain) for zone in live.zones]
    file = written(tmp_path, of_mesh, identity(arn=arn), *trusts)
    result = verify(aws, live_file, "-f", file)
    assert result.exit_code == 2
    assert "Mesh default with the enabled backend acm, MeshIdentity issue of mesh default" in result.stderr
    assert "--identity-name" in result.stderr
    for option, uris in (("--backend-name", 3), ("--identity-name", 1)):
        name = "acm" if uris == 3 else "issue"
        chosen = verify(aws, live_file, "-f", file, option, name, "-o", "json", "--no-handshakes")
        assert chosen.exit_code == 0, chosen.output
        assert {len(zone["certificate"]["uris"]) for zone in json.loads(chosen.stdout)["zones"]} == {uris}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--identity-name", "a"], "--identity-name needs -f FILE"),
        (["-f", "x.yaml", "--identity-name", "a", "--backend-name", "b"], "exclude each other"),
    ],
)
def test_names_need_their_file(outputs: Path, arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(main, ["verify", "--contract", str(outputs), *arguments])
    assert (result.exit_code, words in result.stderr) == (2, True)


def test_the_certificates_of_a_killed_run_are_recovered(
    aws: TestSandbox, live: StackOutputs, live_file: Path, tmp_path: Path
) -> None:
    ledger, file = tmp_path / "ledger.jsonl", rendered(live, tmp_path)
    made = verify(aws, live_file, "-f", file, "--ledger", str(ledger), "-o", "json", "--no-handshakes")
    issued = {arn for zone in json.loads(made.stdout)["zones"] for arn in zone["certificatesIssued"]}
    events = [json.loads(line) for line in ledger.read_text().splitlines()]
    ledger.write_text("".join(json.dumps(event) + "\n" for event in events if event["event"] == "requested"))
    before = dict(aws.private_ca.registry.authorities[live.certificate_authority.arn].issued)
    found = verify(aws, live_file, "--resume", str(ledger), "-o", "json")
    assert found.exit_code == 0, found.output
    assert {request["certificateArn"] for request in json.loads(found.stdout)["requests"]} == issued
    assert aws.private_ca.registry.authorities[live.certificate_authority.arn].issued.keys() == before.keys()
