"""Forget what a stack made under names that the next one may need."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends

from tests.infra.shapes import ELSEWHERE, HOME

if TYPE_CHECKING:
    from tests.conftest import TestSandbox


@contextmanager
def forgotten(aws: TestSandbox) -> Iterator[None]:
    """Forget roles, instance profiles, OIDC providers and Pod Identity associations that were made in the meantime.

    Nothing is deleted as `pulumi destroy` would, one by one and in order; they just are no longer there.
    """
    before = [set(named) for named in _by_name(aws)]
    try:
        yield
    finally:
        # Also after a failure: Hypothesis tries the same example again, and must meet the same world.
        for named, known in zip(_by_name(aws), before, strict=True):
            for name in set(named) - known:
                del named[name]


def _by_name(aws: TestSandbox) -> Iterator[MutableMapping[str, Any]]:
    """Yield the dictionaries in which moto and the sandbox keep them, by name."""
    for account in (HOME, ELSEWHERE):
        iam = iam_backends[account]["aws"]
        yield from (iam.roles, iam.instance_profiles, iam.open_id_providers)
    yield aws.pod_identity.associations
