"""Scorers over features of pairs, one file a family."""
