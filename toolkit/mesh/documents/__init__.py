"""The one reader of Mesh and Secret documents, in every form in which people and tools write them."""
