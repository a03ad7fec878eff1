"""What the control plane of each zone needs, as values of the release chart or as an environment."""
