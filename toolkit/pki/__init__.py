"""Pure knowledge of X.509, SPIFFE and AWS names: no input, no output, no clients."""
