"""Objects are encoded as JSON and decoded without changes, whatever fields they have."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from toolkit.sandbox.state.encoding import decode, encode, fields


@dataclass
class Inner:
    """Part of a :class:`Thing`."""

    when: datetime


@dataclass
class Thing:
    """Something to keep."""

    name: str
    inner: Inner
    lock: Any = field(default_factory=threading.Lock)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2**160,
        "ü\x00",
        b"\x00\xff",
        [],
        {},
        ("a", ("b", None)),
        {("a", "b"): [1, (2,)], "c": {}},
        {"$": "tuple", "is": ["not", "one"]},
        {1: 2},
        datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - moto's times have no zone
        Inner(datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_values_come_back(value: object) -> None:
    assert decode(encode(value), [Inner]) == value
    assert decode(encode([{"deep": value}]), [Inner]) == [{"deep": value}]


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(public_exponent=65537, key_size=2048)]
)
def test_keys_come_back(key: Any) -> None:
    assert decode(encode({"key": key}))["key"].private_numbers() == key.private_numbers()


def test_fields_can_be_left_out() -> None:
    thing = Thing("x", Inner(datetime(2026, 1, 2, tzinfo=UTC)))
    assert Thing(**decode(encode(fields(thing, ["lock"])), [Inner]), lock=thing.lock) == thing


@pytest.mark.parametrize("value", [threading.Lock(), {"a": object()}, Thing("x", Inner(datetime.now(UTC)))])
def test_what_can_not_be_kept_is_an_error(value: object) -> None:
    with pytest.raises(TypeError, match="can't keep a"):
        encode(value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", ValueError),
        ('{"$": "unknown", "is": 1}', KeyError),
        ('{"$": "tuple"}', KeyError),
        ('{"$": "datetime", "is": "x"}', ValueError),
        ('{"$": "Inner", "is": {"other": 1}}', TypeError),
    ],
)
def test_what_is_malformed_is_an_error(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode(text, [Inner])
