"""Render the settings of each zone's control plane, as Helm values or as environment variables."""
