"""The smallest pieces of GraphBinary: numbers and strings with and without their type code."""

from __future__ import annotations

from struct import Struct
from typing import Final

NULL: Final = b"\xfe\x01"
qualified_int: Final = Struct(">BBi").pack
bare_int: Final = Struct(">i").pack
bare_long: Final = Struct(">q").pack

KEPT_STRINGS: Final = 4096
KEPT: Final[dict[str, bytes]] = {}


def bare_string(text: str) -> bytes:
    """Length and UTF-8 bytes, without type code."""
    data = text.encode("utf-8", "surrogatepass")
    return bare_int(len(data)) + data


def qualified_name(text: str) -> bytes:
    """A fully qualified string, kept for the next time: for map keys, labels and names."""
    found = KEPT.get(text)
    if found is None:
        found = b"\x03\x00" + bare_string(text)
        if len(KEPT) >= KEPT_STRINGS:
            KEPT.clear()
        if len(text) <= 64:
            KEPT[text] = found
    return found
