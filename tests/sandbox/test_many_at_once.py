from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.sandbox.conformance.world import World, csr

if TYPE_CHECKING:
    import pytest

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


def test_no_call_waits_for_the_key_of_a_new_ca(aws: TestSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(aws)
    arn = world.root()
    begun, may_end, generate = Event(), Event(), rsa.generate_private_key

    def generate_later(**settings: Any) -> rsa.RSAPrivateKey:
        begun.set()
        assert may_end.wait(60)
        return generate(**settings)

    monkeypatch.setattr(rsa, "generate_private_key", generate_later)
    with ThreadPoolExecutor(2) as pool:
        try:
            created = pool.submit(world.create, "ROOT", "RSA_2048")
            assert begun.wait(30)
            assert pool.submit(world.status, arn).result(30) == "ACTIVE"
            assert not created.done()
        finally:
            may_end.set()
    assert world.status(created.result()) == "PENDING_CERTIFICATE"


def test_32_threads_with_one_token_create_one_ca(aws: TestSandbox) -> None:
    world = World(aws)
    with ThreadPoolExecutor(THREADS) as pool:
        created = set(pool.map(lambda _: world.create(IdempotencyToken="one"), range(THREADS)))
    (arn,) = created
    # Other tests may have created more CAs in this sandbox than one page lists.
    pages = world.pca.get_paginator("list_certificate_authorities").paginate()
    assert list(pages.search("CertificateAuthorities[].Arn")).count(arn) == 1
