"""Every rule applies to clients that use CBOR as well as to those that use JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.loaders import Loader

PROTOCOL = "smithy-rpc-v2-cbor"
RULES = Path(__file__).with_name("test_rules.py")


@pytest.mark.slow
def test_every_rule_holds_in_cbor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Loader().load_service_model("acm-pca", "service-2")
    model["metadata"] |= {"protocol": PROTOCOL, "protocols": [PROTOCOL]}
    path = tmp_path / "acm-pca" / str(model["metadata"]["apiVersion"]) / "service-2.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(model))
    # botocore looks here first, in this process and in the one below.
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    client: Any = boto3.Session(region_name="eu-central-1").client("acm-pca")
    assert client.meta.service_model.resolved_protocol == PROTOCOL
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{RULES}::test_rule"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-4000:]
