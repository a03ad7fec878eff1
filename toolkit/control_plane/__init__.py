"""The HTTP API of a control plane: reach it, read what it has, and apply documents to it."""
