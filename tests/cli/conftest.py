from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support import contract_document, hierarchy
from toolkit import contract
from toolkit.files import find_project_root
from toolkit.sandbox.pulumi import program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A contract of nobody's stack."""
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(contract_document(hierarchy())))
    return file


@pytest.fixture(scope="module")
def live(running_sandbox: TestSandbox) -> StackOutputs:
    """The contract of a stack that the sandbox has."""
    exports = program.run(find_project_root(), program.read_stack(find_project_root(), "prod"), running_sandbox)
    return contract.parse(json.dumps(exports))


@pytest.fixture
def live_file(live: StackOutputs, tmp_path: Path) -> Path:
    file = tmp_path / "live.json"
    file.write_text(live.to_json())
    return file
