"""Gremlin in front of a remote database: an engine that forwards, and a graph of what a query has touched."""
