"""What is known by row, shared by forks: dictionaries in two layers, and which rows live, in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from math import isqrt
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T")
SMALL_TOP: Final = 1024
_BITS: Final = 14
CHUNK: Final = 1 << _BITS
"""Rows that are copied together by the first change to one of them."""
_FULL: Final = b"\x01" * CHUNK


class Alive:
    """Which rows live. One that readers may have is never written: a fork of it is.

    A chunk of which all live is the same bytes for all graphs, so that a bulk load takes no memory here.
    """

    __slots__ = ("_chunks", "_own", "size")

    def __init__(self) -> None:
        self.size = 0
        """Rows, the dead among them."""
        self._chunks: list[Any] = []
        self._own: set[int] = set()

    def fork(self) -> Alive:
        """The same, to be written."""
        twin = Alive()
        twin.size, twin._chunks = self.size, list(self._chunks)
        return twin

    def has(self, row: int) -> bool:
        """Whether a row lives."""
        return 0 <= row < self.size and self._chunks[row >> _BITS][row & CHUNK - 1] == 1

    def set(self, row: int, lives: bool) -> None:
        """Let a row live or not; the rows between are dead where there were fewer."""
        self._reach(row + 1)
        self._chunk(row >> _BITS)[row & CHUNK - 1] = lives

    def extend(self, first: int, count: int) -> None:
        """Let rows live that lie one behind the other at the end; those between are dead."""
        self._reach(first + count)
        while count:
            number, place = first >> _BITS, first & CHUNK - 1
            step = min(count, CHUNK - place)
            if step == CHUNK:
                self._chunks[number] = _FULL
                self._own.discard(number)
            else:
                self._chunk(number)[place : place + step] = _FULL[:step]
            first, count = first + step, count - step

    def array(self) -> NDArray[np.bool_]:
        """For each row whether it lives, (rows,), to be written."""
        return np.frombuffer(bytearray().join(self._chunks), dtype=bool)[: self.size]

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self._chunks)

    def _reach(self, size: int) -> None:
        while len(self._chunks) << _BITS < size:
            self._own.add(len(self._chunks))
            self._chunks.append(bytearray(CHUNK))
        self.size = max(self.size, size)

    def _chunk(self, number: int) -> bytearray:
        if number not in self._own:
            self._own.add(number)
            self._chunks[number] = bytearray(self._chunks[number])
        found: bytearray = self._chunks[number]
        return found


def layered(top: dict[int, _T], below: dict[int, _T]) -> tuple[dict[int, _T], dict[int, _T]]:
    """A top to be written and what stands below it, for a fork of both; neither of the given is changed.

    A fork costs a copy of the top, so a large top becomes part of what is shared. That copies all of it, which happens
    the seldomer the more there is: a write costs as much as the square root of all.
    """
    if len(top) <= SMALL_TOP + 16 * isqrt(len(below)):
        return dict(top), below
    return {}, {**below, **top} if below else top
