"""Build the Pulumi program's resources; only this package imports pulumi."""
