"""Hyperparameter search: the space a configuration describes, what to try next, and what came out."""
