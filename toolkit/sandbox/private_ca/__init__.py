"""Emulate AWS Private CA on loopback: its API, rules and errors.

The sandbox may reject a request that AWS accepts, but never accepts a request that AWS rejects. The error for an
unsupported feature names the feature.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

from toolkit.sandbox.private_ca.audit_reports import AuditReports
from toolkit.sandbox.private_ca.authority_operations import Authorities
from toolkit.sandbox.private_ca.certificate_operations import Certificates
from toolkit.sandbox.private_ca.registry import Registry
from toolkit.sandbox.private_ca.sharing_operations import Sharing
from toolkit.sandbox.services import RpcService


class PrivateCaService(RpcService):
    """All private CAs of all accounts and regions.

    Args:
        clock: returns the current time with a time zone.

    Attributes:
        registry: the state; its delays may be changed while the service runs.
    """

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.registry = registry = Registry(clock)
        operations = (Authorities(registry), Certificates(registry), AuditReports(registry), Sharing(registry))
        super().__init__("acm-pca", *operations, authorize=registry.authorize)

    def _hold(self, operation: str) -> AbstractContextManager[object]:
        """Return the lock of the state.

        Generating an RSA key takes seconds. So the creation of a CA takes the lock itself, when it stores the CA.
        """
        return nullcontext() if operation == "CreateCertificateAuthority" else self.registry.lock
