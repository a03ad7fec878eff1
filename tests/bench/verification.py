"""How many zones are verified in which time, beside one zone, and beside a shell script that asks zone after zone.

Sandbox and toolkit share the machine. Every call of AWS is answered 200 ms late for the first ratio, as from far away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import contract
from toolkit.files import find_project_root
from toolkit.sandbox.faults import Fault, FaultPlan, Faults
from toolkit.sandbox.pulumi import program
from toolkit.sandbox.server import Sandbox
from toolkit.verify import runner
from toolkit.verify.identity import AssumeRole
from toolkit.verify.plan import Plan

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs

ZONES, LATENCY = 100, 0.2
MOST_FOR_ALL = 6.0
SCRIPTED_ZONES = 16
LEAST_FASTER = 20.0
SCRIPT = Path(__file__).with_name("verify-zones.sh")
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/1F2E3D4C5B6A79880716253443526170"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"


def stack(aws: Sandbox) -> StackOutputs:
    """A stack with many zones."""
    config = program.read_stack(find_project_root(), "prod")
    cluster = {"region": "eu-central-1", "oidcProviderArn": PROVIDER}
    zones = [{**cluster, "name": f"zone-{n}", "namespace": f"mesh-{n}"} for n in range(ZONES)]
    values = {**config.values, "kong-mesh-pca:zones": json.dumps(zones)}
    return contract.parse(json.dumps(program.run(find_project_root(), replace(config, values=values), aws)))


def seconds(aws: Sandbox, outputs: StackOutputs, zones: int) -> float:
    """Seconds in which so many zones are verified."""
    plan = Plan("default", outputs.certificate_chain, timeout=timedelta(seconds=120))
    source = AssumeRole(endpoint_url=aws.endpoint_url, credentials=aws.credentials)
    begun = time.perf_counter()
    report = runner.verify(outputs, plan, source, zones=outputs.zones[:zones]).report
    took = time.perf_counter() - begun
    assert report.passed, [check for zone in report.zones for check in zone.checks if check.failed]
    return took


def process(aws: Sandbox, outputs: StackOutputs, zones: int, directory: Path) -> float:
    """Seconds of the whole command line for so many zones."""
    file = directory / "outputs.json"
    file.write_text(outputs.model_copy(update={"zones": outputs.zones[:zones]}).to_json())
    command = [str(Path(sys.executable).with_name("toolkit")), "verify", "--contract", str(file), "-o", "json"]
    return timed([*command, "--endpoint-url", aws.endpoint_url], environment(aws))


def scripted(aws: Sandbox, outputs: StackOutputs, zones: int, directory: Path) -> float:
    """Seconds of the shell script for so many zones."""
    (directory / "chain.pem").write_text(outputs.certificate_chain)
    lines = [f"{zone.name} {zone.region} {zone.verifying_role_arn}" for zone in outputs.zones[:zones]]
    (directory / "zones.txt").write_text("\n".join(lines) + "\n")
    authority = outputs.certificate_authority
    names = ["sh", str(SCRIPT), authority.arn, authority.region, authority.signing_algorithm, str(directory)]
    return timed(names, environment(aws))


def environment(aws: Sandbox) -> dict[str, str]:
    """What both command lines need to ask the sandbox."""
    key, secret = aws.credentials
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        "PATH": path,
        "HOME": os.environ.get("HOME", "/"),
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL": aws.endpoint_url,
    }


def timed(command: list[str], variables: dict[str, str]) -> float:
    """Seconds of a process that must succeed."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=variables)
    return time.perf_counter() - begun


def main() -> None:
    out = sys.stdout.write
    with Sandbox() as aws, tempfile.TemporaryDirectory() as directory:
        outputs = stack(aws)
        seconds(aws, outputs, 1)
        ours = process(aws, outputs, SCRIPTED_ZONES, Path(directory))
        theirs = scripted(aws, outputs, SCRIPTED_ZONES, Path(directory))
        aws.faults = Faults(FaultPlan(faults=(Fault(effect="latency", seconds=LATENCY),)))
        one, all_zones = seconds(aws, outputs, 1), seconds(aws, outputs, ZONES)
    ratio, faster = all_zones / one, theirs / ours
    out(f"verify: {ZONES} zones take {ratio:.1f} times as long as one, {LATENCY:g} s a call (at most {MOST_FOR_ALL})\n")
    out(f"verify: {SCRIPTED_ZONES} zones {faster:.1f} times faster than a shell script (at least {LEAST_FASTER})\n")
    sys.exit(ratio > MOST_FOR_ALL or faster < LEAST_FASTER)


if __name__ == "__main__":
    import logging

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    main()
