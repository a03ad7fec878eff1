"""Read the index of a control plane: its product and version.

Source: kumahq/kuma:pkg/api-server/index_endpoints.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# The version of the fields in toolkit.mesh.documents.kept.
_KNOWN = (2, 14)


@dataclass(frozen=True)
class Index:
    """A control plane's index.

    Attributes:
        product: ``Kong Mesh`` or ``Kuma``.
        version: such as ``2.13.1``.
        mode: ``global``, ``zone`` or ``standalone``; empty if the index does not contain it.
    """

    product: str
    version: str
    mode: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.product, self.version, self.mode and f"({self.mode})")))

    @property
    def major(self) -> int | None:
        """Return the major version; None for a development build."""
        number = self._number
        return number[0] if number else None

    @property
    def may_know_more(self) -> bool:
        """Return whether a Mesh may have fields that Kuma 2.14 lacks: in newer versions and development builds."""
        return self._number is None or self._number > _KNOWN

    @property
    def _number(self) -> tuple[int, int] | None:
        # A development build has the version 0.0.0-preview (kumahq/kuma:mk/build.mk).
        match = re.match(r"v?([1-9]\d{0,2})\.(\d{1,3})(?!\d)", self.version, re.ASCII)
        return (int(match[1]), int(match[2])) if match else None
