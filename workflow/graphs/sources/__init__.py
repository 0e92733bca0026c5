"""Graphs that another database holds, one file a kind of database."""
