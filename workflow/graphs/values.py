"""Numbers and characters whose Gremlin type Python would lose.

A bare ``int`` is an Int (32 bit), a bare ``float`` a Double; the rest are subclasses, so that arithmetic and comparison
are Python's and the type survives storage and the wire. ``gremlin.values`` hands them on beside the language's own.
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
