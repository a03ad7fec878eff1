"""Emulate AWS Private CA on loopback: its API, rules and errors.

The sandbox may reject a request that AWS accepts, but never accepts a request that AWS rejects. The error for an
unsupported feature names the feature.
"""

from toolkit.sandbox.private_ca.service import PrivateCaService

__all__ = ["PrivateCaService"]
