"""Memory that the C library holds though nothing uses it."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def return_memory() -> None:
    """Ask glibc to give freed memory back to the system; after a load it holds more than the graph takes."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
