"""Bolt as bytes: handshake, chunks, PackStream, and values of queries as its structures; nothing reads a socket."""
