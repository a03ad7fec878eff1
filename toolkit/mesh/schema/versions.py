"""Check versions of Kong Mesh for the acmpca backend of a Mesh, and for MeshIdentity.

Sources: Kong/developer.konghq.com:app/assets/mesh/raw/UPGRADE.md, app/mesh/acm-private-ca-policy.md and
app/mesh/migrate-mtls-to-meshidentity.md; kumahq/kuma#17448.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, Self

from toolkit.errors import InvalidInputError, Problem

Product = Literal["kong-mesh", "kuma"]

_FORM = r"(?a)v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,6}))?(?:[-+].*)?"


class MeshVersion(NamedTuple):
    """A version of Kong Mesh; a missing patch number counts as 0."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``2.14``, ``2.14.2``, ``v2.14.2`` or a pre-release such as ``2.14.0-preview.1``.

        Raises:
            ValueError: the text is not a version.
        """
        match = re.fullmatch(_FORM, text)
        if match is None:
            raise ValueError(f"{text[:40]!r} is not a version of Kong Mesh, such as 2.14.2")
        return cls(*(int(part or 0) for part in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


# Source: Kong Mesh CHANGELOG.md, 1.7.0: the acmpca plugin is new.
FIRST_WITH_ACMPCA = MeshVersion(1, 7)
FIRST_WITH_MESH_IDENTITY_EXTENSION = MeshVersion(2, 14)
FIRST_WITHOUT_STORM = MeshVersion(2, 14, 2)
FIRST_WITHOUT_MTLS = MeshVersion(3, 0)

WHAT_3_0_DROPS = (
    "from version 3.0 on, Kong Mesh has no Mesh.mtls: it ignores what is left of it without an error, and traffic is "
    "plaintext unless a MeshIdentity issues certificates"
)
MESH_IDENTITY_COMES = "Kong Mesh 2.14 has both Mesh.mtls and MeshIdentity: move before the upgrade to 3.0"


def refuse_version(version: MeshVersion, instead: str = "") -> None:
    """Reject a version that does not accept an acmpca backend in a Mesh.

    Args:
        version: of Kong Mesh.
        instead: the command that renders documents for the version.

    Raises:
        InvalidInputError: the version does not accept it. The error names the reason and the command.
    """
    if version >= FIRST_WITHOUT_MTLS:
        raise InvalidInputError(
            f"a Mesh for Kong Mesh {version} can't have an mTLS backend",
            [Problem("--mesh-version", WHAT_3_0_DROPS)],
            f"{MESH_IDENTITY_COMES}.{f' Run: {instead}' if instead else ''}",
        )
    if version < FIRST_WITH_ACMPCA:
        raise InvalidInputError(
            f"Kong Mesh {version} has no acmpca backend",
            [Problem("--mesh-version", f"acmpca came with Kong Mesh {FIRST_WITH_ACMPCA}")],
        )


def list_warnings(version: MeshVersion) -> list[str]:
    """Return warnings about an acmpca backend with a version."""
    warnings = []
    if version < FIRST_WITHOUT_STORM:
        warnings.append(
            f"before Kong Mesh {FIRST_WITHOUT_STORM} each proxy asks again every second while its CA fails "
            "(kumahq/kuma#17448), and you pay for every certificate that is issued, also if it can't be fetched"
        )
    if version >= FIRST_WITH_MESH_IDENTITY_EXTENSION:
        warnings.append("Kong Mesh 3.0 ignores Mesh.mtls; to plan the move: toolkit rotate --to mesh-identity")
    return warnings
