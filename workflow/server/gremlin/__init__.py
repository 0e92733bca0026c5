"""Gremlin over HTTP and WebSocket."""
