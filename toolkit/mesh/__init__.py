"""Mesh documents: typed models, reading, rendering. No AWS and no network."""
