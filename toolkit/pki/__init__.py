"""Rules of X.509, SPIFFE and AWS names as pure functions, without I/O and AWS clients."""
