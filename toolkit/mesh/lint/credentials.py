"""Credentials of control planes: where they stand, and whether they can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.lint.documents import at, mapping
from toolkit.mesh.lint.findings import Rule, Severity
from toolkit.mesh.lint.sources import kinds, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.documents import MeshDocument
    from toolkit.mesh.lint.findings import Finding
    from toolkit.yamltext.nodes import Path

IN_THE_MESH = Rule(
    "MESH100",
    Severity.WARNING,
    "A credential stands in the Mesh itself",
    "Whoever may read the Mesh has it: every control plane, the GUI, a repository. Kong documents it for tests only.",
    "Move it to a mesh-scoped Secret, or for AWS leave auth out and give the control planes a role.",
    "Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md (for testing only), app/mesh/vault.md, "
    "app/mesh/mutual-tls.md (Development Mode)",
)
TEMPORARY = Rule(
    "MESH101",
    Severity.ERROR,
    "An access key is a temporary one",
    "It works only together with its session token, for which Kong Mesh has no field: AWS refuses every request.",
    "Leave auth out and give the control planes a role, or use the access key of an IAM user.",
    "docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; "
    "Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md",
)
RULES = (IN_THE_MESH, TEMPORARY)

_ACCESS_KEY: Path = ("conf", "auth", "awsCredentials", "accessKey")
# What each type of backend has that nobody else may know.
CREDENTIALS: dict[str, tuple[Path, ...]] = {
    "acmpca": (_ACCESS_KEY, (*_ACCESS_KEY[:-1], "accessKeySecret")),
    "vault": (("conf", "fromCp", "auth", "token"), ("conf", "fromCp", "auth", "tls", "clientKey")),
    "provided": (("conf", "key"),),
}
INLINE = ("inline", "inlineString")
_TEMPORARY_PREFIX = "ASIA"


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """The findings of this module."""
    for backend in mesh.backends:
        for below in CREDENTIALS.get(backend.type, ()):
            source = at(backend.value, below)
            for kind in kinds(mapping(source)):
                if kind in INLINE:
                    path = (*backend.path, *below, kind)
                    yield mesh.finding(IN_THE_MESH, path, f"{below[-1]} stands in the Mesh itself")
            if below == _ACCESS_KEY:
                yield from _temporary(mesh, (*backend.path, *below), source, context)


def _temporary(mesh: MeshDocument, path: Path, source: object, context: Context) -> Iterator[Finding]:
    resolved = resolve(mesh, path, source, context)
    if resolved and resolved.value.strip().startswith(_TEMPORARY_PREFIX):
        message = f"the access key begins with {_TEMPORARY_PREFIX}, so it is a temporary one"
        yield resolved.document.finding(TEMPORARY, resolved.path, message)
