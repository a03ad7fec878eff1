"""Property values in Pulumi's protocol, and in Python."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

Values = dict[str, Any]


def plain(message: struct_pb2.Struct) -> Values:
    """Return the properties of a message; unknown ones are `rpc.UNKNOWN`, and those that are null are left out.

    Secrets are unwrapped: the plugin does not accept them, but the engine sends those of a provider's own settings.
    """
    found = {name: _simple(value) for name, value in json_format.MessageToDict(message).items()}
    return {name: value for name, value in found.items() if value is not None}


def struct(values: Values) -> struct_pb2.Struct:
    """Return the message that contains these properties."""
    message = struct_pb2.Struct()
    message.update(values)
    return message


def has_unknown(value: object) -> bool:
    """Tell whether a value, or anything in it, is known only after an update."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value == rpc.UNKNOWN


def _simple(value: Any) -> Any:
    """Return the value without marks of secrets, and with whole numbers as int, which the protocol does not have."""
    if rpc.is_rpc_secret(value):
        return _simple(value["value"])
    if isinstance(value, dict):
        return {name: _simple(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_simple(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
