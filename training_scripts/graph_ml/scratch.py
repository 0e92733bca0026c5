"""Arrays that are longer than what should be held: files without a name, which the system may put out of memory.

What is as long as the edges of a type, or as the vectors of all vertices, is made here by training and transform, so
that what they hold does not follow the graph. A file goes with the last array that lies in it. It lies where the system
keeps temporary files (``TMPDIR``); where there is no room, the array is in memory after all.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
#: bytes from which on an array lies in a file
LARGE = 32 << 20
#: entries that are looked at at once
BLOCK = 1 << 20


def room(shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
    """An array of this shape (n, …) and dtype to fill: in memory where it is small, else in a file without a name."""
    shape, kind = shape if isinstance(shape, tuple) else (shape,), np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    if size < LARGE:
        return np.empty(shape, dtype=kind)
    try:
        with tempfile.TemporaryFile(prefix="despina-") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)  # a full disk says so now, and not at the first page
            else:
                file.truncate(size)
            mapped: Array = np.asarray(np.memmap(file, dtype=kind, mode="r+", shape=shape))
            return mapped
    except OSError:
        return np.empty(shape, dtype=kind)


def parked(values: Array) -> Array:
    """The same values, of any shape (n, …) and dtype, in a file where they are many."""
    if values.nbytes < LARGE or is_mapped(values):
        return values
    found = room(values.shape, values.dtype)
    found[...] = values
    return found


def is_mapped(values: Array) -> bool:
    """Whether an array, of any shape (n, …) and dtype, lies in a file."""
    lies_in: Any = values
    while isinstance(lies_in, np.ndarray):
        if isinstance(lies_in, np.memmap):
            return True
        lies_in = lies_in.base
    return False


def joined(parts: Sequence[Array], dtype: DTypeLike) -> Array:
    """Several lists, (n,) each, one after the other, of this dtype: (sum of n,)."""
    found = room(sum(len(part) for part in parts), dtype)
    begin = 0
    for part in parts:
        found[begin : begin + len(part)] = part
        begin += len(part)
    return found


def picked(values: Array, chosen: Any) -> Array:
    """Some entries of an array, (n, …): a slice of it, those that a mask, bool (n,), says, or those at places, (k,)."""
    if isinstance(chosen, slice):
        return values[chosen]
    chosen = np.asarray(chosen)
    if chosen.size * values.itemsize < LARGE:
        return np.asarray(values[chosen])
    mask = chosen.dtype == bool
    found = room((int(np.count_nonzero(chosen)) if mask else len(chosen), *values.shape[1:]), values.dtype)
    begin = 0
    for part in blocks(len(chosen)):
        some = values[part][chosen[part]] if mask else values[chosen[part]]
        found[begin : begin + len(some)] = some
        begin += len(some)
    return found


def blocks(total: int, most: int | None = None) -> Iterator[slice]:
    """Parts of so many entries, one after the other, each of at most ``most``, or of ``BLOCK``."""
    step = BLOCK if most is None else most
    return (slice(begin, min(total, begin + step)) for begin in range(0, total, step))
