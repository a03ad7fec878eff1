"""An AWS on loopback: the same program and the same commands, without an account and without a bill."""
