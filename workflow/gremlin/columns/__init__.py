"""Traversers as columns: many at once, in morsels that begin small and grow."""
