"""MeshIdentities, MeshTrusts and MeshTrafficPermissions without a finding, to break one thing in."""

from __future__ import annotations

import textwrap

from tests.mesh.lint.worlds import CHAIN
from tests.support import AUTHORITY_ARN


def trust(name: str, domain: str, *bundles: str, mesh: str = "default") -> str:
    """A MeshTrust on Universal, with a bundle for each text."""
    parts = [f"    - type: Pem\n      pem:\n        value: |\n{textwrap.indent(text, ' ' * 10)}" for text in bundles]
    head = f"type: MeshTrust\nmesh: {mesh}\nname: {name}\nspec:\n  trustDomain: {domain}\n  caBundles:\n"
    return head + "".join(parts)


IDENTITY = f"""\
apiVersion: kuma.io/v1alpha1
kind: MeshIdentity
metadata:
  name: issue
  namespace: kong-mesh-system
  labels:
    kuma.io/mesh: default
spec:
  selector:
    dataplane:
      matchLabels: {{}}
  spiffeID:
    trustDomain: '{{{{ .Mesh }}}}.{{{{ .Zone }}}}.mesh.local'
    path: '/ns/{{{{ .Namespace }}}}/sa/{{{{ .ServiceAccount }}}}'
  provider:
    type: Extension
    extension:
      name: acmpca
      config:
        arn: {AUTHORITY_ARN}
        certificateParameters:
          expiry: 24h
        meshTrustCreation: Enabled
"""
PUBLISH = """\
type: MeshIdentity
mesh: default
name: publish
spec:
  selector:
    dataplane:
      matchLabels: {}
"""
BUNDLED = """\
type: MeshIdentity
mesh: default
name: bundled
labels:
  kuma.io/origin: zone
spec:
  selector:
    dataplane:
      matchLabels:
        app: web
  provider:
    type: Bundled
    bundled:
      certificateParameters:
        expiry: 24h
      ca:
        certificate:
          type: Secret
          secretRef:
            kind: Secret
            name: ca
        privateKey:
          type: File
          file:
            path: /etc/ca.key
"""
SELF_SIGNED = """\
type: MeshIdentity
mesh: default
name: own
spec:
  selector:
    dataplane:
      matchLabels: {}
  provider:
    type: Bundled
    bundled:
      insecureAllowSelfSigned: true
      autogenerate:
        enabled: true
"""
SPIRE = """\
type: MeshIdentity
mesh: default
name: spire
spec:
  selector:
    dataplane:
      matchLabels: {}
  provider:
    type: Spire
    spire:
      agent:
        timeout: 30s
"""
TRUST = trust("issue-zone-1", "default.zone-1.mesh.local", CHAIN)
TRUSTS = f"{TRUST}---\n{trust('issue-zone-2', 'default.zone-2.mesh.local', CHAIN)}"
PERMISSION = """\
type: MeshTrafficPermission
mesh: default
name: web
spec:
  targetRef:
    kind: Dataplane
    labels:
      app: web
  rules:
    - default:
        allow:
          - spiffeID:
              type: Prefix
              value: spiffe://default.zone-1.mesh.local/ns/shop
          - spiffeID:
              type: Prefix
              value: spiffe://default
"""
TLS = """\
type: MeshTLS
mesh: default
name: strict
spec:
  rules:
    - default:
        mode: Strict
        tlsVersion:
          min: TLS12
"""
ALL = (IDENTITY, PUBLISH, BUNDLED, SELF_SIGNED, SPIRE, TRUSTS, PERMISSION, TLS)
