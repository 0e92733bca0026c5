"""Despina: the graph machine-learning workflow of Amazon Neptune ML, as software you own."""

__version__ = "0.1.0"
