"""Mesh documents from the contract, alone or in a Mesh that exists."""
