"""Answers as they come over a bare socket, which may bring them in any number of pieces."""

from __future__ import annotations

import re
import socket


def next_answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of the next answer of HTTP, read until the body has the length that the head tells."""
    head, end, body = b"", b"", b""
    while not end:
        head, end, body = (head + _piece(connection, head)).partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
    assert length is not None, head
    while len(body) < int(length[1]):
        body += _piece(connection, head + end + body)
    return head, body


def through(connection: socket.socket, end: bytes) -> bytes:
    """What comes, up to and with ``end``; a byte at a time, so that nothing behind it is taken."""
    data = b""
    while not data.endswith(end):
        data += exactly(connection, 1)
    return data


def exactly(connection: socket.socket, count: int) -> bytes:
    """The next ``count`` bytes."""
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


def until_closed(connection: socket.socket) -> bytes:
    """All that comes before the other side closes."""
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def _piece(connection: socket.socket, before: bytes) -> bytes:
    piece = connection.recv(10_000)
    assert piece, f"the connection ended after {before!r}"
    return piece
