"""The HTTP side of the sandbox: which requests are admitted, and which service gets each."""
