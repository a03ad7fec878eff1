"""The one sandbox of a test process, and a clock that tests may turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from hypothesis import HealthCheck, settings

from tests.support import contract, hierarchy
from toolkit import redaction
from toolkit.sandbox.faults import Faults
from toolkit.sandbox.private_ca import PrivateCaService
from toolkit.sandbox.server import Sandbox

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs


# How long an example takes is no property of the product. In CI the examples are the same in every run, so that a
# change fails for what it changes; a laptop explores. `CI` is what every CI service sets.
settings.register_profile(
    "untimed",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")

# The server is what is tested, so nothing is held back or repeated by the client.
UNCHECKED = Config(parameter_validation=False, retries={"total_max_attempts": 1})


class Clock:
    """Tells the real time, shifted by what a test asks for."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


class TestSandbox(Sandbox):
    """A sandbox whose clock and issuance delay tests may change."""

    __test__ = False

    def __init__(self) -> None:
        self.clock = Clock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._cleanups: list[Callable[[], object]] = []
        super().__init__(PrivateCaService(clock=self.clock))

    def client(self, service: str, region: str = "eu-central-1") -> Any:
        """A client of the administrator's; making one takes longer than most calls, so they are kept."""
        if (service, region) not in self._clients:
            session: Any = self.session(region)
            self._clients[service, region] = session.client(service, endpoint_url=self.endpoint_url, config=UNCHECKED)
        return self._clients[service, region]

    def on_cleanup(self, action: Callable[[], object]) -> None:
        """Do something when the test is over."""
        self._cleanups.append(action)

    def clean_up(self) -> None:
        self.clock.shift = timedelta(0)
        self.private_ca.registry.issuance_delay = timedelta(0)
        self.private_ca.registry.creation_delay = timedelta(0)
        self.private_ca.registry.max_authorities = 100_000
        self.faults = Faults()
        while self._cleanups:
            self._cleanups.pop()()


@pytest.fixture(autouse=True)
def _no_known_secrets() -> Iterator[None]:
    """A process knows the secrets of one command; a test process runs many."""
    yield
    redaction.forget()


@pytest.fixture(scope="session")
def outputs() -> StackOutputs:
    """The contract of a stack that nothing stands behind."""
    return contract(hierarchy())


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[TestSandbox]:
    with TestSandbox() as aws:
        aws.clean_up()
        yield aws


@pytest.fixture
def aws(running_sandbox: TestSandbox) -> Iterator[TestSandbox]:
    """The sandbox, everything that a test changed put right afterwards."""
    yield running_sandbox
    running_sandbox.clean_up()
