"""The embedded property graph: columns and adjacency arrays, made durable by a journal."""
