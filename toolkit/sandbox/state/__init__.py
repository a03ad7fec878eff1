"""Keep a sandbox's state in a directory, so that it survives a restart and ``kill -9``."""

from toolkit.sandbox.state.keeper import Keeper

__all__ = ["Keeper"]
