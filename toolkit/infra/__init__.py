"""The Pulumi program's building blocks; the only room that imports pulumi."""
