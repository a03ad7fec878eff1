from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import contract, hierarchy

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs


@pytest.fixture(scope="session")
def outputs() -> StackOutputs:
    return contract(hierarchy())
