"""Numbers and characters whose width Python would lose.

A bare ``int`` is an integer of 32 bits, a bare ``float`` one of 64; the rest are subclasses, so that arithmetic and
comparison are Python's and the type survives storage and the wire.
"""

from __future__ import annotations


class Byte(int):
    """8-bit integer."""

    __slots__ = ()


class Short(int):
    """16-bit integer."""

    __slots__ = ()


class Long(int):
    """64-bit integer."""

    __slots__ = ()


class BigInteger(int):
    """Integer without bounds."""

    __slots__ = ()


class Float(float):
    """32-bit floating point number; ``Float(x)`` does not round, ``semantics`` does."""

    __slots__ = ()


class Char(str):
    """A single character."""

    __slots__ = ()
