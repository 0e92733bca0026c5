"""Graphs in files: Neptune CSV, GraphML and GraphSON, read into a graph and written from one."""
