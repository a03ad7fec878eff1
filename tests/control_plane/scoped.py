"""Documents of a mesh that moves from mTLS to MeshIdentities."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization

from tests.support import Authority

CHAIN = Authority("Kong Mesh Root CA").certificate.public_bytes(serialization.Encoding.PEM).decode()
MESH = "type: Mesh\nname: default\nmeshServices: {mode: Exclusive}\n"
MTLS = "mtls: {enabledBackend: old, backends: [{name: old, type: builtin}]}\n"
PERMISSION = """\
type: MeshTrafficPermission
mesh: default
name: allow
spec:
  rules:
    - default:
        allow:
          - spiffeID: {type: Prefix, value: 'spiffe://default'}
          - spiffeID: {type: Prefix, value: 'spiffe://default.z1.mesh.local'}
"""
TLS = "type: MeshTLS\nmesh: default\nname: tls\nspec: {rules: [{default: {mode: Strict}}]}\n"
TRUST = "type: MeshTrust\nmesh: default\nname: old-ca\nspec:\n  trustDomain: default\n  caBundles:\n" + (
    "    - type: Pem\n      pem:\n        value: |\n" + "".join(f"          {line}\n" for line in CHAIN.splitlines())
)
PUBLISH = """\
type: MeshIdentity
mesh: default
name: publish
spec: {selector: {dataplane: {matchLabels: {}}}}
"""
BUNDLED = "{type: Bundled, bundled: {insecureAllowSelfSigned: true, autogenerate: {enabled: true}}}"


def issue(selector: str = "{}", provider: str = BUNDLED, more: str = "", labels: str = "{}") -> str:
    """A MeshIdentity that issues certificates."""
    return (
        f"type: MeshIdentity\nmesh: default\nname: issue\nlabels: {labels}\n"
        f"spec: {{selector: {selector}, provider: {provider}{more}}}\n"
    )


ALL = "{dataplane: {matchLabels: {}}}"
ACMPCA = (
    "{type: Extension, extension: {name: acmpca, config: {arn: "
    "'arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555'}}}"
)


def stream(*documents: str) -> str:
    return "---\n".join(documents)


def path(collection: str, name: str) -> str:
    return f"/meshes/default/{collection}/{name}"
