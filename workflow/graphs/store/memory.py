"""Memory that is held though nothing uses it: by the C library, or by a file that is mapped."""

from __future__ import annotations

import ctypes
import mmap
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray


def return_memory() -> None:
    """Ask glibc to give freed memory back to the system; after a load it holds more than the graph takes."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def let_go(array: NDArray[Any]) -> None:
    """Take an array, (n,) of any dtype, that stands in a mapped file and was never written to, out of memory.

    It stays as it is: whoever looks at it reads it from the file again. Nothing happens to any other array.
    """
    owner: Any = array
    while isinstance(owner, (np.ndarray, memoryview)):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    if not isinstance(owner, mmap.mmap):
        return
    start = _address(array) - _address(np.frombuffer(owner, dtype=np.uint8))
    begin, end = -(-start // mmap.PAGESIZE), (start + array.nbytes) // mmap.PAGESIZE
    if begin < end:
        owner.madvise(mmap.MADV_DONTNEED, begin * mmap.PAGESIZE, (end - begin) * mmap.PAGESIZE)


def _address(array: NDArray[Any]) -> int:
    found: int = array.__array_interface__["data"][0]
    return found
