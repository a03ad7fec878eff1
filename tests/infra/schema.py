"""Check a program's calls to Pulumi against the typed classes and functions of the installed pulumi-aws."""

from __future__ import annotations

import collections.abc
import enum
import importlib
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pulumi
import pulumi_aws
from pulumi import _types
from pulumi.runtime import rpc

PROVIDER = "pulumi:providers:aws"
_SCALARS = (str, bool, int, float)
# Of a function, not its own.
_OPTIONS = {"opts", "return"}


class UnknownTokenError(Exception):
    """pulumi-aws has no such class or function."""


@dataclass
class Check:
    """What was found wrong, by path, and what of pulumi-aws was looked at on the way."""

    problems: list[str] = field(default_factory=list)
    seen: set[tuple[Any, str]] = field(default_factory=set)

    def resource(self, token: str, inputs: Mapping[str, Any], ignored: list[str], name: str = "it") -> None:
        """One resource as the program registers it."""
        try:
            cls = resource_class(token)
        except UnknownTokenError as error:
            self.problems.append(f"{name}: {error}")
            return
        if is_deprecated(cls):
            self.problems.append(f"{name}: {token} is deprecated")
        arguments = arguments_class(cls)
        self.seen.add((cls, ""))
        self.seen |= {(cls, _python_name(arguments, key)) for key in inputs}
        # A provider's properties that are no text travel as JSON.
        self._object(name, arguments, inputs, _from_json if token == PROVIDER else _as_it_is)
        for key in inputs:
            if _python_name(arguments, key) in _given_up(cls.__module__):
                self.problems.append(f"{name}.{key}: is deprecated")
        known = _types.input_type_py_to_pulumi_names(arguments).values()
        for path in ignored:
            if re.split(r"[.\[]", path)[0] not in known:
                self.problems.append(f"{name}: ignoreChanges of {path}, which {cls.__name__} does not have")

    def function(self, token: str, arguments: Mapping[str, Any]) -> None:
        """One function as the program invokes it."""
        try:
            function = aws_function(token)
        except UnknownTokenError as error:
            self.problems.append(str(error))
            return
        if is_deprecated(function):
            self.problems.append(f"{token} is deprecated")
        self.seen.add((function, ""))
        hints = typing.get_type_hints(function)
        names = {_snake(key): key for key in arguments}
        self.seen |= {(function, name) for name in names}
        for name, key in names.items():
            if name in _OPTIONS or name not in hints:
                self.problems.append(f"{token}.{key}: {function.__name__} has no {name}")
            else:
                self._value(f"{token}.{key}", hints[name], arguments[key])

    def _object(
        self, path: str, cls: type, values: Mapping[str, Any], decode: Callable[[Any, Any], Any] | None = None
    ) -> None:
        names = {key: name for name, key in _types.input_type_py_to_pulumi_names(cls).items()}
        hints, deprecated = _hints(cls), deprecated_properties(cls)
        for key, value in values.items():
            if key not in names:
                self.problems.append(f"{path}.{key}: {cls.__name__} has no such property")
                continue
            self.seen.add((cls, names[key]))
            if key in deprecated:
                self.problems.append(f"{path}.{key}: is deprecated")
            hint = hints[names[key]]
            self._value(f"{path}.{key}", hint, decode(hint, value) if decode else value)
        self.seen.add((cls, ""))
        for name in _required(cls):
            key = _types.input_type_py_to_pulumi_names(cls)[name]
            if key not in values:
                self.problems.append(f"{path}.{key}: is missing")

    def _value(self, path: str, hint: Any, value: Any) -> None:
        """Against the alternative that takes it, or else against the one that comes nearest."""
        nearest: Check | None = None
        for alternative in _alternatives(hint):
            attempt = Check()
            if not attempt._as_one(path, alternative, value):
                continue
            nearest = attempt if nearest is None or not attempt.problems else nearest
        if nearest is None:
            self.problems.append(f"{path}: is {type(value).__name__}, which {_shown(hint)} does not take")
            return
        self.problems += nearest.problems
        self.seen |= nearest.seen

    def _as_one(self, path: str, hint: Any, value: Any) -> bool:
        """Whether the value has the form of this alternative; what is wrong further inside is noted."""
        origin = typing.get_origin(hint)
        if isinstance(hint, type) and _types.is_input_type(hint):
            if isinstance(value, dict):
                self._object(path, hint, value)
            return isinstance(value, dict)
        if origin in (collections.abc.Sequence, list) and isinstance(value, list):
            for index, item in enumerate(value):
                self._value(f"{path}[{index}]", typing.get_args(hint)[0], item)
            return True
        if origin in (collections.abc.Mapping, dict) and isinstance(value, dict):
            for key, item in value.items():
                self._value(f"{path}.{key}", typing.get_args(hint)[1], item)
            return True
        return _is_simple(hint, value)


