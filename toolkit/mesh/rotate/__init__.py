"""Plan moves of a mesh from one mTLS backend to another, or to a MeshIdentity."""
