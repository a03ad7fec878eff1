"""Typed models of a Mesh, its mTLS backends and Secrets."""
