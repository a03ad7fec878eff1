"""A stand-in control plane: it keeps resources in memory, and answers over HTTP as Kuma 2.14.3 does.

It knows Meshes, Secrets, MeshIdentities, MeshTrusts, MeshTLSes and MeshTrafficPermissions.

Rehearse ``apply`` and ``rotate`` against it before they change a real control plane. It may reject more than Kuma, but
never less. ``tests/control_plane/rehearsal/test_recorded_replies.py`` compares it with recorded answers.

It does not issue certificates, connect proxies, call AWS or Vault, or read files for ``file`` data sources.
"""
