"""What the stack exported before this update: its meshes may still use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from toolkit.errors import Problem
from toolkit.infra.reading import build_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.values import Value


def require_same(authority_arn: pulumi.Output[str], former: Sequence[str]) -> pulumi.Output[str]:
    """Return the ARN of the issuing CA, if the meshes can go on with it.

    A Mesh names the CA that the stack exported. With another one in the policies, its zones could issue no more
    certificates from then on, even if the update fails afterwards because the CA of before is protected.

    Args:
        authority_arn: of the CA that issues from now on.
        former: CAs that the zones may go on to use.
    """
    stack = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}")

    def check(both: Sequence[Value]) -> str:
        current, exported = both
        before = exported.get("arn") if isinstance(exported, dict) else None
        if before in (None, current, *former):
            return str(current)
        raise build_error(
            "the meshes still use another CA",
            [
                Problem(
                    "formerAuthorityArns",
                    f"does not name {before}, from which the stack's zones issue until now; with {current} alone they "
                    "could issue no certificates for a Mesh that still names the other",
                )
            ],
            "Add it to formerAuthorityArns, move the meshes with toolkit rotate, and remove it then.",
        )

    return pulumi.Output.all(authority_arn, stack.get_output("certificateAuthority")).apply(check)
