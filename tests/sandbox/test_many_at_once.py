from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cryptography import x509

from tests.sandbox.conformance.world import World, csr

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

THREADS, EACH = 32, 8


def test_32_threads_lose_nothing(aws: TestSandbox) -> None:
    world = World(aws)
    arn = world.root()

    def work(thread: int) -> list[tuple[str, str]]:
        names = [f"t{thread}-{number}" for number in range(EACH)]
        return [(name, world.issue(arn, csr(name))) for name in names]

    with ThreadPoolExecutor(THREADS) as pool:
        issued = [pair for pairs in pool.map(work, range(THREADS)) for pair in pairs]
    assert len({certificate_arn for _, certificate_arn in issued}) == THREADS * EACH
    serials = set()
    for name, certificate_arn in issued:
        leaf = x509.load_pem_x509_certificate(world.get(arn, certificate_arn)["Certificate"].encode())
        assert leaf.subject.rfc4514_string() == f"CN={name}"
        serials.add(leaf.serial_number)
    assert len(serials) == THREADS * EACH


def test_32_threads_with_one_token_buy_one_certificate(aws: TestSandbox) -> None:
    world = World(aws)
    arn = world.root()
    with ThreadPoolExecutor(THREADS) as pool:
        issued = set(pool.map(lambda _: world.issue(arn, IdempotencyToken="one"), range(THREADS)))
    assert len(issued) == 1
    assert world.get(arn, issued.pop())["Certificate"]
