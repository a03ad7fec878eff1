"""Verify for each zone, with that zone's identity, that AWS Private CA issues data plane certificates."""
