"""The HTTP front of the sandbox: which requests are admitted, and which service answers each."""