def _is_simple(hint: Any, value: Any) -> bool:
    if hint is Any:
        return True
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [member.value for member in hint]
    if hint not in _SCALARS:
        return False
    # All numbers travel as floats; and to Python a bool is an int.
    if hint is int and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, (int, float) if hint is float else hint) and (hint is bool or not isinstance(value, bool))


def _as_it_is(_: Any, value: Any) -> Any:
    return value


def _from_json(hint: Any, value: Any) -> Any:
    if isinstance(value, dict) and rpc._special_sig_key in value:
        value = value["value"]
    return value if str in _alternatives(hint) else json.loads(value)


def _alternatives(hint: Any) -> list[Any]:
    """What a hint takes, without the wrappers of Pulumi's inputs and without None, which is never sent."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        plumbing = typing.get_origin(hint) in (collections.abc.Awaitable, pulumi.Output) or typing.is_typeddict(hint)
        return [] if plumbing or hint is type(None) else [hint]
    return [alternative for member in typing.get_args(hint) for alternative in _alternatives(member)]


def _shown(hint: Any) -> str:
    return " or ".join(getattr(item, "__name__", str(item)) for item in _alternatives(hint))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


@cache
def _source(module: str) -> str:
    """The text of a module of pulumi-aws; each resource and each function has one of its own.

    To find the text of a class alone, inspect parses its module, which fails in CPython 3.11 when another thread parses
    as well (python/cpython#106905).
    """
    return inspect.getsource(sys.modules[module])


def _given_up(module: str) -> set[str]:
    """The arguments that the documentation of a resource calls deprecated."""
    return set(re.findall(r"`(\w+)` argument is deprecated", _source(module)))


def _python_name(arguments: type, key: str) -> str:
    names = {pulumi_name: name for name, pulumi_name in _types.input_type_py_to_pulumi_names(arguments).items()}
    return names.get(key, key)


@cache
def _hints(cls: type) -> dict[str, Any]:
    # pulumi.Input is an alias that names Output and a type variable of its own module.
    names = {**vars(pulumi.output), **vars(sys.modules[cls.__module__])}
    return typing.get_type_hints(cls.__init__, globalns=names)  # type: ignore[misc] # of the class itself


def _required(cls: type) -> list[str]:
    parameters = list(inspect.signature(cls).parameters.values())
    return [parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty]


@cache
def deprecated_properties(cls: type) -> frozenset[str]:
    """By Pulumi's name: those whose getter Pulumi marks, and those that only their description gives up."""
    found = set()
    for _, key, prop in _types._py_properties(cls):
        marked = _types._PULUMI_DEPRECATED_CALLABLE in vars(prop.fget)
        if marked or re.search(r"^\W*deprecated", prop.__doc__ or "", re.IGNORECASE | re.MULTILINE):
            found.add(key)
    return frozenset(found)


@cache
def is_deprecated(thing: Any) -> bool:
    """Whether making the resource or calling the function warns of that, or its description says so."""
    words = rf'"{thing.__name__} is deprecated:|data source is DEPRECATED'
    return re.search(words, _source(thing.__module__)) is not None


@cache
def resource_class(token: str) -> Any:
    """The class that pulumi-aws has registered for a type token."""
    if token == PROVIDER:
        return pulumi_aws.Provider
    package, module, _ = token.split(":")
    registered: Any = rpc.get_resource_module(package, module, "")
    if registered is None or token not in registered.mod_info["classes"]:
        raise UnknownTokenError(f"pulumi-aws has no class for {token}")
    return getattr(importlib.import_module(registered.mod_info["fqn"]), registered.mod_info["classes"][token])


@cache
def arguments_class(cls: type) -> type:
    """Mostly the class's name and Args, but not where a nested type has that name."""
    hints = [inspect.signature(overload).parameters.get("args") for overload in typing.get_overloads(cls.__init__)]  # type: ignore[misc] # of the class itself
    (found,) = (item for hint in hints if hint for item in _alternatives(hint.annotation))
    assert _types.is_input_type(found)
    arguments: type = found
    return arguments


@cache
def aws_function(token: str) -> Any:
    """The function that invokes a token."""
    package, module, name = token.split(":")
    service = module.partition("/")[0]
    where = pulumi_aws if service == "index" else getattr(pulumi_aws, service, None)
    found = getattr(where, _snake(name), None)
    if package != "aws" or found is None or f"'{token}'" not in _source(found.__module__):
        raise UnknownTokenError(f"pulumi-aws has no function for {token}")
    return found
