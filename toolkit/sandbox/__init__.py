"""Emulate AWS on loopback, so that the same program and commands run without an account and at no cost."""
