"""Render Mesh documents from the contract, alone or into an existing Mesh."""
