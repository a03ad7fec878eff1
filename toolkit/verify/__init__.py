"""Proof, from every zone and with that zone's identity, that data plane certificates come out."""
