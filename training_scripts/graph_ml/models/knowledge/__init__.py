"""Knowledge-graph embeddings, one file a family."""
