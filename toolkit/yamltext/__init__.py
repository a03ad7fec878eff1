"""Read and edit YAML as text with positions, independent of Kong Mesh."""
