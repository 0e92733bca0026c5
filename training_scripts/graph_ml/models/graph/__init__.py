"""Graph networks, one file a family."""
