"""Encode objects as JSON, whatever fields they have, and decode them.

A value of a type that JSON does not have becomes ``{"$": type, "is": value}``.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from toolkit.pki import pem
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


_TYPE, _VALUE = "$", "is"


def fields(value: DataclassInstance, leave_out: Collection[str] = ()) -> Object:
    """Return the fields of a dataclass by name, except some."""
    declared = dataclasses.fields(value)
    return {field.name: getattr(value, field.name) for field in declared if field.name not in leave_out}


def encode(value: object) -> str:
    """Return a value as JSON.

    Raises:
        TypeError: the value contains an unsupported type.
    """
    return json.dumps(_plain(value))


def decode(text: str, classes: Iterable[type] = ()) -> Value:
    """Return the value that was encoded.

    Args:
        text: JSON.
        classes: the dataclasses that it may contain.

    Raises:
        ValueError: the text is not JSON, or a value in it is malformed.
        KeyError: it has an unknown type.
        TypeError: a field is missing or unknown.
    """
    known = {item.__name__: item for item in classes}

    def restored(item: Object) -> Value:
        if _TYPE not in item:
            return item
        kind, value = item[_TYPE], item[_VALUE]
        return known[kind](**value) if kind in known else _READ[kind](value)

    return json.loads(text, object_hook=restored)


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and _TYPE not in value:
            return {key: _plain(item) for key, item in value.items()}
        return {_TYPE: "dict", _VALUE: [[_plain(key), _plain(item)] for key, item in value.items()]}
    return _tagged(value)


def _tagged(value: object) -> dict[str, object]:
    if isinstance(value, tuple):
        return {_TYPE: "tuple", _VALUE: [_plain(item) for item in value]}
    if isinstance(value, datetime):
        return {_TYPE: "datetime", _VALUE: value.isoformat()}
    if isinstance(value, bytes):
        return {_TYPE: "bytes", _VALUE: base64.b64encode(value).decode()}
    if isinstance(value, x509.Certificate):
        return {_TYPE: "certificate", _VALUE: pem.write([value])}
    if isinstance(value, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return {_TYPE: "key", _VALUE: _key_pem(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {_TYPE: type(value).__name__, _VALUE: {name: _plain(item) for name, item in fields(value).items()}}
    raise TypeError(f"can't keep a {type(value).__name__}")


@lru_cache(maxsize=1024)
def _key_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return a key as PEM, cached: every call on a CA checks whether the CA has changed, but its key never changes."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


_READ: dict[str, Callable[[Value], Value]] = {
    "dict": dict,
    "tuple": tuple,
    "datetime": datetime.fromisoformat,
    "bytes": base64.b64decode,
    "certificate": pem.load_certificate,
    "key": lambda text: serialization.load_pem_private_key(text.encode(), password=None),
}
