"""Bolt, the protocol of Neo4j's drivers, on the port of HTTP and on one of its own."""
