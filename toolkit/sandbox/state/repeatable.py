"""Make moto generate the same identifiers and times when a request is replayed.

moto generates its identifiers from one random source (moto.moto_api._internal.mock_random, "Can be seeded to make
identifiers deterministic"), a few from ``os.urandom`` and ``uuid.uuid4``, which calls ``os.urandom``. It takes the time
from ``moto.core.utils.utcnow`` and, for buckets, from ``datetime``. All threads share these sources. A seed here
applies to one thread only, so requests that are served at the same time change nothing.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from random import Random

import moto.core.utils
import moto.eks.models
import moto.s3.models
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from toolkit.values import MotoObject


class _Thread(threading.local):
    """The random source and the time of one thread; None for the real ones."""

    source: Random | None = None
    now: dt.datetime | None = None


_thread = _Thread()


@contextmanager
def repeat(seed: str, now: dt.datetime) -> Iterator[None]:
    """Make moto generate the same values inside whenever seed and time are the same.

    Args:
        seed: any text.
        now: the time, with a time zone.
    """
    before = _thread.source, _thread.now
    # Not used for real secrets: the sandbox's credentials are worthless elsewhere.
    _thread.source, _thread.now = Random(seed), now  # noqa: S311 - must be repeatable
    try:
        yield
    finally:
        _thread.source, _thread.now = before


@contextmanager
def install(seed: str, now: dt.datetime) -> Iterator[None]:
    """Patch moto's sources, so that :func:`repeat` takes effect.

    Args:
        seed: the seed of objects that moto creates when a request first needs them: its backends (IAM's has 1,000
            managed policies with IDs) and applications. On a replay that may be another request, so they don't use the
            request's seed.
        now: when the backends are created.
    """
    with ExitStack() as patches:
        drawing, bits, octets = mock_random.random, mock_random.getrandbits, os.urandom

        def replace(place: object, name: str, value: object) -> None:
            patches.callback(setattr, place, name, getattr(place, name))
            setattr(place, name, value)

        replace(mock_random, "random", _of_thread("random", drawing))
        replace(mock_random, "getrandbits", _of_thread("getrandbits", bits))
        replace(os, "urandom", _of_thread("randbytes", octets))
        for module in (moto.core.utils, moto.s3.models):
            replace(module, "datetime", _datetime_module())
        replace(AccountSpecificBackend, "__getitem__", _seeded_backends(seed, now))
        for place, name in (
            (BackendDict, "_create_account_specific_backend"),
            (DomainDispatcherApplication, "get_application"),
        ):
            replace(place, name, _apart(getattr(place, name), f"{seed} {name}", now))
        # moto generates these on import.
        with repeat(f"{seed} eks", now):
            issuer, _, _ = moto.eks.models.ISSUER_TEMPLATE.rpartition("/")
            replace(moto.eks.models, "ISSUER_TEMPLATE", f"{issuer}/{mock_random.get_random_string(length=10)}")
            host = f"{mock_random.get_random_string()}.{mock_random.get_random_string(3)}"
            replace(moto.eks.models, "ENDPOINT_TEMPLATE", f"https://{host}.{{region}}.eks.amazonaws.com/")
        yield


def _of_thread(method: str, otherwise: Callable[..., object]) -> Callable[..., object]:
    def draw(*arguments: int) -> object:
        return otherwise(*arguments) if _thread.source is None else getattr(_thread.source, method)(*arguments)

    return draw


def _apart(function: Callable[..., object], seed: str, now: dt.datetime) -> Callable[..., object]:
    def call(*arguments: object) -> object:
        with repeat(seed, now):
            return function(*arguments)

    return call


def _seeded_backends(seed: str, now: dt.datetime) -> MotoObject:
    original = AccountSpecificBackend.__getitem__

    def get(self: MotoObject, region: str) -> MotoObject:
        if region in self.keys():
            return original(self, region)
        with repeat(f"{seed} {self.service_name} {self.account_id} {region}", now):
            return original(self, region)

    return get


class _LooksLikeDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, dt.datetime)


class _Datetime(dt.datetime, metaclass=_LooksLikeDatetime):
    """A ``datetime`` class whose current time is the thread's."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override] # a real one
        if _thread.now is None:
            return dt.datetime.now(tz)
        return _thread.now.astimezone(tz) if tz else _thread.now.astimezone().replace(tzinfo=None)


def _datetime_module() -> types.ModuleType:
    module = types.ModuleType("datetime")
    vars(module).update({**vars(dt), "datetime": _Datetime})
    return module
