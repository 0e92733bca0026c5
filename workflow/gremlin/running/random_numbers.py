"""Random numbers of a query: fresh ones, or with ``SeedStrategy`` the sequence every Gremlin server draws."""

from __future__ import annotations

import random
from typing import Any, Protocol

_MULTIPLIER = 0x5DEECE66D
_MASK = (1 << 48) - 1


class RandomNumbers(Protocol):
    """A source of random draws."""

    def random(self) -> float:
        """In [0, 1)."""

    def below(self, bound: int) -> int:
        """In [0, bound)."""

    def shuffle(self, values: list[Any]) -> None:
        """Bring a list into a random order, in place."""


class FreshRandomNumbers:
    """Draws that cannot be repeated."""

    def __init__(self) -> None:
        self._random = random.Random()

    def random(self) -> float:
        return self._random.random()

    def below(self, bound: int) -> int:
        return self._random.randrange(bound)

    def shuffle(self, values: list[Any]) -> None:
        self._random.shuffle(values)


class SeededRandomNumbers:
    """The linear congruential generator that the documentation of ``java.util.Random`` specifies."""

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ _MULTIPLIER) & _MASK

    def _bits(self, count: int) -> int:
        self._state = (self._state * _MULTIPLIER + 0xB) & _MASK
        return self._state >> (48 - count)

    def random(self) -> float:
        return ((self._bits(26) << 27) + self._bits(27)) / (1 << 53)

    def below(self, bound: int) -> int:
        if bound & -bound == bound:
            return (bound * self._bits(31)) >> 31
        while True:
            bits = self._bits(31)
            value = bits % bound
            if bits - value + (bound - 1) < 1 << 31:
                return value

    def shuffle(self, values: list[Any]) -> None:
        for i in range(len(values), 1, -1):
            j = self.below(i)
            values[i - 1], values[j] = values[j], values[i - 1]
