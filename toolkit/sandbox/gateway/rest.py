"""AWS's REST-JSON protocol, driven by botocore's model of a service (smithy.io, "AWS restJson1 protocol").

Requests are checked by the same decoder as those to AWS Private CA; only where the members travel differs.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from botocore.loaders import Loader
from botocore.model import MapShape, ServiceModel

from toolkit.sandbox import paging
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.private_ca import protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from botocore.model import OperationModel, Shape

    from toolkit.sandbox.parameters import Params
    from toolkit.sandbox.private_ca import Caller, Response

    Operation = Callable[[Caller, Params], Params]

_log = logging.getLogger(__name__)
# What a client sends to be able to repeat a call without doing it twice (botocore: clientToken, clientRequestToken).
_TOKENS = ("clientToken", "clientRequestToken")


@dataclass(frozen=True)
class Call:
    """A request that was found to be one of an operation.

    Attributes:
        operation: botocore's model of it.
        uri: what its path says.
    """

    operation: OperationModel
    uri: Mapping[str, str]


class RestService:
    """Some operations of a service.

    Args:
        name: as in signatures and in botocore: ``ram``, ``eks``.
        operations: by their name in botocore.
        mismatch: the error for a client's token that comes again with another request.

    Attributes:
        answered: by account, region, operation and client token, the parameters and the answer.
    """

    def __init__(self, name: str, operations: Mapping[str, Operation], mismatch: str) -> None:
        self.name = name
        self._operations = operations
        self._mismatch = mismatch
        self._model = ServiceModel(Loader().load_service_model(name, "service-2"), name)
        self._routes = [
            (model.http["method"], _pattern(model.http["requestUri"]), model)
            for model in map(self._model.operation_model, self._model.operation_names)
        ]
        self.answered: MutableMapping[tuple[str, ...], tuple[Params, Params]] = {}
        # Operations look at the state before they change it.
        self._lock = threading.RLock()

    def find(self, method: str, path: str) -> Call | None:
        """The operation that a method and a path mean, also one that is not answered here; None for none."""
        for wanted, pattern, model in self._routes:
            match = pattern.fullmatch(path)
            if match and wanted == method:
                return Call(model, match.groupdict())
        return None

    def answers(self, call: Call) -> bool:
        """Whether the operation is one of those that are answered here."""
        return call.operation.name in self._operations

    def handle(self, caller: Caller, call: Call, query: str, body: bytes) -> Response:
        """Answer one call; never raises."""
        name = call.operation.name
        try:
            result = self._answer(caller, call, query, body)
            return replace(protocol.encode(result), content_type="application/json")
        except AwsError as error:
            return protocol.refusal(error)
        except Exception:  # noqa: BLE001 - a traceback must never reach the client, whatever the defect
            _log.exception("%s:%s failed", self.name, name)
            return protocol.refusal(AwsError("InternalFailure", "The sandbox has a defect.", 500))

    def _answer(self, caller: Caller, call: Call, query: str, body: bytes) -> Params:
        if not self.answers(call):
            raise AwsError("InvalidAction", f"{self.name}:{call.operation.name} is not in the sandbox; AWS has it.")
        params = _decode(call, query, body)
        with self._lock:
            return self._once(caller, call.operation.name, params)

    def _once(self, caller: Caller, name: str, params: Params) -> Params:
        """Do it, or repeat what was answered to the same request with the same token."""
        token = next((params[member] for member in _TOKENS if member in params), None)
        if token is None:
            return self._operations[name](caller, params)
        key = (caller.account, caller.region, name, token)
        if key not in self.answered:
            self.answered[key] = (dict(params), self._operations[name](caller, params))
        asked, answered = self.answered[key]
        if asked != params:
            raise AwsError(self._mismatch, "The token was used before, with other parameters.")
        return answered


def page(items: list[Params], params: Params, most: int, name: str, code: str) -> Params:
    """One page of a list, under its name, with the token of the next.

    Args:
        items: the whole list.
        params: of the request, with ``maxResults`` and ``nextToken`` if it has them.
        most: on a page.
        name: of the list in the answer.
        code: of the error for a token that was not given out.
    """
    try:
        start = paging.start(params.get("nextToken"), len(items))
    except ValueError as error:
        raise AwsError(code, "The token was not given out by this service.") from error
    end = start + params.get("maxResults", most)
    return {name: items[start:end], "nextToken": paging.token(end) if end < len(items) else None}


def _pattern(template: str) -> re.Pattern[str]:
    # /clusters/{name}/pod-identity-associations
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template)))


def _decode(call: Call, query: str, body: bytes) -> Params:
    shape = call.operation.input_shape
    if shape is None:
        return {}
    try:
        sent = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", "The request body is not JSON.") from error
    if not isinstance(sent, dict):
        raise AwsError("SerializationException", "The request body can not be read as a structure.")
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    members: Params = {}
    maps: Params = {}
    for name, member in shape.members.items():
        known_as = str(member.serialization.get("name", name))
        location = member.serialization.get("location")
        if location == "uri":
            members[name] = call.uri[known_as]
        elif location == "querystring":
            members[name] = _number(asked[known_as], member) if known_as in asked else None
        elif isinstance(member, MapShape):
            maps[name] = sent.get(known_as)
        else:
            members[name] = sent.get(known_as)
    decoded = protocol.decode(call.operation, json.dumps(members).encode())
    return decoded | {name: _strings(value, name) for name, value in maps.items() if value is not None}


def _number(text: str, shape: Shape) -> str | int:
    if shape.type_name != "integer":
        return text
    try:
        return int(text)
    except ValueError as error:
        raise AwsError("SerializationException", f"'{text}' can not be read as a whole number.") from error


def _strings(value: object, path: str) -> dict[str, str]:
    """A map from strings to strings; the services here have no other."""
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise AwsError("SerializationException", f"Value at '{path}' can not be read as a map of strings.")
    return value
