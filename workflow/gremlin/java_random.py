"""The generator of ``java.util.Random``, so that a seeded coin(), sample() or shuffle falls as it does upstream.

Source: the linear congruential generator that the Java documentation of ``java.util.Random`` specifies (Knuth, The Art
of Computer Programming, volume 2, section 3.2.1).
"""

from __future__ import annotations

from typing import Any

_MULTIPLIER = 0x5DEECE66D
_MASK = (1 << 48) - 1


class JavaRandom:
    """Repeatable numbers from a 64-bit seed."""

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ _MULTIPLIER) & _MASK

    def _next(self, bits: int) -> int:
        self._state = (self._state * _MULTIPLIER + 0xB) & _MASK
        found = self._state >> (48 - bits)
        return found - (1 << bits) if found >> (bits - 1) else found

    def random(self) -> float:
        """Uniform in [0, 1): ``nextDouble``."""
        high, low = self._next(26) & 0x3FFFFFF, self._next(27) & 0x7FFFFFF
        return ((high << 27) + low) / (1 << 53)

    def next_int(self, bound: int) -> int:
        """Uniform in [0, bound): ``nextInt(bound)``."""
        bits = self._next(31) & 0x7FFFFFFF
        if bound & (bound - 1) == 0:
            return (bound * bits) >> 31
        value = bits % bound
        while bits - value + (bound - 1) > 0x7FFFFFFF:
            bits = self._next(31) & 0x7FFFFFFF
            value = bits % bound
        return value

    def shuffle(self, values: list[Any]) -> None:
        """Shuffle in place: ``Collections.shuffle``."""
        for i in range(len(values), 1, -1):
            j = self.next_int(i)
            values[i - 1], values[j] = values[j], values[i - 1]
