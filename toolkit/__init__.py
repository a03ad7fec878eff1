"""Kong Mesh on AWS Private CA: provision it, render the Mesh, prove issuance from every zone."""

__version__ = "0.1.0"
