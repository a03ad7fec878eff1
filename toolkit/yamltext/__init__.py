"""YAML as text with places: read it, find the nodes, edit one and leave the rest. It knows nothing of Kong Mesh."""
