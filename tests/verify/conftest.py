from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from toolkit import contract
from toolkit.files import find_project_root
from toolkit.sandbox.pulumi import program

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs


@pytest.fixture(scope="module")
def outputs(running_sandbox: TestSandbox) -> StackOutputs:
    config = program.read_stack(find_project_root(), "prod")
    exports = program.run(find_project_root(), config, running_sandbox)
    return contract.parse(json.dumps(exports))
