"""GraphBinary, both ways."""
