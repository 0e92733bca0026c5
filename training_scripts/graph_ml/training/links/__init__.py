"""Training of link models."""
