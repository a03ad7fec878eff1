"""AWS Private CA on loopback: its API, its rules, its refusals.

It may refuse what AWS accepts, never accept what AWS refuses. What is not modelled is refused by name.
"""

from toolkit.sandbox.private_ca.service import PrivateCaService

__all__ = ["PrivateCaService"]
