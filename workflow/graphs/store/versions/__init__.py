"""What one version of a stored graph is made of, and what all versions have in common."""
