"""Read Mesh documents and Secrets in every form that people and tools write."""
