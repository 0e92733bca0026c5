"""The smallest pieces of GraphBinary: numbers and strings with and without their type code; what writes the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Any, Final, Protocol

NULL: Final = b"\xfe\x01"
qualified_int: Final = Struct(">BBi").pack
bare_int: Final = Struct(">i").pack
bare_long: Final = Struct(">q").pack

KEPT_STRINGS: Final = 4096
KEPT: Final[dict[str, bytes]] = {}


class Out(Protocol):
    """The writer as those who write one type know it; ``materialize`` where elements carry their properties."""

    materialize: bool

    def write(self, out: bytearray, value: Any) -> None:
        """Any value, with its type code."""

    def label(self, text: str) -> bytes:
        """The label of an element, without its type code."""

    def bare_map(self, out: bytearray, value: Mapping[Any, Any]) -> None:
        """Count and entries, without the type code."""

    def bare_list(self, out: bytearray, values: Iterable[Any], count: int) -> None:
        """Count and members, without the type code."""


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
