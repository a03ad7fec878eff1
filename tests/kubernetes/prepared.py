"""What a cluster of a user has before our documents come."""

from __future__ import annotations

MESH_PLURAL = "meshes.kuma.io"
# As much of Kuma's definition as kube-apiserver looks at: `spec` is for Kuma's webhook alone
# (kumahq/kuma:deployments/charts/kuma/crds/kuma.io_meshes.yaml).
MESH_KIND = f"""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {MESH_PLURAL}
spec:
  group: kuma.io
  names:
    kind: Mesh
    listKind: MeshList
    plural: meshes
    singular: mesh
  scope: Cluster
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              x-kubernetes-preserve-unknown-fields: true
"""
# Those of the golden files and of the contract.
NAMESPACES = {"kong-mesh-system": "kong-mesh-control-plane", "checks": "verifier"}


def restricted_namespace(name: str, service_account: str) -> str:
    """Return a namespace in which the strictest Pod Security Standard is enforced, warned of and audited."""
    return f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
    pod-security.kubernetes.io/audit: restricted
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {service_account}
  namespace: {name}
"""
