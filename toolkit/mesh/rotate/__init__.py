"""Plans that move a mesh from one mTLS backend to another."""
