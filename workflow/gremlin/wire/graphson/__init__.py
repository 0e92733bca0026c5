"""GraphSON, both ways."""
